//! [`flameout_curves::EventWriter`] as a class: a curve as a TensorBoard event file, step by step.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::Mutex;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

type Writer = flameout_curves::EventWriter<BufWriter<File>>;

/// Writes scalars to an event file.
#[pyclass(frozen, module = "flameout._native")]
pub(crate) struct EventWriter {
    path: PathBuf,
    writer: Mutex<Option<Writer>>,
}

#[pymethods]
impl EventWriter {
    /// Creates the file, which must not exist.
    #[new]
    fn new(path: PathBuf) -> PyResult<Self> {
        let writer = Writer::create(&path);
        let writer = writer.map_err(|error| PyOSError::new_err(format!("{}: {error}", path.display())))?;
        Ok(Self { path, writer: Mutex::new(Some(writer)) })
    }

    /// Adds the numbers of a step.
    fn add(&self, step: u64, scalars: Vec<(String, f64)>) -> PyResult<()> {
        self.with(|writer| writer.add(step, scalars.iter().map(|(tag, value)| (tag.as_str(), *value))))
    }

    /// Hands what was added to the operating system.
    fn flush(&self) -> PyResult<()> {
        self.with(Writer::flush)
    }

    /// Flushes and closes the file; further numbers are refused.
    fn close(&self) -> PyResult<()> {
        self.flush()?;
        self.writer.lock().map_err(poisoned)?.take();
        Ok(())
    }
}

impl EventWriter {
    fn with(&self, act: impl FnOnce(&mut Writer) -> std::io::Result<()>) -> PyResult<()> {
        let mut writer = self.writer.lock().map_err(poisoned)?;
        let Some(writer) = writer.as_mut() else {
            return Err(PyValueError::new_err(format!("{}: is closed", self.path.display())));
        };
        act(writer).map_err(|error| PyOSError::new_err(format!("{}: {error}", self.path.display())))
    }
}

fn poisoned<T>(_: T) -> PyErr {
    PyOSError::new_err("an earlier write failed")
}
