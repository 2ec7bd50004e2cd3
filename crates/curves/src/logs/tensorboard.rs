//! TensorBoard's event files, one or a directory of them.
//!
//! A directory is one run: files in it, and in directories directly below it, such as Keras' `train` and `validation` or
//! those of PyTorch's `add_scalars`. If these have the same names in them, each is a run of its own. A directory whose name has a word for test data makes what is in it test data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use prost::Message;

use super::Names;
use super::event::Event;
use super::names::{Quantity, meaning};
use super::rows::{LISTED, Log, printable};
use super::tfrecord::Records;
use crate::curve::Format;
use crate::error::Error;
use crate::source;

/// Runs in a directory beyond which one of them is to be named.
const MOST_RUNS: usize = 100;
/// Directories below the one that is named.
const DEEPEST: usize = 4;

/// The scalars of a run: by part and name, in the order of steps.
struct Scalars {
    log: Log,
    series: BTreeMap<(usize, String), Series>,
    /// How often the run has begun again in the present directory.
    part: usize,
    /// The number of the present file.
    file: usize,
    /// Whether a name is in two directories.
    in_two: bool,
    /// How often a series went back, and the values that others replaced.
    superseded: (usize, usize),
}

#[derive(Default)]
struct Series {
    /// The directory that it was read from.
    directory: PathBuf,
    /// The file in which it was last met.
    file: usize,
    values: Vec<(u64, f64)>,
}

pub(crate) fn read_file(path: &Path, names: &Names) -> Result<Log, Error> {
    let mut scalars = Scalars::new(path, names);
    scalars.read(path, Path::new(""), "")?;
    Ok(scalars.into_log())
}

/// Reads the run in a directory, or each of the runs below it.
pub(crate) fn read_directory(path: &Path, names: &Names) -> Result<Vec<Log>, Error> {
    let mut runs = Vec::new();
    find_runs(path, names, DEEPEST, &mut runs)?;
    if runs.is_empty() {
        let mut of_flameout = Vec::new();
        for below in entries(path)?.into_iter().filter(|entry| entry.join("metrics.jsonl").is_file()) {
            of_flameout.extend(below.file_name().map(|name| printable(&name.to_string_lossy())));
        }
        let below = match of_flameout.as_slice() {
            [] => "name a run's directory or its log".to_owned(),
            some => format!("runs of flameout below it: {}; name one", some[..some.len().min(LISTED)].join(", ")),
        };
        let problem = format!("holds neither `metrics.jsonl` nor TensorBoard's event files; {below}");
        return Err(Error::Log { path: path.into(), problem });
    }
    if runs.len() > 1 {
        for log in &mut runs {
            let below = log.path.strip_prefix(path).unwrap_or(&log.path).to_string_lossy().into_owned();
            log.run = Some(printable(if below.is_empty() { "(the directory itself)" } else { &below }));
        }
    }
    Ok(runs)
}

/// A directory is one run, unless a name is in two of the directories in it, or their files are further below: then each of
/// those is a run, or has some.
fn find_runs(path: &Path, names: &Names, depth: usize, runs: &mut Vec<Log>) -> Result<(), Error> {
    let mut scalars = Scalars::new(path, names);
    let mut found = false;
    for (directory, scope) in directories(path)? {
        found |= scalars.read_all(&directory, scope)?;
    }
    let mut below: Vec<PathBuf> = Vec::new();
    if depth > 0 {
        below.extend(entries(path)?.into_iter().filter(|entry| entry.is_dir() && !entry.is_symlink()));
    }
    let has_own = has_events(path)?;
    let mut deeper = false;
    for directory in &below {
        deeper |= !has_events(directory)? && has_events_below(directory, depth - 1)?;
    }
    if found && !scalars.in_two && (has_own || !deeper) {
        runs.push(scalars.into_log());
        if !deeper {
            return Ok(());
        }
        let own_run = |directory: &PathBuf| has_events(directory).is_ok_and(|events| !events);
        below.retain(own_run);
    } else if has_own {
        let mut own = Scalars::new(path, names);
        own.read_all(path, "")?;
        runs.push(own.into_log());
    }
    for directory in below {
        if runs.len() >= MOST_RUNS {
            let problem = format!("holds more than {MOST_RUNS} runs; name one of the directories in it");
            return Err(Error::Log { path: path.into(), problem });
        }
        find_runs(&directory, names, depth - 1, runs)?;
    }
    Ok(())
}

fn has_events(directory: &Path) -> Result<bool, Error> {
    Ok(entries(directory)?.iter().any(|entry| is_event_file(entry)))
}

