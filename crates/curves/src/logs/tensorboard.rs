//! TensorBoard's event files, one or a directory of them.
//!
//! A directory is one run: files in it, and in directories directly below it, such as Keras' `train` and `validation` or
//! those of PyTorch's `add_scalars`. A directory whose name has a word for test data makes what is in it test data.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use prost::Message;

use super::Names;
use super::event::Event;
use super::names::{Quantity, meaning};
use super::rows::Log;
use super::tfrecord::Records;
use crate::curve::Format;
use crate::error::Error;

/// The scalars of a run: by name, in the order of steps.
struct Scalars {
    log: Log,
    series: BTreeMap<String, Series>,
}

#[derive(Default)]
struct Series {
    /// The directory that it was read from.
    directory: PathBuf,
    values: Vec<(u64, f64)>,
}

pub(crate) fn read_file(path: &Path, names: &Names) -> Result<Log, Error> {
    let mut scalars = Scalars { log: Log::new(Format::TensorBoard, path, names), series: BTreeMap::new() };
    scalars.read(path, Path::new(""), "")?;
    Ok(scalars.into_log())
}

pub(crate) fn read_directory(path: &Path, names: &Names) -> Result<Log, Error> {
    let mut scalars = Scalars { log: Log::new(Format::TensorBoard, path, names), series: BTreeMap::new() };
    let mut found = false;
    for (directory, scope) in directories(path)? {
        for file in entries(&directory)?.iter().filter(|entry| is_event_file(entry)) {
            scalars.read(file, &directory, scope)?;
            found = true;
        }
    }
    if !found {
        let problem = "holds neither `metrics.jsonl` nor TensorBoard's event files; name a run's directory or its log";
        return Err(Error::Log { path: path.into(), problem: problem.into() });
    }
    Ok(scalars.into_log())
}

/// The directory and those directly below, each with the scope that its name gives to what is in it.
fn directories(path: &Path) -> Result<Vec<(PathBuf, &'static str)>, Error> {
    let mut directories = vec![(path.to_path_buf(), "")];
    for entry in entries(path)?.into_iter().filter(|entry| entry.is_dir()) {
        let name = entry.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // What a loss would be under this name tells whether the name speaks of test data.
        let words = name.split(|character: char| !character.is_alphanumeric());
        let of_test = words
            .into_iter()
            .any(|word| meaning(&format!("{word}/loss")).is_some_and(|meaning| meaning.quantity == Quantity::TestLoss));
        directories.push((entry, if of_test { "validation/" } else { "" }));
    }
    Ok(directories)
}

/// Sorted by name: those of event files contain the time.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = std::fs::read_dir(directory).map_err(Error::io(directory))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let mut paths = paths.map_err(Error::io(directory))?;
    paths.sort();
    Ok(paths)
}

fn is_event_file(path: &Path) -> bool {
    path.is_file() && path.file_name().is_some_and(|name| name.to_string_lossy().contains("tfevents"))
}

impl Scalars {
    fn read(&mut self, path: &Path, directory: &Path, scope: &str) -> Result<(), Error> {
        let file = File::open(path).map_err(Error::io(path))?;
        let mut records = Records::new(BufReader::new(file), path);
        loop {
            let byte = records.byte();
            let Some(data) = records.next_record()? else { break };
            let event = Event::decode(data.as_slice()).map_err(|error| Error::Byte {
                path: path.into(),
                byte,
                problem: format!("is no TensorBoard event: {error}"),
            })?;
            self.event(&event, directory, scope)?;
        }
        if records.torn() {
            self.log.note(format!("{}: the last record is torn and was left out", path.display()));
        }
        Ok(())
    }

    fn event(&mut self, event: &Event, directory: &Path, scope: &str) -> Result<(), Error> {
        let (Some(summary), Ok(step)) = (&event.summary, u64::try_from(event.step)) else { return Ok(()) };
        for value in &summary.values {
            let Some(scalar) = value.scalar() else { continue };
            let name = format!("{scope}{}", String::from_utf8_lossy(&value.tag));
            if self.log.name(&name).is_none() {
                continue;
            }
            let series = self.series.entry(name.clone()).or_default();
            if series.values.is_empty() {
                series.directory = directory.into();
            } else if series.directory != directory {
                let (one, other) = (series.directory.display(), directory.display());
                let problem = format!("holds more than one run: `{name}` is in {one} and in {other}; name one of them");
                return Err(Error::Log { path: directory.parent().unwrap_or(directory).into(), problem });
            }
            series.push(step, scalar);
        }
        Ok(())
    }

    fn into_log(mut self) -> Log {
        // Steps and epochs are different clocks; each is in order by itself.
        let mut rows: Vec<(bool, u64, String, f64)> = Vec::new();
        for (name, mut series) in std::mem::take(&mut self.series) {
            if series.number() {
                self.log.note(format!("`{name}` was logged without steps: its values were numbered from 0"));
            }
            let of_epoch = meaning(&name).is_some_and(|meaning| meaning.of_epoch);
            rows.extend(series.values.into_iter().map(|(step, value)| (of_epoch, step, name.clone(), value)));
        }
        rows.sort_by_key(|row| (row.0, row.1));
        for (of_epoch, step, name, value) in rows {
            self.log.row(0);
            for (name, value) in [(if of_epoch { "epoch" } else { "step" }, step as f64), (name.as_str(), value)] {
                if let Some((name, _)) = self.log.name(name) {
                    self.log.value(name, value);
                }
            }
        }
        self.log
    }
}

impl Series {
    /// Where steps go back, a run was resumed, and what it had logged beyond is replaced, as TensorBoard does.
    fn push(&mut self, step: u64, value: f64) {
        if step > 0 && self.values.last().is_some_and(|last| last.0 >= step) {
            self.values.truncate(self.values.partition_point(|earlier| earlier.0 < step));
        }
        self.values.push((step, value));
    }

    /// Numbers values that were all logged at step 0, because the writer was given none. Returns whether they were.
    fn number(&mut self) -> bool {
        if self.values.len() < 2 || self.values.iter().any(|value| value.0 > 0) {
            let restarted = self.values.iter().rposition(|value| value.0 == 0).unwrap_or(0);
            self.values.drain(..restarted);
            return false;
        }
        (0..).zip(&mut self.values).for_each(|(number, value)| value.0 = number);
        true
    }
}
