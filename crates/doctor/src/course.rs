//! A run made again, with everything that a diagnosis needs of it.

use flameout_cells::Tensor;
use flameout_experiment::{EpochRecord, Number, Outcome, Snapshot, StepRecord, Trainer};
use flameout_optim::l2_norm;

use crate::Error;
use crate::diagnosis::Event;
use crate::ring::Ring;
use crate::subject::Subject;

/// Steps between snapshots.
const SNAPSHOT_EVERY: u64 = 25;

/// What happened in a run.
#[derive(Debug)]
pub struct Course<T> {
    /// Every step.
    pub records: Vec<StepRecord>,
    /// Every epoch.
    pub epochs: Vec<EpochRecord>,
    /// States on the way.
    pub snapshots: Ring<T>,
    /// What became of it.
    pub outcome: Outcome,
    /// ‖θ‖₂ in the end.
    pub parameter_norm: f64,
    still: Vec<String>,
}

impl<T: Number> Course<T> {
    /// Makes the run, to its end or until it has certainly collapsed; snapshots take at most `ring_bytes`. Each step is shown
    /// to `watch`.
    ///
    /// # Errors
    /// [`Error::Experiment`] if it cannot be made, or a single snapshot takes more than `ring_bytes`.
    #[inline(never)] // compiled once: see `instances`
    pub fn of(subject: &Subject<T>, ring_bytes: usize, watch: &mut dyn FnMut(&StepRecord)) -> Result<Self, Error> {
        let dataset = &subject.dataset;
        let mut trainer = Trainer::new(&subject.settings, dataset)?;
        trainer.restore(dataset, subject.start.clone())?;
        let mut snapshots = Ring::new(ring_bytes);
        snapshots.push(trainer.snapshot())?;
        let (mut records, mut epochs) = (Vec::new(), Vec::new());
        let mut intervention = subject.intervention();
        while !trainer.finished() && trainer.outcome().collapse_onset().is_none() {
            let (record, epoch) = trainer.advance(dataset, intervention.as_mut())?;
            watch(&record);
            records.push(record);
            epochs.extend(epoch);
            if trainer.steps().is_multiple_of(SNAPSHOT_EVERY) && !trainer.outcome().non_finite() {
                snapshots.push(trainer.snapshot())?;
            }
        }
        let still = still_tensors(&trainer, subject.start.parameters());
        let parameter_norm = l2_norm(trainer.model().parameters());
        Ok(Self { records, epochs, snapshots, outcome: trainer.outcome().clone(), parameter_norm, still })
    }

    /// What became of the run.
    #[must_use]
    pub fn event(&self) -> Event {
        if let Some(step) = self.non_finite_step() {
            return Event::NonFinite { step };
        }
        let outcome = &self.outcome;
        let rise = outcome.collapse_onset().or(outcome.risen_since()).or(outcome.spikes().first().copied());
        match (rise, outcome.trained_well_at()) {
            (Some(onset), _) => Event::Rise { onset },
            (None, None) => Event::NeverTrained,
            (None, Some(_)) => Event::Healthy,
        }
    }

    /// The first step whose loss, gradient or update is not finite.
    #[must_use]
    pub fn non_finite_step(&self) -> Option<u64> {
        let finite = |record: &&StepRecord| {
            record.loss.is_finite() && record.gradient_norm.is_finite() && record.update_norm.is_finite()
        };
        self.records.iter().find(|record| !finite(record)).map(|record| record.step)
    }

    /// A snapshot from the middle of the run.
    #[must_use]
    pub fn middle(&self) -> Option<&Snapshot<T>> {
        self.snapshots.at_or_before(self.records.len() as u64 / 2)
    }

    /// Tensors that ended with the values that they began with, while others moved.
    #[must_use]
    pub fn still(&self) -> &[String] {
        &self.still
    }
}

/// None if nothing has moved at all: then it is not about single tensors.
fn still_tensors<T: Number>(trainer: &Trainer<T>, start: &[T]) -> Vec<String> {
    let model = trainer.model();
    let is_still = |tensor: &&Tensor| {
        let (now, then) = (&model.parameters()[tensor.range()], &start[tensor.range()]);
        now.iter().zip(then).all(|(now, then)| now.to_f64().to_bits() == then.to_f64().to_bits())
    };
    let still: Vec<String> = model.tensors().iter().filter(is_still).map(|tensor| tensor.name.clone()).collect();
    if still.len() < model.tensors().len() { still } else { Vec::new() }
}
