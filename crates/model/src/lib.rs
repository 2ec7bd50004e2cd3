//! Sequential networks from characters to vectors, over one flat parameter buffer.
//!
//! - [`Architecture`]: which layers, as plain data; with the presets of the three networks of the question.
//! - [`Sequential`]: the layers at work, with all parameters in one buffer, as optimisers and checkpoints want them.
//! - [`Loss`], [`metrics`]: what is minimised, and what is watched.
//! - [`checkpoint`]: files that are never half written and never half read.
//!
//! ```
//! use flameout_model::{Architecture, Flavour, Loss, Sequential};
//!
//! // LSTM(8) -> Dense(3), Keras 1.0.7's way, over an alphabet of 27 characters.
//! let architecture = Architecture::lstm_single(27, 8, 3, Flavour::Keras1);
//! let mut model = Sequential::<f32>::new(architecture);
//! model.initialise(&Flavour::Keras1.initialisation(), 42);
//!
//! let words = ndarray::array![[0_u16, 3, 1, 20], [0, 4, 15, 7]]; // (batch, time)
//! let targets = ndarray::array![[1.0_f32, 0.0, 0.0], [0.0, 1.0, 0.0]]; // (batch, outputs)
//!
//! let before = model.forward_backward(words.view(), targets.view(), Loss::Mse);
//! let (parameters, gradients) = model.parameters_and_gradients();
//! parameters.iter_mut().zip(gradients).for_each(|(p, g)| *p -= 0.1 * *g);
//! let after = model.forward_backward(words.view(), targets.view(), Loss::Mse);
//! assert!(after < before);
//! ```
#![forbid(unsafe_code)]

pub mod architecture;
pub mod checkpoint;
pub mod error;
#[cfg(not(test))] // a test binary has no crate above it
mod instances;
pub mod loss;
pub mod metrics;
mod prefix;
pub mod room;
pub mod sequential;

pub use architecture::{Architecture, Cell, Flavour, LayerKind};
pub use error::Error;
pub use loss::Loss;
pub use sequential::Sequential;

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
