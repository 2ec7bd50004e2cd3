//! Every reader of the workspace as a function of bytes, for fuzzing.
//!
//! A function calls the real reader on its bytes and panics if something does not hold that must hold for any bytes: no
//! panic of the reader's own, no more memory than its [bound](memory::Bound), and what was read can be written and read
//! back the same.
//!
//! ```
//! flameout_fuzz_readers::vectors::glove(b"king 1.0 0.25\nqueen 0.75 0.5\n");
//! flameout_fuzz_readers::vectors::glove(b"king 1.0 0.25\nqueen \xff\xff\n"); // an error, and no panic
//! ```
//!
//! The package in `fuzz/` hands these functions to libFuzzer, and a test of this one hands them the inputs that are kept
//! in `fuzz/corpus/`.
#![forbid(unsafe_code)]

pub mod containers;
mod file;
pub mod interchange;
pub mod logs;
pub mod memory;
pub mod text;
pub mod vectors;
pub mod whole;

/// A reader, to be called with any bytes.
pub type Reader = fn(&[u8]);

/// All readers by the names of their targets and of their corpora's directories.
pub const READERS: [(&str, Reader); 25] = [
    ("word2vec_binary", vectors::word2vec_binary),
    ("word2vec_text", vectors::word2vec_text),
    ("glove", vectors::glove),
    ("fasttext", vectors::fasttext),
    ("indexed", vectors::indexed),
    ("any_vectors", vectors::any_vectors),
    ("gzip", vectors::gzip),
    ("checkpoint", containers::checkpoint),
    ("network", containers::network),
    ("run_checkpoint", containers::run_checkpoint),
    ("ngrams", containers::ngrams),
    ("safetensors", interchange::safetensors),
    ("keras_hdf5", interchange::keras_hdf5),
    ("keras_archive", interchange::keras_archive),
    ("keras_config", interchange::keras_config),
    ("log", logs::log),
    ("tensorboard", logs::tensorboard),
    ("metrics", logs::metrics),
    ("settings", text::settings),
    ("summary", text::summary),
    ("encoder", text::encoder),
    ("similarity", text::similarity),
    ("diagnose", whole::diagnose),
    ("import", whole::import),
    ("train", whole::train),
];
