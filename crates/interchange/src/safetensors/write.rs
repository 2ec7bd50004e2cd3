//! A network as a PyTorch state dict.

use std::path::Path;

use flameout_cells::{Activation, Reset};
use flameout_model::{LayerKind, Sequential};
use ndarray::{Array2, ArrayView2};
use serde_json::{Map, Value, json};

use super::DIRECTIONS;
use crate::error::Error;
use crate::model::Model;
use crate::parameters::{BIAS, KERNEL, RECURRENT_BIAS, RECURRENT_KERNEL, get};
use crate::recurrent::{Cell, Recurrent};
use crate::{file, gates};

/// A tensor on its way into a file.
struct Entry {
    name: String,
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// Writes a file, replacing what is there only once everything is on the disk.
///
/// # Errors
/// As [`to_bytes`]; [`Error::Io`] if writing fails.
pub fn write(model: &Model, path: &Path) -> Result<(), Error> {
    file::write(path, &to_bytes(model)?)
}

/// The bytes of the file: the same for the same model.
///
/// # Errors
/// [`Error::Inexpressible`] if PyTorch has no such layer, [`Error::Metadata`] if the metadata do not fit the network.
pub fn to_bytes(model: &Model) -> Result<Vec<u8>, Error> {
    let architecture = model.network.architecture();
    let mut entries = Vec::new();
    for (index, layer) in architecture.layers.iter().enumerate() {
        entries.extend(layer_entries(&model.network, index, layer)?);
    }
    let mut metadata = model.metadata.to_pairs(architecture)?;
    metadata.entry("format".into()).or_insert_with(|| "pt".into());
    Ok(serialise(&entries, json!(metadata)))
}

fn layer_entries(network: &Sequential<f32>, index: usize, layer: &LayerKind) -> Result<Vec<Entry>, Error> {
    if let Some(recurrent) = Recurrent::of(layer) {
        return recurrent_entries(network, index, &recurrent);
    }
    match layer {
        LayerKind::Dense { .. } | LayerKind::TimeDistributed { .. } => Ok(vec![
            matrix(format!("layer{index}.weight"), get(network, index, KERNEL).t()),
            vector(format!("layer{index}.bias"), get(network, index, BIAS)),
        ]),
        // What PyTorch's program does, not its state dict: `states[:, -1]`.
        LayerKind::LastStep { .. } => Ok(Vec::new()),
        other => Err(inexpressible(index, &format!("is of a kind unknown to this version: {}", other.name()))),
    }
}

fn recurrent_entries(network: &Sequential<f32>, index: usize, layer: &Recurrent) -> Result<Vec<Entry>, Error> {
    if layer.cell == (Cell::Gru { reset: Reset::Before }) {
        return Err(inexpressible(
            index,
            "is a GRU whose reset gate acts before the recurrent product; PyTorch's acts after it, and no weights make \
             up for that. ONNX and Keras can say it",
        ));
    }
    check_gates(index, layer.gate_activation)?;
    let directions = layer.directions().iter().zip(DIRECTIONS);
    Ok(directions.flat_map(|(ours, theirs)| direction_entries(network, index, layer.cell, ours, theirs)).collect())
}

/// One direction's tensors; `ours` is what their names begin with here, `theirs` what they end in there.
fn direction_entries(network: &Sequential<f32>, index: usize, cell: Cell, ours: &str, theirs: &str) -> [Entry; 4] {
    let tensor = |name: &str| get(network, index, &format!("{ours}{name}"));
    let bias = tensor(BIAS);
    let none = Array2::zeros(bias.dim());
    let (order, recurrent_bias): (&[usize], _) = match cell {
        Cell::Lstm => (&gates::PYTORCH_LSTM, none.view()),
        Cell::Gru { .. } => (&gates::PYTORCH_GRU, tensor(RECURRENT_BIAS)),
    };
    let ordered = |tensor| gates::reorder(tensor, order);
    let name = |parameter: &str| format!("layer{index}.{parameter}_l0{theirs}");
    [
        matrix(name("weight_ih"), ordered(tensor(KERNEL)).t()),
        matrix(name("weight_hh"), ordered(tensor(RECURRENT_KERNEL)).t()),
        vector(name("bias_ih"), ordered(bias).view()),
        vector(name("bias_hh"), ordered(recurrent_bias).view()),
    ]
}

fn check_gates(index: usize, activation: Activation) -> Result<(), Error> {
    match activation {
        Activation::Sigmoid => Ok(()),
        other => Err(inexpressible(
            index,
            &format!("has {other:?} gates; PyTorch's are sigmoid. ONNX and Keras can say a hard sigmoid"),
        )),
    }
}

fn inexpressible(index: usize, what: &str) -> Error {
    Error::Inexpressible { format: "PyTorch", what: format!("layer {index} {what}") }
}

fn matrix(name: String, values: ArrayView2<'_, f32>) -> Entry {
    Entry { name, shape: vec![values.nrows(), values.ncols()], values: gates::values(values) }
}

fn vector(name: String, values: ArrayView2<'_, f32>) -> Entry {
    Entry { name, shape: vec![values.len()], values: gates::values(values) }
}

/// The file: the header's length, the header, the numbers. The safetensors crate writes its metadata in the order of a
/// hash map, which differs from run to run.
fn serialise(entries: &[Entry], metadata: Value) -> Vec<u8> {
    let mut header = Map::from_iter([("__metadata__".to_owned(), metadata)]);
    let mut end = 0;
    for entry in entries {
        let start = end;
        end += 4 * entry.values.len();
        let description = json!({ "dtype": "F32", "shape": entry.shape, "data_offsets": [start, end] });
        header.insert(entry.name.clone(), description);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    // The numbers begin at a multiple of 8.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(entries.iter().flat_map(|entry| &entry.values).flat_map(|value| value.to_le_bytes()));
    bytes
}
