//! Whole files, with errors that name them.

use std::io::Read;
use std::path::Path;

use crate::error::Error;

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let io = |reason| Error::Io { path: path.into(), reason };
    let mut file = std::fs::File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let mut bytes = Vec::new();
    // A file may claim more than there is memory: an error, not the end of the program.
    usize::try_from(size)
        .ok()
        .and_then(|size| bytes.try_reserve_exact(size).ok())
        .ok_or_else(|| Error::format(path, format!("has {size} bytes, for which there is no memory")))?;
    file.read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// Beside the target first, then renamed: never half a file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    flameout_files::write_atomically(path, &[bytes]).map_err(|error| match error {
        flameout_files::Error::Io { path, reason } => Error::Io { path, reason },
        other => Error::format(path, other.to_string()),
    })
}
