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

/// Threads may share and send what the crates make, as the API guidelines ask: this module compiles only if they may.
#[cfg(test)]
mod threads {
    fn may_share<T: Send + Sync>() {}

    const _: &[fn()] = &[
        may_share::<crate::encoder::CharEncoder>,
        may_share::<crate::encoder::Encoded>,
        may_share::<crate::encoder::Error>,
        may_share::<crate::word2vec::WordVectors>,
        may_share::<crate::word2vec::FastText>,
        may_share::<crate::word2vec::ReadOptions>,
        may_share::<crate::word2vec::Error>,
        may_share::<crate::curves::Curve>,
        may_share::<crate::curves::judge::Judgement>,
        may_share::<crate::curves::Error>,
        may_share::<crate::kernels::PackedLeft<f32>>,
        may_share::<crate::kernels::PackedRight<f32>>,
        may_share::<crate::cells::Lstm<f32>>,
        may_share::<crate::cells::Gru<f32>>,
        may_share::<crate::cells::Bidirectional<f32, crate::cells::Lstm<f32>>>,
        may_share::<crate::cells::Dense<f32>>,
        may_share::<crate::optim::AnyOptimizer<f32>>,
        may_share::<crate::optim::LearningRate>,
        may_share::<crate::optim::Error>,
        may_share::<crate::model::Sequential<f32>>,
        may_share::<crate::model::Sequential<f64, ()>>,
        may_share::<crate::model::Builder<f32>>,
        may_share::<crate::model::State<f32>>,
        may_share::<crate::model::Error>,
        may_share::<crate::experiment::Settings>,
        may_share::<crate::experiment::Dataset>,
        may_share::<crate::experiment::Trainer>,
        may_share::<crate::experiment::Snapshot>,
        may_share::<crate::experiment::RunDirectory>,
        may_share::<crate::experiment::Error>,
        may_share::<crate::doctor::Subject>,
        may_share::<crate::doctor::Course>,
        may_share::<crate::doctor::StateRecorder>,
        may_share::<crate::doctor::Diagnosis>,
        may_share::<crate::doctor::Error>,
        may_share::<crate::ngrams::Model>,
        may_share::<crate::ngrams::Error>,
        may_share::<crate::Embedder>,
        may_share::<crate::Error>,
    ];

    #[cfg(feature = "report")]
    const _: &[fn()] = &[may_share::<crate::report::Run>, may_share::<crate::report::Error>];
    #[cfg(feature = "interchange")]
    const _: &[fn()] = &[may_share::<crate::interchange::Model>, may_share::<crate::interchange::Error>];
}
