//! A Keras file as a network.

use std::io::Cursor;
use std::path::Path;

use flameout_model::Architecture;

use super::keras_file::KerasFile;
use super::layer::LayerWeights;
use super::{archive, infer};
use crate::choices::Choices;
use crate::error::Error;
use crate::metadata::Metadata;
use crate::model::Model;
use crate::open::{Imported, Open};
use crate::parts;

/// Reads a file (see the [module](super)).
///
/// # Errors
/// [`Error::Io`] if reading fails, [`Error::Format`] or [`Error::Tensor`] if the file is no sound Keras file of such a
/// network, [`Error::Undetermined`] if it leaves something open that neither the choices tell nor can be assumed.
pub fn read(path: &Path, choices: &Choices) -> Result<Imported, Error> {
    imported(KerasFile::of_path(path)?, choices)
}

/// As [`read`], of bytes; `path` is for messages only.
///
/// # Errors
/// As [`read`], but for [`Error::Io`].
pub fn from_bytes(path: &Path, bytes: Vec<u8>, choices: &Choices) -> Result<Imported, Error> {
    let keras = if bytes.starts_with(archive::MAGIC) {
        KerasFile::of_archive(path, Cursor::new(bytes))?
    } else {
        KerasFile::of_hdf5(path, bytes)?
    };
    imported(keras, choices)
}

fn imported(keras: KerasFile<'_>, choices: &Choices) -> Result<Imported, Error> {
    let (metadata, ours) = keras.metadata()?;
    let mut open = Open::new(choices);
    let model = match (ours, &keras.config) {
        (Some(architecture), _) => keras.model(architecture, metadata)?,
        (None, Some(config)) => keras.described(config, metadata, &mut open)?,
        (None, None) => inferred(&keras, metadata, &mut open)?,
    };
    Ok(open.finish(model))
}

/// Reads the weights of a file into a network of this architecture, whatever else the file tells.
///
/// # Errors
/// As [`read`]; [`Error::Format`] or [`Error::Tensor`] if the weights are not of this architecture.
pub fn read_weights(path: &Path, architecture: &Architecture) -> Result<Model, Error> {
    let keras = KerasFile::of_path(path)?;
    let (metadata, _) = keras.metadata()?;
    keras.model(architecture.clone(), metadata)
}

/// The network of a file that holds weights only.
fn inferred(keras: &KerasFile<'_>, metadata: Metadata, open: &mut Open<'_>) -> Result<Model, Error> {
    let ((parts, weights, order), has_activations) = infer::parts(keras, open)?;
    let slots = parts::slots(keras.path, &parts, &order, has_activations, open)?;
    let mut weights: Vec<Option<LayerWeights>> = weights.into_iter().map(Some).collect();
    // The last step of a layer is in the place of the layer, and has no weights.
    let layers = slots.iter().map(|slot| (slot.kind, weights[slot.part].take().unwrap_or_default())).collect();
    keras.assemble(layers, metadata)
}
