//! Files that are whole or not there at all.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::error::Error;

/// What names of temporary files begin with.
pub const TEMPORARY: &str = ".flameout-writing-";

/// Writes the parts, one after the other, to `path`: to a temporary file beside it first, synced, then renamed.
///
/// # Errors
/// [`Error::Io`] if writing fails; what was at `path` is then still there.
pub fn write_atomically(path: &Path, parts: &[&[u8]]) -> Result<(), Error> {
    let io = |reason| Error::Io { path: path.into(), reason };
    replace(path, |file| parts.iter().try_for_each(|part| file.write_all(part).map_err(io)))
}

/// Has `write` fill a temporary file beside `path`, syncs it, and renames it to `path`.
///
/// # Errors
/// What `write` returns, or [`Error::Io`]; what was at `path` is then still there.
pub fn replace<E: From<Error>>(path: &Path, write: impl FnOnce(&mut File) -> Result<(), E>) -> Result<(), E> {
    let io = |reason| E::from(Error::Io { path: path.into(), reason });
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
    // Not through the wrapper, whose errors name the temporary file beside ours.
    write(file.as_file_mut())?;
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
    for entry in std::fs::read_dir(directory).map_err(Error::io(directory))? {
        let entry = entry.map_err(Error::io(directory))?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            match std::fs::remove_file(entry.path()) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io(entry.path())(error)),
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_writer_left_is_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        write_atomically(&path, &[b"who", b"le"]).unwrap();
        let left = directory.path().join(format!("{TEMPORARY}a1B2c3"));
        std::fs::write(&left, "half of somethi").unwrap();
        let others = directory.path().join(".hidden");
        std::fs::write(&others, "mine").unwrap();
        remove_temporaries(directory.path()).unwrap();
        assert!(!left.exists() && others.exists());
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        write_atomically(&path, &[b"old"]).unwrap();
        let failed = replace(&path, |file| {
            file.write_all(b"ne").map_err(Error::io(&path))?;
            Err(Error::format(&path, "cannot be encoded"))
        });
        assert!(failed.unwrap_err().to_string().contains("cannot be encoded"));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
