//! What can go wrong with models that travel.

use std::path::{Path, PathBuf};

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
    /// The file holds weights but does not tell what they are the weights of: give the architecture to `read_weights`.
    #[error("{}: {what}: read it with `read_weights` and the architecture", path.display())]
    Undetermined {
        /// The file.
        path: PathBuf,
        /// What the file does not tell.
        what: String,
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
        Self::Format { path: path.into(), what: what.into() }
    }

    pub(crate) fn tensor(path: &Path, tensor: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Tensor { path: path.into(), tensor: tensor.into(), what: what.into() }
    }

    pub(crate) fn undetermined(path: &Path, what: impl Into<String>) -> Self {
        Self::Undetermined { path: path.into(), what: what.into() }
    }
}
