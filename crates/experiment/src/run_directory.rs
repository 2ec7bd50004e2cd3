//! The files of a run.
//!
//! | file | content |
//! | --- | --- |
//! | `settings.toml` | the complete [`Settings`] |
//! | `environment.json` | what program, on what machine, when |
//! | `metrics.jsonl` | a [`Record`] a line: one a step, one an epoch |
//! | `checkpoints/step-N.ckpt` | everything needed to go on from step N; the newest two are kept |
//! | `model.flameout` | the final network (see `Sequential::load`) |
//! | `best.flameout` | the network of the lowest test loss so far, if the settings have a patience |
//! | `encoder.json` | what turns words into its indices |
//! | `summary.json` | the [`Summary`]; present once the run has ended |
//! | `lock` | held while a program writes here |

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flameout_model::checkpoint;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::record::Record;
use crate::settings::Settings;
use crate::summary::Summary;
use crate::trainer::{Number, Snapshot};

/// The file of the final network.
pub const LAST_MODEL: &str = "model.flameout";
/// The file of the network of the lowest test loss.
pub const BEST_MODEL: &str = "best.flameout";
/// The file of what turns words into indices.
pub const ENCODER: &str = "encoder.json";

/// Version of what a checkpoint's payload means.
const VERSION: u32 = 2;
/// Checkpoints kept: should the newest be damaged, there is one before it.
const KEPT: usize = 2;

/// A run's directory, locked against other writers as long as this lives.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    _lock: File,
}

/// What a run's numbers depend on, as hashes: a checkpoint of another origin is not gone on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// See [`Settings::hash`].
    pub settings: String,
    /// See [`Dataset::blake3`](crate::Dataset::blake3).
    pub data: String,
}

/// What a checkpoint file holds.
#[derive(Debug, Serialize, Deserialize)]
struct Checkpoint<T> {
    origin: Origin,
    /// Length of `metrics.jsonl` when it was written: what is beyond belongs to steps that will be made again.
    metrics_bytes: u64,
    snapshot: Snapshot<T>,
}

/// What a search for a checkpoint found.
#[derive(Debug)]
pub struct Found<T> {
    /// The newest sound one, with the length of the metrics that belongs to it.
    pub sound: Option<(Snapshot<T>, u64)>,
    /// A line about each newer one that is not.
    pub unsound: Vec<String>,
}

/// Program, machine and time of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Environment {
    /// Version of this crate.
    pub flameout: String,
    /// The operating system.
    pub os: String,
    /// The processor architecture.
    pub architecture: String,
    /// The kernel path in use; every path gives the same numbers.
    pub kernels: String,
    /// Threads; any number gives the same numbers.
    pub threads: usize,
    /// Seconds since 1970, UTC, when the run began.
    pub started_unix_seconds: u64,
    /// The command line.
    pub command: Vec<String>,
}

impl Environment {
    /// Of this process.
    #[must_use]
    pub fn current() -> Self {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            flameout: env!("CARGO_PKG_VERSION").into(),
            os: std::env::consts::OS.into(),
            architecture: std::env::consts::ARCH.into(),
            kernels: flameout_kernels::Path::current().name().into(),
            threads: rayon::current_num_threads(),
            started_unix_seconds: since_1970.map_or(0, |duration| duration.as_secs()),
            command: std::env::args().collect(),
        }
    }
}

impl RunDirectory {
    /// Makes a directory for a new run.
    ///
    /// # Errors
    /// [`Error::RunDirectory`] if it holds a run already, or another program is writing there; [`Error::Io`] if it cannot be made.
    pub fn create(path: &Path, settings: &Settings) -> Result<Self, Error> {
        std::fs::create_dir_all(path.join("checkpoints")).map_err(Error::io(path))?;
        let directory = Self::lock(path)?;
        if directory.file("settings.toml").exists() {
            let problem = "holds a run already; resume it, or choose another directory".into();
            return Err(Error::RunDirectory { path: path.into(), problem });
        }
        let environment = serde_json::to_vec_pretty(&Environment::current()).expect("plain data");
        directory.write("environment.json", &environment)?;
        // Last, because its presence says that this is a run.
        directory.write("settings.toml", settings.to_toml().as_bytes())?;
        Ok(directory)
    }

