//! Optimisers, gradient clipping and learning-rate schedules on one flat buffer of parameters.
//!
//! A network's parameters are one slice, its gradients another of the same length, and an [`Optimizer`] moves the first
//! by the second. Parameters are `f32` or `f64` ([`Real`](flameout_kernels::Real)). Anything [`Trainable`] is moved as a
//! whole; `flameout-model`'s networks are.
//!
//! | module's concept | what it holds |
//! | --- | --- |
//! | [`Optimizer`] | the one interface; a rule of your own implements it |
//! | [`AnyOptimizer`] | one of ours, as [`OptimizerSettings`] name it |
//! | [`Adam`] | Keras' and PyTorch's form, AMSGrad, decoupled weight decay, clipping by the update's RMS |
//! | [`RmsProp`], [`Sgd`] | Keras' forms; SGD with momentum and Nesterov |
//! | [`clip()`] | gradient clipping by global norm or by value |
//! | [`Schedule`], [`LearningRate`] | constant, step, exponential, cosine, linear warm-up, reduce on plateau |
//!
//! **The same bits everywhere.** A result depends on the inputs alone: not on the number of threads (they share fixed
//! pieces, each with one owner) and not on the platform (only IEEE 754 operations and the `libm` crate). An optimiser
//! written with serde and read back continues to the bit.
//!
//! # Example: fit a line
//!
//! ```
//! use flameout_optim::{clip, Adam, AdamSettings, Clipping, CosineDecay, LearningRate, Optimizer, Schedule};
//!
//! // Ten points of y = 3x − 1; parameters are slope and intercept.
//! let points: Vec<(f64, f64)> = (0..10).map(|i| f64::from(i) / 10.0).map(|x| (x, 3.0 * x - 1.0)).collect();
//! let mut parameters = [0.0, 0.0];
//!
//! let mut adam = Adam::new(AdamSettings::default(), &[0..parameters.len()])?; // as in Keras 1.0.7
//! let schedule = Schedule::Cosine(CosineDecay { learning_rate: 0.1, floor: 1e-4, steps: 1_000 });
//! let learning_rate = LearningRate::new(&schedule)?;
//!
//! for step in 0..1_000 {
//!     let mut gradients = [0.0, 0.0]; // of the mean squared error
//!     for (x, y) in &points {
//!         let error = parameters[0] * x + parameters[1] - y;
//!         gradients[0] += 2.0 * error * x / points.len() as f64;
//!         gradients[1] += 2.0 * error / points.len() as f64;
//!     }
//!     clip(&mut gradients, &Clipping::GlobalNorm { limit: 1.0 });
//!     adam.update(&mut parameters, &gradients, learning_rate.at(step))?;
//! }
//! assert!((parameters[0] - 3.0).abs() < 1e-3 && (parameters[1] + 1.0).abs() < 1e-3);
//! # Ok::<(), flameout_optim::Error>(())
//! ```
#![forbid(unsafe_code)]

mod adam;
mod any_optimizer;
mod clip;
mod elementwise;
mod error;
#[cfg(not(test))] // a test binary has no crate above it
mod instances;
mod norm;
mod optimizer;
mod preconditioner;
mod rmsprop;
mod schedule;
mod sgd;

pub use adam::{Adam, AdamForm, AdamSettings};
pub use any_optimizer::{AnyOptimizer, OptimizerSettings};
pub use clip::{Clipping, clip};
pub use error::Error;
pub use norm::l2_norm;
pub use optimizer::{Optimizer, StepReport, Tensors, Trainable};
pub use preconditioner::Preconditioner;
pub use rmsprop::{RmsProp, RmsPropSettings};
pub use schedule::{
    Constant, CosineDecay, ExponentialDecay, LearningRate, ReduceOnPlateau, Schedule, StepDecay, WarmUp,
};
pub use sgd::{Sgd, SgdSettings};

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