fn has_events_below(directory: &Path, depth: usize) -> Result<bool, Error> {
    for entry in entries(directory)? {
        let below = depth > 0 && entry.is_dir() && !entry.is_symlink();
        if is_event_file(&entry) || (below && has_events_below(&entry, depth - 1)?) {
            return Ok(true);
        }
    }
    Ok(false)
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
    fn new(path: &Path, names: &Names) -> Self {
        let log = Log::new(Format::TensorBoard, path, names);
        Self { log, series: BTreeMap::new(), part: 0, file: 0, in_two: false, superseded: (0, 0) }
    }

    /// Reads the event files of a directory. Returns whether there are any.
    fn read_all(&mut self, directory: &Path, scope: &str) -> Result<bool, Error> {
        self.part = 0;
        let mut found = false;
        for file in entries(directory)?.iter().filter(|entry| is_event_file(entry)) {
            self.read(file, directory, scope)?;
            found = true;
        }
        Ok(found)
    }

    fn read(&mut self, path: &Path, directory: &Path, scope: &str) -> Result<(), Error> {
        self.file += 1;
        let mut records = Records::new(source::open(path)?, path);
        while !self.in_two {
            let byte = records.byte();
            let Some(data) = records.next_record()? else { break };
            let event = Event::decode(data.as_slice()).map_err(|error| Error::Byte {
                path: path.into(),
                byte,
                problem: format!("is no TensorBoard event: {error}"),
            })?;
            self.event(&event, directory, scope);
        }
        if records.torn() {
            self.log.note(format!("{}: the last record is torn and was left out", path.display()));
        }
        Ok(())
    }

    fn event(&mut self, event: &Event, directory: &Path, scope: &str) {
        let (Some(summary), Ok(step)) = (&event.summary, u64::try_from(event.step)) else { return };
        for value in &summary.values {
            let Some(scalar) = value.scalar() else { continue };
            let name = format!("{scope}{}", String::from_utf8_lossy(&value.tag));
            if self.log.name(&name).is_none() {
                continue;
            }
            if self.series.get(&(self.part, name.clone())).is_some_and(|series| series.begins_again(step, self.file)) {
                self.part += 1;
            }
            let series = self.series.entry((self.part, name.clone())).or_default();
            if series.values.is_empty() {
                series.directory = directory.into();
            } else if series.directory != directory {
                self.in_two = true;
                return;
            }
            series.file = self.file;
            let replaced = series.push(step, scalar);
            self.superseded = (self.superseded.0 + usize::from(replaced > 0), self.superseded.1 + replaced);
        }
    }

    fn into_log(mut self) -> Log {
        // Steps and epochs are different clocks; each is in order by itself.
        let mut rows: Vec<(usize, bool, u64, String, f64)> = Vec::new();
        for ((part, name), mut series) in std::mem::take(&mut self.series) {
            if series.number() {
                self.log.note(format!("`{name}` was logged without steps: its values were numbered from 0"));
            }
            let of_epoch = meaning(&name).is_some_and(|meaning| meaning.of_epoch);
            rows.extend(series.values.into_iter().map(|(step, value)| (part, of_epoch, step, name.clone(), value)));
        }
        if let (times @ 1.., values) = self.superseded {
            let times = if times == 1 { "once".to_owned() } else { format!("{times} times") };
            self.log.note(format!(
                "the log goes back part of the way {times}, as resumed runs do: {values} values were superseded by those \
                 that follow"
            ));
        }
        rows.sort_by_key(|row| (row.0, row.1, row.2));
        for (_, of_epoch, step, name, value) in rows {
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
    /// Whether a step is where the series began, after others: the run has begun once more.
    fn begins_again(&self, step: u64, file: usize) -> bool {
        let (Some(first), Some(last)) = (self.values.first(), self.values.last()) else { return false };
        step <= first.0 && (last.0 > first.0 || self.file != file)
    }

    /// Where steps go back part of the way, a run was resumed, and what it had logged beyond is replaced, as TensorBoard does.
    /// Returns how many values were.
    fn push(&mut self, step: u64, value: f64) -> usize {
        let before = self.values.len();
        if step > 0 && self.values.last().is_some_and(|last| last.0 >= step) {
            self.values.truncate(self.values.partition_point(|earlier| earlier.0 < step));
        }
        let replaced = before - self.values.len();
        self.values.push((step, value));
        replaced
    }

    /// Numbers values that were all logged at step 0, because the writer was given none. Returns whether they were.
    fn number(&mut self) -> bool {
        if self.values.len() < 2 || self.values.iter().any(|value| value.0 > 0) {
            return false;
        }
        (0..).zip(&mut self.values).for_each(|(number, value)| value.0 = number);
        true
    }
}
