//! How the network changes on the way to the onset: curvature, recurrent weights and gates at states along the run.

use flameout_experiment::{Snapshot, Trainer};
use flameout_optim::l2_norm;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::course::Course;
use crate::probe::{Curvature, Preconditioner, Reference, scratch};
use crate::subject::Subject;

/// Words of the batch that curvature is measured on, and gates.
const WORDS: usize = 256;
/// Of the search for the largest eigenvalue.
const LANCZOS_ITERATIONS: u32 = 12;
/// Of the search for spectral radii.
const POWER_ITERATIONS: u32 = 30;

/// A state of the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Steps made.
    pub step: u64,
    /// Loss on the reference words.
    pub loss: f64,
    /// ‖θ‖₂ over all parameters.
    pub parameter_norm: f64,
    /// The largest spectral radius of the recurrent blocks.
    pub spectral_radius: f64,
    /// The largest share of a gate's values that have no slope.
    pub zero_slope: f64,
    /// The largest eigenvalue of the Hessian on the reference words, preconditioned as the optimiser divides …
    pub sharpness: f64,
    /// … and the value beyond which the optimiser's steps diverge on a quadratic, 38/lr for Adam with β1 = 0.9 (Cohen et
    /// al. 2022, *Adaptive gradient methods at the edge of stability*).
    pub threshold: f64,
}

/// States from the run's beginning to the onset, closer together the nearer they are to it. Of a run to which nothing
/// happened: to its last dip, or its end.
///
/// # Errors
/// [`Error::Experiment`] if the network cannot be built.
pub fn approach(subject: &Subject, course: &Course) -> Result<Vec<State>, Error> {
    let end = course.wrong().unwrap_or(course.curve.points.len() as u64);
    let mut trainer = Trainer::new(&subject.settings, &subject.dataset)?;
    let mut reference = Reference::new(trainer.model(), &subject.settings, &subject.dataset, WORDS, POWER_ITERATIONS);
    let chosen = course.snapshots.steps_towards(end);
    let chosen = course.snapshots.iter().filter(|snapshot| chosen.contains(&snapshot.step()));
    chosen.map(|snapshot| state(subject, course, snapshot, &mut trainer, &mut reference)).collect()
}

fn state(
    subject: &Subject,
    course: &Course,
    snapshot: &Snapshot,
    trainer: &mut Trainer,
    reference: &mut Reference<T>,
) -> Result<State, Error> {
    trainer.restore(&subject.dataset, snapshot.clone())?;
    let reading = reference.measure(trainer.model());
    let mut copy = scratch(trainer.model());
    let preconditioner = Preconditioner::of(trainer.optimizer());
    let mut curvature = Curvature::new(&mut copy, reference.batch(), subject.settings.training.loss);
    let largest = curvature.largest_preconditioned(&preconditioner, LANCZOS_ITERATIONS);
    let rate =
        course.curve.points.get(snapshot.step() as usize - 1).and_then(|point| point.learning_rate).unwrap_or(f64::NAN);
    Ok(State {
        step: snapshot.step(),
        loss: reading.loss,
        parameter_norm: l2_norm(trainer.model().parameters()),
        spectral_radius: largest_of(&reading.spectral_radius),
        zero_slope: largest_of(&reading.zero_slope),
        sharpness: largest.value,
        threshold: preconditioner.threshold(rate),
    })
}

fn largest_of(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}
