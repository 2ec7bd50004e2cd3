//! The command `flameout`.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Carries out a command line, whose first word is the program's name; returns the exit code.
#[pyfunction]
pub fn command(py: Python<'_>, words: Vec<OsString>) -> u8 {
    py.detach(|| flameout::cli::run(words))
}
