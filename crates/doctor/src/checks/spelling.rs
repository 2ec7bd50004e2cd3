//! Part of check 2: do the targets have anything to do with the spelling?

use std::collections::BTreeSet;

use flameout_experiment::Dataset;
use ndarray::Axis;
use ndarray_rand::rand::SeedableRng;
use ndarray_rand::rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::builder::Builder;
use crate::cause::Cause;
use crate::check::Grade;
use crate::diagnosis::Finding;
use crate::targets::{column_means, square};

/// Words compared with each other; more only cost time.
const WORDS: usize = 400;
/// Random assignments of targets to words.
const PERMUTATIONS: usize = 200;
/// Standard deviations above chance below which nothing speaks for a connection.
const CHANCE: f64 = 2.0;

/// How many standard deviations the agreement of spelling and targets lies above that of random assignments: Mantel's
/// test (Mantel 1967, *The detection of disease clustering and a generalized regression approach*) of the words' shared
/// pairs of letters against the cosines of their targets. None for fewer than 20 words.
#[must_use]
pub fn agreement(dataset: &Dataset) -> Option<f64> {
    let rows: Vec<usize> = dataset.train.iter().copied().take(WORDS).collect();
    if rows.len() < 20 {
        return None;
    }
    let spelling = off_diagonal(rows.len(), &pair_sets(dataset, &rows), shared);
    let targets =
        off_diagonal(rows.len(), &directions(dataset, &rows), |a, b| a.iter().zip(b).map(|(a, b)| a * b).sum());
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let observed = cross_sum(&spelling, &targets, &order);
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let by_chance: Vec<f64> = (0..PERMUTATIONS)
        .map(|_| {
            order.shuffle(&mut rng);
            cross_sum(&spelling, &targets, &order)
        })
        .collect();
    let mean = by_chance.iter().sum::<f64>() / PERMUTATIONS as f64;
    let variance = by_chance.iter().map(|x| square(x - mean)).sum::<f64>() / (PERMUTATIONS - 1) as f64;
    Some((observed - mean) / variance.sqrt())
}

/// Adds the agreement, where there are words enough to tell, to a check.
pub(super) fn measure(dataset: &Dataset, check: &mut Builder) {
    let Some(agreement) = agreement(dataset) else { return };
    let above_chance = format!("{agreement:.1} standard deviations above chance");
    if agreement < CHANCE {
        let evidence =
            format!("words with letters in common have no more similar targets than others ({above_chance})");
        check.suggest(Grade::Fail, Finding::direct(Cause::UnlearnableTargets, evidence, None));
    } else {
        check.note(format!("words with letters in common have more similar targets ({above_chance})"));
    }
}

fn pair_sets(dataset: &Dataset, rows: &[usize]) -> Vec<BTreeSet<(char, char)>> {
    let pairs = |word: &str| word.chars().zip(word.chars().skip(1)).collect();
    rows.iter().map(|&row| pairs(&dataset.words[row])).collect()
}

/// The share of pairs of letters that two words have in common (Jaccard).
fn shared(a: &BTreeSet<(char, char)>, b: &BTreeSet<(char, char)>) -> f64 {
    let common = a.intersection(b).count();
    common as f64 / (a.len() + b.len() - common).max(1) as f64
}

fn directions(dataset: &Dataset, rows: &[usize]) -> Vec<Vec<f64>> {
    let means = column_means(dataset.targets.select(Axis(0), rows).view());
    let direction = |row: usize| {
        let centred: Vec<f64> =
            dataset.targets.row(row).iter().zip(&means).map(|(x, mean)| f64::from(*x) - mean).collect();
        let length = centred.iter().map(|x| x * x).sum::<f64>().sqrt();
        if length > 0.0 && length.is_finite() {
            centred.iter().map(|x| x / length).collect()
        } else {
            vec![0.0; means.len()]
        }
    };
    rows.iter().map(|&row| direction(row)).collect()
}

/// The full matrix of a symmetric measure, row by row, 0 on the diagonal.
fn off_diagonal<I>(count: usize, items: &[I], measure: impl Fn(&I, &I) -> f64) -> Vec<Vec<f64>> {
    let mut matrix = vec![vec![0.0; count]; count];
    for i in 0..count {
        for j in 0..i {
            let value = measure(&items[i], &items[j]);
            matrix[i][j] = value;
            matrix[j][i] = value;
        }
    }
    matrix
}

fn cross_sum(spelling: &[Vec<f64>], targets: &[Vec<f64>], order: &[usize]) -> f64 {
    let row = |i: usize| -> f64 {
        order.iter().zip(&spelling[i]).map(|(&j, spelling)| spelling * targets[order[i]][j]).sum()
    };
    (0..order.len()).map(row).sum()
}
