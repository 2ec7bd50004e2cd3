//! Reading a golden run: a safetensors file with a network, its data, and what training it gave.

use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use flameout_cells::Activation;
use flameout_model::{Architecture, Flavour, LayerKind};
use ndarray::Array2;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::keras_layer::{Cell, KerasLayer};

/// A golden run: what to train, and what comes of it.
#[derive(Debug)]
pub struct Golden {
    pub architecture: Architecture,
    /// The shapes of the architecture's layers.
    pub layers: Vec<KerasLayer>,
    /// Parameters before training.
    pub initial: Vec<LayerTensors>,
    /// Character indices, `(words, time)`.
    pub indices: Array2<u16>,
    /// The vectors to learn, `(words, outputs)`.
    pub targets: Array2<f64>,
    pub batch: usize,
    pub epochs: usize,
    pub expected: Record,
}

/// The tensors of a layer in the order of [`KerasLayer::tensors`]; a bias is one row.
pub type LayerTensors = Vec<Array2<f64>>;

/// What a run is compared by.
#[derive(Debug)]
pub struct Record {
    /// Outputs for all words before training, `(words, outputs)`.
    pub initial_predictions: Array2<f64>,
    pub first_batch_loss: f64,
    pub first_batch_gradients: Vec<LayerTensors>,
    pub epoch_losses: Vec<f64>,
    pub epoch_accuracies: Vec<f64>,
    pub final_weights: Vec<LayerTensors>,
    /// Outputs for all words after training, `(words, outputs)`.
    pub final_predictions: Array2<f64>,
}

impl Golden {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).context("cannot be read")?;
        File::new(&bytes)?.golden()
    }
}

/// What a layer does, as far as its tensors do not tell.
#[derive(Debug, Clone, Copy)]
enum Role {
    Recurrent { cell: Cell, return_sequences: bool },
    Dense(Activation),
    TimeDistributed(Activation),
}

impl Role {
    fn cell(self) -> Cell {
        match self {
            Self::Recurrent { cell, .. } => cell,
            Self::Dense(_) | Self::TimeDistributed(_) => Cell::Dense,
        }
    }

    fn layer_kind(self, units: usize) -> LayerKind {
        let gate_activation = Flavour::Keras1.gate_activation();
        match self {
            Self::Recurrent { cell: Cell::Gru, return_sequences } => {
                LayerKind::Gru { units, gate_activation, reset: Flavour::Keras1.reset(), return_sequences }
            }
            Self::Recurrent { return_sequences, .. } => LayerKind::Lstm { units, gate_activation, return_sequences },
            Self::Dense(activation) => LayerKind::Dense { units, activation },
            Self::TimeDistributed(activation) => LayerKind::TimeDistributed { units, activation },
        }
    }
}

/// The layers of the question's three networks.
fn roles(case: &str) -> Result<Vec<Role>> {
    let last_state = |cell| Role::Recurrent { cell, return_sequences: false };
    Ok(match case {
        "lstm-single" => vec![last_state(Cell::Lstm), Role::Dense(Activation::Linear)],
        "gru-single" => vec![last_state(Cell::Gru), Role::Dense(Activation::Linear)],
        "lstm-double" => vec![
            Role::Recurrent { cell: Cell::Lstm, return_sequences: true },
            Role::TimeDistributed(Activation::Sigmoid),
            last_state(Cell::Lstm),
            Role::Dense(Activation::Tanh),
            Role::Dense(Activation::Linear),
        ],
        _ => bail!("metadata `case` is `{case}`, but it must be `lstm-single`, `gru-single` or `lstm-double`"),
    })
}

struct File<'a> {
    metadata: HashMap<String, String>,
    tensors: SafeTensors<'a>,
}

