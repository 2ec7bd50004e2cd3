//! Files that are never half written and never half read.
//!
//! A container is a header of 52 bytes and a payload in bincode 2 (standard configuration):
//!
//! | bytes | content |
//! | --- | --- |
//! | 0–7 | `FLAMEOUT` |
//! | 8–11 | version of what the payload means, little-endian |
//! | 12–19 | length of the payload, little-endian |
//! | 20–51 | BLAKE3 of the payload |
//!
//! Writing goes to a temporary file beside the target, which is synced and then renamed over it. Reading checks the
//! length against the file's before anything is allocated, and the checksum before anything is decoded. A checksum says
//! that a file is whole, not that it is well meant: decoding trusts no length in it. A program that is killed
//! while it writes leaves its temporary file behind: [`remove_temporaries`].

mod decode;

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

const MAGIC: &[u8; 8] = b"FLAMEOUT";
const HEADER: usize = 52;
/// What names of temporary files begin with.
const TEMPORARY: &str = ".flameout-writing-";

/// Writes `value` to `path`, replacing what is there only once everything is on the disk.
///
/// # Errors
/// [`Error::Io`] if writing fails; the old file is then still there.
pub fn write<V: Serialize>(path: &Path, version: u32, value: &V) -> Result<(), Error> {
    let payload = bincode::serde::encode_to_vec(value, bincode::config::standard())
        .map_err(|error| Error::Format { path: path.into(), what: format!("cannot be encoded: {error}") })?;
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&version.to_le_bytes());
    header.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    header.extend_from_slice(blake3::hash(&payload).as_bytes());
    write_atomically(path, &[&header, &payload])
}

/// Reads what [`write`](write()) wrote.
///
/// # Errors
/// [`Error::Io`] if reading fails; [`Error::Format`] if the file is none of ours, of another version, cut short, or damaged.
pub fn read<V: DeserializeOwned>(path: &Path, version: u32) -> Result<V, Error> {
    let format = |what: String| Error::Format { path: path.into(), what };
    let payload = read_payload(path, version)?;
    let (value, used) =
        decode::decode(&payload).map_err(|error| format(format!("the payload cannot be decoded: {error}")))?;
    if used != payload.len() {
        return Err(format(format!("{} bytes are left over after the payload", payload.len() - used)));
    }
    Ok(value)
}

/// The version of what the payload of a file means, for a program that reads several. It is not covered by the checksum.
///
/// # Errors
/// [`Error::Io`] if reading fails; [`Error::Format`] if the file is none of ours, or cut short before its payload.
pub fn version(path: &Path) -> Result<u32, Error> {
    let mut file = File::open(path).map_err(|reason| Error::Io { path: path.into(), reason })?;
    Ok(read_header(path, &mut file)?.version)
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

fn read_payload(path: &Path, version: u32) -> Result<Vec<u8>, Error> {
    let io = |reason| Error::Io { path: path.into(), reason };
    let format = |what: String| Error::Format { path: path.into(), what };
    let mut file = File::open(path).map_err(io)?;
    let Header { version: found_version, payload_len: len, checksum } = read_header(path, &mut file)?;
    if found_version != version {
        return Err(format(format!("has version {found_version}; this program reads version {version}")));
    }
    let file_len = file.metadata().map_err(io)?.len();
    if len != file_len - HEADER as u64 {
        let held = file_len - HEADER as u64;
        return Err(format(format!(
            "claims {len} bytes after the header and holds {held}: it was cut short or damaged"
        )));
    }
    let mut payload =
        Vec::with_capacity(usize::try_from(len).map_err(|_| format("too large for this machine".into()))?);
    file.take(len).read_to_end(&mut payload).map_err(io)?;
    if *blake3::hash(&payload).as_bytes() != checksum {
        return Err(format("the checksum does not fit the content: the file is damaged".into()));
    }
    Ok(payload)
}

/// Writes the parts, one after the other, to `path`: to a temporary file beside it first, synced, then renamed.
///
/// # Errors
/// [`Error::Io`] if writing fails; what was at `path` is then still there.
pub fn write_atomically(path: &Path, parts: &[&[u8]]) -> Result<(), Error> {
    let io = |reason| Error::Io { path: path.into(), reason };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    // As for any new file: less what the umask takes away. The default is a file for its owner alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(directory).map_err(io)?;
    for part in parts {
        // Not through the wrapper, whose errors name the temporary file beside ours.
        file.as_file_mut().write_all(part).map_err(io)?;
    }
    file.as_file().sync_all().map_err(io)?;
    file.persist(path).map_err(|error| io(error.error))?;
    // The rename itself is durable once the directory is. Not every platform can open one.
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
    Ok(())
}

/// Removes what programs that were killed while they wrote have left in a directory. Whoever writes there at the same time
/// gets an error: call it where that is excluded.
///
/// # Errors
/// [`Error::Io`] if the directory cannot be read, or a file in it not removed.
pub fn remove_temporaries(directory: &Path) -> Result<(), Error> {
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |reason| Error::Io { path, reason }
    };
    for entry in std::fs::read_dir(directory).map_err(io(directory))? {
        let entry = entry.map_err(io(directory))?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            match std::fs::remove_file(entry.path()) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(&entry.path())(error)),
                _ => {}
            }
        }
    }
    Ok(())
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
        assert_eq!(version(&path).unwrap(), 3);
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_and_nothing_else() {
        let (directory, path) = written();
        let left = directory.path().join(format!("{TEMPORARY}a1B2c3"));
        std::fs::write(&left, "half of somethi").unwrap();
        let others = directory.path().join(".hidden");
        std::fs::write(&others, "mine").unwrap();
        remove_temporaries(directory.path()).unwrap();
        assert!(!left.exists() && others.exists() && path.exists());
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
