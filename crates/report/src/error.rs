//! What can go wrong in making a report.

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
    /// A file of a run directory is not what it should be.
    #[error("{}: {reason}; it is damaged, or was written by another version", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        reason: serde_json::Error,
    },
    /// There is nothing to report yet.
    #[error("{}: no step has been written to `metrics.jsonl` yet; wait until the run has made one", path.display())]
    NoStep {
        /// The run directory.
        path: PathBuf,
    },
    /// A picture could not be drawn.
    #[error("drawing the {plot}: {problem}")]
    Drawing {
        /// Which.
        plot: &'static str,
        /// What plotters said.
        problem: String,
    },
    /// From the settings.
    #[error(transparent)]
    Experiment(#[from] flameout_experiment::Error),
    /// From the metrics, or from another program's log.
    #[error(transparent)]
    Curve(#[from] flameout_curves::Error),
    /// From writing a file.
    #[error(transparent)]
    Write(#[from] flameout_files::Error),
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |reason| Self::Io { path, reason }
    }
}
