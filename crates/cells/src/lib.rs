//! LSTM, GRU and Dense layers with hand-written backpropagation through time (BPTT).
//!
//! A [`Layer`] is a shape and a set of reusable buffers; its parameters live in a slice that the caller owns, so that a
//! whole network can keep them in one flat buffer and hand it to an optimiser. The cycle is
//! [`load`](Layer::load) parameters → [`forward`](Layer::forward) → [`backward`](Layer::backward). `flameout-model`'s
//! `Sequential` goes through it; this crate alone is for those who want a single layer, or write one: see [`blocks`] and
//! [`gradient_check`].
//!
//! ```
//! use flameout_cells::{Activation, Initialisation, Input, Inputs, Layer, Lstm, Sequence};
//! use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//!
//! // Character indices in, the last hidden state out, as Keras 1.0.7 computes it.
//! let mut lstm = Lstm::<f32>::new(8).gate_activation(Activation::HardSigmoid).with_inputs(Inputs::Indices(27));
//!
//! let mut parameters = vec![0.0; lstm.parameter_count()];
//! lstm.initialise(&Initialisation::keras_1(), &mut parameters, &mut ChaCha8Rng::seed_from_u64(0));
//! lstm.load(&parameters);
//!
//! let words = ndarray::array![[0_u16, 3, 1, 20], [0, 4, 15, 7]]; // (batch, time)
//! lstm.forward(Input::indices(words.view()));
//! assert_eq!(lstm.output().dim(), (2, 1, 8)); // (batch, time, units)
//!
//! // The gradient of the sum of all outputs.
//! let ones = Sequence::filled(2, 1, 8, 1.0);
//! let mut gradients = vec![0.0; lstm.parameter_count()];
//! lstm.backward(Input::indices(words.view()), &ones, &mut gradients, None);
//! assert!(gradients.iter().any(|g| *g != 0.0));
//! ```
//!
//! Results do not depend on the number of threads or on the processor's instruction set; see `flameout-kernels`.
#![forbid(unsafe_code)]

mod activation;
mod bidirectional;
pub mod blocks;
mod dense;
mod dropout;
pub mod gradient_check;
mod gru;
mod initialise;
mod last_step;
mod layer;
mod lstm;
mod projection;
mod recurrent;
mod rows;
mod sequence;
mod tensor;

pub use activation::Activation;
pub use bidirectional::Bidirectional;
pub use dense::Dense;
pub use dropout::Dropout;
pub use gru::{Gru, GruGate, Reset};
pub use initialise::{Distribution, GateBlocks, Initialisation};
pub use last_step::LastStep;
pub use layer::{Input, Inputs, Layer, Pass, StepLayer, Values};
pub use lstm::{Lstm, LstmGate};
pub use sequence::Sequence;
pub use tensor::{GateView, GateViewMut, Tensor};

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
