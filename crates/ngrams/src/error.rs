//! What can go wrong.

/// What can go wrong in fitting, reading and writing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Words and vectors that cannot be fitted.
    #[error("{0}")]
    Fit(String),
    /// A file that cannot be read or written.
    #[error(transparent)]
    File(#[from] flameout_files::Error),
    /// A file whose parts do not fit each other.
    #[error("{}: {problem}", path.display())]
    Inconsistent {
        /// The file.
        path: std::path::PathBuf,
        /// What does not fit.
        problem: String,
    },
}
