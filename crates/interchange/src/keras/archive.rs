//! `.keras`: a zip archive of `config.json`, `metadata.json` and `model.weights.h5`.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::error::Error;

pub(super) const CONFIG: &str = "config.json";
pub(super) const METADATA: &str = "metadata.json";
pub(super) const WEIGHTS: &str = "model.weights.h5";

/// Whether the bytes begin as a zip archive does.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK")
}

/// One of the archive's files.
pub(super) fn member(path: &Path, bytes: &[u8], name: &str) -> Result<Vec<u8>, Error> {
    let refuse = |error: &dyn std::fmt::Display| Error::format(path, format!("`{name}` in the archive: {error}"));
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| refuse(&error))?;
    let file = archive.by_name(name).map_err(|error| refuse(&error))?;
    // What the archive claims bounds what is read; what is read, not what is claimed, is allocated. The checksum is
    // compared at the end of the file only, one byte further.
    let claimed = file.size();
    let mut content = Vec::new();
    file.take(claimed.saturating_add(1)).read_to_end(&mut content).map_err(|error| refuse(&error))?;
    Ok(content)
}

/// One of the archive's files that is text.
pub(super) fn text_member(path: &Path, bytes: &[u8], name: &str) -> Result<String, Error> {
    String::from_utf8(member(path, bytes, name)?)
        .map_err(|error| Error::format(path, format!("`{name}` in the archive is no UTF-8: {error}")))
}

/// An archive of these files, uncompressed as Keras' own, and dated 1980 so that the same model gives the same bytes.
pub(super) fn pack(members: [(&str, &[u8]); 3]) -> Result<Vec<u8>, zip::result::ZipError> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(name, options)?;
        writer.write_all(content)?;
    }
    Ok(writer.finish()?.into_inner())
}
