//! An HDF5 file as Keras uses it: groups, attributes that are strings, and matrices of floats.

use std::collections::HashMap;
use std::path::Path;

use hdf5_pure::{AttrValue, DType, Dataset, Datatype, DatatypeByteOrder, File, Group};
use ndarray::Array2;

use crate::error::Error;
use crate::floats;
use crate::parameters::check_finite;
use crate::shown;

/// Deflate makes data at most so many times smaller (zlib's own figure).
const LARGEST_EXPANSION: u64 = 1032;

/// An open file and what to call it in messages.
pub(super) struct Hdf5<'a> {
    pub(super) path: &'a Path,
    file: File,
    size: u64,
    /// Whether the file's configuration says that numbers are `bfloat16`.
    pub(super) is_bfloat16: bool,
}

/// A file may be longer than its HDF5 by so much.
const LARGEST_REST: u64 = 1 << 20;

fn check_end(path: &Path, end: u64, size: u64) -> Result<(), Error> {
    let rest = size.saturating_sub(end);
    if rest > LARGEST_REST {
        return Err(Error::format(path, format!("has {rest} bytes after the {end} that it claims: it is damaged")));
    }
    Ok(())
}

/// One tensor of a file.
#[derive(Debug, Clone)]
pub(super) struct Weight {
    /// Its path in the file.
    pub(super) name: String,
    /// A vector is one row.
    pub(super) values: Array2<f32>,
    /// Whether the file has it as a vector.
    pub(super) is_vector: bool,
}

impl Weight {
    /// The last part of the name: `kernel` of `lstm_1/lstm_cell/kernel:0`.
    pub(super) fn short_name(&self) -> &str {
        let last = self.name.rsplit('/').next().unwrap_or_default();
        last.split(':').next().unwrap_or_default()
    }
}

impl<'a> Hdf5<'a> {
    pub(super) fn open(path: &'a Path, bytes: Vec<u8>) -> Result<Self, Error> {
        let size = bytes.len() as u64;
        let file =
            File::from_bytes(bytes).map_err(|error| Error::format(path, format!("cannot be read as HDF5: {error}")))?;
        // hdf5-pure reads what is left of a file that was cut short; the C library refuses it.
        let end = file.superblock().eof_address;
        if end > size {
            return Err(Error::format(path, format!("has {size} bytes of the {end} that it claims: it was cut short")));
        }
        check_end(path, end, size)?;
        Ok(Self { path, file, size, is_bfloat16: false })
    }

    /// Whether a file of this name ends where its HDF5 ends, before anything else of it is read.
    pub(super) fn check_file(path: &Path) -> Result<(), Error> {
        let size = std::fs::metadata(path).map_err(|reason| Error::Io { path: path.into(), reason })?.len();
        match File::open_streaming(path) {
            Ok(file) => check_end(path, file.superblock().eof_address, size),
            // What is wrong with it, reading it says.
            Err(_) => Ok(()),
        }
    }

    pub(super) fn root(&self) -> Group {
        self.file.root()
    }

    pub(super) fn group(&self, name: &str) -> Result<Group, Error> {
        self.file.group(name).map_err(|error| self.unsound(&format!("group {}", shown::name(name)), &error))
    }

    /// An attribute's strings; none if there is no such attribute.
    pub(super) fn strings(&self, group: &Group, name: &str) -> Result<Option<Vec<String>>, Error> {
        self.strings_of(&self.attributes(group, name)?, name)
    }

    fn attributes(&self, group: &Group, name: &str) -> Result<HashMap<String, AttrValue>, Error> {
        group.attrs().map_err(|error| self.unsound(&format!("attribute `{name}`"), &error))
    }

    fn strings_of(&self, attributes: &HashMap<String, AttrValue>, name: &str) -> Result<Option<Vec<String>>, Error> {
        attributes.get(name).map(|value| self.as_strings(name, value)).transpose()
    }

    /// A list of names; Keras breaks those that are too long for one attribute into `name0`, `name1` and so on.
    pub(super) fn names(&self, group: &Group, name: &str) -> Result<Option<Vec<String>>, Error> {
        let attributes = self.attributes(group, name)?;
        if let Some(whole) = self.strings_of(&attributes, name)? {
            return Ok(Some(whole));
        }
        let mut all = Vec::new();
        let mut part = 0;
        while let Some(some) = self.strings_of(&attributes, &format!("{name}{part}"))? {
            all.extend(some);
            part += 1;
        }
        Ok((part > 0).then_some(all))
    }

