//! Check 3: are gradients and weights sound?

use std::ops::Range;

use flameout_cells::Tensor;
use flameout_experiment::Batch;
use flameout_experiment::{Snapshot, Trainer};
use flameout_model::{Architecture, Cell, LayerKind, Sequential};

use super::builder::{Builder, Checked};
use super::growth::{self, Growth};
use crate::cause::Cause;
use crate::check::Grade;
use crate::condition::Condition;
use crate::course::Course;
use crate::diagnosis::Finding;
use crate::subject::Subject;

/// Words of the batch that gradients are checked on.
const WORDS: usize = 16;
/// Length of the step along the gradient, as a share of the parameters' length: in `f64`, so that neither rounding nor
/// curvature matters.
const STEP: f64 = 1e-6;
/// Relative difference between derivative and gradient beyond which the gradient is wrong. (`f32` leaves about 1e-4.)
const TOLERANCE: f64 = 0.05;
/// Share of the squared gradient below which a block is left out: rounding could be all there is.
const SMALL: f64 = 1e-6;

/// Compares the gradient that the run uses with the loss' derivative, gate by gate, and looks for tensors that do not move.
#[must_use]
pub fn check(subject: &Subject, course: &Course) -> Checked {
    let mut check = Builder::new(3, "Are gradients and weights sound?");
    if let Some(step) = course.non_finite_step() {
        check.grade(Grade::Fail, format!("loss, gradient or update of step {step} is not finite"));
    } else {
        check.note("loss, gradients and updates were finite at every step".into());
    }
    // At the start, and where the run has learnt something: a block may have no gradient in one of them.
    let places = [Some(&subject.start), course.middle()];
    let worst = places.into_iter().flatten().filter_map(|snapshot| worst_block(subject, snapshot));
    if let Some((name, ratio)) = worst.max_by(|a, b| (a.1 - 1.0).abs().total_cmp(&(b.1 - 1.0).abs())) {
        let evidence =
            format!("along the gradient of {name}, the loss changes {ratio:.4} times as fast as the gradient says");
        if (ratio - 1.0).abs() > TOLERANCE {
            check.suggest(Grade::Fail, Finding::direct(Cause::WrongGradient, evidence, None));
        } else {
            check.note(evidence);
        }
    }
    for tensor in course.still().iter().filter(|tensor| has_gradient(subject, places, tensor)) {
        let evidence = format!("{tensor} ended with the values that it began with, while others moved");
        check.suggest(Grade::Fail, Finding::direct(Cause::FrozenTensor, evidence, None));
    }
    tell_growth(&mut check, course.condition(), &Growth::of(subject, course));
    check.done()
}

/// How the recurrent kernels have grown; suspect if that can be what went wrong.
fn tell_growth(check: &mut Builder, condition: Condition, growths: &[Growth]) {
    let went_wrong = matches!(condition, Condition::Rose { .. });
    for growth in growths {
        let grade = if went_wrong && growth.is_large() { Grade::Suspect } else { Grade::Pass };
        check.grade(grade, growth.to_string());
    }
    if let Some(bound) = growth::bound(growths).filter(|_| went_wrong) {
        check.note(format!("small networks whose kernel was held to three tenths of that did not collapse: {bound}"));
    }
}

/// Whether the network's own gradient for a tensor, before anything reaches into it, is not zero at one of these places.
fn has_gradient(subject: &Subject, places: [Option<&Snapshot>; 2], tensor: &str) -> bool {
    let batch = batch(subject);
    let named = subject.tensors().iter().find(|other| other.name == tensor);
    let moves = |snapshot, tensor: &Tensor| {
        trainer_with_gradients(subject, snapshot, &batch).gradients().range(tensor.range()).iter().any(|x| x != 0.0)
    };
    named.is_some_and(|tensor| places.into_iter().flatten().any(|snapshot| moves(snapshot, tensor)))
}

/// The first words whose targets are finite.
fn batch(subject: &Subject) -> Batch {
    let dataset = &subject.dataset;
    let finite = |row: &&usize| dataset.targets.row(**row).iter().all(|x| x.is_finite());
    let rows: Vec<usize> = dataset.train.iter().filter(finite).copied().take(WORDS).collect();
    dataset.batch(&rows)
}

/// The network at a snapshot, after a backward pass over the batch.
fn trainer_with_gradients(subject: &Subject, snapshot: &Snapshot, batch: &Batch) -> Trainer {
    let mut trainer = Trainer::new(&subject.settings, &subject.dataset).expect("the run was made of them");
    trainer.restore(&subject.dataset, snapshot.clone()).expect("a state of the run");
    trainer.backward(batch).expect("a batch fits its network");
    trainer
}

