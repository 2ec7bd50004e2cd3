//! Why a training run collapsed, with proof.
//!
//! A [`Subject`] is a run that can be made again, to the bit. [`diagnose()`] makes it, looks through ([`checks`]) its data, weights,
//! gradients, batches and curves, finds what went wrong first, goes back to a state shortly before, and
//! [replays](Replay) from there: with nothing changed (it must go wrong again, by the same numbers), and with one thing
//! changed at a time, in several orders of the words. Only what prevents it is called its [cause](Cause).
//!
//! - [`trajectory()`]: curvature, recurrent weights and gates on the way to the onset;
//! - [`counterfactuals()`]: the table of everything that people advise, and what it would have done;
//! - [`remedies`]: whole runs with each of several remedies, over seeds;
//! - [`probe`]: what to measure while a run goes on; [`snapshots`]: its states in memory;
//! - [`StateRecorder`]: states kept while a run is made, so that it need not be made again.
//!
//! Of a run that can only be looked at, `flameout-curves` says what its log shows.
//!
//! ```
//! use flameout_doctor::{Cause, Options, Subject, Verdict, diagnose};
//! use flameout_experiment::{Case, Dataset, Settings};
//! # use flameout_word2vec::WordVectors;
//! # use ndarray::Array2;
//! # let words: Vec<String> = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay"].map(String::from).to_vec();
//! # let vectors = WordVectors::new(words, Array2::from_shape_fn((10, 4), |(i, j)| ((i * 7 + j * 5) % 11) as f32))?;
//!
//! let mut settings = Settings::for_case(Case::LstmSingle);
//! settings.set("model.units", "8")?;
//! settings.set("training.batch", "4")?;
//! let mut dataset = Dataset::new(&settings, vectors)?;
//! dataset.targets[(3, 1)] = f32::NAN;
//!
//! let diagnosis = diagnose(&Subject::new(settings, dataset)?, &Options::default())?;
//! let Verdict::Cause(finding) = diagnosis.verdict() else { panic!("a NaN is a cause") };
//! assert_eq!(finding.cause, Cause::NonFiniteTargets);
//! assert_eq!(finding.evidence, "1 words have targets that are not finite, the first is \"dog\"");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod cause;
mod change;
mod check;
pub mod checks;
mod condition;
pub mod counterfactuals;
mod course;
mod diagnose;
mod diagnosis;
mod error;
mod forgetting;
mod options;
mod prescription;
pub mod probe;
mod proportion;
mod recorder;
pub mod remedies;
mod replay;
pub mod side_by_side;
pub mod snapshots;
mod spikes;
mod subject;
mod targets;
pub mod trajectory;

pub use cause::Cause;
pub use change::Change;
pub use check::{Check, Grade};
pub use condition::Condition;
pub use counterfactuals::counterfactuals;
pub use course::Course;
pub use diagnose::{diagnose, diagnose_course};
pub use diagnosis::{Diagnosis, Finding, Verdict};
pub use error::Error;
pub use options::Options;
pub use prescription::Prescription;
pub use proportion::Proportion;
pub use recorder::{StateRecorder, states};
pub use remedies::Remedy;
pub use replay::{End, Goal, Replay, Trial, Trials};
pub use subject::Subject;
pub use trajectory::trajectory;

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
