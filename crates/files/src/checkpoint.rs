//! A value in a file, with a version and a checksum.
//!
//! The file is a header of 52 bytes and a payload in bincode 2 (standard configuration):
//!
//! | bytes | content |
//! | --- | --- |
//! | 0–7 | `FLAMEOUT` |
//! | 8–11 | version of what the payload means, little-endian |
//! | 12–19 | length of the payload, little-endian |
//! | 20–51 | BLAKE3 of bytes 8–11 and the payload; of the payload alone in files of the first programs |
//!
//! Writing replaces the file [atomically](crate::replace). Reading compares the
//! length with the file's, and the checksum, before anything is allocated. A checksum says
//! that a file is whole, not that it is well meant: decoding trusts no length in it.

mod decode;

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use bincode::error::EncodeError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::atomic::replace;
use crate::error::Error;
use crate::memory::require_room;

const MAGIC: &[u8; 8] = b"FLAMEOUT";
const HEADER: usize = 52;
/// Bytes that are encoded before they are hashed and written.
const BUFFER: usize = 1 << 16;
/// Memory for a byte of a payload while it is decoded: itself, and a list that grows to twice its content.
const DECODED: u64 = 4;

/// Writes `value` to `path`, replacing what is there only once everything is on the disk.
///
/// # Errors
/// [`Error::Io`] if writing fails; the old file is then still there.
pub fn write<V: Serialize>(path: &Path, version: u32, value: &V) -> Result<(), Error> {
    replace(path, |file| {
        let io = |reason| Error::Io { path: path.into(), reason };
        // Its content is known at the end.
        file.write_all(&[0; HEADER]).map_err(io)?;
        let hasher = hasher(Some(version));
        let mut payload = BufWriter::with_capacity(BUFFER, Payload { file: &mut *file, hasher, len: 0 });
        bincode::serde::encode_into_std_write(value, &mut payload, bincode::config::standard()).map_err(|error| {
            match error {
                EncodeError::Io { inner, .. } => io(inner),
                error => Error::Format { path: path.into(), what: format!("cannot be encoded: {error}") },
            }
        })?;
        let Payload { hasher, len, .. } = payload.into_inner().map_err(|error| io(error.into_error()))?;
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&version.to_le_bytes());
        header.extend_from_slice(&len.to_le_bytes());
        header.extend_from_slice(hasher.finalize().as_bytes());
        file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&header)).map_err(io)
    })
}

/// Hashes and counts what goes to a file.
struct Payload<'a> {
    file: &'a mut File,
    hasher: blake3::Hasher,
    len: u64,
}

impl Write for Payload<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Of a payload and its version; of the payload alone if there is none.
fn hasher(version: Option<u32>) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    if let Some(version) = version {
        hasher.update(&version.to_le_bytes());
    }
    hasher
}

/// Reads what [`write`](write()) wrote.
///
/// # Errors
/// [`Error::Io`] if reading fails; [`Error::Format`] if the file is none of ours, of another version, cut short, or damaged.
pub fn read<V: DeserializeOwned>(path: &Path, version: u32) -> Result<V, Error> {
    let container = Container::open(path, version..=version)?;
    if container.version() != version {
        let what = format!("has version {}; this program reads version {version}", container.version());
        return Err(Error::Format { path: path.into(), what });
    }
    container.decode()
}

/// A container whose checksum has been found right, for a program that reads several versions.
#[derive(Debug)]
pub struct Container {
    path: PathBuf,
    /// At its payload.
    file: File,
    version: u32,
    len: u64,
}

impl Container {
    /// Opens a file and compares its checksum. `plain` are the versions that there were when a checksum did not cover the
    /// version: with such a checksum any other version is damage, and not that of a later program.
    ///
    /// # Errors
    /// [`Error::Io`] if reading fails; [`Error::Format`] if the file is none of ours, cut short, or damaged.
    pub fn open(path: &Path, plain: RangeInclusive<u32>) -> Result<Self, Error> {
        let io = |reason| Error::Io { path: path.into(), reason };
        let format = |what: String| Error::Format { path: path.into(), what };
        let mut file = File::open(path).map_err(io)?;
        let Header { version, payload_len: len, checksum } = read_header(path, &mut file)?;
        let held = file.metadata().map_err(io)?.len().saturating_sub(HEADER as u64);
        if len != held {
            return Err(format(format!(
                "claims {len} bytes after the header and holds {held}: it was cut short or damaged"
            )));
        }
        let mut fits = |version| -> std::io::Result<bool> {
            file.seek(SeekFrom::Start(HEADER as u64))?;
            let mut hasher = hasher(version);
            hasher.update_reader(&mut file)?;
            Ok(*hasher.finalize().as_bytes() == checksum)
        };
        if !fits(Some(version)).map_err(io)? {
            if !fits(None).map_err(io)? {
                return Err(format("the checksum does not fit the content: the file is damaged".into()));
            }
            if !plain.contains(&version) {
                return Err(format(format!(
                    "the number of its version is damaged: there never was a version {version}"
                )));
            }
        }
        file.seek(SeekFrom::Start(HEADER as u64)).map_err(io)?;
        Ok(Self { path: path.into(), file, version, len })
    }

