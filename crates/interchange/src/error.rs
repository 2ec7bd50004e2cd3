//! What can go wrong with models that travel.

use std::path::{Path, PathBuf};

use crate::choices::Choice;
use crate::shown;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading or writing failed.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        reason: std::io::Error,
    },
    /// The file is not of the format, not intact, or describes a network that cannot be built here.
    #[error("{}: {what}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        what: String,
    },
    /// One tensor of the file is missing or is not what the network needs.
    #[error("{}: tensor `{tensor}`: {what}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor's name in the file.
        tensor: String,
        /// What is wrong with it.
        what: String,
    },
    /// The file leaves something open that cannot be assumed. One of the [`Choices`](crate::Choices) decides it.
    #[error("{}: {what}", path.display())]
    Undetermined {
        /// The file.
        path: PathBuf,
        /// What the file does not tell.
        what: String,
        /// What decides it.
        choice: Choice,
    },
    /// The format has no words for this network.
    #[error("{format} cannot say this network: {what}")]
    Inexpressible {
        /// The format.
        format: &'static str,
        /// Which layer, why not, and what to do.
        what: String,
    },
    /// Alphabet or length do not fit the network, or a key is reserved.
    #[error("the model's metadata: {what}")]
    Metadata {
        /// What does not fit.
        what: String,
    },
}

impl Error {
    pub(crate) fn format(path: &Path, what: impl Into<String>) -> Self {
        Self::Format { path: path.into(), what: shown::message(&what.into()) }
    }

    pub(crate) fn tensor(path: &Path, tensor: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Tensor {
            path: path.into(),
            tensor: shown::capped_name(&tensor.into()),
            what: shown::message(&what.into()),
        }
    }

    pub(crate) fn undetermined(path: &Path, what: impl Into<String>, choice: Choice) -> Self {
        Self::Undetermined { path: path.into(), what: shown::message(&what.into()), choice }
    }
}
