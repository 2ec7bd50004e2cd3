//! `checkpoints/step-N.ckpt`: everything needed to go on from step N.
//!
//! There is one from before the first step on, so that from its beginning on a run knows what settings and words it is of.
//! The newest two are kept: should one be damaged, there is the one before it. None is written of a state in which a number
//! is not finite. What is damaged, by its checksum, is passed over; what merely cannot be read (no permission, a format of a
//! later version) is an error, for to go on from an older state is then not what is wanted.

use std::path::{Path, PathBuf};

use flameout_files::checkpoint::{self, Container};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::floats::Number;
use crate::metrics_file::{Extent, has_lines};
use crate::origin::Origin;
use crate::settings::Precision;
use crate::snapshot::{Guarded, Snapshot, Stored};

/// Version of what a checkpoint's payload means.
const VERSION: u32 = 3;
/// The same with what a guard remembers, in runs that have one.
const GUARDED: u32 = 4;
/// The one before, which did not tell the hash of the metrics.
const WITHOUT_HASH: u32 = 2;
/// Checkpoints kept.
const KEPT: usize = 2;

/// A checkpoint file's payload in version 2. In version 3 the hash of the metrics follows.
#[derive(Debug, Serialize, Deserialize)]
struct Content<S> {
    origin: Origin,
    /// See [`Extent::bytes`].
    metrics_bytes: u64,
    snapshot: S,
}

impl<S: Into<Snapshot>> Content<S> {
    fn read(self) -> Content<Snapshot> {
        Content { origin: self.origin, metrics_bytes: self.metrics_bytes, snapshot: self.snapshot.into() }
    }
}

/// The checkpoints of a run, whose directory is locked.
#[derive(Debug)]
pub struct Checkpoints {
    directory: PathBuf,
    /// Of the run, which no file tells.
    precision: Precision,
    /// Those known to be sound, oldest first.
    sound: Vec<PathBuf>,
}

/// What a search for a checkpoint found.
#[derive(Debug)]
pub struct Found {
    /// The newest sound one, with the beginning of the metrics that belongs to it.
    pub sound: Option<(Snapshot, Extent)>,
    /// A line about each newer one that had to be passed over, and about whatever else is lost.
    pub warnings: Vec<String>,
}

impl Checkpoints {
    /// Those in a directory, of a run of this precision.
    #[must_use]
    pub fn new(directory: PathBuf, precision: Precision) -> Self {
        Self { directory, precision, sound: Vec::new() }
    }

    /// Writes one, and removes all but the newest two that are known to be sound.
    ///
    /// # Errors
    /// If writing fails.
    pub fn write(&mut self, origin: &Origin, metrics: &Extent, snapshot: Snapshot) -> Result<(), Error> {
        let path = self.path(snapshot.step());
        let content = Content { origin: origin.clone(), metrics_bytes: metrics.bytes, snapshot };
        match metrics.blake3 {
            blake3 if content.snapshot.is_guarded() => checkpoint::write(&path, GUARDED, &(content, blake3))?,
            Some(blake3) => checkpoint::write(&path, VERSION, &(content, blake3))?,
            None => checkpoint::write(&path, WITHOUT_HASH, &content)?,
        }
        self.sound.retain(|sound| *sound != path);
        self.sound.push(path);
        self.sound.drain(..self.sound.len().saturating_sub(KEPT));
        // By what is sound, not by step: a damaged one of a later step must not crowd out those that can be gone on from.
        for old in self.files()?.into_iter().filter(|file| !self.sound.contains(file)) {
            std::fs::remove_file(&old).map_err(Error::io(&old))?;
        }
        Ok(())
    }

