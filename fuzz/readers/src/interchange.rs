//! Networks of PyTorch and Keras.

use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::OnceLock;

use flameout_interchange::{Choices, Imported, Metadata, Model, keras, safetensors as state_dict};
use flameout_model::{Architecture, Flavour, Sequential};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::memory::Bound;

/// A number of a shape is two bytes of JSON and eight in memory, more while lists grow; names are in several tables.
pub const SAFETENSORS: Bound = Bound { per_byte: 80, constant: 4 << 20 };
/// Both HDF5 and zip may hold deflated data, of which a byte stands for 1,032; the numbers are there in the file's form, as
/// `f32`, and in the network.
pub const KERAS: Bound = Bound { per_byte: 16 * 1032, constant: 4 << 20 };

/// A PyTorch state dict.
pub fn safetensors(data: &[u8]) {
    let path = Path::new("x.safetensors");
    let Ok(Imported { model, .. }) =
        SAFETENSORS.holds(data.len(), || state_dict::from_bytes(path, data, &Choices::default()))
    else {
        return;
    };
    // What PyTorch cannot say, and a network that was written by this crate, can be in such a file.
    let Ok(written) = state_dict::to_bytes(&model) else { return };
    let back = state_dict::from_bytes(path, &written, &Choices::default()).expect("what was written is read").model;
    assert_eq!(back.metadata, model.metadata);
    same(&back, &model);
}

/// A whole-model or weights file.
pub fn keras_hdf5(data: &[u8]) {
    keras_file(data);
}

/// A `.keras` archive.
pub fn keras_archive(data: &[u8]) {
    keras_file(data);
}

/// The description of a model in a sound `.keras` archive. The first byte decides on the version.
pub fn keras_config(data: &[u8]) {
    let Some((first, config)) = data.split_first() else { return };
    let version = ["1.2.2", "2.2.4", "2.13.1", "3.10.0"][usize::from(first % 4)];
    keras_file(&archive(version, config));
}

fn keras_file(data: &[u8]) {
    let path = Path::new("x.keras");
    let bytes = data.to_vec();
    let Ok(Imported { model, .. }) = KERAS.holds(data.len(), || keras::from_bytes(path, bytes, &Choices::default()))
    else {
        return;
    };
    let Ok(written) = keras::to_archive(&model) else { return };
    let back = keras::from_bytes(path, written.clone(), &Choices::default()).expect("what was written is read").model;
    assert_eq!(back.metadata, model.metadata);
    // Not the network's, whose hard sigmoids were written as Keras 3's.
    assert_eq!(keras::to_archive(&back).expect("what was read can be written"), written);
}

/// The same network, numbers that are none counted as equal.
fn same(one: &Model, other: &Model) {
    assert_eq!(one.network.architecture(), other.network.architecture());
    let bits = |model: &Model| {
        model.network.parameters().iter().map(|x| if x.is_nan() { 0 } else { x.to_bits() }).collect::<Vec<_>>()
    };
    assert_eq!(bits(one), bits(other));
}

/// An archive with the weights of an LSTM of 2 units and a dense layer.
fn archive(version: &str, config: &[u8]) -> Vec<u8> {
    let metadata = format!(r#"{{"keras_version": "{version}"}}"#);
    let members: [(&str, &[u8]); 3] =
        [("metadata.json", metadata.as_bytes()), ("config.json", config), ("model.weights.h5", weights())];
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(name, options).expect("in memory");
        writer.write_all(content).expect("in memory");
    }
    writer.finish().expect("in memory").into_inner()
}

fn weights() -> &'static [u8] {
    static WEIGHTS: OnceLock<Vec<u8>> = OnceLock::new();
    WEIGHTS
        .get_or_init(|| keras::to_weights(&tiny(Architecture::lstm_single, Flavour::Keras3)).expect("a Keras network"))
}

/// One of the project's networks, with 3 characters, 2 units and 2 outputs.
#[must_use]
pub fn tiny(preset: fn(usize, usize, usize, Flavour) -> Architecture, flavour: Flavour) -> Model {
    let mut network = Sequential::of(preset(3, 2, 2, flavour));
    network.initialise(&flavour.initialisation(), 1);
    let metadata = Metadata { alphabet: Some("$ab".into()), length: Some(4), ..Metadata::default() };
    Model { network, metadata }
}
