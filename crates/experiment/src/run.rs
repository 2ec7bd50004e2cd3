//! A run in a directory: begin or resume, train, checkpoint, summarise.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::checkpoints::Checkpoints;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::metrics_file::{Extent, MetricsWriter};
use crate::observer::Observer;
use crate::origin::Origin;
use crate::run_directory::{BEST_MODEL, ENCODER, LAST_MODEL, METRICS, RunDirectory, SUMMARY};
use crate::settings::Settings;
use crate::summary::Summary;
use crate::trainer::{Trainer, require_possible, stop_if};
use flameout_curves::record::{EpochRecord, Record};

/// How a run is carried out; nothing here changes its numbers.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Where its files go.
    pub directory: PathBuf,
    /// Go on from the newest checkpoint there, instead of beginning.
    pub resume: bool,
    /// Where relative paths in the settings begin.
    pub base: PathBuf,
}

/// How a call of [`train`] ended: a run is over, or it can be resumed.
#[derive(Debug, Clone)]
pub enum Ended {
    /// The run is over.
    Finished(Box<Summary>),
    /// It was stopped after this step and can be resumed.
    Stopped {
        /// Steps taken.
        step: u64,
    },
}

/// What [`train`] tells before its first step.
#[derive(Debug)]
pub struct Begun<'a> {
    /// The words.
    pub dataset: &'a Dataset,
    /// The network before the first step of this call.
    pub trainer: &'a Trainer,
    /// Steps of the whole run.
    pub total_steps: u64,
    /// What was wrong with newer checkpoints that had to be passed over, and what else is lost. If there are warnings and the
    /// trainer has made no step, the run begins again.
    pub warnings: Vec<String>,
}

/// Trains until the settings' epochs are over, a number is not finite, or `stop` is set; then the state is saved, so that the
/// run can be resumed with the same result to the bit. `observers` makes those who watch, once it is known what begins.
///
/// # Errors
/// If settings, data or directory are unusable, or writing fails.
pub fn train(
    settings: &Settings,
    options: &RunOptions,
    stop: &AtomicBool,
    observers: impl FnOnce(&Begun<'_>) -> Vec<Box<dyn Observer>>,
) -> Result<Ended, Error> {
    // Before the directory: a run that cannot begin leaves nothing behind.
    let dataset = Dataset::open(settings, &options.base)?;
    require_possible(settings, &dataset)?;
    let directory = open_directory(settings, options)?;
    if let Some(summary) = directory.summary()? {
        return Ok(Ended::Finished(Box::new(summary)));
    }
    let (mut run, warnings) = Run::begin(settings, directory, dataset)?;
    let total_steps = settings.training.epochs.saturating_mul(run.dataset.steps_per_epoch(settings));
    run.observers = observers(&Begun { dataset: &run.dataset, trainer: &run.trainer, total_steps, warnings });
    run.go_on(stop)
}

fn open_directory(settings: &Settings, options: &RunOptions) -> Result<RunDirectory, Error> {
    if !options.resume {
        return RunDirectory::create(&options.directory, settings);
    }
    let directory = RunDirectory::open(&options.directory)?;
    if directory.settings()? != *settings {
        let problem = "was begun with other settings; resume it with the same, or choose another directory".into();
        return Err(Error::RunDirectory { path: options.directory.clone(), problem });
    }
    Ok(directory)
}

struct Run<'a> {
    settings: &'a Settings,
    origin: Origin,
    directory: RunDirectory,
    checkpoints: Checkpoints,
    dataset: Dataset,
    trainer: Trainer,
    metrics: MetricsWriter,
    /// What the step with a number that is not finite left to be written: after the checkpoint of the step before.
    unwritten: Vec<Record>,
    observers: Vec<Box<dyn Observer>>,
}

impl<'a> Run<'a> {
    /// A new run with its first checkpoint, or one that goes on from its newest; and what was wrong with newer ones.
    fn begin(settings: &'a Settings, directory: RunDirectory, dataset: Dataset) -> Result<(Self, Vec<String>), Error> {
        // From the start, so that the best network so far can be used while the run goes on.
        let encoder = serde_json::to_vec_pretty(&dataset.encoder).expect("plain data");
        directory.write(ENCODER, &encoder)?;
        let mut trainer = Trainer::new(settings, &dataset)?;
        let origin = Origin::of(settings, &dataset);
        let (mut checkpoints, metrics) = (directory.checkpoints(settings.model.precision), directory.file(METRICS));
        let found = checkpoints.newest(&origin, &metrics)?;
        let is_new = found.sound.is_none();
        let mut extent = Extent::NOTHING;
        if let Some((snapshot, metrics_so_far)) = found.sound {
            trainer.restore(&dataset, snapshot)?;
            extent = metrics_so_far;
        }
        let metrics = MetricsWriter::open(metrics, &extent)?;
        let (unwritten, observers) = (Vec::new(), Vec::new());
        let mut run =
            Self { settings, origin, directory, checkpoints, dataset, trainer, metrics, unwritten, observers };
        if is_new {
            run.checkpoint()?;
        }
        Ok((run, found.warnings))
    }

