//! Lines of a text file, numbered, none of them longer than a log's can be.

use std::io::{BufRead, ErrorKind};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::source;

/// Bytes in a line beyond which a file is no log.
const LONGEST: usize = 1 << 20;

/// Reads a file line by line.
pub(crate) struct Lines<R> {
    reader: R,
    path: PathBuf,
    line: Vec<u8>,
    number: u64,
    /// Whether a line is given state by state.
    returns: bool,
    /// Whether what was read last ended its line.
    ended: bool,
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

impl Lines<Box<dyn BufRead>> {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let reader = source::open(path)?;
        Ok(Self { reader, path: path.into(), line: Vec::new(), number: 0, returns: false, ended: true })
    }

    /// Gives each state of a line that a terminal would show, one after the other: they end with `\r`.
    pub(crate) fn open_states(path: &Path) -> Result<Self, Error> {
        Ok(Self { returns: true, ..Self::open(path)? })
    }
}

impl<R: BufRead> Lines<R> {
    /// The next line that is not blank.
    pub(crate) fn next_line(&mut self) -> Result<Option<Line<'_>>, Error> {
        loop {
            self.line.clear();
            self.read().map_err(Error::io(&self.path))?;
            if self.line.is_empty() {
                return Ok(None);
            }
            self.number += u64::from(self.ended);
            self.ended = self.line.last() == Some(&b'\n');
            if self.line.len() == LONGEST && !self.line.ends_with(b"\n") {
                let problem = format!("is longer than {LONGEST} bytes: this is no log of a training run");
                return Err(Error::Line { path: self.path.clone(), line: self.number, problem });
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        let mut bytes = self.line.trim_ascii();
        if self.number == 1 {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        Ok(Some(Line { bytes, number: self.number, torn: !self.ended }))
    }

    /// Reads up to the end of a line, or of a state of one; no more than the longest line.
    fn read(&mut self) -> std::io::Result<()> {
        while self.line.len() < LONGEST {
            let buffer = match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                buffer => buffer?,
            };
            let ends = |&byte: &u8| byte == b'\n' || (self.returns && byte == b'\r');
            let end = buffer.iter().position(ends).map(|end| end + 1);
            let taken = end.unwrap_or(buffer.len()).min(LONGEST - self.line.len());
            self.line.extend_from_slice(&buffer[..taken]);
            self.reader.consume(taken);
            if taken == 0 || end == Some(taken) {
                break;
            }
        }
        Ok(())
    }
}
