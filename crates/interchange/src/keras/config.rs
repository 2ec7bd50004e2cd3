//! The JSON that describes a Keras model.

use std::path::Path;

use flameout_cells::{Activation, Reset};
use flameout_model::LayerKind;
use serde_json::Value;

use super::graph::{self, Link};
use super::version::Version;
use crate::error::Error;
use crate::open::Open;
use crate::recurrent::{Cell, Recurrent};
use crate::shown;

/// A layer with weights, or one that needs none.
#[derive(Debug)]
pub(super) struct Described {
    /// None for an embedding.
    pub(super) kind: Option<LayerKind>,
    /// The models that it is in, from the second on, and its own name.
    pub(super) names: Vec<String>,
    /// Its group in files that number layers by class.
    pub(super) group: String,
    /// Whether it has a bias, if the description says so.
    pub(super) use_bias: Option<bool>,
}

/// What a model's JSON describes.
#[derive(Debug, Default)]
pub(super) struct Network {
    pub(super) layers: Vec<Described>,
    /// Time steps of the input, if their number is fixed.
    pub(super) length: Option<usize>,
}

/// The network that a model's JSON describes. `root` is the group of the layers in files that number them.
pub(super) fn network(
    path: &Path,
    version: Version,
    text: &str,
    root: &str,
    open: &mut Open<'_>,
) -> Result<Network, Error> {
    let model: Value = serde_json::from_str(text)
        .map_err(|error| Error::format(path, format!("the model's configuration is no JSON: {error}")))?;
    let mut reader = Reader { path, version, open, network: Network::default() };
    reader.model(&model["config"], &[], root)?;
    Ok(reader.network)
}

struct Reader<'a, 'o> {
    path: &'a Path,
    version: Version,
    open: &'a mut Open<'o>,
    network: Network,
}

impl Reader<'_, '_> {
    /// A model's layers, which may be models.
    fn model(&mut self, config: &Value, names: &[String], group: &str) -> Result<(), Error> {
        // Keras 1 and early Keras 2 have a sequential model's layers as the configuration itself.
        let described = config["layers"].as_array().or(config.as_array());
        let described =
            described.ok_or_else(|| self.refuse("the model's configuration has no list of layers".into()))?;
        for link in graph::chain(self.path, config, described)? {
            let layer = LayerJson::of(self.path, self.version, link.json)?;
            let mut names = names.to_vec();
            names.push(link.json["name"].as_str().or(layer.config["name"].as_str()).unwrap_or_default().to_owned());
            self.precision(&layer)?;
            self.input_shape(&layer);
            self.layer(&layer, &link, names, format!("{group}/{}", link.group))?;
        }
        Ok(())
    }

    fn layer(
        &mut self,
        layer: &LayerJson<'_>,
        link: &Link<'_>,
        names: Vec<String>,
        group: String,
    ) -> Result<(), Error> {
        let is_recurrent = matches!(layer.class, "LSTM" | "GRU");
        if link.output > 1 || link.output == 1 && !is_recurrent {
            let what = format!("of layer {} the output number {} is used", shown::name(layer.name()), link.output);
            return Err(self.refuse(what + "; here only the states that it returns can go on"));
        }
        if link.training && layer.drops() {
            let what = format!("layer {} is called with `training=True`", shown::name(layer.name()));
            return Err(self.refuse(what + ": it drops numbers when it predicts, too, which cannot be read"));
        }
        let use_bias = layer.biased();
        let kind = match layer.class {
            "InputLayer" => return Ok(()),
            _ if layer.does_nothing() => return Ok(()),
            "Sequential" | "Functional" | "Model" => {
                return self.model(layer.config, &names, &format!("{group}/layers"));
            }
            "LSTM" | "GRU" | "CuDNNLSTM" | "CuDNNGRU" => {
                let recurrent = layer.recurrent()?;
                self.stateful(layer);
                // Output 1 is the last state, whatever the first is.
                let return_sequences = recurrent.return_sequences && link.output == 0;
                Some(Recurrent { return_sequences, ..recurrent }.kind())
            }
            "Bidirectional" => Some(layer.bidirectional()?.kind()),
            "Dense" => Some(LayerKind::Dense { units: layer.units()?, activation: layer.activation("activation")? }),
            "TimeDistributedDense" => {
                Some(LayerKind::TimeDistributed { units: layer.units()?, activation: layer.activation("activation")? })
            }
            "TimeDistributed" => match layer.time_distributed()? {
                Some(kind) => Some(kind),
                None => return Ok(()),
            },
            "Embedding" => {
                layer.check_embedding()?;
                if !self.network.layers.is_empty() {
                    return Err(layer.refuse("has an embedding that is not the first layer".into()));
                }
                None
            }
            "Activation" => return self.activate(layer, layer.activation("activation")?),
            "ReLU" if layer.is_plain_relu() => return self.activate(layer, Activation::Relu),
            "GetItem" | "SlicingOpLambda" => return self.slice(layer, &link.arguments),
            _ => return Err(layer.unknown()),
        };
        if let Some(argument) = link.arguments.first() {
            let what =
                format!("layer {} is called with {}", shown::name(layer.name()), shown::name(&argument.to_string()));
            return Err(self.refuse(what + " beside its input, which cannot be read"));
        }
        self.network.layers.push(Described { kind, names, group, use_bias });
        Ok(())
    }

