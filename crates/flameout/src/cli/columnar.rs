//! Files of columns, told by how they begin.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};

/// A kind of file with columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow's file, Feather 2.
    Arrow,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parquet => "Parquet",
            Self::Arrow => "Arrow",
        })
    }
}

impl Kind {
    /// The kind of a file; none if it is something else, or no regular file, of which nothing is read.
    pub fn of(path: &Path) -> Result<Option<Self>> {
        let reading = || format!("reading {}", path.display());
        let file = File::open(path).with_context(reading)?;
        if !file.metadata().with_context(reading)?.is_file() {
            return Ok(None);
        }
        let mut head = Vec::new();
        file.take(8).read_to_end(&mut head).with_context(reading)?;
        Ok(match &head[..] {
            [b'P', b'A', b'R', b'1', ..] => Some(Self::Parquet),
            b"ARROW1\0\0" => Some(Self::Arrow),
            _ => None,
        })
    }
}
