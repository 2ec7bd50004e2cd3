//! Training runs that can be repeated, stopped, resumed and questioned.
//!
//! [`Settings`] say everything that decides a run's numbers; [`Dataset`] turns a file of word vectors into batches;
//! [`Trainer`] makes one step after the other, in memory; [`train`] does so in a [run directory](run_directory), with metrics,
//! checkpoints and a summary. A run's weights depend on its settings alone: not on threads, processor or interruptions.
//!
//! ```
//! use flameout_experiment::{Case, Dataset, Settings, Trainer};
//! # use flameout_word2vec::WordVectors;
//! # use ndarray::Array2;
//! # let words: Vec<String> = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay"].map(String::from).to_vec();
//! # let vectors = WordVectors::new(words, Array2::from_shape_fn((10, 4), |(i, j)| ((i * 7 + j * 5) % 11) as f32))?;
//!
//! let mut settings = Settings::for_case(Case::LstmSingle);
//! settings.set("model.units", "8")?;
//! settings.set("training.batch", "4")?;
//!
//! let dataset = Dataset::new(&settings, vectors)?; // `Dataset::open` reads the file that the settings name
//! let mut trainer = Trainer::new(&settings, &dataset)?;
//! let first = trainer.step(&dataset)?;
//! let snapshot = trainer.snapshot();
//! let second = trainer.step(&dataset)?;
//! trainer.restore(&dataset, snapshot)?;
//! assert_eq!(trainer.step(&dataset)?.loss.to_bits(), second.loss.to_bits());
//! # let _ = first;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod checkpoints;
mod dataset;
mod error;
mod floats;
mod guard;
mod intervention;
mod learner;
mod memory;
pub mod metrics_file;
pub mod non_finite;
mod observer;
mod origin;
mod rng;
mod run;
pub mod run_directory;
mod settings;
mod snapshot;
mod summary;
mod trainer;
mod weights;

pub use dataset::{Batch, Dataset};
pub use error::Error;
pub use flameout_curves::record::{self, EpochRecord, Record, StepRecord};
pub use floats::{Floats, FloatsMut};
pub use guard::{GuardSettings, describe_guarded};
pub use intervention::Intervention;
pub use learner::{AnyLearner, Learner};
pub use non_finite::NonFinite;
pub use observer::Observer;
pub use origin::Origin;
pub use run::{Begun, Ended, RunOptions, train};
pub use run_directory::RunDirectory;
pub use settings::{
    Case, DataSettings, ModelSettings, Precision, Remainder, Settings, TrainingSettings, UncheckedSettings,
};
pub use snapshot::Snapshot;
pub use summary::{Quality, Summary};
pub use trainer::{Trainer, stop_if};

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
