//! The files of a run.
//!
//! | file | content |
//! | --- | --- |
//! | `settings.toml` | the complete [`Settings`] |
//! | `environment.json` | what program, on what machine, when |
//! | `metrics.jsonl` | a [`Record`](flameout_curves::record::Record) a line: one a step, one an epoch |
//! | `checkpoints/step-N.ckpt` | everything needed to go on from step N; the newest two are kept (see [`checkpoints`](crate::checkpoints)) |
//! | `model.flameout` | the final network (see `Sequential::load`); the last sound one of a run that became non-finite |
//! | `best.flameout` | the network of the lowest test loss so far, if the settings have a patience |
//! | `encoder.json` | what turns words into its indices |
//! | `states/` | states from before a collapse, if an observer kept any (`flameout_doctor::StateRecorder`) |
//! | `summary.json` | the [`Summary`]; present once the run has ended |
//! | `lock` | held while a program writes here |

mod unused;

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::checkpoints::Checkpoints;
use crate::error::Error;
use crate::origin::Origin;
use crate::settings::{Precision, Settings};
use crate::snapshot::Snapshot;
use crate::summary::Summary;

/// The file of the final network.
pub const LAST_MODEL: &str = "model.flameout";
/// The file of the network of the lowest test loss.
pub const BEST_MODEL: &str = "best.flameout";
/// The file of what turns words into indices.
pub const ENCODER: &str = "encoder.json";
/// The file of a line a step.
pub const METRICS: &str = "metrics.jsonl";
/// Where the checkpoints are.
const CHECKPOINTS: &str = "checkpoints";
/// The file whose presence says that the run is over.
pub(crate) const SUMMARY: &str = "summary.json";

/// What says that a directory holds a run: its settings.
const SETTINGS: &str = "settings.toml";
/// What says by which program, and is there before the settings are.
const ENVIRONMENT: &str = "environment.json";
/// The file that is held while a program writes here.
const LOCK: &str = "lock";

/// A run's directory, locked against other writers as long as this lives.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    _lock: File,
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
            // Any bytes may stand in it.
            command: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
        }
    }
}

impl RunDirectory {
    /// Makes a directory for a new run.
    ///
    /// # Errors
    /// [`Error::RunDirectory`] if it holds a run already, or anything with the name of a file of a run, or another program is
    /// writing there; [`Error::File`] if it cannot be made. Nothing has been written then.
    pub fn create(path: &Path, settings: &Settings) -> Result<Self, Error> {
        std::fs::create_dir_all(path).map_err(Error::io(path))?;
        unused::require(path)?;
        let directory = Self::lock(path)?;
        // Another program may have begun in the meantime.
        unused::require(path)?;
        let environment = serde_json::to_vec_pretty(&Environment::current()).expect("plain data");
        directory.write(ENVIRONMENT, &environment)?;
        // Last, because its presence says that this is a run.
        directory.write(SETTINGS, settings.to_toml().as_bytes())?;
        Ok(directory)
    }

    /// Opens the directory of a run that was interrupted or has ended.
    ///
    /// # Errors
    /// [`Error::RunDirectory`] if there is no run, or another program is writing there.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if !path.join(SETTINGS).is_file() {
            let problem = "holds no run (no `settings.toml`); leave out the resuming to begin one".into();
            return Err(Error::RunDirectory { path: path.into(), problem });
        }
        Self::lock(path)
    }

    fn lock(path: &Path) -> Result<Self, Error> {
        let file = path.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&file).map_err(Error::io(&file))?;
        lock.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => {
                Error::RunDirectory { path: path.into(), problem: "another program is writing here".into() }
            }
            std::fs::TryLockError::Error(reason) => Error::io(file)(reason),
        })?;
        let checkpoints = path.join(CHECKPOINTS);
        std::fs::create_dir_all(&checkpoints).map_err(Error::io(&checkpoints))?;
        // With the lock held, what is half written is of a program that was killed.
        for directory in [path, &checkpoints] {
            flameout_files::remove_temporaries(directory)?;
        }
        Ok(Self { path: path.into(), _lock: lock })
    }

    /// Whether there is a run in this directory that is over.
    #[must_use]
    pub fn is_over(path: &Path) -> bool {
        path.join(SUMMARY).is_file() && path.join(SETTINGS).is_file()
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
        Settings::read(&self.file(SETTINGS))
    }

    /// The summary, if the run has ended.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn summary(&self) -> Result<Option<Summary>, Error> {
        let path = self.file(SUMMARY);
        if !path.exists() {
            return Ok(None);
        }
        let text = flameout_files::read_text(&path, flameout_files::JSON).map_err(Error::io(&path))?;
        let damaged = |error| Error::RunDirectory {
            path: path.clone(),
            problem: format!(
                "cannot be read: {error}; remove it and resume: it is made again from the last checkpoint"
            ),
        };
        serde_json::from_str(&text).map(Some).map_err(damaged)
    }

    /// Writes a whole file, atomically.
    ///
    /// # Errors
    /// If writing fails; the old file is then still there.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        Ok(flameout_files::write_atomically(&self.file(name), &[content])?)
    }

    /// The checkpoints, of a run of this precision.
    #[must_use]
    pub fn checkpoints(&self, precision: Precision) -> Checkpoints {
        Checkpoints::new(self.file(CHECKPOINTS), precision)
    }

    /// Reads the checkpoints of a run that may be going on: see [`Checkpoints::states`].
    ///
    /// # Errors
    /// As that.
    pub fn read_checkpoints(path: &Path, origin: &Origin, precision: Precision) -> Result<Vec<Snapshot>, Error> {
        Checkpoints::new(path.join(CHECKPOINTS), precision).states(origin)
    }
}
