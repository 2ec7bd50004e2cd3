//! Training in a run directory, and who watches.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use flameout_doctor::StateRecorder;
use flameout_experiment::{Begun, Ended, Observer, RunOptions, Settings};

/// See [`flameout_experiment::train`]. Says on standard error if the run begins again, and where a number was not finite.
///
/// # Errors
/// As there.
pub fn train(
    settings: &Settings,
    options: &RunOptions,
    stop: &AtomicBool,
    observers: impl FnOnce(&Begun<'_>) -> Vec<Box<dyn Observer>>,
) -> Result<Ended> {
    let ended = flameout_experiment::train(settings, options, stop, |begun| {
        let observers = observers(begun);
        say_if_it_begins_again(begun);
        observers
    })
    .with_context(|| format!("training {}", options.directory.display()))?;
    let Ended::Finished(summary) = &ended else { return Ok(ended) };
    if let Some(non_finite) = &summary.non_finite {
        let (step, directory) = (non_finite.step - 1, options.directory.display());
        tell!("The run ended because {non_finite}. The network after step {step} is kept in {directory}.");
    }
    if let Some(acted) = summary.guarded.as_deref().filter(|acted| !acted.is_empty()) {
        tell!("{}", flameout_experiment::describe_guarded(acted));
    }
    Ok(ended)
}

/// Who keeps states of a run in this directory, so that it can be diagnosed without being made again; nobody, and a warning on
/// standard error, if that cannot be. They take at most `limit` bytes of memory.
#[must_use]
pub fn keeper(settings: &Settings, begun: &Begun<'_>, directory: &Path, limit: usize) -> Option<Box<dyn Observer>> {
    let warn = |error: &flameout_doctor::Error| tell!("warning: no states are kept for a diagnosis: {error}");
    match StateRecorder::new(settings, begun.dataset, begun.trainer, directory, limit, warn) {
        Ok(keeper) => Some(Box::new(keeper)),
        Err(error) => {
            warn(&error);
            None
        }
    }
}

fn say_if_it_begins_again(begun: &Begun<'_>) {
    if begun.trainer.steps() == 0 && !begun.warnings.is_empty() {
        tell!("warning: NO CHECKPOINT IS LEFT to go on from: the run begins again from its first step");
    }
}
