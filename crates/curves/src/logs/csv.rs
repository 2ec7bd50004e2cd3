//! Values separated by commas, semicolons or tabs, with a line of names: Keras' `CSVLogger`, Lightning, TensorBoard's
//! "download as CSV", tables by hand.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::names::meaning;
use super::rows::Log;
use crate::curve::{Curve, Format};
use crate::error::Error;
use crate::lines::Lines;

const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];
/// What stands for "no value".
const MISSING: [&str; 6] = ["", "na", "n/a", "none", "null", "-"];

pub(crate) fn read(path: &Path) -> Result<Curve, Error> {
    let separator = separator(path)?;
    let file = File::open(path).map_err(Error::io(path))?;
    let mut reader = builder(separator).from_reader(BufReader::new(file));
    let mut table = Table { log: Log::new(Format::Csv, path), path, header: Vec::new(), columns: Vec::new() };
    let mut record = ByteRecord::new();
    let mut short: Option<(u64, usize)> = None;
    while reader.read_byte_record(&mut record).map_err(|error| failure(path, error))? {
        let line = record.position().map_or(0, csv::Position::line);
        if let Some((line, found)) = short {
            return Err(table.wrong_length(line, found));
        }
        let complete = table.record(line, &record)?;
        short = (!complete).then_some((line, record.len()));
    }
    if let Some((line, _)) = short {
        table.log.note(format!("line {line} is torn and was left out"));
    }
    table.log.into_curve()
}

/// The separator by which the first line falls into the most names that are known.
fn separator(path: &Path) -> Result<u8, Error> {
    let mut lines = Lines::open(path)?;
    let mut best = (0, SEPARATORS[0]);
    while let Some(line) = lines.next_line()? {
        if line.bytes.starts_with(b"#") {
            continue;
        }
        for separator in SEPARATORS {
            let mut record = ByteRecord::new();
            let mut reader = builder(separator).from_reader(line.bytes);
            reader.read_byte_record(&mut record).map_err(|error| failure(path, error))?;
            let known = record.iter().filter(|cell| meaning(&text(cell)).is_some()).count();
            if known > best.0 {
                best = (known, separator);
            }
        }
        break;
    }
    if best.0 == 0 {
        let problem = "is no log that can be read: neither TensorBoard events nor JSON lines, and its first line holds no \
                       name that is known (`epoch`, `step`, `loss`, `val_loss`, …)";
        return Err(Error::Log { path: path.into(), problem: problem.into() });
    }
    Ok(best.1)
}

fn builder(separator: u8) -> ReaderBuilder {
    let mut builder = ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(separator).comment(Some(b'#')).trim(csv::Trim::All);
    builder
}

struct Table<'a> {
    log: Log,
    path: &'a Path,
    header: Vec<Vec<u8>>,
    /// Column, its name's number in the log.
    columns: Vec<(usize, usize)>,
}

impl Table<'_> {
    /// Returns whether the record has a value for every column.
    fn record(&mut self, line: u64, record: &ByteRecord) -> Result<bool, Error> {
        if self.header.is_empty() {
            self.header = record.iter().map(<[u8]>::to_vec).collect();
            let names = record.iter().enumerate();
            self.columns = names.filter_map(|(column, cell)| Some((column, self.log.name(&text(cell))?.0))).collect();
            return Ok(true);
        }
        if record.iter().eq(self.header.iter().map(Vec::as_slice)) {
            self.log.note(format!("line {line} repeats the names and was left out"));
            return Ok(true);
        }
        if record.iter().skip(self.header.len()).any(|cell| !cell.is_empty()) {
            return Err(self.wrong_length(line, record.len()));
        }
        if record.len() < self.header.len() {
            return Ok(false);
        }
        self.log.row(line);
        for &(column, name) in &self.columns {
            let cell = text(&record[column]);
            if let Some(value) = number(&cell).map_err(|()| self.no_number(line, column, &cell))? {
                self.log.value(name, value);
            }
        }
        Ok(true)
    }

    fn wrong_length(&self, line: u64, found: usize) -> Error {
        let problem = format!("has {found} values where the first line has {} names", self.header.len());
        Error::Line { path: self.path.into(), line, problem }
    }

    fn no_number(&self, line: u64, column: usize, cell: &str) -> Error {
        let (name, cell) = (text(&self.header[column]), cell.chars().take(40).collect::<String>());
        let problem = format!("`{cell}` in column `{name}` is no number (a decimal point is needed, no comma)");
        Error::Line { path: self.path.into(), line, problem }
    }
}

fn text(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell.strip_prefix(b"\xef\xbb\xbf").unwrap_or(cell)).trim().to_owned()
}

/// `Ok(None)`: no value.
pub(super) fn number(cell: &str) -> Result<Option<f64>, ()> {
    let lower = cell.to_ascii_lowercase();
    if MISSING.contains(&lower.as_str()) {
        return Ok(None);
    }
    // Rust reads `nan`, `inf` and `infinity` in any case, and signed.
    lower.parse().map(Some).map_err(drop)
}

fn failure(path: &Path, error: csv::Error) -> Error {
    let line = error.position().map_or(0, csv::Position::line);
    match error.into_kind() {
        csv::ErrorKind::Io(reason) => Error::Io { path: path.into(), reason },
        other => Error::Line { path: path.into(), line, problem: format!("{other:?}") },
    }
}
