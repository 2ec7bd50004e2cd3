//! Bytes as a file, for readers that open paths.

use std::path::Path;

/// Calls `read` with the path of a file of these bytes, in a directory of its own.
pub(crate) fn with_file<R>(name: &str, data: &[u8], read: impl FnOnce(&Path) -> R) -> R {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join(name);
    std::fs::write(&path, data).expect("a temporary file");
    read(&path)
}
