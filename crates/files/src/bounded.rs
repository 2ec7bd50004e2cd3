//! Files that are read whole, and are small if they are what they should be.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// The most that a TOML file of ours holds. Its values take 135 times as much memory.
pub const TOML: u64 = 1 << 20;
/// The most that a JSON file of ours holds.
pub const JSON: u64 = 1 << 24;

/// Reads a text file of at most so many bytes.
///
/// # Errors
/// [`ErrorKind::FileTooLarge`] if it holds more, of which no more is read; [`ErrorKind::InvalidData`] if it is no UTF-8.
pub fn read_text(path: &Path, most: u64) -> Result<String> {
    let bytes = read(path, most)?;
    String::from_utf8(bytes).map_err(|error| {
        let byte = error.utf8_error().valid_up_to();
        Error::new(ErrorKind::InvalidData, format!("is no text: byte {byte} is not UTF-8"))
    })
}

/// Reads a file of at most so many bytes.
///
/// # Errors
/// [`ErrorKind::FileTooLarge`] if it holds more, of which no more is read.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let file = File::open(path)?;
    // Of what is no regular file the length is not known.
    let claimed = file.metadata()?.len();
    let mut bytes = Vec::new();
    if claimed <= most {
        file.take(most + 1).read_to_end(&mut bytes)?;
    }
    if claimed.max(bytes.len() as u64) > most {
        let problem = format!("is too large: a file of this kind has at most {most} bytes; is it the right file?");
        return Err(Error::new(ErrorKind::FileTooLarge, problem));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_refused_before_it_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("settings.toml");
        std::fs::write(&path, "seed = 3").unwrap();
        assert_eq!(read_text(&path, 8).unwrap(), "seed = 3");
        assert_eq!(read(&path, 7).unwrap_err().kind(), ErrorKind::FileTooLarge);
        // Sparse: it takes no room on the disk.
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        let counted = allocation_counter::measure(|| {
            let message = read_text(&path, TOML).unwrap_err().to_string();
            assert!(message.contains("1048576 bytes"), "{message}");
        });
        assert!(counted.bytes_max < 1 << 16, "{counted:?}");
        std::fs::write(&path, b"se\xff").unwrap();
        assert!(read_text(&path, 8).unwrap_err().to_string().contains("byte 2"));
    }

    /// It has no length, and no end.
    #[cfg(unix)]
    #[test]
    fn what_never_ends_is_refused() {
        assert_eq!(read(Path::new("/dev/zero"), 1000).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }
}
