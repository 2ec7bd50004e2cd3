//! `.keras`: a zip archive of `config.json`, `metadata.json` and `model.weights.h5`.

use std::io::{Cursor, Read, Seek, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::error::Error;

pub(super) const CONFIG: &str = "config.json";
pub(super) const METADATA: &str = "metadata.json";
pub(super) const WEIGHTS: &str = "model.weights.h5";

/// A text has at most so many bytes.
const LARGEST_TEXT: u64 = 64 << 20;
/// Weights may be packed by so much, beyond a size that does no harm: numbers of a trained network hardly can be.
const LARGEST_EXPANSION: u64 = 20;
const HARMLESS: u64 = 64 << 20;

/// What an archive begins with.
pub(super) const MAGIC: &[u8] = b"PK";

/// An open archive and what to call it in messages.
pub(super) struct Archive<'a, R> {
    path: &'a Path,
    zip: ZipArchive<R>,
}

impl<'a, R: Read + Seek> Archive<'a, R> {
    pub(super) fn open(path: &'a Path, reader: R) -> Result<Self, Error> {
        let zip = ZipArchive::new(reader)
            .map_err(|error| Error::format(path, format!("cannot be read as a zip archive: {error}")))?;
        Ok(Self { path, zip })
    }

    /// The weights.
    pub(super) fn weights(&mut self) -> Result<Vec<u8>, Error> {
        self.member(WEIGHTS, |packed| packed.saturating_mul(LARGEST_EXPANSION).saturating_add(HARMLESS))
    }

    /// A file that is text.
    pub(super) fn text(&mut self, name: &str) -> Result<String, Error> {
        String::from_utf8(self.member(name, |_| LARGEST_TEXT)?)
            .map_err(|error| Error::format(self.path, format!("`{name}` in the archive is no UTF-8: {error}")))
    }

    /// One of the archive's files, of at most as many bytes as `limit` allows for its packed size.
    fn member(&mut self, name: &str, limit: impl Fn(u64) -> u64) -> Result<Vec<u8>, Error> {
        let path = self.path;
        let refuse = |error: &dyn std::fmt::Display| Error::format(path, format!("`{name}` in the archive: {error}"));
        let file = self.zip.by_name(name).map_err(|error| refuse(&error))?;
        // What the archive claims bounds what is read; what is read, not what is claimed, is allocated. The checksum is
        // compared at the end of the file only, one byte further.
        let (claimed, packed) = (file.size(), file.compressed_size());
        if claimed > limit(packed) {
            let what = format!("claims {claimed} bytes, packed into {packed}: no weights can be packed so much");
            return Err(refuse(&what));
        }
        let mut content = Vec::new();
        file.take(claimed.saturating_add(1)).read_to_end(&mut content).map_err(|error| refuse(&error))?;
        Ok(content)
    }
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