/// The block whose gradient is furthest from the loss' derivative, with derivative over gradient. None if numbers are
/// not finite.
fn worst_block(subject: &Subject, snapshot: &Snapshot) -> Option<(String, f64)> {
    let batch = batch(subject);
    let trainer = trainer_with_gradients(subject, snapshot, &batch);
    let (tensors, own, step) = (subject.tensors(), trainer.gradients(), snapshot.step() + 1);
    let gradient = own.changed(|gradients| subject.intervention().gradients(step, tensors, gradients));

    let mut exact = Sequential::<f64>::of(trainer.architecture().clone());
    let (at, targets, loss) =
        (snapshot.parameters().to_vec(), batch.targets_in::<f64>(), subject.settings.training.loss);
    exact.parameters_mut().copy_from_slice(&at);
    exact.forward_backward(batch.examples(), targets.view(), loss).expect("a batch fits its network");
    let rounding: Vec<f64> = own.iter().zip(exact.gradients()).map(|(own, exact)| own - exact).collect();
    let length = norm(&at);
    let mut loss_at = |indices: &[usize], step: f64| {
        exact.parameters_mut().copy_from_slice(&at);
        for &index in indices {
            exact.parameters_mut()[index] += step * gradient[index];
        }
        exact.forward_backward(batch.examples(), targets.view(), loss).expect("a batch fits its network")
    };
    let total: f64 = gradient.iter().map(|x| x * x).sum();
    let mut worst: Option<(String, f64)> = None;
    for (name, indices) in blocks(trainer.architecture(), tensors) {
        let square: f64 = indices.iter().map(|&index| gradient[index] * gradient[index]).sum();
        if !square.is_finite() {
            return None;
        }
        if square <= SMALL * total {
            continue;
        }
        // Where the same network gives another gradient in `f64`, states are so wild that rounding decides, and nothing is
        // wrong with the gradient.
        let error: f64 = indices.iter().map(|&index| rounding[index] * rounding[index]).sum();
        if error > TOLERANCE * TOLERANCE * square {
            continue;
        }
        let mut ratio_of = |step: f64| {
            let step = step * length / square.sqrt();
            (loss_at(&indices, step) - loss_at(&indices, -step)) / (2.0 * step) / square
        };
        let (ratio, with_less) = (ratio_of(STEP), ratio_of(STEP / 30.0));
        // Where the loss is so wild that the step's length matters, differences say nothing.
        if (ratio - with_less).abs() > 0.2 * TOLERANCE {
            continue;
        }
        if worst.as_ref().is_none_or(|(_, worst)| (ratio - 1.0).abs() > (worst - 1.0).abs()) {
            worst = Some((name, ratio));
        }
    }
    worst
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Gates of recurrent layers, and whole tensors of others, with the places of their elements in the flat buffer.
fn blocks(architecture: &Architecture, tensors: &[Tensor]) -> Vec<(String, Vec<usize>)> {
    let mut blocks = Vec::new();
    for tensor in tensors {
        let (rows, columns) = tensor.matrix_shape();
        for (gate, of_gate) in gates(architecture, &tensor.name, columns) {
            let indices =
                (0..rows).flat_map(|row| of_gate.clone().map(move |column| tensor.offset + row * columns + column));
            blocks.push((format!("{} {gate}", tensor.name).trim_end().to_owned(), indices.collect()));
        }
    }
    blocks
}

/// The gates' columns in a tensor, by the layer that its name begins with; all columns for other layers.
fn gates(architecture: &Architecture, tensor: &str, columns: usize) -> Vec<(&'static str, Range<usize>)> {
    let layer = tensor.trim_start_matches("layer").split('/').next().and_then(|number| number.parse::<usize>().ok());
    let names: &[&str] = match layer.and_then(|layer| architecture.layers.get(layer)) {
        Some(LayerKind::Lstm { .. } | LayerKind::Bidirectional { cell: Cell::Lstm, .. }) => &["i", "f", "c", "o"],
        Some(LayerKind::Gru { .. } | LayerKind::Bidirectional { cell: Cell::Gru { .. }, .. }) => &["z", "r", "h"],
        _ => &[""],
    };
    let width = columns / names.len();
    names.iter().enumerate().map(|(index, name)| (*name, index * width..(index + 1) * width)).collect()
}
