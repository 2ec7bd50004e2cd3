//! States of a run, kept while it is made: then a diagnosis need not make the run again.

use std::path::{Path, PathBuf};

use flameout_curves::{Baseline, Curve, Unit, onset};
use flameout_experiment::Origin;
use flameout_experiment::checkpoints::files;
use flameout_experiment::{Dataset, Observer, RunDirectory, Settings, Snapshot, StepRecord, Trainer};

use crate::Error;
use crate::condition::Condition;
use crate::options::LEAD;
use crate::snapshots::Snapshots;

/// Steps between states: at the question's size, where a copy takes a quarter of a step's time, half a per cent of the run
/// (`cargo bench -p flameout-doctor`).
const EVERY: u64 = 50;
/// Where they go, in the run's directory.
const DIRECTORY: &str = "states";
/// What the names of their files end with.
const EXTENSION: &str = "state";

/// Keeps states of a run in a [`Snapshots`], and writes those that a diagnosis needs beside the run when it ends, if something
/// went wrong or the loss dipped: `states/step-N.state`, at most fifteen, each as large as a checkpoint.
///
/// ```
/// use flameout_doctor::StateRecorder;
/// use flameout_experiment::{Case, Observer, RunOptions, Settings, train};
/// # use std::sync::atomic::AtomicBool;
/// # let directory = tempfile::tempdir()?;
/// # let vectors = directory.path().join("vectors.txt");
/// # std::fs::write(&vectors, "cat 1 0\ndog 0 1\nant 1 1\nbee 2 1\n")?;
/// # let run = directory.path().join("run");
/// # let mut settings = Settings::for_case(Case::GruSingle).with(|settings| settings.data.vectors = vectors)?;
/// # for (key, value) in [("model.units", "4"), ("training.batch", "1"), ("training.epochs", "40"), ("data.test-share", "0.25")] { settings.set(key, value)? }
/// let options = RunOptions { directory: run.clone(), resume: false, base: "".into() };
/// train(&settings, &options, &AtomicBool::new(false), |begun| {
///     let keeper = StateRecorder::new(&settings, begun.dataset, begun.trainer, &run, 1 << 30, |error| eprintln!("{error}"));
///     vec![Box::new(keeper.expect("room for a state")) as Box<dyn Observer>]
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct StateRecorder {
    snapshots: Snapshots,
    directory: PathBuf,
    origin: Origin,
    /// What has become of the run so far.
    condition: Condition,
    /// Since when it has trained well.
    trained: Option<u64>,
    baseline: Baseline,
    /// The loss of every step from the first that was seen on, for dips are only looked for when the run ends.
    losses: Vec<f64>,
    /// Steps before these.
    before: u64,
    warn: fn(&Error),
}

impl StateRecorder {
    /// For a run with these settings on these words in this directory, of which `trainer` is what begins or goes on; states
    /// take at most `limit` bytes of memory. If they cannot be written in the end, `warn` is told: that is no reason for a run
    /// to fail.
    ///
    /// # Errors
    /// [`Error::Experiment`] if a single state takes more than `limit`, or one that was written before the run was interrupted
    /// is damaged or of another run.
    pub fn new(
        settings: &Settings,
        dataset: &Dataset,
        trainer: &Trainer,
        run: &Path,
        limit: usize,
        warn: fn(&Error),
    ) -> Result<Self, Error> {
        let mut snapshots = Snapshots::new(limit);
        // Of a run that goes on after something went wrong in it.
        let before = written(settings, dataset, run)?.into_iter().filter(|snapshot| snapshot.step() < trainer.steps());
        for snapshot in before.chain([trainer.snapshot()]) {
            snapshots.push(snapshot)?;
        }
        let (directory, origin) = (run.join(DIRECTORY), Origin::of(settings, dataset));
        let (condition, trained, baseline) = (Condition::NeverTrained, None, *trainer.outcome().baseline());
        let (losses, before) = (Vec::new(), trainer.steps());
        Ok(Self { snapshots, directory, origin, condition, trained, baseline, losses, before, warn })
    }

    /// The step at which something went wrong; if nothing did, the first sign of the last dip.
    fn wrong(&self) -> Option<u64> {
        let last_dip = || {
            let trained = self.trained?;
            let curve = Curve::from_losses(Unit::Step, self.losses.iter().copied());
            let dips = onset::dips(&curve, &self.baseline, trained.saturating_sub(self.before));
            dips.last().map(|dip| self.before + dip.first_sign)
        };
        self.condition.step().or_else(last_dip)
    }

    /// Those that a diagnosis looks at: on the way to what went wrong, where replays begin, and the last.
    fn write(&self, wrong: u64) -> Result<(), Error> {
        let last = self.snapshots.latest().map_or(0, Snapshot::step);
        let mut wanted = self.snapshots.steps_towards(wrong);
        let ends = [wrong.saturating_sub(LEAD), last / 2, last];
        wanted.extend(ends.into_iter().filter_map(|step| self.snapshots.at_or_before(step)).map(Snapshot::step));
        std::fs::create_dir_all(&self.directory).map_err(Error::io(&self.directory))?;
        for path in files(&self.directory, EXTENSION)? {
            std::fs::remove_file(&path).map_err(Error::io(&path))?;
        }
        for snapshot in self.snapshots.iter().filter(|snapshot| wanted.contains(&snapshot.step())) {
            let path = self.directory.join(format!("step-{:010}.{EXTENSION}", snapshot.step()));
            snapshot.write(&path, &self.origin)?;
        }
        Ok(())
    }
}

impl Observer for StateRecorder {
    fn step(&mut self, record: &StepRecord, trainer: &Trainer) {
        let outcome = trainer.outcome();
        self.condition = Condition::of(outcome, outcome.non_finite().then_some(record.step));
        self.trained = outcome.trained_well_at();
        self.losses.push(record.loss);
        if record.step.is_multiple_of(EVERY) && !outcome.non_finite() {
            self.snapshots.push(trainer.snapshot()).expect("it takes no more memory than the first, which had room");
        }
    }

    fn end(&mut self) {
        if let Some(wrong) = self.wrong()
            && let Err(error) = self.write(wrong)
        {
            (self.warn)(&error);
        }
    }
}

/// All states that a run's directory has, by rising step: those that a [`StateRecorder`] wrote, and the checkpoints of a run that is
/// not over.
///
/// # Errors
/// [`Error::Experiment`] if files cannot be read, or one is of another run, or damaged and no checkpoint.
pub fn states(settings: &Settings, dataset: &Dataset, run: &Path) -> Result<Vec<Snapshot>, Error> {
    let mut states = written(settings, dataset, run)?;
    states.extend(RunDirectory::read_checkpoints(run, &Origin::of(settings, dataset), settings.model.precision)?);
    states.sort_by_key(Snapshot::step);
    Ok(states)
}

/// States that were written for a run with these settings on these words, by rising step; none if there are none.
///
/// # Errors
/// [`Error::Experiment`] if files cannot be read, or one is damaged or of another run.
pub(crate) fn written(settings: &Settings, dataset: &Dataset, run: &Path) -> Result<Vec<Snapshot>, Error> {
    let (directory, origin) = (run.join(DIRECTORY), Origin::of(settings, dataset));
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let paths = files(&directory, EXTENSION)?;
    let read = |path: &PathBuf| Snapshot::read(path, &origin, settings.model.precision).map_err(Error::from);
    paths.iter().map(read).collect()
}
