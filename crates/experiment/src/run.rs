//! A run in a directory: begin or resume, train, checkpoint, summarise.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::dataset::Dataset;
use crate::error::Error;
use crate::observer::{Observer, Seen};
use crate::record::{EpochRecord, Record};
use crate::run_directory::{BEST_MODEL, ENCODER, LAST_MODEL, MetricsWriter, Origin, RunDirectory};
use crate::settings::Settings;
use crate::summary::Summary;
use crate::trainer::{Number, Trainer};

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

/// How a call of [`train`] ended.
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
pub struct Begun<'a, T> {
    /// The words.
    pub dataset: &'a Dataset<T>,
    /// The network before the first step of this call.
    pub trainer: &'a Trainer<T>,
    /// Steps of the whole run.
    pub total_steps: u64,
    /// What was wrong with newer checkpoints that had to be passed over.
    pub warnings: Vec<String>,
}

/// Trains until the settings' epochs are over, a number is not finite, or `stop` is set; then the state is saved, so that the
/// run can be resumed with the same result to the bit. `observers` makes those who watch, once it is known what begins.
///
/// # Errors
/// If settings, data or directory are unusable, or writing fails.
pub fn train<T: Number>(
    settings: &Settings,
    options: &RunOptions,
    stop: &AtomicBool,
    observers: impl FnOnce(&Begun<'_, T>) -> Vec<Box<dyn Observer<T>>>,
) -> Result<Ended, Error> {
    settings.check()?;
    // Before the directory: a run that cannot begin leaves nothing behind.
    let dataset = Dataset::<T>::open(settings, &options.base)?;
    let directory = open_directory(settings, options)?;
    if let Some(summary) = directory.summary()? {
        return Ok(Ended::Finished(Box::new(summary)));
    }
    // From the start, so that the best network so far can be used while the run goes on.
    let encoder = serde_json::to_vec_pretty(&dataset.encoder).expect("plain data");
    directory.write(ENCODER, &encoder)?;
    let mut trainer = Trainer::new(settings, &dataset)?;
    let origin = Origin { settings: settings.hash(), data: dataset.blake3() };
    let found = directory.newest_checkpoint::<T>(&origin)?;
    let metrics_bytes = match found.sound {
        Some((snapshot, metrics_bytes)) => {
            trainer.restore(&dataset, snapshot)?;
            metrics_bytes
        }
        None => 0,
    };
    let total_steps = settings.training.epochs.saturating_mul(dataset.steps_per_epoch(settings));
    let observers = observers(&Begun { dataset: &dataset, trainer: &trainer, total_steps, warnings: found.unsound });
    let metrics = directory.metrics(metrics_bytes)?;
    let mut run = Run { settings, origin, directory, dataset, trainer, metrics, observers };
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

struct Run<'a, T> {
    settings: &'a Settings,
    origin: Origin,
    directory: RunDirectory,
    dataset: Dataset<T>,
    trainer: Trainer<T>,
    metrics: MetricsWriter,
    observers: Vec<Box<dyn Observer<T>>>,
}

impl<T: Number> Run<'_, T> {
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
        let summary = self.finish()?;
        Ok(Ended::Finished(Box::new(summary)))
    }

    fn step(&mut self, clock: &mut EpochClock) -> Result<(), Error> {
        let began = Instant::now();
        let record = self.trainer.step(&self.dataset)?;
        clock.add(record.words, began.elapsed());
        let seen = Seen { model: self.trainer.model(), optimizer: self.trainer.optimizer() };
        for observer in &mut self.observers {
            observer.step(&record, &seen);
        }
        let step = record.step;
        self.metrics.append(&Record::Step(record))?;
        if self.trainer.at_end_of_epoch() {
            let record = self.trainer.end_epoch(&self.dataset, clock.words_per_second());
            *clock = EpochClock::new();
            self.observers.iter_mut().for_each(|observer| observer.epoch(&record));
            self.keep_best(&record)?;
            self.metrics.append(&Record::Epoch(record))?;
        }
        if step.is_multiple_of(self.settings.training.checkpoint_every) {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// With a patience, the network of the lowest test loss so far is kept.
    fn keep_best(&self, record: &EpochRecord) -> Result<(), Error> {
        let best = self.trainer.outcome().best_test().is_some_and(|best| best.epoch == record.epoch);
        if best && self.settings.training.patience.is_some() {
            self.trainer.model().save(&self.directory.file(BEST_MODEL))?;
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<(), Error> {
        self.directory.write_checkpoint(&self.origin, &mut self.metrics, self.trainer.snapshot())
    }

    fn end_observers(&mut self) {
        self.observers.iter_mut().for_each(|observer| observer.end());
    }

    fn finish(&mut self) -> Result<Summary, Error> {
        self.checkpoint()?;
        let summary = Summary::of(self.settings, &self.dataset, &mut self.trainer);
        self.trainer.model().save(&self.directory.file(LAST_MODEL))?;
        // Last, because its presence says that the run is over.
        let json = serde_json::to_vec_pretty(&summary).expect("plain data");
        self.directory.write("summary.json", &json)?;
        Ok(summary)
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
