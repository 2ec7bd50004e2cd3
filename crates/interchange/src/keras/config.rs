//! The JSON that describes a Keras model.

use std::collections::BTreeSet;
use std::path::Path;

use flameout_cells::{Activation, Reset};
use flameout_model::{Cell, LayerKind};
use serde_json::Value;

use super::version::Version;
use crate::error::Error;
use crate::recurrent::Recurrent;

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
    let names: BTreeSet<&str> = layers.iter().filter_map(|layer| layer["name"].as_str()).collect();
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
fn mentioned<'a>(value: &'a Value, names: &BTreeSet<&str>, sources: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if names.contains(text.as_str()) => sources.push(text),
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
            "LSTM" | "GRU" => layers.push(self.recurrent()?.kind()),
            "Bidirectional" => layers.push(self.bidirectional()?.kind()),
            "Dense" => {
                layers.push(LayerKind::Dense { units: self.units()?, activation: self.activation("activation")? })
            }
            "TimeDistributedDense" => layers
                .push(LayerKind::TimeDistributed { units: self.units()?, activation: self.activation("activation")? }),
            "TimeDistributed" => layers.push(self.time_distributed()?),
            "Activation" => self.activate(layers)?,
            other => return Err(self.unknown(other)),
        }
        Ok(())
    }

    fn recurrent(&self) -> Result<Recurrent, Error> {
        if self.flag("go_backwards") {
            return Err(self.refuse(format!("has a layer {} that goes backwards, which is unknown here", self.class)));
        }
        self.recurrent_either_way()
    }

    /// As [`Self::recurrent`], whichever way it goes.
    fn recurrent_either_way(&self) -> Result<Recurrent, Error> {
        let cell = match self.class {
            "LSTM" => Cell::Lstm,
            // Older versions know no such thing as after, and do not write it.
            "GRU" => Cell::Gru { reset: if self.flag("reset_after") { Reset::After } else { Reset::Before } },
            other => return Err(self.unknown(other)),
        };
        match self.activation("activation")? {
            Activation::Tanh => {}
            other => {
                let what = format!("has a layer {} with {other:?} states; tanh is known here", self.class);
                return Err(self.refuse(what));
            }
        }
        let (units, gate_activation) = (self.units()?, self.gate_activation()?);
        let return_sequences = self.flag("return_sequences");
        Ok(Recurrent { cell, units, gate_activation, return_sequences, bidirectional: false })
    }

    fn bidirectional(&self) -> Result<Recurrent, Error> {
        let mode = &self.config["merge_mode"];
        if mode != "concat" {
            let what = format!("has a bidirectional layer with the merge mode {mode}; \"concat\" is known here");
            return Err(self.refuse(what));
        }
        let forward = self.inner("layer")?.recurrent()?;
        // Older versions make it of the forward layer, and do not write it.
        if !self.config["backward_layer"].is_null() {
            let backward = self.inner("backward_layer")?;
            if !backward.flag("go_backwards") || backward.recurrent_either_way()? != forward {
                let what = "has a bidirectional layer whose backward layer differs from the forward one in more than \
                            its direction, which is unknown here";
                return Err(self.refuse(what.into()));
            }
        }
        Ok(Recurrent { bidirectional: true, ..forward })
    }

    /// The description of a wrapped layer.
    fn inner(&self, key: &str) -> Result<Self, Error> {
        let inner = &self.config[key];
        Ok(Self { class: text_of(self.path, inner, "class_name")?, config: &inner["config"], ..*self })
    }

    fn time_distributed(&self) -> Result<LayerKind, Error> {
        let inner = self.inner("layer")?;
        if inner.class != "Dense" {
            let what = format!("has a time-distributed layer of class `{}`, which is unknown here", inner.class);
            return Err(self.refuse(what));
        }
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

    fn unknown(&self, class: &str) -> Error {
        self.refuse(format!("has a layer of class `{class}`, which is unknown here"))
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
        let text = r#"{"config": [{"class_name": "Masking", "config": {}}]}"#;
        assert!(read("2.2.0", text).unwrap_err().contains("`Masking`"));
        let text = r#"{"config": [{"class_name": "Dense", "config": {"units": 3, "activation": "softmax"}}]}"#;
        assert!(read("2.2.0", text).unwrap_err().contains("`softmax`"));
        assert!(read("2.2.0", "{").unwrap_err().contains("no JSON"));
    }
    /// A model of one bidirectional layer, and no more, with these pieces of JSON in its configuration.
    fn bidirectional(mode: &str, forward: &str, backward: Option<&str>) -> Result<Vec<LayerKind>, String> {
        let layer = |more: &str| {
            format!(
                r#"{{"class_name": "LSTM", "config": {{"units": 4, "activation": "tanh", "recurrent_activation": "sigmoid"{more}}}}}"#
            )
        };
        let backward = backward.map(|more| format!(r#", "backward_layer": {}"#, layer(more))).unwrap_or_default();
        let config = format!(r#"{{"merge_mode": "{mode}", "layer": {}{backward}}}"#, layer(forward));
        read("3.0.0", &format!(r#"{{"config": [{{"class_name": "Bidirectional", "config": {config}}}]}}"#))
    }

    #[test]
    fn two_directions_are_the_same_layer_twice_or_refused() {
        let (gate_activation, return_sequences) = (Activation::Sigmoid, false);
        let both = LayerKind::Bidirectional { cell: Cell::Lstm, units: 4, gate_activation, return_sequences };
        let backwards = r#", "go_backwards": true"#;
        assert_eq!(bidirectional("concat", "", None).unwrap(), [both]);
        assert_eq!(bidirectional("concat", "", Some(backwards)).unwrap(), [both]);
        assert!(bidirectional("sum", "", None).unwrap_err().contains("\"sum\""));
        assert!(bidirectional("concat", backwards, None).unwrap_err().contains("goes backwards"));
        assert!(bidirectional("concat", "", Some("")).unwrap_err().contains("differs from the forward one"));
        let other = r#", "go_backwards": true, "return_sequences": true"#;
        assert!(bidirectional("concat", "", Some(other)).unwrap_err().contains("differs from the forward one"));
    }
}
