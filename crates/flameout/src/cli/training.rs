//! Training with the precision that the settings name.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use flameout_doctor::Keeper;
use flameout_experiment::{Begun, Ended, Number, Observer, Precision, RunOptions, Settings};

/// Who wants to see a run, whatever its precision.
pub trait Watch {
    /// Called once before the first step: who sees the steps.
    fn observers<T: Number>(&mut self, begun: &Begun<'_, T>) -> Vec<Box<dyn Observer<T>>>;
}

/// [`Watch`] for the two precisions there are. With it [`train`] is compiled once, and not again for everyone who watches.
pub trait WatchBoth {
    /// In single precision.
    fn single(&mut self, begun: &Begun<'_, f32>) -> Vec<Box<dyn Observer<f32>>>;
    /// In double precision.
    fn double(&mut self, begun: &Begun<'_, f64>) -> Vec<Box<dyn Observer<f64>>>;
}

impl<W: Watch> WatchBoth for W {
    fn single(&mut self, begun: &Begun<'_, f32>) -> Vec<Box<dyn Observer<f32>>> {
        self.observers(begun)
    }

    fn double(&mut self, begun: &Begun<'_, f64>) -> Vec<Box<dyn Observer<f64>>> {
        self.observers(begun)
    }
}

/// See [`flameout_experiment::train`]. Says on standard error if the run begins again, and where a number was not finite.
///
/// # Errors
/// As there.
pub fn train(settings: &Settings, options: &RunOptions, stop: &AtomicBool, watch: &mut dyn WatchBoth) -> Result<Ended> {
    let ended = match settings.model.precision {
        Precision::F32 => flameout_experiment::train::<f32>(settings, options, stop, |begun| {
            let observers = watch.single(begun);
            say_if_it_begins_again(begun);
            observers
        }),
        Precision::F64 => flameout_experiment::train::<f64>(settings, options, stop, |begun| {
            let observers = watch.double(begun);
            say_if_it_begins_again(begun);
            observers
        }),
    }
    .with_context(|| format!("training {}", options.directory.display()))?;
    if let Ended::Finished(summary) = &ended
        && let Some(non_finite) = &summary.non_finite
    {
        let (step, directory) = (non_finite.step - 1, options.directory.display());
        tell!("The run ended because {non_finite}. The network after step {step} is kept in {directory}.");
    }
    Ok(ended)
}

/// Who keeps states of a run in this directory, so that it can be diagnosed without being made again; nobody, and a warning on
/// standard error, if that cannot be. They take at most `limit` bytes of memory.
pub fn keeper<T: Number>(
    settings: &Settings,
    begun: &Begun<'_, T>,
    directory: &Path,
    limit: usize,
) -> Option<Box<dyn Observer<T>>> {
    let warn = |error: &flameout_doctor::Error| tell!("warning: no states are kept for a diagnosis: {error}");
    match Keeper::new(settings, begun.dataset, begun.trainer, directory, limit, warn) {
        Ok(keeper) => Some(Box::new(keeper)),
        Err(error) => {
            warn(&error);
            None
        }
    }
}

fn say_if_it_begins_again<T: Number>(begun: &Begun<'_, T>) {
    if begun.trainer.steps() == 0 && !begun.warnings.is_empty() {
        tell!("warning: NO CHECKPOINT IS LEFT to go on from: the run begins again from its first step");
    }
}
