//! A run as it lies on the disk.

use std::path::{Path, PathBuf};

use flameout_curves::{Curve, Unit, logs};
use flameout_doctor::Diagnosis;
use flameout_experiment::run_directory::Environment;
use flameout_experiment::{Settings, Summary};
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::figures::{counted, whole};
use crate::mark::{self, Mark};
use flameout_curves::printable;

/// Everything that is known of a run. What its directory does not hold is `None`.
#[derive(Debug, Clone)]
pub struct Run {
    /// The last part of its path.
    pub name: String,
    /// Its directory or log.
    pub path: PathBuf,
    /// Its metrics.
    pub curve: Curve,
    /// `settings.toml`.
    pub settings: Option<Settings>,
    /// `environment.json`.
    pub environment: Option<Environment>,
    /// `summary.json`; there once a run has ended.
    pub summary: Option<Summary>,
    /// `diagnosis.json`; there once the doctor has looked at the run.
    pub diagnosis: Option<Diagnosis>,
    /// Steps to point out, in order: onset, spikes and the like.
    pub marks: Vec<Mark>,
    /// What was passed over in reading, a sentence each.
    pub notes: Vec<String>,
}

impl Run {
    /// Reads a run directory, or another program's log (see [`flameout_curves::logs`]). The run may be going on: its
    /// directory is not locked, and a last line that is torn is left out with a note.
    ///
    /// # Errors
    /// [`Error::NoStep`] if it has not begun; [`Error::Curve`], [`Error::Experiment`] or [`Error::Json`], which name file
    /// and line, if a file is damaged; [`Error::Io`] if one cannot be read.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let is_run = path.join("settings.toml").is_file();
        let settings = is_run.then(|| Settings::read(&path.join("settings.toml"))).transpose()?;
        if is_run && !holds_a_line(&path.join("metrics.jsonl"))? {
            return Err(Error::NoStep { path: path.into() });
        }
        let curve = logs::read(path, &logs::Names::default())?.pop().expect("a log holds a run");
        let summary: Option<Summary> = read_json(&path.join("summary.json"))?;
        let mut notes = curve.notes.clone();
        // The rest of a report is worth having without it.
        let diagnosis = read_json(&path.join("diagnosis.json")).unwrap_or_else(|error| {
            notes.push(format!("the diagnosis was left out: {error}; make it again"));
            None
        });
        Ok(Self {
            name: name(path),
            path: path.into(),
            environment: read_json(&path.join("environment.json"))?,
            marks: mark::marks(&curve, summary.as_ref()),
            curve,
            settings,
            summary,
            diagnosis,
            notes,
        })
    }

    /// Whether it is a run of this workspace that has not ended: it is going on, or was interrupted.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        self.settings.is_some() && self.summary.is_none()
    }

    /// The last step that was written down.
    #[must_use]
    pub fn last_step(&self) -> u64 {
        let trained = self.curve.points.last().map_or(0, |point| point.step);
        let tested = self.curve.epochs.iter().filter_map(|epoch| epoch.step).max();
        trained.max(tested.unwrap_or(0))
    }

    /// How long it is, in words. Epochs are counted, as some programs number them from 0; of another program's steps the rows
    /// are counted, and the last step is named.
    #[must_use]
    pub(crate) fn length(&self) -> String {
        let rows = self.curve.points.len().max(self.curve.epochs.len()) as u64;
        match self.curve.unit {
            Unit::Epoch => counted(rows, "epoch"),
            Unit::Step if self.settings.is_some() => counted(self.last_step(), "step"),
            Unit::Step => format!("{} up to step {}", counted(rows, "row"), whole(self.last_step())),
        }
    }

    /// The network's layers, from input to output: `Bidirectional(LSTM(256)) → Dense`. A log without settings does not tell them.
    #[must_use]
    pub(crate) fn network(&self) -> Option<String> {
        // Neither alphabet nor length of the vectors are settings: they have no part in what is written.
        let layers = self.settings.as_ref()?.architecture(2, 1).layers;
        let (_, hidden) = layers.split_last()?;
        Some(hidden.iter().map(|layer| format!("{layer} → ")).collect::<String>() + "Dense")
    }

    /// What its steps are called.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        self.curve.unit.name()
    }
}

/// The last part of a path, [fit for a terminal](printable).
fn name(path: &Path) -> String {
    // `.` and `..` have no last part of their own.
    let whole = path.canonicalize().unwrap_or_else(|_| path.into());
    let name = whole.file_name().unwrap_or(whole.as_os_str()).to_string_lossy();
    printable(&name).into_owned()
}

/// Whether a file is there and has a whole line.
fn holds_a_line(path: &Path) -> Result<bool, Error> {
    use std::io::{BufRead, BufReader};
    match std::fs::File::open(path) {
        Ok(file) => BufReader::new(file).skip_until(b'\n').map(|bytes| bytes > 0).map_err(Error::io(path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io(path)(error)),
    }
}

/// A JSON file; `None` if it is not there.
fn read_json<V: DeserializeOwned>(path: &Path) -> Result<Option<V>, Error> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    let text = match flameout_files::read(path, flameout_files::JSON) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => return Ok(None),
        Err(error) => return Err(Error::io(path)(error)),
    };
    serde_json::from_slice(&text).map(Some).map_err(|reason| Error::Json { path: path.into(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_steer_a_terminal() {
        assert_eq!(name(Path::new("/nowhere/a\x1b[31mb\n")), r"a\u001b[31mb\u000a");
    }

    #[test]
    fn a_log_is_not_looked_into_as_a_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "epoch,loss\n0,0.5\n1,0.4\n").unwrap();
        let run = Run::read(file.path()).unwrap();
        assert_eq!((run.unit(), run.last_step(), run.is_unfinished()), ("epoch", 1, false));
        assert_eq!((run.length(), run.network()), ("2 epochs".into(), None), "numbered from 0");
        assert!(run.summary.is_none() && run.diagnosis.is_none());
    }
}
