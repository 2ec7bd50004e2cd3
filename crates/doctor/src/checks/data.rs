//! Check 2: are the data sound?

use std::collections::HashMap;

use flameout_experiment::Dataset;
use ndarray::{Array2, Axis};

use super::builder::{Builder, Checked};
use super::spelling;
use crate::cause::Cause;
use crate::change::Change;
use crate::check::Grade;
use crate::diagnosis::Finding;
use crate::targets::{column_means, square};

/// Targets of one word differ by so much of the typical difference between words: no rounding, a contradiction.
const CONTRADICTION: f64 = 0.1;
/// Share of contradicted words from which on it is more than a few slips.
const MANY: f64 = 0.05;

/// Looks for numbers that are not finite, targets that are all the same, and words with several targets.
#[must_use]
pub fn check(dataset: &Dataset) -> Checked {
    let mut check = Builder::new(2, "Are the data sound?");
    let bad = non_finite_rows(&dataset.targets);
    if let Some(&first) = bad.first() {
        let evidence =
            format!("{} words have targets that are not finite, the first is {:?}", bad.len(), dataset.words[first]);
        check.suggest(Grade::Fail, Finding::direct(Cause::NonFiniteTargets, evidence, Some(Change::DropWords(bad))));
    } else {
        check.note("every target is finite".into());
    }
    let spread = typical_difference(&dataset.targets, &dataset.train);
    if spread <= 1e-6 * root_mean_square(&dataset.targets) {
        check.suggest(
            Grade::Fail,
            Finding::direct(Cause::ConstantTargets, format!("targets differ by {spread:.1e} between words"), None),
        );
        return check.done();
    }
    let contradicted = contradicted_rows(dataset, CONTRADICTION * spread);
    let share = contradicted.len() as f64 / dataset.train.len() as f64;
    if contradicted.is_empty() {
        check.note("no word occurs with different targets".into());
    } else {
        let evidence = format!(
            "{} training words ({:.0} %) are spelt like an earlier one and have another target, the first is {:?}",
            contradicted.len(),
            100.0 * share,
            dataset.words[contradicted[0]]
        );
        let grade = if share > MANY { Grade::Fail } else { Grade::Suspect };
        let remedy = Some(Change::DropWords(contradicted));
        let finding =
            Finding { confirmed: share > MANY, ..Finding::direct(Cause::ContradictoryTargets, evidence, remedy) };
        check.suggest(grade, finding);
    }
    // Targets that are wrong in themselves agree with nothing.
    if check.findings.is_empty() {
        spelling::measure(dataset, &mut check);
    }
    check.done()
}

fn non_finite_rows(targets: &Array2<f32>) -> Vec<usize> {
    let finite = |row: usize| targets.row(row).iter().all(|x| x.is_finite());
    (0..targets.nrows()).filter(|&row| !finite(row)).collect()
}

pub(super) fn root_mean_square(targets: &Array2<f32>) -> f64 {
    let finite: Vec<f64> = targets.iter().map(|&x| f64::from(x)).filter(|x| x.is_finite()).collect();
    (finite.iter().map(|x| x * x).sum::<f64>() / finite.len().max(1) as f64).sqrt()
}

/// The root mean square distance of a training word's target from the mean target, an element.
fn typical_difference(targets: &Array2<f32>, rows: &[usize]) -> f64 {
    let means = column_means(targets.select(Axis(0), rows).view());
    let squares = |row: usize| -> f64 {
        let distances = targets.row(row).into_iter().zip(&means).map(|(x, mean)| square(f64::from(*x) - mean));
        distances.filter(|distance| distance.is_finite()).sum()
    };
    (rows.iter().map(|&row| squares(row)).sum::<f64>() / (rows.len() * targets.ncols()).max(1) as f64).sqrt()
}

/// Training words that are encoded like an earlier one, with a target that is further from its target than this, an element.
fn contradicted_rows(dataset: &Dataset, tolerance: f64) -> Vec<usize> {
    let mut seen: HashMap<Vec<u16>, usize> = HashMap::new();
    let mut contradicted = Vec::new();
    for &row in &dataset.train {
        let first = *seen.entry(dataset.indices.row(row).to_vec()).or_insert(row);
        let pairs = dataset.targets.row(row).into_iter().zip(dataset.targets.row(first));
        let distance = pairs.map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum::<f64>();
        if (distance / dataset.targets.ncols() as f64).sqrt() > tolerance {
            contradicted.push(row);
        }
    }
    contradicted
}
