//! What can go wrong.

use std::path::{Path, PathBuf};

/// What can go wrong with models and similarity files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading failed.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// A directory or file without what makes a model.
    #[error("{}: {problem}", path.display())]
    NoModel {
        /// Where a model was looked for.
        path: PathBuf,
        /// What is missing.
        problem: String,
    },
    /// A network and an encoder that are not of the same model.
    #[error(
        "the network has an alphabet of {network} characters, the encoder one of {encoder}: they are of different models"
    )]
    Alphabet {
        /// Characters that the network knows.
        network: usize,
        /// Characters that the encoder knows.
        encoder: usize,
    },
    /// A file of the model that cannot be read.
    #[error(transparent)]
    Model(#[from] flameout_model::Error),
    /// Settings of a run, or the vectors that they name, that cannot be read.
    #[error(transparent)]
    Experiment(#[from] flameout_experiment::Error),
    /// A model of n-grams that cannot be read.
    #[error(transparent)]
    NGrams(#[from] flameout_ngrams::Error),
    /// A model of fastText that cannot be read.
    #[error(transparent)]
    Vectors(#[from] flameout_word2vec::Error),
    /// A line that holds no pair of words.
    #[error("{} line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |reason| Self::Io { path, reason }
    }
}
