//! A PyTorch state dict: its tensors, grouped into layers.

use std::collections::BTreeMap;
use std::path::Path;

use ::safetensors::tensor::Dtype;
use ::safetensors::{SafeTensorError, SafeTensors};
use flameout_cells::Reset;
use flameout_model::{Architecture, LayerKind};
use ndarray::Array2;

use super::{DIRECTIONS, REVERSE};
use crate::error::Error;
use crate::metadata::Metadata;
use crate::model::Model;
use crate::parameters::{BIAS, Found, KERNEL, RECURRENT_BIAS, RECURRENT_KERNEL, build, check_finite};
use crate::recurrent::{Cell, Recurrent};
use crate::{floats, gates};

/// The parts of a module's name, so that `layer10` comes after `layer9`; and the name, which tells `a1` from `a01`.
pub(super) type NaturalOrder = (Vec<(u64, String)>, String);

/// A layer's tensors by what they are: `weight_ih`, `weight_ih_reverse`, `bias` and so on.
pub(super) type Parameters = BTreeMap<String, String>;

/// A state dict, its tensors grouped into layers.
pub(super) struct StateDict<'a> {
    pub(super) path: &'a Path,
    tensors: SafeTensors<'a>,
    pub(super) metadata: BTreeMap<String, String>,
    /// By module and then place in its stack.
    pub(super) recurrent: BTreeMap<(NaturalOrder, usize), Parameters>,
    pub(super) linear: BTreeMap<NaturalOrder, Parameters>,
}

impl<'a> StateDict<'a> {
    pub(super) fn parse(path: &'a Path, bytes: &'a [u8]) -> Result<Self, Error> {
        let unsound = |error: SafeTensorError| Error::format(path, format!("is no sound safetensors file: {error}"));
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(unsound)?;
        let mut metadata: BTreeMap<String, String> =
            header.metadata().clone().unwrap_or_default().into_iter().collect();
        // Says that the numbers are PyTorch's; every file of that origin has it.
        metadata.remove("format");
        let tensors = SafeTensors::deserialize(bytes).map_err(unsound)?;
        let mut dict = Self { path, tensors, metadata, recurrent: BTreeMap::new(), linear: BTreeMap::new() };
        let mut names: Vec<String> = dict.tensors.names().into_iter().map(str::to_owned).collect();
        names.sort();
        for name in &names {
            dict.sort_in(name, name)?;
        }
        // Of tensors that several modules share, a file holds one, and the others' names among its metadata.
        let is_tensor = |name: &String| names.binary_search(name).is_ok();
        let tied: Vec<(String, String)> =
            dict.metadata.clone().into_iter().filter(|(name, held)| !is_tensor(name) && is_tensor(held)).collect();
        for (name, held) in tied {
            dict.metadata.remove(&name);
            dict.sort_in(&name, &held)?;
        }
        Ok(dict)
    }

    /// Puts the tensor `held`, of which `name` says what it is, where it belongs.
    fn sort_in(&mut self, name: &str, held: &str) -> Result<(), Error> {
        let (module, parameter) = name.rsplit_once('.').unwrap_or(("", name));
        let order = natural_order(module);
        let refuse = |what: &str| Err(Error::tensor(self.path, name, what));
        if let "weight" | "bias" = parameter {
            let dimensions = self.tensors.tensor(held).map_or(0, |tensor| tensor.shape().len());
            match (parameter, dimensions) {
                ("weight", 1) => {
                    return refuse(
                        "is a vector, of a norm layer (`nn.LayerNorm`, `nn.BatchNorm1d`), which cannot be read",
                    );
                }
                ("weight", 3..) => {
                    return refuse("is of a convolution (`nn.Conv1d` and its like), which cannot be read");
                }
                _ => {}
            }
            self.linear.entry(order).or_default().insert(parameter.to_owned(), held.to_owned());
            return Ok(());
        }
        if let Some(what) = unreadable(name, parameter) {
            return refuse(what);
        }
        let (one_direction, suffix) = parameter.strip_suffix(REVERSE).map_or((parameter, ""), |rest| (rest, REVERSE));
        match one_direction.rsplit_once("_l").map(|(role, place)| (role, place.parse())) {
            Some((role @ ("weight_ih" | "weight_hh" | "bias_ih" | "bias_hh"), Ok(place))) => {
                let parameter = format!("{role}{suffix}");
                self.recurrent.entry((order, place)).or_default().insert(parameter, held.to_owned());
                Ok(())
            }
            _ => refuse(
                "is no parameter of `nn.LSTM`, `nn.GRU`, `nn.Linear` or `nn.Embedding`, which can be read. If the network \
                 does not use it, leave it out of the file",
            ),
        }
    }

