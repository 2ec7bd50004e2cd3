//! The JSON that describes a Keras model.

use std::path::Path;

use flameout_cells::{Activation, Reset};
use flameout_model::LayerKind;
use serde_json::Value;

use super::version::Version;
use crate::error::Error;

/// The layers that a model's JSON describes.
pub(super) fn layers(path: &Path, version: Version, text: &str) -> Result<Vec<LayerKind>, Error> {
    let model: Value = serde_json::from_str(text)
        .map_err(|error| Error::format(path, format!("the model's configuration is no JSON: {error}")))?;
    let config = &model["config"];
    // Keras 1 and early Keras 2 have a sequential model's layers as the configuration itself.
    let described = config["layers"].as_array().or(config.as_array());
    let described = described.ok_or_else(|| Error::format(path, "the model's configuration has no list of layers"))?;
    check_chain(path, described)?;
    let mut layers = Vec::new();
    for layer in described {
        Described { path, version, class: text_of(path, layer, "class_name")?, config: &layer["config"] }
            .append_to(&mut layers)?;
    }
    Ok(layers)
}

/// Whether each layer of a functional model is fed with the one before it only. Sequential models do not say.
fn check_chain(path: &Path, layers: &[Value]) -> Result<(), Error> {
    let names: Vec<&str> = layers.iter().filter_map(|layer| layer["name"].as_str()).collect();
    let mut previous: Option<&str> = None;
    for layer in layers {
        let Some(nodes) = layer["inbound_nodes"].as_array() else { continue };
        let mut sources = Vec::new();
        nodes.iter().for_each(|node| mentioned(node, &names, &mut sources));
        let name = layer["name"].as_str().unwrap_or_default();
        if sources.as_slice() != previous.as_slice() {
            let what = format!("layer `{name}` is fed with {sources:?}: only models that are one chain can be read");
            return Err(Error::format(path, what));
        }
        previous = Some(name);
    }
    Ok(())
}

/// The layers' names in a piece of JSON. What else is in it differs between the versions of Keras.
fn mentioned<'a>(value: &'a Value, names: &[&str], sources: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if names.contains(&text.as_str()) => sources.push(text),
        Value::Array(values) => values.iter().for_each(|value| mentioned(value, names, sources)),
        Value::Object(members) => members.values().for_each(|value| mentioned(value, names, sources)),
        _ => {}
    }
}

/// One layer's description.
struct Described<'a> {
    path: &'a Path,
    version: Version,
    class: &'a str,
    config: &'a Value,
}

