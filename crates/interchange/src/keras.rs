//! Keras files: HDF5 weights and whole models of Keras 1, 2 and 3, and Keras 3's `.keras` archives.
//!
//! # Reading
//!
//! | file | [`read`] |
//! | --- | --- |
//! | `.keras`, and whole-model `.h5` (`model.save`) | tells everything |
//! | `.h5` of Keras 1 and 2 (`save_weights`) | gates as the file's version of Keras has them by default; dense layers only as the last one, linear |
//! | `.weights.h5` of Keras 3 | only if this crate wrote it |
//!
//! [`read_weights`] takes any of them, and the architecture. Alphabet and length are in files of this crate only.
//! Models are chains of `LSTM`, `GRU`, `Bidirectional` of either with `merge_mode="concat"` (the default; a file without a
//! configuration does not tell), `Dense` and `TimeDistributed(Dense)`, with `Dropout` (no part of prediction) and
//! `Activation` between them; other layers are errors that name them.
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
mod hdf5;
mod layer;
mod read;
mod version;
mod write;

pub use read::{from_bytes, read, read_weights};
pub use write::{to_archive, to_weights, write};
