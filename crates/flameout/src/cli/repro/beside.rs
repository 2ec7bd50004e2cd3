//! A run that is made beside others, on one core, because a small network gains next to nothing from a second one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

use anyhow::Result;
use flameout_curves::StepRecord;
use flameout_doctor::snapshots::DEFAULT_LIMIT;
use flameout_experiment::{Begun, Ended, Observer, RunOptions, Settings, Trainer};

use super::super::start::pool;
use super::super::training::{keeper, train};
use super::progress;

/// How often a wait looks whether the run is over.
const LOOK: Duration = Duration::from_millis(100);

/// A training on a thread of its own. It stops if this is dropped.
pub struct Beside<'scope> {
    training: Option<ScopedJoinHandle<'scope, Result<Ended>>>,
    shared: Arc<Shared>,
}

/// What the training and who waits for it share.
#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    made: AtomicU64,
    planned: AtomicU64,
}

impl<'scope> Beside<'scope> {
    /// Begins or resumes a training. Nothing is shown of it but warnings.
    pub fn begin<'env>(scope: &'scope Scope<'scope, 'env>, settings: Settings, options: RunOptions) -> Self {
        let shared = Arc::new(Shared::default());
        let of_training = shared.clone();
        let training = scope.spawn(move || {
            let observers = |begun: &Begun<'_>| observers(&settings, &options.directory, &of_training, begun);
            pool(Some(1))?.install(|| train(&settings, &options, &of_training.stop, observers))
        });
        Self { training: Some(training), shared }
    }

    /// Waits until the training is over, and shows how far it is. If `stop` is set, the training stops as well.
    ///
    /// # Errors
    /// What the training failed with.
    pub fn wait(mut self, stop: &AtomicBool) -> Result<Ended> {
        let training = self.training.take().expect("only this takes it");
        if !training.is_finished() {
            let bar = progress::steps("making the constrained run", self.shared.planned.load(Ordering::Relaxed));
            bar.set_position(self.shared.made.load(Ordering::Relaxed));
            bar.reset_eta();
            while !training.is_finished() {
                self.shared.stop.fetch_or(stop.load(Ordering::Relaxed), Ordering::Relaxed);
                bar.set_position(self.shared.made.load(Ordering::Relaxed));
                std::thread::sleep(LOOK);
            }
            bar.finish_and_clear();
        }
        training.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

/// Who counts steps, and who keeps states for a diagnosis.
fn observers(settings: &Settings, directory: &Path, shared: &Arc<Shared>, begun: &Begun<'_>) -> Vec<Box<dyn Observer>> {
    begun.warnings.iter().for_each(|warning| tell!("warning: {warning}"));
    shared.made.store(begun.trainer.steps(), Ordering::Relaxed);
    shared.planned.store(begun.total_steps, Ordering::Relaxed);
    let mut observers: Vec<Box<dyn Observer>> = vec![Box::new(Count(shared.clone()))];
    observers.extend(keeper(settings, begun, directory, DEFAULT_LIMIT));
    observers
}

/// Counts the steps made.
struct Count(Arc<Shared>);

impl Observer for Count {
    fn step(&mut self, record: &StepRecord, _: &Trainer) {
        self.0.made.store(record.step, Ordering::Relaxed);
    }
}
