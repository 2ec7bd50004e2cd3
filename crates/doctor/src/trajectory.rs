//! How the network changes on the way to the onset: curvature, recurrent weights and gates at states along the run.

use flameout_experiment::{AnyLearner, Learner, Snapshot, Trainer};
use flameout_kernels::Real;
use flameout_optim::{Preconditioner, l2_norm};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::course::Course;
use crate::probe::{Curvature, Reference, scratch};
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
pub fn trajectory(subject: &Subject, course: &Course) -> Result<Vec<State>, Error> {
    let end = course.wrong().unwrap_or(course.curve.points.len() as u64);
    let mut trainer = Trainer::new(&subject.settings, &subject.dataset)?;
    let chosen = course.snapshots.steps_towards(end);
    let chosen = course.snapshots.iter().filter(|snapshot| chosen.contains(&snapshot.step()));
    chosen.map(|snapshot| state(subject, course, snapshot, &mut trainer)).collect()
}

fn state(subject: &Subject, course: &Course, snapshot: &Snapshot, trainer: &mut Trainer) -> Result<State, Error> {
    trainer.restore(&subject.dataset, snapshot.clone())?;
    let step = snapshot.step();
    let rate = course.curve.points.get(step as usize - 1).and_then(|point| point.learning_rate).unwrap_or(f64::NAN);
    Ok(match trainer.learner() {
        AnyLearner::F32(learner) => measure(subject, learner, step, rate),
        AnyLearner::F64(learner) => measure(subject, learner, step, rate),
    })
}

fn measure<T: Real>(subject: &Subject, learner: &Learner<T>, step: u64, rate: f64) -> State {
    let (network, loss) = (learner.network(), subject.settings.training.loss);
    let mut reference = Reference::new(network, loss, &subject.dataset, WORDS, POWER_ITERATIONS);
    let reading = reference.measure(network);
    let mut copy = scratch(network);
    let preconditioner = Preconditioner::of(learner.optimizer());
    let mut curvature = Curvature::new(&mut copy, reference.batch(), loss);
    let largest = curvature.largest_preconditioned(&preconditioner, LANCZOS_ITERATIONS);
    State {
        step,
        loss: reading.loss,
        parameter_norm: l2_norm(network.parameters()),
        spectral_radius: largest_of(&reading.spectral_radius),
        zero_slope: largest_of(&reading.zero_slope),
        sharpness: largest.value,
        threshold: preconditioner.threshold(rate),
    }
}

fn largest_of(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}
