//! What can go wrong with models and their files.

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No network can be built of this description.
    #[error("this network cannot be built: {what}")]
    Architecture {
        /// What is wrong with it.
        what: String,
    },
    /// A network cannot be fed with this.
    #[error("the network cannot be fed with this: {what}")]
    Input {
        /// What is wrong with it, and where.
        what: String,
    },
    /// The targets have another shape than the predictions.
    #[error("the targets are {found:?}, where the predictions are {expected:?} (batch, outputs)")]
    Targets {
        /// The targets' shape.
        found: (usize, usize),
        /// The predictions' shape.
        expected: (usize, usize),
    },
    /// A state does not fit.
    #[error("the state cannot be used: {what}")]
    State {
        /// Why.
        what: String,
    },
    /// From a file.
    #[error(transparent)]
    File(#[from] flameout_files::Error),
}
