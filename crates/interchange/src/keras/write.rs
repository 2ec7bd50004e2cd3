//! A network as a file of Keras 3.

use std::path::Path;

use flameout_cells::{Activation, Reset};
use flameout_model::{Architecture, LayerKind, Sequential};
use hdf5_pure::{AttrValue, FileBuilder, GroupBuilder};
use ndarray::{Axis, Slice};
use serde_json::{Value, json};

use super::archive;
use super::keras_file::{numbered_names, variables};
use crate::error::Error;
use crate::metadata::Metadata;
use crate::model::Model;
use crate::parameters::{BIAS, KERNEL, RECURRENT_BIAS, RECURRENT_KERNEL, get, of_layer, set, short_name};
use crate::recurrent::{Cell, ONE_DIRECTION, Recurrent};
use crate::{file, gates};

/// The version of Keras whose files these are.
const VERSION: &str = "3.0.0";

/// clip(0.2·x + 0.5, 0, 1) is clip(1.2·x/6 + 0.5, 0, 1).
const SIXTHS: f32 = 1.2;

/// Writes a file, replacing what is there only once everything is on the disk: weights alone if the name ends in
/// `.weights.h5`, else a `.keras` archive.
///
/// # Errors
/// As [`to_archive`]; [`Error::Io`] if writing fails.
pub fn write(model: &Model, path: &Path) -> Result<(), Error> {
    let weights_alone = path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".weights.h5"));
    let bytes = if weights_alone { to_weights(model)? } else { to_archive(model)? };
    file::write(path, &bytes)
}

/// The bytes of a `.keras` file: the same for the same model.
///
/// # Errors
/// [`Error::Inexpressible`] for a layer or activation unknown to this version, [`Error::Metadata`] if the metadata do not
/// fit the network.
pub fn to_archive(model: &Model) -> Result<Vec<u8>, Error> {
    let architecture = model.network.architecture();
    let config = config(architecture, model.metadata.length)?.to_string();
    let metadata = json!({ "keras_version": VERSION, "date_saved": "1980-01-01@00:00:00" }).to_string();
    let members = [
        (archive::METADATA, metadata.as_bytes()),
        (archive::CONFIG, config.as_bytes()),
        (archive::WEIGHTS, &to_weights(model)?),
    ];
    archive::pack(members).map_err(|error| inexpressible(format!("the archive cannot be made: {error}")))
}

/// The bytes of a `.weights.h5` file: the same for the same model.
///
/// # Errors
/// As [`to_archive`].
pub fn to_weights(model: &Model) -> Result<Vec<u8>, Error> {
    // What has no description has no place for its weights either.
    config(model.network.architecture(), None)?;
    let network = with_hard_sigmoids_of_keras_3(&model.network);
    let metadata: &Metadata = &model.metadata;
    let layers = &network.architecture().layers;
    let mut builder = FileBuilder::new();
    for (key, value) in metadata.to_pairs(network.architecture())? {
        builder.set_attr(&key, AttrValue::String(value));
    }
    let mut all = builder.create_group("layers");
    for (index, (name, kind)) in numbered_names(layers).iter().zip(layers).enumerate() {
        let mut group = all.create_group(name);
        let directions = Recurrent::of(kind).map_or(&ONE_DIRECTION[..], Recurrent::directions);
        for (place, direction) in variables(kind).iter().zip(directions) {
            add_weights(&mut group, place, &weights(&network, index, direction));
        }
        all.add_group(group.finish());
    }
    builder.add_group(all.finish());
    // Keras looks for the variables of the model itself, of which there are none.
    let own = builder.create_group("vars");
    builder.add_group(own.finish());
    builder.finish().map_err(|error| inexpressible(format!("the HDF5 file cannot be made: {error}")))
}

/// A weight's shape and numbers.
type ShapeAndValues = (Vec<u64>, Vec<f32>);

/// Puts weights into a group inside of another, of which `place` is the path.
fn add_weights(group: &mut GroupBuilder, place: &str, weights: &[ShapeAndValues]) {
    let (first, rest) = place.split_once('/').map_or((place, None), |(first, rest)| (first, Some(rest)));
    let mut next = group.create_group(first);
    match rest {
        Some(rest) => add_weights(&mut next, rest, weights),
        None => {
            for (number, (shape, values)) in weights.iter().enumerate() {
                next.create_dataset(&number.to_string()).with_f32_data(values).with_shape(shape);
            }
        }
    }
    group.add_group(next.finish());
}

/// Keras 3's order for one direction of a layer: kernel, recurrent kernel, bias; a GRU's two biases are the rows of one
/// matrix.
fn weights(network: &Sequential<f32>, index: usize, direction: &str) -> Vec<ShapeAndValues> {
    let [kernel, recurrent_kernel, bias, recurrent_bias] =
        [KERNEL, RECURRENT_KERNEL, BIAS, RECURRENT_BIAS].map(|name| format!("{direction}{name}"));
    let names: Vec<&str> = of_layer(network, index).map(short_name).collect();
    let mut weights = Vec::new();
    for name in [kernel, recurrent_kernel].iter().filter(|name| names.contains(&name.as_str())) {
        let matrix = get(network, index, name);
        weights.push((vec![matrix.nrows() as u64, matrix.ncols() as u64], gates::values(matrix)));
    }
    let mut biases = gates::values(get(network, index, &bias));
    let length = biases.len() as u64;
    if names.contains(&recurrent_bias.as_str()) {
        biases.extend(get(network, index, &recurrent_bias));
        weights.push((vec![2, length], biases));
    } else {
        weights.push((vec![length], biases));
    }
    weights
}

