//! Lines of a text file, numbered, none of them longer than a log's can be.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Bytes in a line beyond which a file is no log.
const LONGEST: u64 = 1 << 20;

/// Reads a file line by line.
pub(crate) struct Lines<R> {
    reader: R,
    path: PathBuf,
    line: Vec<u8>,
    number: u64,
}

/// A line, without its end.
pub(crate) struct Line<'a> {
    pub(crate) bytes: &'a [u8],
    /// From 1.
    pub(crate) number: u64,
    /// Whether it is the last and has no end: its writer may have been stopped half-way.
    pub(crate) torn: bool,
}

impl Line<'_> {
    pub(crate) fn error(&self, path: &Path, problem: String) -> Error {
        Error::Line { path: path.into(), line: self.number, problem }
    }
}

impl Lines<BufReader<File>> {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io(path))?;
        Ok(Self { reader: BufReader::new(file), path: path.into(), line: Vec::new(), number: 0 })
    }
}

impl<R: BufRead> Lines<R> {
    /// The next line that is not blank.
    pub(crate) fn next_line(&mut self) -> Result<Option<Line<'_>>, Error> {
        loop {
            self.line.clear();
            let read = self.reader.by_ref().take(LONGEST).read_until(b'\n', &mut self.line);
            if read.map_err(Error::io(&self.path))? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.line.len() as u64 == LONGEST && self.line.last() != Some(&b'\n') {
                let problem = format!("is longer than {LONGEST} bytes: this is no log of a training run");
                return Err(Error::Line { path: self.path.clone(), line: self.number, problem });
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        let torn = self.line.last() != Some(&b'\n');
        let mut bytes = self.line.trim_ascii();
        if self.number == 1 {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        Ok(Some(Line { bytes, number: self.number, torn }))
    }
}
