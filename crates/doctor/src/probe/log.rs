//! Readings, in memory and in a file.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use flameout_experiment::Error;
use serde::{Deserialize, Serialize};

use super::reading::{Names, Reading};

/// The readings of a run, oldest first; beyond a number of them, the oldest are dropped.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    names: Names,
    readings: VecDeque<Reading>,
    kept: usize,
    problem: Option<String>,
}

/// A line of `probes.jsonl`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Line {
    /// The first.
    Names(Names),
    /// All others.
    Reading(Box<Reading>),
}

impl Log {
    pub(crate) fn new(names: Names, kept: usize) -> Self {
        Self { names, readings: VecDeque::new(), kept, problem: None }
    }

    pub(crate) fn push(&mut self, reading: Reading) {
        if self.readings.len() == self.kept {
            self.readings.pop_front();
        }
        self.readings.push_back(reading);
    }

    pub(crate) fn note_problem(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }

    /// What the entries of the readings' vectors stand for.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The readings, oldest first.
    #[must_use]
    pub fn readings(&self) -> &VecDeque<Reading> {
        &self.readings
    }

    /// The newest reading that holds a measurement of the whole network.
    #[must_use]
    pub fn latest_network(&self) -> Option<&Reading> {
        self.readings.iter().rev().find(|reading| reading.network.is_some())
    }

    /// What went wrong with the file, after which nothing more was written to it. The readings in memory go on.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Reads all of a `probes.jsonl`. A last line that was cut short is left out.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read; [`Error::RunDirectory`] names the line of a mistake.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(io(path))?;
        let mut reader = BufReader::new(file);
        let mut log: Option<Self> = None;
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            reader.read_until(b'\n', &mut line).map_err(io(path))?;
            if line.pop() != Some(b'\n') {
                break;
            }
            let mistake = |problem: String| Error::RunDirectory {
                path: path.into(),
                problem: format!("line {number}: {problem}; not a file of probes, or damaged: remove it"),
            };
            match (serde_json::from_slice(&line).map_err(|error| mistake(error.to_string()))?, &mut log) {
                (Line::Names(names), None) => log = Some(Self::new(names, usize::MAX)),
                (Line::Reading(reading), Some(log)) => log.push(*reading),
                (Line::Names(_), Some(_)) => return Err(mistake("names a second time".into())),
                (Line::Reading(_), None) => return Err(mistake("a reading before the names".into())),
            }
        }
        log.ok_or_else(|| Error::RunDirectory {
            path: path.into(),
            problem: "holds no probes: its first line, with the names, is missing".into(),
        })
    }
}

/// Appends readings to a file.
#[derive(Debug)]
pub(crate) struct LogWriter {
    path: PathBuf,
    out: BufWriter<File>,
}

impl LogWriter {
    /// Begins a file, or goes on with one after its first `done` steps: readings of later steps, which will be made again,
    /// are removed.
    pub(crate) fn open(path: &Path, names: &Names, done: u64) -> Result<Self, Error> {
        let earlier = if done > 0 && path.exists() { Log::read(path)?.readings } else { VecDeque::new() };
        let mut lines = Vec::new();
        write_line(&mut lines, &Line::Names(names.clone())).map_err(io(path))?;
        for reading in earlier.into_iter().filter(|reading| reading.step <= done) {
            write_line(&mut lines, &Line::Reading(Box::new(reading))).map_err(io(path))?;
        }
        flameout_files::write_atomically(path, &[&lines])?;
        let file = OpenOptions::new().append(true).open(path).map_err(io(path))?;
        Ok(Self { path: path.into(), out: BufWriter::new(file) })
    }

    pub(crate) fn append(&mut self, reading: &Reading) -> Result<(), Error> {
        write_line(&mut self.out, &Line::Reading(Box::new(reading.clone()))).map_err(io(&self.path))
    }

    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.out.flush().map_err(io(&self.path))
    }
}

fn write_line(out: &mut impl Write, line: &Line) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let named = flameout_files::Error::io(path);
    move |reason| Error::File(named(reason))
}
