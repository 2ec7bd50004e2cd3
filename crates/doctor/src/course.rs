//! A run, made again or read, with everything that a diagnosis needs of it.

use std::path::Path;

use flameout_cells::Tensor;
use flameout_curves::onset;
use flameout_curves::{Curve, Format, Outcome, Point, Record, StepRecord, median};
use flameout_experiment::{Floats, RunDirectory, Snapshot, Trainer, stop_if};

use crate::Error;
use crate::condition::Condition;
use crate::options::LEAD;
use crate::recorder;
use crate::snapshots::Snapshots;
use crate::subject::Subject;

/// Steps between snapshots.
const SNAPSHOT_EVERY: u64 = 25;

/// What happened in a run.
#[derive(Debug)]
pub struct Course {
    /// Every step and every epoch.
    pub curve: Curve,
    /// States on the way.
    pub snapshots: Snapshots,
    /// What became of it.
    pub outcome: Outcome,
    /// ‖θ‖₂ in the end.
    pub parameter_norm: f64,
    still: Vec<String>,
}

impl Course {
    /// Makes the run, to its end or until it has certainly collapsed; snapshots take at most `snapshot_bytes`. Each step is shown
    /// to `watch`.
    ///
    /// # Errors
    /// [`Error::Experiment`] if it cannot be made, or a single snapshot takes more than `snapshot_bytes`.
    pub fn train(subject: &Subject, snapshot_bytes: usize, watch: &mut dyn FnMut(&StepRecord)) -> Result<Self, Error> {
        let dataset = &subject.dataset;
        let mut trainer = Trainer::new(&subject.settings, dataset)?;
        trainer.restore(dataset, subject.start.clone())?;
        let mut snapshots = Snapshots::new(snapshot_bytes);
        snapshots.push(trainer.snapshot())?;
        let mut curve = Curve::empty(Format::Flameout);
        let mut intervention = subject.intervention();
        trainer.go_on(dataset, intervention.as_mut(), |trainer, record, epoch| {
            watch(&record);
            curve.push(&Record::Step(record));
            epoch.into_iter().for_each(|epoch| curve.push(&Record::Epoch(epoch)));
            if trainer.steps().is_multiple_of(SNAPSHOT_EVERY) && !trainer.outcome().non_finite() {
                snapshots.push(trainer.snapshot())?;
            }
            Ok::<_, Error>(stop_if(trainer.outcome().collapse_onset().is_some()))
        })?;
        let still = still_tensors(trainer.tensors(), trainer.parameters(), subject.start.parameters());
        let parameter_norm = trainer.parameters().l2_norm();
        Ok(Self { curve, snapshots, outcome: trainer.outcome().clone(), parameter_norm, still })
    }

    /// The run in a directory as it was written down when it was made, up to where it had certainly collapsed: nothing is
    /// made again. None if that is not enough for a diagnosis: the run is not over, or no state was kept (see
    /// [`StateRecorder`](crate::StateRecorder)) from before what went wrong or dipped. Of states that take more than `snapshot_bytes` together, some are left out.
    ///
    /// # Errors
    /// [`Error::Experiment`] if a file is damaged, or a state is of another run or takes more than `snapshot_bytes`.
    pub fn read(subject: &Subject, directory: &Path, snapshot_bytes: usize) -> Result<Option<Self>, Error> {
        let states = recorder::written(&subject.settings, &subject.dataset, directory)?;
        let Some(last) = states.last().filter(|_| RunDirectory::is_over(directory)) else { return Ok(None) };
        let (dataset, settings) = (&subject.dataset, &subject.settings);
        let mut outcome = Outcome::new(dataset.baseline(settings), dataset.steps_per_epoch(settings));
        let mut curve = Curve::read_run(directory)?;
        follow(&mut outcome, &mut curve);
        let mut course = Self {
            curve,
            snapshots: Snapshots::new(snapshot_bytes),
            outcome,
            parameter_norm: last.parameters().l2_norm(),
            still: still_tensors(subject.tensors(), last.parameters(), subject.start.parameters()),
        };
        let began = states[0].step();
        for state in states {
            course.snapshots.push(state)?;
        }
        let reaches_back = course.wrong().is_some_and(|wrong| began + LEAD <= wrong || began == 0);
        Ok(reaches_back.then_some(course))
    }

