//! A PyTorch state dict as a network.

use std::path::Path;

use flameout_model::Architecture;

use super::infer;
use super::state_dict::StateDict;
use crate::choices::Choices;
use crate::error::Error;
use crate::file;
use crate::metadata::Metadata;
use crate::model::Model;
use crate::open::{Imported, Open};

/// Reads a file: of this crate, or any state dict of such layers (see the [module](super)).
///
/// # Errors
/// [`Error::Io`] if reading fails, [`Error::Format`] or [`Error::Tensor`] if the file is no sound state dict of such a
/// network, [`Error::Undetermined`] if it leaves something open that neither the choices tell nor can be assumed.
pub fn read(path: &Path, choices: &Choices) -> Result<Imported, Error> {
    from_bytes(path, &file::read(path)?, choices)
}

/// As [`read`], of bytes; `path` is for messages only.
///
/// # Errors
/// As [`read`], but for [`Error::Io`].
pub fn from_bytes(path: &Path, bytes: &[u8], choices: &Choices) -> Result<Imported, Error> {
    let dict = StateDict::parse(path, bytes)?;
    let (metadata, ours) = Metadata::from_pairs(path, dict.metadata.clone())?;
    let mut open = Open::new(choices);
    let model = match ours {
        Some(architecture) => dict.model(architecture, metadata)?,
        None => infer::model(&dict, metadata, &mut open)?,
    };
    Ok(open.finish(model))
}

/// Reads the weights of a state dict into a network of this architecture: its recurrent layers take the file's LSTM and
/// GRU layers, its dense layers the linear ones, each in the order of the modules' names.
///
/// # Errors
/// As [`read`]; [`Error::Format`] or [`Error::Tensor`] if the weights are not of this architecture. An embedding is in no
/// architecture.
pub fn read_weights(path: &Path, architecture: &Architecture) -> Result<Model, Error> {
    let bytes = file::read(path)?;
    let dict = StateDict::parse(path, &bytes)?;
    let (metadata, _) = Metadata::from_pairs(path, dict.metadata.clone())?;
    dict.model(architecture.clone(), metadata)
}
