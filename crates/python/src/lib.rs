//! The native part of the Python package `flameout`: the command, logs and their judgement, word vectors, models that make them.
//!
//! Python sees this as `flameout._native`; the package's own modules re-export what is meant for users.
#![forbid(unsafe_code)]

mod command;
mod curve;
mod events;
mod vectors;

use pyo3::prelude::*;

/// Names the classes and functions of `flameout._native`.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use super::command::command;
    #[pymodule_export]
    use super::curve::{Curve, read_log, wilson};
    #[pymodule_export]
    use super::events::EventWriter;
    #[pymodule_export]
    use super::vectors::{Embedder, WordVectors};
}
