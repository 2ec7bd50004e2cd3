//! The numbers of a training run, and the logs that hold them.
//!
//! A [`Curve`] holds a run's losses, accuracies and norms, step by step and test by test. [`logs::read`] makes one of the log
//! of another program: Keras, PyTorch, TensorBoard. [`EventWriter`] writes one for TensorBoard. [`Record`] is a line of flameout's own log, `metrics.jsonl`.
//!
//! [`Outcome`] is the definition of collapse and spike. [`judge`](mod@judge) says what a log shows, [`onset`] finds where the loss
//! of a run rose whose baseline is known, and a [`warning`] announces a rise while a run goes on.
//!
//! This crate knows nothing of networks. Why a run went wrong is found by `flameout-doctor`.
//!
//! ```
//! use flameout_curves::{Curve, Unit};
//!
//! let curve = Curve::from_losses(Unit::Step, [0.9, 0.5, 0.3]);
//! assert_eq!(curve.points[2].step, 3);
//! assert!(curve.points[2].is_finite());
//! ```
#![forbid(unsafe_code)]

mod curve;
mod error;
mod events;
pub mod judge;
mod lines;
pub mod loggers;
pub mod logs;
pub mod onset;
pub mod outcome;
mod printable;
pub mod record;
mod source;
mod stats;
pub mod warning;

pub use curve::{Columns, Curve, EpochPoint, Format, Measure, Other, Point, Source, Unit};
pub use error::Error;
pub use events::EventWriter;
pub use logs::Names;
pub use outcome::{Baseline, Outcome, Symptom};
pub use printable::{argument, printable, printable_lines, six_digits};
pub use record::{EpochRecord, Record, StepRecord};
pub use stats::median;

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
