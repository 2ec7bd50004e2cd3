//! Sequential networks from sequences to vectors, over one flat parameter buffer.
//!
//! - [`Sequential`]: layers at work, with all parameters in one buffer, as optimisers and checkpoints want them. Layers of
//!   any make are pushed one by one ([`Sequential::new`]), or an [`Architecture`] names ours ([`Sequential::of`]).
//! - [`Architecture`]: which layers, as plain data; with the presets of the three networks of the question.
//! - [`Examples`]: what a network is fed with: indices or features, in rows of one length or of different ones.
//! - [`Loss`], [`LossKind`], [`metrics`]: what is minimised, and what is watched.
//! - [`Constraint`]: what kernels are held to, by the names of tensors.
//! - [`State`]: where a sequence stands, to go on from there.
//!
//! What a network is fed with is checked where it enters: methods of [`Sequential`] return errors. Layers never work with old
//! parameters. Who wants a cell, a loss or an optimiser of their own implements [`Layer`](flameout_cells::Layer), [`Loss`] or
//! [`Optimizer`](flameout_optim::Optimizer); the example `own_parts` has all three.
//!
//! ```
//! use flameout_model::{Architecture, Flavour, LossKind, Sequential};
//!
//! // LSTM(8) -> Dense(3), Keras 1.0.7's way, over an alphabet of 27 characters.
//! let architecture = Architecture::lstm_single(27, 8, 3, Flavour::Keras1);
//! let mut model = Sequential::<f32>::of(architecture);
//! model.initialise(&Flavour::Keras1.initialisation(), 42);
//!
//! let words = ndarray::array![[0_u16, 3, 1, 20], [0, 4, 15, 7]]; // (batch, time)
//! let targets = ndarray::array![[1.0_f32, 0.0, 0.0], [0.0, 1.0, 0.0]]; // (batch, outputs)
//!
//! let before = model.forward_backward(words.view(), targets.view(), LossKind::Mse)?;
//! let (parameters, gradients) = model.parameters_and_gradients();
//! parameters.iter_mut().zip(gradients).for_each(|(p, g)| *p -= 0.1 * *g);
//! let after = model.forward_backward(words.view(), targets.view(), LossKind::Mse)?;
//! assert!(after < before);
//! # Ok::<(), flameout_model::Error>(())
//! ```
#![forbid(unsafe_code)]

mod architecture;
mod builder;
mod constraint;
mod error;
mod examples;
#[cfg(not(test))] // a test binary has no crate above it
mod instances;
mod loss;
pub mod metrics;
mod prefix;
mod sequential;

pub use architecture::{Architecture, Cell, Flavour, LayerKind};
pub use builder::Builder;
pub use constraint::Constraint;
pub use error::Error;
pub use examples::Examples;
pub use loss::{Loss, LossKind};
pub use sequential::{Sequential, State};

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
