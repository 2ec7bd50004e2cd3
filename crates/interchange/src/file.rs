//! Whole files, with errors that name them.

use std::path::Path;

use flameout_model::checkpoint;

use crate::error::Error;

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|reason| Error::Io { path: path.into(), reason })
}

/// Beside the target first, then renamed: never half a file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    checkpoint::write_atomically(path, &[bytes]).map_err(|error| match error {
        flameout_model::Error::Io { path, reason } => Error::Io { path, reason },
        other => Error::format(path, other.to_string()),
    })
}