impl Described<'_> {
    fn append_to(&self, layers: &mut Vec<LayerKind>) -> Result<(), Error> {
        match self.class {
            "InputLayer" | "Dropout" => {}
            "LSTM" => layers.push(self.lstm()?),
            "GRU" => layers.push(self.gru()?),
            "Dense" => {
                layers.push(LayerKind::Dense { units: self.units()?, activation: self.activation("activation")? })
            }
            "TimeDistributedDense" => layers
                .push(LayerKind::TimeDistributed { units: self.units()?, activation: self.activation("activation")? }),
            "TimeDistributed" => layers.push(self.time_distributed()?),
            "Activation" => self.activate(layers)?,
            other => return Err(self.refuse(format!("has a layer of class `{other}`, which is unknown here"))),
        }
        Ok(())
    }

    fn lstm(&self) -> Result<LayerKind, Error> {
        self.check_recurrent()?;
        let gate_activation = self.gate_activation()?;
        let return_sequences = self.flag("return_sequences");
        Ok(LayerKind::Lstm { units: self.units()?, gate_activation, return_sequences })
    }

    fn gru(&self) -> Result<LayerKind, Error> {
        self.check_recurrent()?;
        // Older versions know no such thing as after, and do not write it.
        let reset = if self.flag("reset_after") { Reset::After } else { Reset::Before };
        let gate_activation = self.gate_activation()?;
        let return_sequences = self.flag("return_sequences");
        Ok(LayerKind::Gru { units: self.units()?, gate_activation, reset, return_sequences })
    }

    fn time_distributed(&self) -> Result<LayerKind, Error> {
        let inner = &self.config["layer"];
        let class = text_of(self.path, inner, "class_name")?;
        if class != "Dense" {
            return Err(self.refuse(format!("has a time-distributed layer of class `{class}`, which is unknown here")));
        }
        let inner = Described { class, config: &inner["config"], ..*self };
        Ok(LayerKind::TimeDistributed { units: inner.units()?, activation: inner.activation("activation")? })
    }

    /// An activation layer is the activation of the linear layer before it.
    fn activate(&self, layers: &mut [LayerKind]) -> Result<(), Error> {
        let new = self.activation("activation")?;
        match layers.last_mut() {
            Some(LayerKind::Dense { activation, .. } | LayerKind::TimeDistributed { activation, .. })
                if *activation == Activation::Linear =>
            {
                *activation = new;
                Ok(())
            }
            _ if new == Activation::Linear => Ok(()),
            _ => Err(self.refuse("has an `Activation` that does not follow a linear dense layer".into())),
        }
    }

    fn check_recurrent(&self) -> Result<(), Error> {
        if self.flag("go_backwards") {
            return Err(self.refuse(format!("has a layer {} that goes backwards, which is unknown here", self.class)));
        }
        match self.activation("activation")? {
            Activation::Tanh => Ok(()),
            other => Err(self.refuse(format!("has a layer {} with {other:?} states; tanh is known here", self.class))),
        }
    }

    /// Keras 1 calls it `output_dim`.
    fn units(&self) -> Result<usize, Error> {
        let units = self.config["units"].as_u64().or(self.config["output_dim"].as_u64());
        units
            .and_then(|units| usize::try_from(units).ok())
            .ok_or_else(|| self.refuse(format!("has a layer of class `{}` without a number of units", self.class)))
    }

    /// Keras 1 calls it `inner_activation`.
    fn gate_activation(&self) -> Result<Activation, Error> {
        let old = self.config.get("recurrent_activation").is_none();
        self.activation(if old { "inner_activation" } else { "recurrent_activation" })
    }

    fn activation(&self, key: &str) -> Result<Activation, Error> {
        self.version.activation(self.path, text_of(self.path, self.config, key)?)
    }

    fn flag(&self, key: &str) -> bool {
        self.config[key].as_bool().unwrap_or(false)
    }

    fn refuse(&self, what: String) -> Error {
        Error::format(self.path, what)
    }
}

fn text_of<'a>(path: &Path, value: &'a Value, key: &str) -> Result<&'a str, Error> {
    let refuse = || Error::format(path, format!("a layer's `{key}` is {}, not a name", value[key]));
    value[key].as_str().ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(version: &str, text: &str) -> Result<Vec<LayerKind>, String> {
        let path = Path::new("x.h5");
        layers(path, Version::parse(path, Some(version)).unwrap(), text).map_err(|error| error.to_string())
    }

    #[test]
    fn keras_1_has_other_words_for_the_same() {
        let text = r#"{"class_name": "Sequential", "config": [
            {"class_name": "GRU", "config": {"output_dim": 4, "activation": "tanh", "inner_activation": "hard_sigmoid"}},
            {"class_name": "Dense", "config": {"output_dim": 2, "activation": "linear"}},
            {"class_name": "Activation", "config": {"activation": "tanh"}}]}"#;
        let gate_activation = Activation::HardSigmoid;
        let gru = LayerKind::Gru { units: 4, gate_activation, reset: Reset::Before, return_sequences: false };
        assert_eq!(read("1.0.7", text).unwrap(), [gru, LayerKind::Dense { units: 2, activation: Activation::Tanh }]);
    }

    #[test]
    fn branches_and_unknown_layers_are_named() {
        let text = r#"{"config": {"layers": [
            {"class_name": "InputLayer", "name": "a", "config": {}, "inbound_nodes": []},
            {"class_name": "Dropout", "name": "b", "config": {}, "inbound_nodes": [[["a", 0, 0]]]},
            {"class_name": "Dropout", "name": "c", "config": {}, "inbound_nodes": [[["b", 0, 0], ["a", 0, 0]]]}]}}"#;
        assert!(read("2.2.0", text).unwrap_err().contains("`c` is fed with [\"b\", \"a\"]"));
        let text = r#"{"config": [{"class_name": "Bidirectional", "config": {}}]}"#;
        assert!(read("2.2.0", text).unwrap_err().contains("`Bidirectional`"));
        let text = r#"{"config": [{"class_name": "Dense", "config": {"units": 3, "activation": "softmax"}}]}"#;
        assert!(read("2.2.0", text).unwrap_err().contains("`softmax`"));
        assert!(read("2.2.0", "{").unwrap_err().contains("no JSON"));
    }
}
