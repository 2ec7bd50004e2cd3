//! Writes a curve as a TensorBoard event file, step by step: `flameout diagnose` and TensorBoard read it while it grows.
//!
//! A record that was torn by a kill is left out by both.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Mutex;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

/// What TensorFlow adds to a checksum, so that checksums of data that hold checksums are sound (`lib/hash/crc32c.h`).
const MASK: u32 = 0xa282_ead8;
/// `DT_DOUBLE` of `types.proto`.
const DOUBLE: u64 = 2;

/// Writes scalars to an event file.
#[pyclass(frozen, module = "flameout._native")]
pub(crate) struct EventWriter {
    path: PathBuf,
    file: Mutex<Option<BufWriter<File>>>,
}

#[pymethods]
impl EventWriter {
    /// Creates the file, which must not exist.
    #[new]
    fn new(path: PathBuf) -> PyResult<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.map_err(|error| PyOSError::new_err(format!("{}: {error}", path.display())))?;
        let writer = Self { path, file: Mutex::new(Some(BufWriter::new(file))) };
        let mut version = Vec::new();
        bytes_field(&mut version, 3, b"brain.Event:2");
        writer.write(&version)?;
        Ok(writer)
    }

    /// Adds the numbers of a step.
    fn add(&self, step: u64, scalars: Vec<(String, f64)>) -> PyResult<()> {
        let mut summary = Vec::new();
        for (tag, value) in scalars {
            bytes_field(&mut summary, 1, &scalar(&tag, value));
        }
        let mut event = Vec::new();
        varint_field(&mut event, 2, step);
        bytes_field(&mut event, 5, &summary);
        self.write(&event)
    }

    /// Hands what was added to the operating system.
    fn flush(&self) -> PyResult<()> {
        self.with_file(BufWriter::flush)
    }

    /// Flushes and closes the file; further numbers are refused.
    fn close(&self) -> PyResult<()> {
        self.flush()?;
        self.file.lock().map_err(poisoned)?.take();
        Ok(())
    }
}

impl EventWriter {
    fn write(&self, data: &[u8]) -> PyResult<()> {
        let length = (data.len() as u64).to_le_bytes();
        self.with_file(|file| {
            file.write_all(&length)?;
            file.write_all(&masked(&length))?;
            file.write_all(data)?;
            file.write_all(&masked(data))
        })
    }

    fn with_file(&self, act: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> PyResult<()> {
        let mut file = self.file.lock().map_err(poisoned)?;
        let Some(file) = file.as_mut() else {
            return Err(PyValueError::new_err(format!("{}: is closed", self.path.display())));
        };
        act(file).map_err(|error| PyOSError::new_err(format!("{}: {error}", self.path.display())))
    }
}

fn poisoned<T>(_: T) -> PyErr {
    PyOSError::new_err("an earlier write failed")
}

/// Makes a `Summary.Value` of TensorFlow 2's kind, which holds a double.
fn scalar(tag: &str, value: f64) -> Vec<u8> {
    let (mut plugin, mut metadata, mut tensor, mut whole) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    bytes_field(&mut plugin, 1, b"scalars");
    bytes_field(&mut metadata, 1, &plugin);
    varint_field(&mut tensor, 1, DOUBLE);
    bytes_field(&mut tensor, 2, &[]); // a shape without dimensions
    bytes_field(&mut tensor, 4, &value.to_le_bytes());
    bytes_field(&mut whole, 1, tag.as_bytes());
    bytes_field(&mut whole, 8, &tensor);
    bytes_field(&mut whole, 9, &metadata);
    whole
}

fn bytes_field(message: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    varint(message, number << 3 | 2);
    varint(message, bytes.len() as u64);
    message.extend(bytes);
}

fn varint_field(message: &mut Vec<u8>, number: u64, value: u64) {
    varint(message, number << 3);
    varint(message, value);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

fn masked(data: &[u8]) -> [u8; 4] {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(MASK).to_le_bytes()
}
