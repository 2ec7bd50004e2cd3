//! An HDF5 file as Keras uses it: groups, attributes that are strings, and matrices of floats.

use std::collections::HashMap;
use std::path::Path;

use hdf5_pure::{AttrValue, DType, File, Group};
use ndarray::Array2;

use crate::error::Error;

/// Deflate makes data at most so many times smaller (zlib's own figure).
const LARGEST_EXPANSION: u64 = 1032;

/// An open file and what to call it in messages.
pub(super) struct Hdf5<'a> {
    pub(super) path: &'a Path,
    file: File,
    size: u64,
}

/// One tensor of a file.
#[derive(Debug)]
pub(super) struct Weight {
    /// Its path in the file.
    pub(super) name: String,
    /// A vector is one row.
    pub(super) values: Array2<f32>,
    /// Whether the file has it as a vector.
    pub(super) is_vector: bool,
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
        Ok(Self { path, file, size })
    }

    pub(super) fn root(&self) -> Group {
        self.file.root()
    }

    pub(super) fn group(&self, name: &str) -> Result<Group, Error> {
        self.file.group(name).map_err(|error| self.unsound(&format!("group `{name}`"), &error))
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
        let dtype = dataset.dtype().map_err(|error| refuse(error.to_string()))?;
        if !matches!(dtype, DType::F32 | DType::F64) {
            return Err(refuse(format!("is of type {dtype:?}: weights are of 32 or 64 bits")));
        }
        let bytes = rows.checked_mul(columns).and_then(|count| count.checked_mul(4));
        if bytes.is_none_or(|bytes| bytes / LARGEST_EXPANSION > self.size) {
            return Err(refuse(format!("claims {rows} × {columns} numbers in a file of {} bytes", self.size)));
        }
        let values = dataset.read_f32().map_err(|error| refuse(error.to_string()))?;
        let shape = (rows as usize, columns as usize);
        let values = Array2::from_shape_vec(shape, values).map_err(|error| refuse(error.to_string()))?;
        Ok(Weight { name: name.into(), values, is_vector })
    }

    fn unsound(&self, place: &str, error: &hdf5_pure::Error) -> Error {
        Error::format(self.path, format!("{place}: {error}"))
    }
}