    /// An activation layer is the activation of the linear layer before it.
    fn activate(&mut self, layer: &LayerJson<'_>, new: Activation) -> Result<(), Error> {
        let last = self.network.layers.last_mut().and_then(|last| last.kind.as_mut());
        match last {
            Some(LayerKind::Dense { activation, .. } | LayerKind::TimeDistributed { activation, .. })
                if *activation == Activation::Linear =>
            {
                *activation = new;
                Ok(())
            }
            _ if new == Activation::Linear => Ok(()),
            _ => Err(layer.refuse(format!("has an `{}` that does not follow a linear dense layer", layer.class))),
        }
    }

    /// `states[:, -1]`: dense layers since the last recurrent one are the same at every step.
    fn slice(&mut self, layer: &LayerJson<'_>, arguments: &[&Value]) -> Result<(), Error> {
        if !matches!(arguments, [slice] if is_last_step(slice)) {
            let what =
                format!("layer {} takes a part of its input; only `[:, -1]` can be read", shown::name(layer.name()));
            return Err(self.refuse(what));
        }
        let layers = &mut self.network.layers;
        let place = layers.iter().rposition(|layer| layer.kind.as_ref().and_then(Recurrent::of).is_some());
        let recurrent = place.and_then(|place| layers[place].kind.as_ref().and_then(Recurrent::of));
        let (Some(place), Some(recurrent)) = (place, recurrent.filter(|recurrent| recurrent.return_sequences)) else {
            let what =
                format!("layer {} takes the last step of what is no sequence of states", shown::name(layer.name()));
            return Err(self.refuse(what));
        };
        for after in &mut layers[place + 1..] {
            if let Some(LayerKind::TimeDistributed { units, activation }) = after.kind {
                after.kind = Some(LayerKind::Dense { units, activation });
            }
        }
        if recurrent.bidirectional {
            let kind = Some(LayerKind::LastStep { units: recurrent.kind().units() });
            layers.insert(place + 1, Described { kind, names: Vec::new(), group: String::new(), use_bias: None });
        } else {
            layers[place].kind = Some(Recurrent { return_sequences: false, ..recurrent }.kind());
        }
        Ok(())
    }

    /// Says that numbers of less precision are computed with in full.
    fn precision(&mut self, layer: &LayerJson<'_>) -> Result<(), Error> {
        let dtype = &layer.config["dtype"];
        let (class, config) = (dtype["class_name"].as_str().unwrap_or_default(), &dtype["config"]);
        if class.contains("Quantized") || config["mode"].is_string() || !layer.config["quantization_config"].is_null() {
            let what = format!("layer {} is quantised, which cannot be read", shown::name(layer.name()));
            return Err(self.refuse(what));
        }
        let policy = dtype.as_str().or(config["name"].as_str()).unwrap_or_default();
        if policy.contains("float16") {
            let what = format!("the layers compute in {}; here they do in single precision", shown::name(policy));
            self.open.assume(what, None);
        }
        Ok(())
    }

    fn stateful(&mut self, layer: &LayerJson<'_>) {
        if layer.flag("stateful") {
            let what =
                format!("layer {} is stateful; here each word begins with states of zero", shown::name(layer.name()));
            self.open.assume(what, None);
        }
    }

