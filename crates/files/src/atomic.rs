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
/// Where `path` is a link to a file, that file is replaced. A device or a pipe is written to as it is: it has nothing to lose,
/// and nobody wants a file in its place.
///
/// # Errors
/// What `write` returns, or [`Error::Io`]; what was at `path` is then still there.
pub fn replace<E: From<Error>>(path: &Path, write: impl FnOnce(&mut File) -> Result<(), E>) -> Result<(), E> {
    let io = |reason| E::from(Error::Io { path: path.into(), reason });
    let there = std::fs::metadata(path);
    if there.as_ref().is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return write(&mut File::options().write(true).open(path).map_err(io)?);
    }
    let target;
    let mut path = path;
    if there.is_ok() && path.is_symlink() {
        target = std::fs::canonicalize(path).map_err(io)?;
        path = &target;
    }
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
    let mut file = builder.tempfile_in(directory).map_err(|error| E::from(no_room(path, directory, &error)))?;
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

/// Why there can be no file beside `path`: without the name of the temporary one, which nobody has asked for.
fn no_room(path: &Path, directory: &Path, error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::format(directory, "no such directory"),
        ErrorKind::NotADirectory => Error::format(directory, "is no directory"),
        kind => Error::Io { path: path.into(), reason: kind.into() },
    }
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
    fn a_directory_that_is_not_there_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let (missing, file) = (directory.path().join("missing"), directory.path().join("file"));
        std::fs::write(&file, "").unwrap();
        for (parent, problem) in [(&missing, "no such directory"), (&file, "is no directory")] {
            let error = write_atomically(&parent.join("x"), &[b"whole"]).unwrap_err();
            assert_eq!(error.to_string(), format!("{}: {problem}", parent.display()));
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_stays_what_it_is() {
        use std::os::unix::fs::FileTypeExt;

        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_atomically(&link, &[b"new"]).unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&file).unwrap(), b"new");

        let pipe = directory.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let read = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read(pipe).unwrap()
        });
        write_atomically(&pipe, &[b"who", b"le"]).unwrap();
        assert_eq!(read.join().unwrap(), b"whole");
        assert!(pipe.metadata().unwrap().file_type().is_fifo());
        let full = Path::new("/dev/full");
        if full.metadata().is_ok_and(|full| full.file_type().is_char_device()) {
            let error = write_atomically(full, &[b"whole"]).unwrap_err();
            assert!(error.to_string().starts_with("/dev/full: "), "{error}");
        }
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