    /// The newest sound one to whose step `metrics.jsonl` is whole.
    ///
    /// # Errors
    /// [`Error::RunDirectory`] if the newest sound one is of another origin or version, or if the metrics of every sound one
    /// are damaged; [`Error::File`] if files cannot be read.
    pub fn newest(&mut self, origin: &Origin, metrics: &Path) -> Result<Found, Error> {
        let mut warnings = Vec::new();
        let mut without_metrics = None;
        for path in self.files()?.into_iter().rev() {
            let (content, extent) = match self.read(&path) {
                Err(Error::File(error @ flameout_files::Error::Format { .. })) => {
                    warnings.push(error.to_string());
                    continue;
                }
                read => read?,
            };
            require_origin(&path, &content.origin, origin)?;
            if content.snapshot.is_non_finite() {
                warnings.push(format!("{}: holds a state after a number was not finite", path.display()));
            } else if extent.is_in(metrics)? {
                self.sound = vec![path];
                return Ok(Found { sound: Some((content.snapshot, extent)), warnings });
            } else {
                let (path, metrics) = (path.display(), metrics.display());
                warnings.push(format!("{path}: the lines that belong to it are no longer in {metrics}"));
                without_metrics.get_or_insert((content, extent));
            }
        }
        match without_metrics {
            None => {
                if warnings.is_empty() && has_lines(metrics) {
                    warnings.push(format!("{}: no checkpoint is left of the steps in it", metrics.display()));
                }
                Ok(Found { sound: None, warnings })
            }
            Some((content, _)) if !metrics.exists() => {
                let step = content.snapshot.step();
                self.sound = vec![self.path(step)];
                let warnings = vec![format!("{} is gone: the lines up to step {step} are lost", metrics.display())];
                Ok(Found { sound: Some((content.snapshot, Extent::NOTHING)), warnings })
            }
            Some((content, extent)) => Err(Error::RunDirectory {
                path: metrics.into(),
                problem: format!(
                    "was cut short or damaged before byte {}, where step {} ended; move it away to go on from that step without \
                     these lines, or remove the checkpoints to begin the run again",
                    extent.bytes,
                    content.snapshot.step()
                ),
            }),
        }
    }

    /// The states of all that are sound, oldest first, whatever has become of the metrics; none if there is no such directory.
    ///
    /// # Errors
    /// [`Error::RunDirectory`] if one is of another origin or version; [`Error::File`] if files cannot be read.
    pub fn states(&self, origin: &Origin) -> Result<Vec<Snapshot>, Error> {
        let mut states = Vec::new();
        let files = if self.directory.is_dir() { self.files()? } else { Vec::new() };
        for path in files {
            let content = match self.read(&path) {
                Err(Error::File(flameout_files::Error::Format { .. })) => continue,
                read => read?.0,
            };
            require_origin(&path, &content.origin, origin)?;
            states.push(content.snapshot);
        }
        states.retain(|state| !state.is_non_finite());
        Ok(states)
    }

    fn read(&self, path: &Path) -> Result<(Content<Snapshot>, Extent), Error> {
        match self.precision {
            Precision::F32 => read::<f32>(path),
            Precision::F64 => read::<f64>(path),
        }
    }

    fn path(&self, step: u64) -> PathBuf {
        self.directory.join(format!("step-{step:010}.ckpt"))
    }

    /// Oldest first.
    fn files(&self) -> Result<Vec<PathBuf>, Error> {
        files(&self.directory, "ckpt")
    }
}

/// The files in a directory whose names end so, in the order of their names.
///
/// # Errors
/// [`Error::File`] if the directory cannot be read.
pub fn files(directory: &Path, extension: &str) -> Result<Vec<PathBuf>, Error> {
    let entries = std::fs::read_dir(directory).map_err(Error::io(directory))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let mut paths = paths.map_err(Error::io(directory))?;
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    Ok(paths)
}

fn read<T: Number>(path: &Path) -> Result<(Content<Snapshot>, Extent), Error> {
    let container = Container::open(path, WITHOUT_HASH..=VERSION)?;
    let (content, blake3) = match container.version() {
        GUARDED => {
            let (content, blake3) = container.decode::<(Content<Guarded<T>>, Option<[u8; 32]>)>()?;
            (content.read(), blake3)
        }
        VERSION => {
            let (content, blake3) = container.decode::<(Content<Stored<T>>, [u8; 32])>()?;
            (content.read(), Some(blake3))
        }
        WITHOUT_HASH => (container.decode::<Content<Stored<T>>>()?.read(), None),
        version => {
            let problem = format!(
                "has version {version}, and this program reads {WITHOUT_HASH} to {GUARDED}: resume with the program that \
                 wrote it; or remove it to go on from the one before"
            );
            return Err(Error::RunDirectory { path: path.into(), problem });
        }
    };
    let extent = Extent { bytes: content.metrics_bytes, blake3 };
    Ok((content, extent))
}

fn require_origin(path: &Path, found: &Origin, wanted: &Origin) -> Result<(), Error> {
    if found == wanted {
        return Ok(());
    }
    let what = if found.settings == wanted.settings { "word vectors" } else { "settings" };
    let problem = format!("was made with other {what}: resuming would be another run; begin a new one");
    Err(Error::RunDirectory { path: path.into(), problem })
}