    /// All of a group's attributes that are single strings.
    pub(super) fn string_pairs(&self, group: &Group) -> Result<Vec<(String, String)>, Error> {
        let attributes = group.attrs().map_err(|error| self.unsound("attributes of the root", &error))?;
        let text = |(name, value): (String, AttrValue)| value.as_str().map(|text| (name, text.to_owned()));
        Ok(attributes.into_iter().filter_map(text).collect())
    }

    fn as_strings(&self, name: &str, value: &AttrValue) -> Result<Vec<String>, Error> {
        match value.as_strings() {
            Some(strings) => Ok(strings.to_vec()),
            // numpy's empty list is one of numbers.
            None if value.to_f64s().is_some_and(|numbers| numbers.is_empty()) => Ok(Vec::new()),
            None => Err(Error::format(self.path, format!("attribute `{name}` is no text but {}", value.type_name()))),
        }
    }

    /// A vector or matrix of floats, whose claimed size the file's can hold.
    pub(super) fn weight(&self, name: &str) -> Result<Weight, Error> {
        let refuse = |what: String| Error::tensor(self.path, name, what);
        let dataset = self.file.dataset(name).map_err(|error| refuse(error.to_string()))?;
        let shape = dataset.shape().map_err(|error| refuse(error.to_string()))?;
        let (rows, columns, is_vector) = match shape[..] {
            [length] => (1, length, true),
            [rows, columns] => (rows, columns, false),
            _ => return Err(refuse(format!("has the shape {shape:?}: weights are vectors and matrices"))),
        };
        // What has no numbers claims any length for nothing.
        if rows == 0 || columns == 0 {
            return Err(refuse(format!("has the shape {shape:?}, and so no numbers")));
        }
        let bytes = rows.checked_mul(columns).and_then(|count| count.checked_mul(2));
        if bytes.is_none_or(|bytes| bytes / LARGEST_EXPANSION > self.size) {
            return Err(refuse(format!("claims {rows} × {columns} numbers in a file of {} bytes", self.size)));
        }
        let values = numbers(&dataset, self.is_bfloat16).map_err(refuse)?;
        let shape = (rows as usize, columns as usize);
        let values = Array2::from_shape_vec(shape, values).map_err(|error| refuse(error.to_string()))?;
        check_finite(self.path, name, &values)?;
        Ok(Weight { name: name.into(), values, is_vector })
    }

    fn unsound(&self, place: &str, error: &hdf5_pure::Error) -> Error {
        Error::format(self.path, format!("{place}: {error}"))
    }
}

/// Floats of 16, 32 or 64 bits. `bfloat16`, for which HDF5 has no name, is of no type at all: an attribute tells, or, in files
/// that Keras itself cannot read, the configuration.
fn numbers(dataset: &Dataset, is_told: bool) -> Result<Vec<f32>, String> {
    let text = |error: hdf5_pure::Error| error.to_string();
    let (dtype, datatype) = (dataset.dtype().map_err(text)?, dataset.datatype().map_err(text)?);
    let halves = |convert: fn(u16) -> f32, order: fn([u8; 2]) -> u16| {
        let bytes = dataset.read_raw().map_err(text)?;
        Ok(bytes.as_chunks().0.iter().map(|&pair| convert(order(pair))).collect())
    };
    match (&dtype, &datatype) {
        (DType::F32 | DType::F64, _) => dataset.read_f32().map_err(text),
        (_, Datatype::FloatingPoint { size: 2, byte_order, layout }) => {
            let convert = match (layout.exponent_size, layout.mantissa_size) {
                (5, 10) => floats::from_f16,
                (8, 7) => floats::from_bf16,
                (exponent, fraction) => return Err(format!("has floats of {exponent} and {fraction} bits")),
            };
            match byte_order {
                DatatypeByteOrder::LittleEndian => halves(convert, u16::from_le_bytes),
                DatatypeByteOrder::BigEndian => halves(convert, u16::from_be_bytes),
                _ => Err("has bytes in an order that is unknown here".into()),
            }
        }
        (_, Datatype::Opaque { size: 2, .. }) if is_told || is_bfloat16(dataset) => {
            halves(floats::from_bf16, u16::from_le_bytes)
        }
        _ => Err(format!("is of type {dtype}, quantised perhaps: weights are floats of 16, 32 or 64 bits")),
    }
}

fn is_bfloat16(dataset: &Dataset) -> bool {
    let attributes = dataset.attrs().unwrap_or_default();
    attributes.get("dtype").and_then(AttrValue::as_str) == Some("bfloat16")
}