    fn go_on(&mut self, stop: &AtomicBool) -> Result<Ended, Error> {
        let mut clock = EpochClock::new();
        while !self.trainer.finished() {
            if stop.load(Ordering::Relaxed) {
                self.checkpoint()?;
                self.end_observers();
                return Ok(Ended::Stopped { step: self.trainer.steps() });
            }
            self.step(&mut clock)?;
        }
        self.end_observers();
        self.finish(stop)
    }

    fn step(&mut self, clock: &mut EpochClock) -> Result<(), Error> {
        let began = Instant::now();
        let record = self.trainer.step(&self.dataset)?;
        clock.add(record.words, began.elapsed());
        for observer in &mut self.observers {
            observer.step(&record, &self.trainer);
        }
        let step = record.step;
        self.write_down(Record::Step(record))?;
        if self.trainer.at_end_of_epoch() {
            let record = self.trainer.end_epoch(&self.dataset, clock.words_per_second());
            *clock = EpochClock::new();
            self.observers.iter_mut().for_each(|observer| observer.epoch(&record));
            self.keep_best(&record)?;
            self.write_down(Record::Epoch(record))?;
        }
        let due = step.is_multiple_of(self.settings.training.checkpoint_every);
        if due && !self.trainer.outcome().non_finite() {
            self.checkpoint()?;
        }
        Ok(())
    }

    fn write_down(&mut self, record: Record) -> Result<(), Error> {
        if self.trainer.outcome().non_finite() {
            self.unwritten.push(record);
            return Ok(());
        }
        self.metrics.append(&record)
    }

    /// With a patience, the network of the lowest test loss so far is kept.
    fn keep_best(&self, record: &EpochRecord) -> Result<(), Error> {
        let best = self.trainer.outcome().best_test().is_some_and(|best| best.epoch == record.epoch);
        if best && self.settings.training.patience.is_some() {
            self.trainer.save(&self.directory.file(BEST_MODEL))?;
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<(), Error> {
        self.checkpoints.write(&self.origin, &self.metrics.sync()?, self.trainer.snapshot())
    }

    fn end_observers(&mut self) {
        self.observers.iter_mut().for_each(|observer| observer.end());
    }

    fn finish(&mut self, stop: &AtomicBool) -> Result<Ended, Error> {
        let non_finite = self.trainer.outcome().non_finite();
        self.metrics.require_whole()?;
        if !non_finite {
            self.checkpoint()?;
        }
        let summary = Summary::of(self.settings, &self.dataset, &mut self.trainer);
        if non_finite {
            self.back_to_the_last_sound_state(summary.steps, stop)?;
            if self.trainer.steps() + 1 < summary.steps {
                return Ok(Ended::Stopped { step: self.trainer.steps() });
            }
            self.checkpoint()?;
            for record in self.unwritten.drain(..) {
                self.metrics.append(&record)?;
            }
            self.metrics.sync()?;
        }
        self.trainer.save(&self.directory.file(LAST_MODEL))?;
        // Last, because its presence says that the run is over.
        let json = serde_json::to_vec_pretty(&summary).expect("plain data");
        self.directory.write(SUMMARY, &json)?;
        Ok(Ended::Finished(Box::new(summary)))
    }

    /// Makes the steps from the newest checkpoint to the one before `bad` again: cheaper, over all runs, than to keep a copy
    /// of the network at every step. Ends before if `stop` is set.
    fn back_to_the_last_sound_state(&mut self, bad: u64, stop: &AtomicBool) -> Result<(), Error> {
        let found = self.checkpoints.newest(&self.origin, &self.directory.file(METRICS))?;
        match found.sound {
            Some((snapshot, _)) => self.trainer.restore(&self.dataset, snapshot)?,
            None => self.trainer = Trainer::new(self.settings, &self.dataset)?,
        }
        if self.trainer.steps() + 1 == bad {
            return Ok(());
        }
        self.trainer.go_on(&self.dataset, &mut (), |trainer, _, _| {
            Ok(stop_if(trainer.steps() + 1 == bad || stop.load(Ordering::Relaxed)))
        })
    }
}

/// How fast an epoch's words go through training; measuring and writing does not count.
struct EpochClock {
    words: usize,
    elapsed: Duration,
}

impl EpochClock {
    fn new() -> Self {
        Self { words: 0, elapsed: Duration::ZERO }
    }

    fn add(&mut self, words: usize, elapsed: Duration) {
        self.words += words;
        self.elapsed += elapsed;
    }

    fn words_per_second(&self) -> f64 {
        self.words as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}
