//! Keras files: HDF5 weights and whole models of Keras 1, 2 and 3, and Keras 3's `.keras` archives.
//!
//! # Reading
//!
//! | file | what [`read`] takes from it |
//! | --- | --- |
//! | `.keras`, and whole-model `.h5` (`model.save`) | everything; also the length of a word, if the input has one |
//! | `.h5` of Keras 1 and 2 (`save_weights`) | weights and the order of the layers |
//! | `.weights.h5` of Keras 2 and 3 | weights and classes of the layers; the order is the one that fits the shapes |
//!
//! Where a file has weights only, gates are those of the file's version of Keras by default, the last layer is linear, and
//! the last state goes on. Each of these is told ([`Imported::assumed`](crate::Imported::assumed)) and can be chosen
//! ([`Choices`](crate::Choices)). Activations of other dense layers must be chosen. [`read_weights`] takes the
//! architecture. Alphabet and length of words are in files of this crate only.
//!
//! Models are chains of `LSTM`, `GRU` (cuDNN's, too), `Bidirectional` of either with `merge_mode="concat"`, `Dense` and
//! `TimeDistributed(Dense)`, with an `Embedding` in front, which becomes part of the next layer's kernel; `Activation` and
//! `ReLU` after a dense layer; `[:, -1]` of a sequence; models of such layers; and layers that do nothing when a network
//! predicts (dropout, noise, identity). Numbers may be of 16, 32 or 64 bits. Other layers, layers that are used twice,
//! outputs beside the states, and quantised weights are errors that name the layer.
//!
//! Networks trained on one-hot vectors padded by vectors of zeros: see [`Model::with_blank`](crate::Model::with_blank).
//!
//! # Writing
//!
//! [`write()`] makes Keras 3 files: `.keras` for `keras.saving.load_model`, `.weights.h5` for `load_weights` on a model built
//! alike. Their input is one-hot: `(batch, time, alphabet)`. Keras 3's hard sigmoid is clip(x/6 + 0.5, 0, 1), Keras 1's and
//! 2's was clip(0.2·x + 0.5, 0, 1): weights that lead to the latter are written 1.2 times as large, for the former. That
//! gives the same network up to rounding, and `hard_sigmoid` is then the activation a model built alike must have.
//!
//! # HDF5
//!
//! The reader and writer is [hdf5-pure](https://crates.io/crates/hdf5-pure): pure Rust, so that cargo alone builds it; its
//! only dependencies are byteorder and flate2. Of the crates that build without the C library it is the one that both reads
//! and writes, reads old and new groups, attributes of fixed and of variable length and Keras' files of all versions, and has
//! frequent releases. It cannot read szip-compressed data, which Keras does not write.

mod archive;
mod config;
mod cudnn;
mod graph;
mod hdf5;
mod infer;
mod keras_file;
mod layer;
mod read;
mod version;
mod write;

pub use read::{from_bytes, read, read_weights};
pub use write::{to_archive, to_weights, write};