    pub(super) fn model(&self, architecture: Architecture, metadata: Metadata) -> Result<Model, Error> {
        let (mut recurrent, mut linear) = (self.recurrent.values(), self.linear.values());
        let lacks = |index: usize, layer: &LayerKind| {
            Error::format(
                self.path,
                format!("has no more tensors for layer {index}, which is of kind {}", layer.name()),
            )
        };
        let mut layers = Vec::new();
        for (index, layer) in architecture.layers.iter().enumerate() {
            let parameters = match layer {
                LayerKind::LastStep { .. } => None,
                LayerKind::Dense { .. } | LayerKind::TimeDistributed { .. } => {
                    Some(linear.next().ok_or_else(|| lacks(index, layer))?)
                }
                _ => Some(recurrent.next().ok_or_else(|| lacks(index, layer))?),
            };
            let none = Parameters::new();
            layers.push(self.layer(parameters.unwrap_or(&none), index, layer)?);
        }
        if let Some(tensor) = recurrent.chain(linear).flat_map(BTreeMap::values).next() {
            return Err(Error::tensor(self.path, tensor, "belongs to no layer of the architecture"));
        }
        metadata.check(&architecture).map_err(|error| Error::format(self.path, error.to_string()))?;
        Ok(Model { network: build(self.path, architecture, &layers)?, metadata })
    }

    /// The tensors of layer `index`.
    pub(super) fn layer(&self, parameters: &Parameters, index: usize, layer: &LayerKind) -> Result<Vec<Found>, Error> {
        match (Recurrent::of(layer), layer) {
            (Some(kind), _) => self.recurrent(parameters, index, &kind),
            (None, LayerKind::Dense { .. } | LayerKind::TimeDistributed { .. }) => self.dense(parameters),
            (None, LayerKind::LastStep { .. }) => Ok(Vec::new()),
            (None, other) => {
                let what = format!("layer {index} is of a kind unknown to this version: {}", other.name());
                Err(Error::format(self.path, what))
            }
        }
    }

    /// The tensors of a recurrent layer, in as many directions as the architecture has them.
    fn recurrent(&self, parameters: &Parameters, index: usize, layer: &Recurrent) -> Result<Vec<Found>, Error> {
        if layer.cell == (Cell::Gru { reset: Reset::Before }) {
            let what = format!("layer {index} has its reset gate before the product; PyTorch's acts after it");
            return Err(Error::format(self.path, what));
        }
        if !layer.bidirectional
            && let Some((_, name)) = parameters.iter().find(|(theirs, _)| theirs.ends_with(REVERSE))
        {
            let what = format!("is of a bidirectional layer, and layer {index} of the architecture has one direction");
            return Err(Error::tensor(self.path, name, what));
        }
        let mut found = Vec::new();
        for (ours, theirs) in layer.directions().iter().zip(DIRECTIONS) {
            let direction = match layer.cell {
                Cell::Lstm => self.lstm(parameters, theirs)?,
                Cell::Gru { .. } => self.gated(parameters, theirs, &gates::PYTORCH_GRU)?,
            };
            found
                .extend(direction.into_iter().map(|tensor| Found { name: format!("{ours}{}", tensor.name), ..tensor }));
        }
        Ok(found)
    }

    /// PyTorch's two biases only ever act as their sum.
    fn lstm(&self, parameters: &Parameters, direction: &str) -> Result<Vec<Found>, Error> {
        let mut found = self.gated(parameters, direction, &gates::PYTORCH_LSTM)?;
        let second = found.pop().expect("four tensors");
        let bias = found.last_mut().expect("three tensors");
        if second.values.dim() != bias.values.dim() {
            return Err(Error::tensor(self.path, second.source, "has not the length of the layer's other bias"));
        }
        bias.values += &second.values;
        Ok(found)
    }

    /// Both kernels and both biases of one direction of a recurrent layer.
    fn gated(&self, parameters: &Parameters, direction: &str, order: &[usize]) -> Result<Vec<Found>, Error> {
        let rows = self.tensor(parameters, &format!("weight_ih{direction}"))?.nrows();
        let biases = ["bias_ih", "bias_hh"].map(|bias| format!("{bias}{direction}"));
        if let Some(one) = biases.iter().find_map(|bias| parameters.get(bias))
            && let Some(other) = biases.iter().find(|bias| !parameters.contains_key(*bias))
        {
            let what = format!("is there, but its layer's `{other}` is not: PyTorch writes both biases, or none");
            return Err(Error::tensor(self.path, one, what));
        }
        [(KERNEL, "weight_ih"), (RECURRENT_KERNEL, "weight_hh"), (BIAS, "bias_ih"), (RECURRENT_BIAS, "bias_hh")]
            .into_iter()
            .map(|(name, theirs)| {
                let (source, values) = self.with_default_bias(parameters, &format!("{theirs}{direction}"), rows)?;
                if values.ncols() % order.len() != 0 {
                    let what = format!("has {} rows, which is no multiple of {} gates", values.ncols(), order.len());
                    return Err(Error::tensor(self.path, source, what));
                }
                Ok(Found { name: name.to_owned(), values: gates::reorder(values.view(), order), source })
            })
            .collect()
    }

    fn dense(&self, parameters: &Parameters) -> Result<Vec<Found>, Error> {
        let rows = self.tensor(parameters, "weight")?.nrows();
        [(KERNEL, "weight"), (BIAS, "bias")]
            .into_iter()
            .map(|(name, theirs)| {
                let (source, values) = self.with_default_bias(parameters, theirs, rows)?;
                Ok(Found { name: name.to_owned(), source, values })
            })
            .collect()
    }