    /// The version of what the payload means.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Reads the payload.
    ///
    /// # Errors
    /// [`Error::Io`] if reading fails, or there is not memory enough; [`Error::Format`] if the payload means nothing.
    pub fn decode<V: DeserializeOwned>(self) -> Result<V, Error> {
        let Self { path, file, len, .. } = self;
        let format = |what: String| Error::Format { path: path.clone(), what };
        let io = |reason| Error::Io { path: path.clone(), reason };
        require_room(len.saturating_mul(DECODED)).map_err(io)?;
        let mut payload = Vec::new();
        file.take(len).read_to_end(&mut payload).map_err(io)?;
        let (value, used) =
            decode::decode(&payload).map_err(|error| format(format!("the payload cannot be decoded: {error}")))?;
        if used != payload.len() {
            return Err(format(format!("{} bytes are left over after the payload", payload.len() - used)));
        }
        Ok(value)
    }
}

struct Header {
    version: u32,
    payload_len: u64,
    checksum: [u8; 32],
}

/// Of a file that is at its beginning.
fn read_header(path: &Path, file: &mut File) -> Result<Header, Error> {
    let io = |reason| Error::Io { path: path.into(), reason };
    let format = |what: String| Error::Format { path: path.into(), what };
    let file_len = file.metadata().map_err(io)?.len();
    if file_len < HEADER as u64 {
        return Err(format(format!("{file_len} bytes are too few for a checkpoint: it was cut short, or is none")));
    }
    let mut header = [0; HEADER];
    file.read_exact(&mut header).map_err(io)?;
    let (magic, rest) = header.split_at(8);
    let (version, rest) = rest.split_at(4);
    let (payload_len, checksum) = rest.split_at(8);
    if magic != MAGIC {
        return Err(format("does not begin with `FLAMEOUT`: this is no checkpoint of flameout".into()));
    }
    Ok(Header {
        version: u32::from_le_bytes(version.try_into().expect("four bytes")),
        payload_len: u64::from_le_bytes(payload_len.try_into().expect("eight bytes")),
        checksum: checksum.try_into().expect("32 bytes"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.ckpt");
        write(&path, 3, &vec![1.5_f32, -2.0]).unwrap();
        (directory, path)
    }

    #[test]
    fn what_is_written_is_read() {
        let (directory, path) = written();
        assert_eq!(read::<Vec<f32>>(&path, 3).unwrap(), [1.5, -2.0]);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn another_version_is_named() {
        let (_directory, path) = written();
        let message = read::<Vec<f32>>(&path, 4).unwrap_err().to_string();
        assert!(message.contains("version 3") && message.contains("version 4"), "{message}");
        assert_eq!(Container::open(&path, 1..=1).unwrap().version(), 3, "it is vouched for by the checksum");
    }

    /// As the first programs wrote it.
    #[test]
    fn a_checksum_of_the_payload_alone_vouches_for_no_version() {
        let (_directory, path) = written();
        let mut bytes = std::fs::read(&path).unwrap();
        let checksum = *blake3::hash(&bytes[HEADER..]).as_bytes();
        bytes[20..HEADER].copy_from_slice(&checksum);
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read::<Vec<f32>>(&path, 3).unwrap(), [1.5, -2.0]);
        bytes[8] = 7;
        std::fs::write(&path, &bytes).unwrap();
        let message = Container::open(&path, 2..=3).unwrap_err().to_string();
        assert!(message.contains("damaged") && message.contains("version 7"), "{message}");
    }

    /// A sparse file: its length is no reason to allocate.
    #[cfg(unix)]
    #[test]
    fn a_length_that_a_file_merely_claims_is_not_allocated() {
        let (_directory, path) = written();
        let mut bytes = std::fs::read(&path).unwrap();
        let len = 64_u64 << 20;
        bytes[12..20].copy_from_slice(&len.to_le_bytes());
        std::fs::write(&path, &bytes).unwrap();
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(len + HEADER as u64).unwrap();
        let counted = allocation_counter::measure(|| drop(read::<Vec<f32>>(&path, 3).unwrap_err()));
        assert!(counted.bytes_max < 1 << 20, "{counted:?}");
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_noticed() {
        let (_directory, path) = written();
        let sound = std::fs::read(&path).unwrap();
        for len in 0..sound.len() {
            std::fs::write(&path, &sound[..len]).unwrap();
            assert!(read::<Vec<f32>>(&path, 3).is_err(), "cut to {len} bytes");
        }
        for byte in 0..sound.len() {
            for bit in 0..8 {
                let mut damaged = sound.clone();
                damaged[byte] ^= 1 << bit;
                std::fs::write(&path, &damaged).unwrap();
                assert!(read::<Vec<f32>>(&path, 3).is_err(), "byte {byte}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let message = read::<u8>(Path::new("/no/such/file"), 1).unwrap_err().to_string();
        assert!(message.contains("/no/such/file"), "{message}");
    }
}