    /// `(batch, time, alphabet)`, or `(batch, time)` of indices.
    fn input_shape(&mut self, layer: &LayerJson<'_>) {
        let shape = layer.config.get("batch_shape").or(layer.config.get("batch_input_shape"));
        if self.network.layers.is_empty() && self.network.length.is_none() {
            self.network.length = shape.and_then(|shape| shape[1].as_u64()).and_then(|time| time.try_into().ok());
        }
    }

    fn refuse(&self, what: String) -> Error {
        Error::format(self.path, what)
    }
}

/// `[:, -1]`, with whole axes after it or not.
fn is_last_step(slice: &Value) -> bool {
    let items = slice.as_array().or(slice["items"].as_array()).map_or(&[][..], Vec::as_slice);
    let is_whole = |item: &Value| {
        let bounds = if item["config"].is_object() { &item["config"] } else { item };
        bounds.as_object().is_some_and(|bounds| {
            !bounds.is_empty()
                && ["start", "stop", "step"].iter().all(|key| bounds.get(*key).is_none_or(Value::is_null))
        })
    };
    match items {
        [batch, time, rest @ ..] => is_whole(batch) && *time == -1 && rest.iter().all(is_whole),
        _ => false,
    }
}

/// One layer's description.
#[derive(Clone, Copy)]
struct LayerJson<'a> {
    path: &'a Path,
    version: Version,
    class: &'a str,
    config: &'a Value,
}

impl<'a> LayerJson<'a> {
    fn of(path: &'a Path, version: Version, json: &'a Value) -> Result<Self, Error> {
        let class = text_of(path, json, "class_name")?;
        let layer = Self { path, version, class, config: &json["config"] };
        let module = json["module"].as_str().unwrap_or("keras");
        let of_keras = ["keras", "tf_keras", "tensorflow"].iter().any(|name| module.split('.').next() == Some(name));
        if !of_keras || json["registered_name"].as_str().is_some_and(|name| name.contains('>')) {
            return Err(layer.refuse(format!("has a layer of class {} that is not Keras' own", shown::name(class))));
        }
        Ok(layer)
    }

