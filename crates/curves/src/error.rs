//! What can go wrong in reading a log.

use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading failed.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        reason: std::io::Error,
    },
    /// A line of a log is not what it should be.
    #[error("{}: line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A record of a binary log is not what it should be.
    #[error("{}: byte {byte}: {problem}", path.display())]
    Byte {
        /// The file.
        path: PathBuf,
        /// Where the record begins, from 0.
        byte: u64,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A file or directory as a whole is no log that can be read.
    #[error("{}: {problem}", path.display())]
    Log {
        /// The file or directory.
        path: PathBuf,
        /// What is missing and what to do.
        problem: String,
    },
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |reason| Self::Io { path, reason }
    }
}