    /// What became of the run.
    #[must_use]
    pub fn condition(&self) -> Condition {
        Condition::of(&self.outcome, self.non_finite_step())
    }

    /// Rises of the loss that [`condition`](Self::condition) does not count (see [`onset::dips`]).
    #[must_use]
    pub fn dips(&self) -> Vec<onset::Event> {
        self.dips_after(0)
    }

    /// The last dip after the network had trained well.
    pub(crate) fn last_dip(&self) -> Option<onset::Event> {
        self.dips_after(self.outcome.trained_well_at()?).pop()
    }

    fn dips_after(&self, step: u64) -> Vec<onset::Event> {
        onset::dips(&self.curve, self.outcome.baseline(), step)
    }

    /// The step at which something went wrong; if nothing did, the first sign of the last dip.
    pub(crate) fn wrong(&self) -> Option<u64> {
        self.condition().step().or_else(|| self.last_dip().map(|dip| dip.first_sign))
    }

    /// The first step whose loss, gradient or update is not finite.
    #[must_use]
    pub fn non_finite_step(&self) -> Option<u64> {
        self.curve.points.iter().find(|point| !point.is_finite()).map(|point| point.step)
    }

    /// The length of update that half of the updates do not reach.
    pub(crate) fn usual_update(&self) -> f64 {
        let updates: Vec<f64> = self.curve.points.iter().filter_map(|point| point.update_norm).collect();
        median(&updates).unwrap_or(f64::NAN)
    }

    /// What the cost of a diagnosis is compared with: a run that died of a NaN in its third step was meant to be longer.
    pub(crate) fn planned_steps(&self, subject: &Subject) -> u64 {
        match self.condition() {
            Condition::NonFinite { .. } => subject.planned_steps(),
            _ => self.curve.points.len() as u64,
        }
    }

    /// A snapshot from the middle of the run.
    #[must_use]
    pub fn middle(&self) -> Option<&Snapshot> {
        self.snapshots.at_or_before(self.curve.points.len() as u64 / 2)
    }

    /// Tensors that ended with the values that they began with, while others moved.
    #[must_use]
    pub fn still(&self) -> &[String] {
        &self.still
    }
}

/// Shows the outcome a curve, and cuts the curve off where the run had certainly collapsed.
fn follow(outcome: &mut Outcome, curve: &mut Curve) {
    let mut tests = curve.epochs.iter().peekable();
    let mut over = |point: &Point| {
        if outcome.collapse_onset().is_some() {
            return true;
        }
        outcome.step(point);
        while let Some(test) = tests.next_if(|test| test.step <= Some(point.step)) {
            outcome.epoch(test);
        }
        false
    };
    let steps = curve.points.iter().position(&mut over).unwrap_or(curve.points.len());
    let epochs = curve.epochs.len() - tests.len();
    curve.points.truncate(steps);
    curve.epochs.truncate(epochs);
}

/// None if nothing has moved at all: then it is not about single tensors.
fn still_tensors(tensors: &[Tensor], now: Floats<'_>, start: Floats<'_>) -> Vec<String> {
    let is_still = |tensor: &&Tensor| {
        let (now, then) = (now.range(tensor.range()), start.range(tensor.range()));
        now.iter().zip(then.iter()).all(|(now, then)| now.to_bits() == then.to_bits())
    };
    let still: Vec<String> = tensors.iter().filter(is_still).map(|tensor| tensor.name.clone()).collect();
    if still.len() < tensors.len() { still } else { Vec::new() }
}