    /// A tensor as columns: a weight transposed, a bias as it is, or zeros where the layer was made without.
    fn with_default_bias(
        &self,
        parameters: &Parameters,
        theirs: &str,
        length: usize,
    ) -> Result<(String, Array2<f32>), Error> {
        if !theirs.starts_with("bias") {
            return Ok((
                parameters.get(theirs).cloned().unwrap_or_default(),
                self.tensor(parameters, theirs)?.reversed_axes(),
            ));
        }
        match parameters.get(theirs) {
            Some(source) => Ok((source.clone(), self.tensor(parameters, theirs)?)),
            None => Ok((theirs.to_owned(), Array2::zeros((1, length)))),
        }
    }

    /// A tensor as it lies in the file; a vector is one row.
    pub(super) fn tensor(&self, parameters: &Parameters, theirs: &str) -> Result<Array2<f32>, Error> {
        let Some(name) = parameters.get(theirs) else {
            let sibling = parameters.values().next().map_or("", String::as_str);
            return Err(Error::tensor(self.path, sibling, format!("is there, but its layer's `{theirs}` is not")));
        };
        let refuse = |what: String| Error::tensor(self.path, name, what);
        let view = self.tensors.tensor(name).map_err(|error| refuse(error.to_string()))?;
        let shape = match (theirs.starts_with("bias"), view.shape()) {
            (true, &[length]) => (1, length),
            (false, &[rows, columns]) => (rows, columns),
            (is_bias, shape) => {
                let wanted = if is_bias { "a vector" } else { "a matrix" };
                return Err(refuse(format!("has the shape {shape:?}, and should be {wanted}")));
            }
        };
        // What has no numbers claims any length for nothing.
        if view.data().is_empty() {
            return Err(refuse(format!("has the shape {:?}, and so no numbers", view.shape())));
        }
        let values = match view.dtype() {
            Dtype::F32 => view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            Dtype::F64 => view.data().as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect(),
            Dtype::F16 => {
                view.data().as_chunks().0.iter().map(|&bytes| floats::from_f16(u16::from_le_bytes(bytes))).collect()
            }
            Dtype::BF16 => {
                view.data().as_chunks().0.iter().map(|&bytes| floats::from_bf16(u16::from_le_bytes(bytes))).collect()
            }
            other => {
                let what = format!("is of type {other}, quantised perhaps: save it as F32, F64, F16 or BF16");
                return Err(refuse(what));
            }
        };
        let values = Array2::from_shape_vec(shape, values).map_err(|error| refuse(error.to_string()))?;
        check_finite(self.path, name, &values)?;
        Ok(values)
    }
}

pub(super) fn is_bidirectional(parameters: &Parameters) -> bool {
    parameters.keys().any(|theirs| theirs.ends_with(REVERSE))
}

/// Why a parameter of this name cannot be read, if it is of a layer that is known to be unreadable.
fn unreadable(name: &str, parameter: &str) -> Option<&'static str> {
    match parameter {
        _ if parameter.starts_with("weight_hr_l") => {
            Some("is of an LSTM with projections (`proj_size`), which this version cannot read")
        }
        "running_mean" | "running_var" | "num_batches_tracked" => {
            Some("is of a norm layer (`nn.BatchNorm1d`), which cannot be read")
        }
        "weight_ih" | "weight_hh" | "bias_ih" | "bias_hh" => Some(
            "is of an `nn.LSTMCell` or `nn.GRUCell`, whose loop over the word is not in the file: use `nn.LSTM`, `nn.GRU`",
        ),
        _ if parameter.ends_with("_g") || parameter.ends_with("_v") || name.contains("parametrizations.") => Some(
            "is of a weight norm or other reparametrization: remove it in PyTorch (`remove_weight_norm`) and save again",
        ),
        "scale" | "zero_point" | "_packed_params" => Some("is of a quantised layer, which cannot be read"),
        _ => None,
    }
}

/// Splits a name into pairs of number and the text after it.
fn natural_order(name: &str) -> NaturalOrder {
    let mut parts = vec![(0_u64, String::new())];
    let mut previous_is_digit = false;
    for character in name.chars() {
        match (character.to_digit(10), parts.last_mut()) {
            (Some(digit), Some((number, _))) if previous_is_digit => {
                *number = number.saturating_mul(10).saturating_add(digit.into());
            }
            (Some(digit), _) => parts.push((digit.into(), String::new())),
            (None, Some((_, text))) => text.push(character),
            (None, None) => {}
        }
        previous_is_digit = character.is_ascii_digit();
    }
    (parts, name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_counted() {
        let mut names = ["rnn10", "rnn9", "", "fc.2.x", "fc.10.x", "fc"];
        names.sort_by_key(|name| natural_order(name));
        assert_eq!(names, ["", "fc", "fc.2.x", "fc.10.x", "rnn9", "rnn10"]);
    }
}
