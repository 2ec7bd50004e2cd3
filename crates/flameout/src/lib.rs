//! Vectors for words that have none, from their spelling; and why a recurrent network suddenly collapses.
//!
//! This crate is the `flameout` command, an [`Embedder`] that uses what it has trained, and a facade: each crate of the
//! workspace is a module here. `report` and `interchange` are features; the command line brings both.
//!
//! ```
//! use flameout::Embedder;
//! use flameout::encoder::CharEncoder;
//! use flameout::model::{Architecture, Flavour, Sequential};
//!
//! // `Embedder::open("runs/first")` reads what `flameout train` has made. Here, a network that has learnt nothing:
//! let encoder = CharEncoder::learn(["ant", "bee", "cat"])?;
//! let mut network = Sequential::of(Architecture::lstm_bidirectional(encoder.alphabet_len(), 8, 3, Flavour::Keras3));
//! network.initialise(&Flavour::Keras3.initialisation(), 0);
//! let mut embedder = Embedder::new(network, encoder)?;
//!
//! let embedded = embedder.embed(&["beat", "zoo"]);
//! assert_eq!(embedded.vectors.dim(), (1, 3)); // (words, numbers)
//! assert_eq!(embedded.kept, [0]); // `zoo` has letters that ant, bee and cat have not
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
// What is printed goes through `cli::terminal`.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub use flameout_cells as cells;
pub use flameout_curves as curves;
pub use flameout_doctor as doctor;
pub use flameout_encoder as encoder;
pub use flameout_experiment as experiment;
#[cfg(feature = "interchange")]
pub use flameout_interchange as interchange;
pub use flameout_kernels as kernels;
pub use flameout_model as model;
pub use flameout_ngrams as ngrams;
pub use flameout_optim as optim;
#[cfg(feature = "report")]
pub use flameout_report as report;
pub use flameout_word2vec as word2vec;

#[cfg(feature = "repro")]
pub mod cli;
mod embedder;
mod error;
pub mod similarity;
pub mod space;

pub use embedder::{Embedded, Embedder};
pub use error::Error;
pub use space::Space;

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Threads may share and send what the crates make, as the API guidelines ask: this compiles only if they may.
#[cfg(test)]
mod threads {
    macro_rules! may_share {
        ($($name:ty),* $(,)?) => { const _: &[fn()] = &[$(may_share::<$name>),*]; };
    }

    fn may_share<T: Send + Sync>() {}

    use crate::{cells, curves, doctor, encoder, experiment, kernels, model, ngrams, optim, word2vec};

    may_share! {
        encoder::CharEncoder, encoder::Encoded, encoder::Error,
        word2vec::WordVectors, word2vec::FastText, word2vec::ReadOptions, word2vec::Error,
        curves::Curve, curves::judge::Judgement, curves::Error, kernels::PackedLeft<f32>, kernels::PackedRight<f32>,
        cells::Lstm<f32>, cells::Gru<f32>, cells::Bidirectional<f32, cells::Lstm<f32>>, cells::Dense<f32>,
        optim::AnyOptimizer<f32>, optim::LearningRate, optim::Error,
        model::Sequential<f32>, model::Sequential<f64, ()>, model::Builder<f32>, model::State<f32>, model::Error,
        experiment::Settings, experiment::Dataset, experiment::Trainer, experiment::Snapshot, experiment::RunDirectory,
        experiment::Error, doctor::Subject, doctor::Course, doctor::StateRecorder, doctor::Diagnosis, doctor::Error,
        ngrams::Model, ngrams::Error, crate::Embedder, crate::Error,
    }
    #[cfg(feature = "report")]
    may_share! { crate::report::Run, crate::report::Error }
    #[cfg(feature = "interchange")]
    may_share! { crate::interchange::Model, crate::interchange::Error }
}