    /// Opens the directory of a run that was interrupted or has ended.
    ///
    /// # Errors
    /// [`Error::RunDirectory`] if there is no run, or another program is writing there.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if !path.join("settings.toml").is_file() {
            let problem = "holds no run (no `settings.toml`); leave out the resuming to begin one".into();
            return Err(Error::RunDirectory { path: path.into(), problem });
        }
        Self::lock(path)
    }

    fn lock(path: &Path) -> Result<Self, Error> {
        let file = path.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&file).map_err(Error::io(&file))?;
        lock.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => {
                Error::RunDirectory { path: path.into(), problem: "another program is writing here".into() }
            }
            std::fs::TryLockError::Error(source) => Error::Io { path: file, source },
        })?;
        Ok(Self { path: path.into(), _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The settings of the run.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn settings(&self) -> Result<Settings, Error> {
        Settings::read(&self.file("settings.toml"))
    }

    /// The summary, if the run has ended.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn summary(&self) -> Result<Option<Summary>, Error> {
        let path = self.file("summary.json");
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
        let damaged = |error| Error::RunDirectory { path: path.clone(), problem: format!("cannot be read: {error}") };
        serde_json::from_str(&text).map(Some).map_err(damaged)
    }

    /// Writes a whole file, atomically.
    ///
    /// # Errors
    /// If writing fails; the old file is then still there.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        Ok(checkpoint::write_atomically(&self.file(name), &[content])?)
    }

    /// Writes a checkpoint and removes the oldest beyond those kept.
    ///
    /// # Errors
    /// If writing fails.
    pub fn write_checkpoint<T: Number>(
        &self,
        origin: &Origin,
        metrics: &mut MetricsWriter,
        snapshot: Snapshot<T>,
    ) -> Result<(), Error> {
        let step = snapshot.step();
        let content = Checkpoint { origin: origin.clone(), metrics_bytes: metrics.sync()?, snapshot };
        checkpoint::write(&self.file(&format!("checkpoints/step-{step:010}.ckpt")), VERSION, &content)?;
        for old in self.checkpoints()?.iter().rev().skip(KEPT) {
            std::fs::remove_file(old).map_err(Error::io(old))?;
        }
        Ok(())
    }

    /// The newest sound checkpoint, and what is wrong with newer ones.
    ///
    /// # Errors
    /// If the newest sound checkpoint is of another origin, or the directory cannot be read.
    pub fn newest_checkpoint<T: Number>(&self, origin: &Origin) -> Result<Found<T>, Error> {
        let mut unsound = Vec::new();
        for path in self.checkpoints()?.into_iter().rev() {
            match checkpoint::read::<Checkpoint<T>>(&path, VERSION) {
                Ok(content) if content.origin == *origin => {
                    return Ok(Found { sound: Some((content.snapshot, content.metrics_bytes)), unsound });
                }
                Ok(content) => {
                    let same_settings = content.origin.settings == origin.settings;
                    let what = if same_settings { "word vectors" } else { "settings" };
                    let problem = format!("was made with other {what}: resuming would be another run; begin a new one");
                    return Err(Error::RunDirectory { path, problem });
                }
                Err(error) => unsound.push(error.to_string()),
            }
        }
        Ok(Found { sound: None, unsound })
    }

    /// The checkpoint files, oldest first.
    fn checkpoints(&self) -> Result<Vec<PathBuf>, Error> {
        let directory = self.file("checkpoints");
        let entries = std::fs::read_dir(&directory).map_err(Error::io(&directory))?;
        let mut paths = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(Error::io(&directory))?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "ckpt"));
        paths.sort();
        Ok(paths)
    }

    /// Opens `metrics.jsonl` to append after the first `keep` bytes.
    ///
    /// # Errors
    /// If the file cannot be opened, or is shorter than that.
    pub fn metrics(&self, keep: u64) -> Result<MetricsWriter, Error> {
        MetricsWriter::open(self.file("metrics.jsonl"), keep)
    }

    /// Reads `metrics.jsonl`.
    ///
    /// # Errors
    /// If the file cannot be read, or a line is no record: then with its number.
    pub fn read_metrics(path: &Path) -> Result<Vec<Record>, Error> {
        let path = path.join("metrics.jsonl");
        let file = File::open(&path).map_err(Error::io(&path))?;
        BufReader::new(file)
            .split(b'\n')
            .enumerate()
            .map(|(index, line)| {
                let line = line.map_err(Error::io(&path))?;
                serde_json::from_slice(&line).map_err(|error| Error::RunDirectory {
                    path: path.clone(),
                    problem: format!("line {}: {error}", index + 1),
                })
            })
            .collect()
    }
}

/// Appends records to `metrics.jsonl`.
#[derive(Debug)]
pub struct MetricsWriter {
    path: PathBuf,
    file: BufWriter<File>,
}

impl MetricsWriter {
    fn open(path: PathBuf, keep: u64) -> Result<Self, Error> {
        let mut file =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(Error::io(&path))?;
        let len = file.metadata().map_err(Error::io(&path))?.len();
        if len < keep {
            let problem = format!("holds {len} bytes where the checkpoint says {keep}: its end was lost");
            return Err(Error::RunDirectory { path, problem });
        }
        file.set_len(keep).map_err(Error::io(&path))?;
        file.seek(SeekFrom::End(0)).map_err(Error::io(&path))?;
        Ok(Self { path, file: BufWriter::new(file) })
    }

    /// Appends a record.
    ///
    /// # Errors
    /// If writing fails.
    pub fn append(&mut self, record: &Record) -> Result<(), Error> {
        let mut line = serde_json::to_vec(record).expect("plain data");
        line.push(b'\n');
        self.file.write_all(&line).map_err(Error::io(&self.path))
    }

    /// Brings everything to the disk; returns the file's length.
    ///
    /// # Errors
    /// If writing fails.
    pub fn sync(&mut self) -> Result<u64, Error> {
        let file = &mut self.file;
        file.flush().and_then(|()| file.get_ref().sync_data()).map_err(Error::io(&self.path))?;
        file.stream_position().map_err(Error::io(&self.path))
    }
}
