//! What can go wrong with an experiment.

use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting cannot be used.
    #[error("setting `{key}`: {problem}")]
    Setting {
        /// The setting's dotted name.
        key: String,
        /// What is wrong with its value.
        problem: String,
    },
    /// The settings are no valid TOML, or a key in them is unknown; or anything is wrong with a file of settings.
    #[error("settings{}: {problem}", origin.as_ref().map(|path| format!(" in {}", path.display())).unwrap_or_default())]
    Settings {
        /// The file, if they came from one.
        origin: Option<PathBuf>,
        /// Where and what.
        problem: String,
    },
    /// The word vectors leave nothing to train or test on.
    #[error("data: {problem}")]
    Data {
        /// What is missing.
        problem: String,
    },
    /// There is not memory enough.
    #[error("this takes about {needed} of memory, more than can be had: {what}; {remedy}")]
    Memory {
        /// How much would be needed.
        needed: String,
        /// Why it is so much.
        what: String,
        /// Which setting to change.
        remedy: String,
    },
    /// Something is wrong with a run directory.
    #[error("run directory {}: {problem}", path.display())]
    RunDirectory {
        /// The directory.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// From a file.
    #[error(transparent)]
    File(#[from] flameout_files::Error),
    /// From the word vectors.
    #[error(transparent)]
    Vectors(#[from] flameout_word2vec::Error),
    /// From the encoder.
    #[error(transparent)]
    Encoder(#[from] flameout_encoder::Error),
    /// From the model.
    #[error(transparent)]
    Model(#[from] flameout_model::Error),
    /// From the optimiser.
    #[error(transparent)]
    Optimizer(#[from] flameout_optim::Error),
}

impl Error {
    pub(crate) fn setting(key: &str, problem: impl Into<String>) -> Self {
        Self::Setting { key: key.into(), problem: problem.into() }
    }

    /// What to say of a snapshot that does not fit.
    pub(crate) fn foreign_snapshot() -> Self {
        Self::Data { problem: "the snapshot was made with another network or other words".into() }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let named = flameout_files::Error::io(path);
        move |reason| Self::File(named(reason))
    }
}
