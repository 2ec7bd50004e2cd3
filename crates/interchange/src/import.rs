//! A model of another program, whatever its file is called.

use std::ffi::OsStr;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::choices::Choices;
use crate::error::Error;
use crate::open::Imported;
use crate::{foreign, keras, safetensors};

/// Bytes at the beginning of a file by which it is told; and at its end.
const HEAD: u64 = 64 << 10;
const TAIL: u64 = 64;
/// What an HDF5 file begins with, there or at one of these places.
const HDF5: &[u8] = b"\x89HDF\r\n\x1A\n";
const USER_BLOCKS: [usize; 5] = [0, 512, 1024, 2048, 4096];

/// Reads a file of Keras or of safetensors, told by its content.
///
/// # Errors
/// As [`keras::read`] and [`safetensors::read`]. A file of another kind is [`Error::Format`], which names the kind and says how
/// to make a file that can be read.
pub fn import(path: &Path, choices: &Choices) -> Result<Imported, Error> {
    if path.is_dir() {
        return Err(Error::format(path, foreign::directory(path)));
    }
    let (head, tail) = ends(path).map_err(|reason| Error::Io { path: path.into(), reason })?;
    if USER_BLOCKS.iter().any(|&at| head.get(at..).is_some_and(|rest| rest.starts_with(HDF5))) {
        return keras::read(path, choices);
    }
    if let Some(what) = foreign::told(&head, &tail) {
        return Err(Error::format(path, what));
    }
    if head.starts_with(b"PK") {
        return keras::read(path, choices);
    }
    // What is damaged is told by the reader that its name asks for.
    match path.extension().and_then(OsStr::to_str) {
        _ if head.get(8) == Some(&b'{') => safetensors::read(path, choices),
        Some("safetensors") => safetensors::read(path, choices),
        Some("h5" | "hdf5" | "keras") => keras::read(path, choices),
        _ => Err(Error::format(path, "is neither a file of Keras (.keras, .h5) nor of safetensors")),
    }
}

/// The beginning and the end of a file.
fn ends(path: &Path) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let mut file = std::fs::File::open(path)?;
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    file.by_ref().take(HEAD).read_to_end(&mut head)?;
    // A pipe has no end that could be looked at.
    if file.metadata()?.is_file() {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        file.take(TAIL).read_to_end(&mut tail)?;
    }
    Ok((head, tail))
}
