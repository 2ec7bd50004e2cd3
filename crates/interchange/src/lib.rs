//! Models that travel: networks from a word's spelling to its vector, as the files of other projects.
//!
//! | | read | write | |
//! | --- | --- | --- | --- |
//! | [`safetensors`] | yes | yes | PyTorch state dicts |
//! | [`onnx`] | | yes | onnxruntime and its like, from character indices to vectors |
//! | [`keras`] | yes | yes | HDF5 of Keras 1 to 3, `.keras` archives |
//!
//! A [`Model`] is the network and its [`Metadata`]: the alphabet, the length of a word, and what else is to travel.
//! [`import()`] tells by a file's content which of them it is.
//!
//! Networks that a format cannot say are errors that tell why. Of what a file leaves open, each [`Assumption`] is told, or
//! the file is refused: the [`Choices`] decide then.
//!
//! ```
//! use flameout_interchange::{Choices, Metadata, Model, onnx, safetensors};
//! use flameout_model::{Architecture, Flavour, Sequential};
//!
//! let mut network = Sequential::of(Architecture::lstm_single(27, 8, 5, Flavour::PyTorch));
//! network.initialise(&Flavour::PyTorch.initialisation(), 1);
//! let metadata = Metadata {
//!     alphabet: Some("$abcdefghijklmnopqrstuvwxyz".into()),
//!     length: Some(19),
//!     ..Metadata::default()
//! };
//! let model = Model { network, metadata };
//!
//! let directory = tempfile::tempdir()?;
//! onnx::write(&model, &directory.path().join("model.onnx"))?;
//! safetensors::write(&model, &directory.path().join("model.safetensors"))?;
//!
//! let back = safetensors::read(&directory.path().join("model.safetensors"), &Choices::default())?.model;
//! assert_eq!(back.metadata, model.metadata);
//! assert_eq!(back.network.weights_blake3(), model.network.weights_blake3());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod choices;
mod error;
mod file;
mod floats;
mod foreign;
mod gates;
mod import;
pub mod keras;
mod metadata;
mod model;
pub mod onnx;
mod open;
mod parameters;
mod parts;
mod recurrent;
pub mod safetensors;
mod shown;

pub use choices::{Assumption, Choice, Choices, LastStates};
pub use error::Error;
pub use import::import;
pub use metadata::Metadata;
pub use model::Model;
pub use open::Imported;

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