/// The same network with Keras 3's hard sigmoid instead of Keras 1's: what leads to one is made 1.2 times as large.
fn with_hard_sigmoids_of_keras_3(network: &Sequential<f32>) -> Sequential<f32> {
    let mut architecture = network.architecture().clone();
    architecture.layers.iter_mut().filter_map(activation_mut).for_each(|activation| {
        if *activation == Activation::HardSigmoid {
            *activation = Activation::HardSigmoidSixth;
        }
    });
    let mut new = Sequential::of(architecture);
    new.parameters_mut().copy_from_slice(network.parameters());
    for (index, layer) in network.architecture().layers.iter().enumerate() {
        let mut layer = *layer;
        if activation_mut(&mut layer).is_some_and(|activation| *activation == Activation::HardSigmoid) {
            let units = Recurrent::of(&layer).map_or(layer.units(), |recurrent| recurrent.units);
            for tensor in of_layer(network, index) {
                let mut values = tensor.view(network.parameters()).to_owned();
                for gate in gates_with_gate_activation(&layer) {
                    let range = Slice::from(gate * units..(gate + 1) * units);
                    values.slice_axis_mut(Axis(1), range).mapv_inplace(|x| x * SIXTHS);
                }
                set(&mut new, index, short_name(tensor), values.view());
            }
        }
    }
    new
}

/// The activation of a dense layer's outputs or of a recurrent layer's gates.
fn activation_mut(layer: &mut LayerKind) -> Option<&mut Activation> {
    match layer {
        LayerKind::Lstm { gate_activation: activation, .. }
        | LayerKind::Gru { gate_activation: activation, .. }
        | LayerKind::Bidirectional { gate_activation: activation, .. }
        | LayerKind::Dense { activation, .. }
        | LayerKind::TimeDistributed { activation, .. } => Some(activation),
        _ => None,
    }
}

/// i, f and o of i f g o; z and r of z r g; a dense layer's columns.
fn gates_with_gate_activation(layer: &LayerKind) -> &'static [usize] {
    match Recurrent::of(layer).map(|recurrent| recurrent.cell) {
        Some(Cell::Lstm) => &[0, 1, 3],
        Some(Cell::Gru { .. }) => &[0, 1],
        None => &[0],
    }
}

/// The model's JSON: a `Sequential` fed with one-hot vectors.
fn config(architecture: &Architecture, length: Option<usize>) -> Result<Value, Error> {
    let shape = json!([null, length, architecture.alphabet]);
    let input = json!({ "batch_shape": shape, "dtype": "float32", "name": "one_hot" });
    let mut layers = vec![described("InputLayer", input)];
    for (index, layer) in architecture.layers.iter().enumerate() {
        layers.push(layer_config(index, layer)?);
    }
    let config = json!({ "name": "flameout", "layers": layers, "build_input_shape": shape });
    Ok(json!({ "module": "keras", "class_name": "Sequential", "config": config, "registered_name": null }))
}

fn layer_config(index: usize, layer: &LayerKind) -> Result<Value, Error> {
    let activation = |activation| activation_name(index, activation);
    let name = format!("layer{index}");
    if let Some(recurrent) = Recurrent::of(layer) {
        return recurrent_config(index, &name, &recurrent);
    }
    match *layer {
        LayerKind::Dense { units, activation: outputs } => {
            Ok(described("Dense", json!({ "name": name, "units": units, "activation": activation(outputs)? })))
        }
        LayerKind::TimeDistributed { units, activation: outputs } => {
            let dense = json!({ "name": format!("{name}_dense"), "units": units, "activation": activation(outputs)? });
            Ok(described("TimeDistributed", json!({ "name": name, "layer": described("Dense", dense) })))
        }
        LayerKind::LastStep { .. } => Err(inexpressible(format!(
            "layer {index} takes the last time step of both directions, for which Keras has no layer. ONNX and safetensors \
             can say it"
        ))),
        ref other => {
            Err(inexpressible(format!("layer {index} is of a kind unknown to this version: {}", other.name())))
        }
    }
}

fn recurrent_config(index: usize, name: &str, layer: &Recurrent) -> Result<Value, Error> {
    if layer.bidirectional {
        // Keras makes both layers of this one: `forward_` and `backward_` with its name.
        let forward = recurrent_config(index, name, &Recurrent { bidirectional: false, ..*layer })?;
        return Ok(described("Bidirectional", json!({ "name": name, "merge_mode": "concat", "layer": forward })));
    }
    let mut config = json!({ "name": name, "units": layer.units, "activation": "tanh",
        "recurrent_activation": activation_name(index, layer.gate_activation)?,
        "return_sequences": layer.return_sequences });
    match layer.cell {
        Cell::Lstm => Ok(described("LSTM", config)),
        Cell::Gru { reset } => {
            config["reset_after"] = json!(reset == Reset::After);
            Ok(described("GRU", config))
        }
    }
}

fn described(class: &str, config: Value) -> Value {
    json!({ "module": "keras.layers", "class_name": class, "config": config, "registered_name": null })
}

/// Both hard sigmoids are Keras 3's by now.
fn activation_name(index: usize, activation: Activation) -> Result<&'static str, Error> {
    match activation {
        Activation::Linear => Ok("linear"),
        Activation::Sigmoid => Ok("sigmoid"),
        Activation::HardSigmoid | Activation::HardSigmoidSixth => Ok("hard_sigmoid"),
        Activation::Tanh => Ok("tanh"),
        Activation::Relu => Ok("relu"),
        other => Err(inexpressible(format!("layer {index} has the activation {other:?}, which is not written here"))),
    }
}

fn inexpressible(what: String) -> Error {
    Error::Inexpressible { format: "Keras", what }
}
