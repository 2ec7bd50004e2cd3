//! Training with the precision that the settings name.

use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use flameout_experiment::{Begun, Ended, Number, Observer, Precision, RunOptions, Settings};

/// Who wants to see a run, whatever its precision.
pub trait Watch {
    /// Called once before the first step: who sees the steps.
    fn observers<T: Number>(&mut self, begun: &Begun<'_, T>) -> Vec<Box<dyn Observer<T>>>;
}

/// See [`flameout_experiment::train`].
pub fn train(settings: &Settings, options: &RunOptions, stop: &AtomicBool, watch: &mut impl Watch) -> Result<Ended> {
    match settings.model.precision {
        Precision::F32 => flameout_experiment::train::<f32>(settings, options, stop, |begun| watch.observers(begun)),
        Precision::F64 => flameout_experiment::train::<f64>(settings, options, stop, |begun| watch.observers(begun)),
    }
    .with_context(|| format!("running {}", settings.case.name()))
}
