//! Who watches a run while it goes on.

use crate::trainer::Trainer;
use flameout_curves::record::{EpochRecord, StepRecord};

/// Sees each step and each epoch of a run. An observer must not change the run's numbers, and cannot.
pub trait Observer {
    /// After each step: what is written down of it, and the trainer as the step has left it.
    fn step(&mut self, record: &StepRecord, trainer: &Trainer);

    /// After each epoch.
    fn epoch(&mut self, record: &EpochRecord) {
        let _ = record;
    }

    /// When the run is over or interrupted.
    fn end(&mut self) {}
}
