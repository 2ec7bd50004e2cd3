//! What can go wrong in an examination.

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
    /// From a log.
    #[error(transparent)]
    Curves(#[from] flameout_curves::Error),
    /// A setting of the data was to be changed in a replay, which goes on with the data as they are.
    #[error(
        "{key} = {value} cannot be replayed: a replay uses the run's words as they are, split, normalised and encoded to \
         {length} characters; only `data.length` can be changed, to at most {length}. Train with it from the start instead"
    )]
    Data {
        /// The setting.
        key: String,
        /// What it was to be.
        value: String,
        /// Characters of the encoded words.
        length: usize,
    },
    /// A replay was to put a tensor back to a state that was not kept.
    #[error("{tensor} cannot be put back to step {step}: no state of that step is kept, or there is no such tensor")]
    NoState {
        /// The tensor.
        tensor: String,
        /// The step.
        step: u64,
    },
    /// A replay was to raise a tensor's second moment.
    #[error("{tensor} has no second moment to raise: the optimiser keeps none, or there is no such tensor")]
    NoSecondMoment {
        /// The tensor.
        tensor: String,
    },
    /// Replays side by side need threads.
    #[error(transparent)]
    Threads(#[from] crate::side_by_side::NoThreads),
    /// From an experiment: its settings, data, run directory or training.
    #[error(transparent)]
    Experiment(#[from] flameout_experiment::Error),
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |reason| Self::Io { path, reason }
    }
}