    fn name(&self) -> &'a str {
        self.config["name"].as_str().unwrap_or(self.class)
    }

    /// Whether the layer does nothing to what it is fed with when the network predicts.
    fn does_nothing(&self) -> bool {
        const NOTHING: [&str; 9] = [
            "Dropout",
            "SpatialDropout1D",
            "SpatialDropout2D",
            "SpatialDropout3D",
            "AlphaDropout",
            "GaussianDropout",
            "GaussianNoise",
            "ActivityRegularization",
            "Identity",
        ];
        NOTHING.contains(&self.class)
    }

    /// Whether the layer, or one inside of it, may drop numbers in training.
    fn drops(&self) -> bool {
        let rate = |key: &str| self.config[key].as_f64().is_some_and(|rate| rate != 0.0);
        match self.class {
            "LSTM" | "GRU" => rate("dropout") || rate("recurrent_dropout"),
            "Dense" | "Activation" | "ReLU" | "Embedding" | "GetItem" | "SlicingOpLambda" => false,
            _ => true,
        }
    }

    fn recurrent(&self) -> Result<Recurrent, Error> {
        if self.flag("go_backwards") {
            return Err(self.refuse(format!("has a layer {} that goes backwards, which is unknown here", self.class)));
        }
        self.recurrent_either_way()
    }

    /// As [`Self::recurrent`], whichever way it goes.
    fn recurrent_either_way(&self) -> Result<Recurrent, Error> {
        if self.flag("time_major") {
            return Err(
                self.refuse(format!("has a layer {} whose input is time-major, which is unknown here", self.class))
            );
        }
        let return_sequences = self.flag("return_sequences");
        let (cell, of_cudnn) = match self.class {
            "LSTM" => (Cell::Lstm, false),
            "GRU" => (Cell::Gru { reset: self.reset()? }, false),
            "CuDNNLSTM" => (Cell::Lstm, true),
            "CuDNNGRU" => (Cell::Gru { reset: Reset::After }, true),
            _ => return Err(self.unknown()),
        };
        let units = self.units()?;
        if of_cudnn {
            let gate_activation = Activation::Sigmoid;
            return Ok(Recurrent { cell, units, gate_activation, return_sequences, bidirectional: false });
        }
        match self.activation("activation")? {
            Activation::Tanh => {}
            other => {
                let what =
                    format!("has a layer {} with {} states; tanh is known here", self.class, shown::activation(other));
                return Err(self.refuse(what));
            }
        }
        let gate_activation = self.gate_activation()?;
        Ok(Recurrent { cell, units, gate_activation, return_sequences, bidirectional: false })
    }

    /// Older versions know no such thing as after, and do not write it.
    fn reset(&self) -> Result<Reset, Error> {
        match (self.config["reset_after"].as_bool(), self.version.reset()) {
            (Some(after), _) => Ok(if after { Reset::After } else { Reset::Before }),
            (None, Some(Reset::Before)) => Ok(Reset::Before),
            (None, _) => Err(self.refuse("has a GRU without `reset_after`, which its version of Keras writes".into())),
        }
    }

    fn bidirectional(&self) -> Result<Recurrent, Error> {
        let mode = &self.config["merge_mode"];
        if mode != "concat" {
            let mode = shown::name(&mode.to_string());
            let what = format!("has a bidirectional layer with the merge mode {mode}; `\"concat\"` is known here");
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
        Self::of(self.path, self.version, &self.config[key])
    }

    /// None if the wrapped layer does nothing.
    fn time_distributed(&self) -> Result<Option<LayerKind>, Error> {
        let inner = self.inner("layer")?;
        if inner.does_nothing() {
            return Ok(None);
        }
        if inner.class != "Dense" {
            let what =
                format!("has a time-distributed layer of class {}, which is unknown here", shown::name(inner.class));
            return Err(self.refuse(what));
        }
        Ok(Some(LayerKind::TimeDistributed { units: inner.units()?, activation: inner.activation("activation")? }))
    }

    fn check_embedding(&self) -> Result<(), Error> {
        if self.flag("mask_zero") {
            let what = "has an embedding with `mask_zero`: it skips time steps, which the layers here cannot";
            return Err(self.refuse(what.into()));
        }
        Ok(())
    }

    fn is_plain_relu(&self) -> bool {
        let none = |key: &str| self.config[key].is_null() || self.config[key].as_f64() == Some(0.0);
        self.config["max_value"].is_null() && none("negative_slope") && none("threshold")
    }

    /// Of the layer or of the one inside; Keras 1 calls it `bias`.
    fn biased(&self) -> Option<bool> {
        let inner = |config: &Value| config["use_bias"].as_bool();
        inner(self.config).or_else(|| inner(&self.config["layer"]["config"]))
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

    /// A name; in newer versions also an object that has the name, or is another thing.
    fn activation(&self, key: &str) -> Result<Activation, Error> {
        let value = &self.config[key];
        let of_keras = value["module"].as_str().is_some_and(|module| module.contains("keras"));
        let name = match value {
            Value::String(name) => name,
            Value::Object(_) if value["class_name"] == "function" && of_keras => text_of(self.path, value, "config")?,
            _ => {
                let given = value["class_name"].as_str().map_or_else(|| value.to_string(), str::to_owned);
                let what = format!("has a layer {} whose `{key}` is {}", self.class, shown::name(&given));
                return Err(self.refuse(what + ", no function that is known here"));
            }
        };
        self.version.activation(self.path, name)
    }

    fn flag(&self, key: &str) -> bool {
        self.config[key].as_bool().unwrap_or(false)
    }

    fn unknown(&self) -> Error {
        let class = shown::name(self.class);
        self.refuse(match self.class {
            "Masking" => format!("has a layer of class {class}: it skips time steps, which the layers here cannot"),
            _ => format!("has a layer of class {class}, which is unknown here"),
        })
    }

    fn refuse(&self, what: String) -> Error {
        Error::format(self.path, what)
    }
}

fn text_of<'a>(path: &Path, value: &'a Value, key: &str) -> Result<&'a str, Error> {
    let refuse =
        || Error::format(path, format!("a layer's `{key}` is {}, not a name", shown::name(&value[key].to_string())));
    value[key].as_str().ok_or_else(refuse)
}

#[cfg(test)]
mod tests;