impl<'a> File<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self> {
        let broken = "is not a sound safetensors file";
        let (_, header) = SafeTensors::read_metadata(bytes).context(broken)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        Ok(Self { metadata, tensors: SafeTensors::deserialize(bytes).context(broken)? })
    }

    fn golden(&self) -> Result<Golden> {
        let roles = roles(self.metadata("case")?)?;
        let alphabet = self.metadata("alphabet")?.chars().count();
        let (words, outputs, epochs) = (self.number("words")?, self.number("outputs")?, self.number("epochs")?);
        let batch = self.number("batch")?;
        for (key, value) in [("words", words), ("batch", batch)] {
            ensure!(value > 0, "metadata `{key}` is 0, but it must be at least 1");
        }

        let layers = self.layers(&roles, alphabet)?;
        for (key, layer) in [("hidden", layers.first()), ("outputs", layers.last())] {
            let (said, units) = (self.number(key)?, layer.map_or(0, |layer| layer.units));
            ensure!(said == units, "metadata `{key}` is {said}, but the layer's tensors have {units} columns");
        }
        let kinds = roles.iter().zip(&layers).map(|(role, layer)| role.layer_kind(layer.units)).collect();
        let architecture = Architecture { alphabet, layers: kinds };
        architecture.check()?;

        let predictions = [words, outputs];
        Ok(Golden {
            architecture,
            initial: self.parameters("initial", &layers)?,
            indices: self.indices("indices", words, alphabet)?,
            targets: self.matrix("targets", &predictions)?,
            batch,
            epochs,
            expected: Record {
                initial_predictions: self.matrix("predictions/initial", &predictions)?,
                first_batch_loss: self.values("first_batch/loss", &[1])?[0],
                first_batch_gradients: self.parameters("first_batch/gradient", &layers)?,
                epoch_losses: self.values("history/loss", &[epochs])?,
                epoch_accuracies: self.values("history/accuracy", &[epochs])?,
                final_weights: self.parameters("final", &layers)?,
                final_predictions: self.matrix("predictions/final", &predictions)?,
            },
            layers,
        })
    }

    fn metadata(&self, key: &str) -> Result<&str> {
        self.metadata.get(key).map(String::as_str).with_context(|| format!("metadata `{key}` is missing"))
    }

    fn number(&self, key: &str) -> Result<usize> {
        let value = self.metadata(key)?;
        usize::from_str(value).with_context(|| format!("metadata `{key}` is `{value}`, which is no whole number"))
    }

    /// The layers that the tensors under `initial` describe, if they are those of the case.
    fn layers(&self, roles: &[Role], alphabet: usize) -> Result<Vec<KerasLayer>> {
        let mut inputs = alphabet;
        let mut layers = Vec::new();
        for (index, role) in roles.iter().enumerate() {
            let cell = self.cell(index)?;
            ensure!(
                cell == role.cell(),
                "layer {index} has the tensors of {cell:?}, but in the case `{}` it is {:?}",
                self.metadata("case")?,
                role.cell()
            );
            let bias = format!("initial/layer{index}/{}", cell.telling_bias());
            let &[units] = self.tensor(&bias)?.shape() else { bail!("tensor `{bias}` must have one dimension") };
            layers.push(KerasLayer { cell, inputs, units });
            inputs = units;
        }
        self.refuse_others(&layers)?;
        Ok(layers)
    }

    fn cell(&self, index: usize) -> Result<Cell> {
        let bias = |cell: &Cell| format!("initial/layer{index}/{}", cell.telling_bias());
        let cells = [Cell::Lstm, Cell::Gru, Cell::Dense];
        cells.into_iter().find(|cell| self.tensors.tensor(&bias(cell)).is_ok()).with_context(|| {
            let [lstm, gru, dense] = cells.each_ref().map(bias);
            format!(
                "layer {index} is missing: there is neither `{lstm}` (LSTM) nor `{gru}` (GRU) nor `{dense}` (Dense)"
            )
        })
    }

    /// A tensor that the network has no place for would go unused, and the comparison would mean nothing.
    fn refuse_others(&self, layers: &[KerasLayer]) -> Result<()> {
        let known: Vec<_> = layers
            .iter()
            .enumerate()
            .flat_map(|(index, layer)| {
                layer.tensors().into_iter().map(move |(name, _)| tensor_name("initial", index, &name))
            })
            .collect();
        match self.tensors.names().iter().find(|name| name.starts_with("initial/") && !known.iter().any(|k| k == *name))
        {
            Some(name) => bail!("tensor `{name}` belongs to no layer of the case `{}`", self.metadata("case")?),
            None => Ok(()),
        }
    }

    fn parameters(&self, prefix: &str, layers: &[KerasLayer]) -> Result<Vec<LayerTensors>> {
        let of_layer = |(index, layer): (usize, &KerasLayer)| {
            layer.tensors().iter().map(|(name, shape)| self.matrix(&tensor_name(prefix, index, name), shape)).collect()
        };
        layers.iter().enumerate().map(of_layer).collect()
    }

    fn indices(&self, name: &str, words: usize, alphabet: usize) -> Result<Array2<u16>> {
        let tensor = self.tensor(name)?;
        let &[rows, time] = tensor.shape() else { bail!("tensor `{name}` must have two dimensions") };
        ensure!(rows == words, "tensor `{name}` has {rows} rows, but metadata `words` is {words}");
        ensure!(time > 0, "tensor `{name}` has no time steps");
        let indices = self
            .elements(name, Dtype::I32, &[rows, time], i32::from_le_bytes)?
            .iter()
            .enumerate()
            .map(|(place, index)| match u16::try_from(*index) {
                Ok(index) if usize::from(index) < alphabet => Ok(index),
                _ => bail!(
                    "tensor `{name}`, word {}, character {}: index {index} is not in the alphabet of {alphabet}",
                    place / time,
                    place % time
                ),
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Array2::from_shape_vec((rows, time), indices)?)
    }

    /// A tensor of one or two dimensions, as a matrix; a vector becomes one row.
    fn matrix(&self, name: &str, shape: &[usize]) -> Result<Array2<f64>> {
        let values = self.values(name, shape)?;
        let rows = if shape.len() == 1 { 1 } else { shape[0] };
        Ok(Array2::from_shape_vec((rows, shape[shape.len() - 1]), values)?)
    }

    fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>> {
        let values = self.elements(name, Dtype::F64, shape, f64::from_le_bytes)?;
        match values.iter().position(|value| !value.is_finite()) {
            Some(place) => bail!("tensor `{name}`, element {place}: {} is not a finite number", values[place]),
            None => Ok(values),
        }
    }

    fn elements<V, const SIZE: usize>(
        &self,
        name: &str,
        dtype: Dtype,
        shape: &[usize],
        decode: fn([u8; SIZE]) -> V,
    ) -> Result<Vec<V>> {
        let tensor = self.tensor(name)?;
        ensure!(tensor.dtype() == dtype, "tensor `{name}` is {:?}, but it must be {dtype:?}", tensor.dtype());
        let found = tensor.shape();
        ensure!(found == shape, "tensor `{name}` has shape {found:?}, but it must have {shape:?}");
        Ok(tensor.data().as_chunks::<SIZE>().0.iter().map(|bytes| decode(*bytes)).collect())
    }

    fn tensor(&self, name: &str) -> Result<TensorView<'a>> {
        self.tensors.tensor(name).ok().with_context(|| format!("tensor `{name}` is missing"))
    }
}

fn tensor_name(prefix: &str, layer: usize, name: &str) -> String {
    format!("{prefix}/layer{layer}/{name}")
}
