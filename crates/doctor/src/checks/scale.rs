//! Check 7: are data and initial weights of the right scale?

use flameout_cells::Tensor;
use flameout_experiment::{AnyLearner, Floats, Trainer};
use flameout_kernels::Real;
use flameout_model::Sequential;
use ndarray::Axis;

use super::builder::{Builder, Checked};
use super::data::root_mean_square;
use crate::Error;
use crate::cause::Cause;
use crate::change::Change;
use crate::check::Grade;
use crate::diagnosis::Finding;
use crate::probe::{Reference, spectral_radius};
use crate::subject::Subject;

/// Root mean square of the targets' elements from which on gates must saturate to reach them …
const LARGE_TARGETS: f64 = 10.0;
/// … or below which their errors drown in ε.
const SMALL_TARGETS: f64 = 1e-3;
/// Share of the input that may be padding.
const PADDING: f64 = 0.85;
/// Share of gate values without slope at the start.
const SATURATED: f64 = 0.4;
/// Root mean square singular value, or spectral radius, of a recurrent kernel's block. (Keras 1's is 1.1.)
const GAIN: f64 = 1.5;
/// Of the search for spectral radii.
const POWER_ITERATIONS: u32 = 30;

/// Words that the network is shown.
const REFERENCE_WORDS: usize = 64;

/// Measures targets, padding and the network before its first step.
///
/// # Errors
/// [`Error::Experiment`] if the network cannot be built.
pub fn check(subject: &Subject) -> Result<Checked, Error> {
    let mut check = Builder::new(7, "Are data and initial weights of the right scale?");
    check_targets(subject, &mut check);
    check_padding(subject, &mut check);
    let mut trainer = Trainer::new(&subject.settings, &subject.dataset)?;
    trainer.restore(&subject.dataset, subject.start.clone())?;
    if check_weights(&trainer, &mut check) {
        match trainer.learner() {
            AnyLearner::F32(learner) => check_gates(subject, learner.network(), &mut check),
            AnyLearner::F64(learner) => check_gates(subject, learner.network(), &mut check),
        }
    }
    Ok(check.done())
}

fn check_targets(subject: &Subject, check: &mut Builder) {
    let scale = root_mean_square(&subject.dataset.targets);
    let evidence = format!("the targets' elements have a root mean square of {scale:.3}");
    if (SMALL_TARGETS..LARGE_TARGETS).contains(&scale) {
        check.note(evidence);
    } else {
        check.suggest(Grade::Fail, Finding::suspected(Cause::TargetScale, evidence, Some(Change::UnitTargets)));
    }
}

fn check_padding(subject: &Subject, check: &mut Builder) {
    let lengths: Vec<usize> = subject.dataset.words.iter().map(|word| word.chars().count()).collect();
    let time = subject.dataset.indices.ncols();
    let letters = lengths.iter().sum::<usize>() as f64 / (lengths.len() * time).max(1) as f64;
    let evidence = format!("{:.0} % of the {time} characters of an input are padding", 100.0 * (1.0 - letters));
    if 1.0 - letters > PADDING {
        let needed = lengths.iter().max().map_or(2, |longest| longest + 1);
        let remedy = Some(Change::setting("data.length", needed));
        check.suggest(Grade::Suspect, Finding::suspected(Cause::Padding, evidence, remedy));
    } else {
        check.note(evidence);
    }
}

/// Whether initial weights are such that the network can be run.
fn check_weights(trainer: &Trainer, check: &mut Builder) -> bool {
    let redraw = Some(Change::DrawWeights);
    for tensor in trainer.tensors() {
        let values = trainer.parameters().range(tensor.range()).to_vec();
        if let Some(place) = values.iter().position(|x| !x.is_finite()) {
            let evidence = format!("{} begins with {} at element {place}", tensor.name, values[place]);
            check.suggest(Grade::Fail, Finding::direct(Cause::NonFiniteWeights, evidence, redraw));
            return false;
        }
        if tensor.shape.len() == 2 && values.len() > 1 && values.iter().all(|x| *x == values[0]) {
            let evidence = format!("every element of {} begins as {}", tensor.name, values[0]);
            check.suggest(Grade::Fail, Finding::direct(Cause::DegenerateWeights, evidence, redraw));
            return false;
        }
    }
    for tensor in trainer.tensors().iter().filter(|tensor| tensor.name.ends_with("recurrent_kernel")) {
        match trainer.parameters() {
            Floats::F32(parameters) => check_recurrence(tensor, parameters, check),
            Floats::F64(parameters) => check_recurrence(tensor, parameters, check),
        }
    }
    true
}

/// Each column of an orthogonal block with gain a has the length a, and a is its spectral radius. Of other blocks, the one
/// may be small and the other large.
fn check_recurrence<T: Real>(tensor: &Tensor, parameters: &[T], check: &mut Builder) {
    let (units, columns) = tensor.matrix_shape();
    let squares: f64 = parameters[tensor.range()].iter().map(|x| x.to_f64() * x.to_f64()).sum();
    let gain = (squares / columns as f64).sqrt();
    let kernel = tensor.view(parameters);
    let blocks = kernel.axis_chunks_iter(Axis(1), units.max(1));
    let radius = blocks.map(|block| spectral_radius(block, POWER_ITERATIONS)).fold(0.0, f64::max);
    let evidence =
        format!("{} begins with a gain of {gain:.2} and a spectral radius of at most {radius:.2} a gate", tensor.name);
    if gain > GAIN || radius > GAIN {
        let remedy = Some(Change::setting("model.recurrent-gain", 1.1));
        check.suggest(Grade::Suspect, Finding::suspected(Cause::RecurrentGain, evidence, remedy));
    } else {
        check.note(evidence);
    }
}

fn check_gates<T: Real>(subject: &Subject, network: &Sequential<T>, check: &mut Builder) {
    let loss = subject.settings.training.loss;
    let mut reference = Reference::new(network, loss, &subject.dataset, REFERENCE_WORDS, 1);
    let names = reference.activation_names();
    let reading = reference.measure(network);
    let saturated = reading.saturated_low.iter().zip(&reading.saturated_high).map(|(low, high)| low + high);
    let Some((name, share)) = names.iter().zip(saturated).max_by(|a, b| a.1.total_cmp(&b.1)) else { return };
    let evidence = format!("{:.0} % of {name} have no slope before the first step", 100.0 * share);
    if share > SATURATED {
        check.suggest(Grade::Fail, Finding::suspected(Cause::SaturatedGates, evidence, Some(Change::DrawWeights)));
    } else {
        check.note(evidence);
    }
}
