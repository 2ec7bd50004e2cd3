//! What is watched beside the loss.

use std::collections::HashMap;

use flameout_kernels::{PackedLeft, PackedRight, Real, Start, product};
use ndarray::{Array2, ArrayView1, ArrayView2};

/// Keras' `accuracy` with the loss `mse`: the share of rows whose largest element is in the same place in prediction and
/// target, both `(batch, outputs)`. With a single output Keras takes another definition: the share of predictions that
/// are the target after rounding to the nearest integer. 0 for an empty batch.
#[must_use]
#[inline(never)] // compiled once: see `instances`
pub fn keras_accuracy<T: Real>(predictions: ArrayView2<'_, T>, targets: ArrayView2<'_, T>) -> f64 {
    let rows = predictions.rows().into_iter().zip(targets.rows());
    let agreeing = match predictions.ncols() {
        1 => rows.filter(|(p, t)| p[0].to_f64().round_ties_even() == t[0].to_f64()).count(),
        _ => rows.filter(|(p, t)| arg_max(*p) == arg_max(*t)).count(),
    };
    share(agreeing, predictions.nrows())
}

/// Where the largest element is: the first of equal ones; NaN counts as the largest, as in NumPy.
///
/// # Panics
/// If the row is empty.
#[must_use]
pub fn arg_max<T: Real>(row: ArrayView1<'_, T>) -> usize {
    let mut best = 0;
    for (index, x) in row.iter().enumerate() {
        let held = row[best];
        if is_nan(held) {
            break;
        }
        if *x > held || is_nan(*x) {
            best = index;
        }
    }
    best
}

fn is_nan<T: Real>(x: T) -> bool {
    x.partial_cmp(&x).is_none()
}

/// The scalar product of two vectors `(outputs)`, summed in `f64` in the order of the elements.
#[must_use]
pub fn dot<T: Real>(a: ArrayView1<'_, T>, b: ArrayView1<'_, T>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum()
}

/// The Euclidean norm of a vector.
#[must_use]
pub fn norm<T: Real>(vector: ArrayView1<'_, T>) -> f64 {
    dot(vector, vector).sqrt()
}

/// Each row of `vectors (words, outputs)` divided by its norm. A zero row has no direction: it stays zero.
#[must_use]
pub fn unit_rows<T: Real>(mut vectors: Array2<T>) -> Array2<T> {
    for mut row in vectors.rows_mut() {
        let norm = norm(row.view());
        if norm > 0.0 {
            row.map_inplace(|x| *x = T::from_f64(x.to_f64() / norm));
        }
    }
    vectors
}

/// The cosine of two vectors of the same length; 0 if one of them is zero.
#[must_use]
pub fn cosine<T: Real>(a: ArrayView1<'_, T>, b: ArrayView1<'_, T>) -> f64 {
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    if norms == 0.0 { 0.0 } else { dot(a, b) / norms }
}

/// The mean cosine between predictions and targets, both `(batch, outputs)`; a zero vector has cosine 0 with everything.
#[must_use]
#[inline(never)] // compiled once: see `instances`
pub fn mean_cosine<T: Real>(predictions: ArrayView2<'_, T>, targets: ArrayView2<'_, T>) -> f64 {
    let sum: f64 = predictions.rows().into_iter().zip(targets.rows()).map(|(p, t)| cosine(p, t)).sum();
    if predictions.nrows() == 0 { 0.0 } else { sum / predictions.nrows() as f64 }
}

/// Mean squared error over everything.
#[must_use]
#[inline(never)] // compiled once: see `instances`
pub fn mean_squared_error<T: Real>(predictions: ArrayView2<'_, T>, targets: ArrayView2<'_, T>) -> f64 {
    let sum: f64 = predictions.iter().zip(targets).map(|(p, t)| square(p.to_f64() - t.to_f64())).sum();
    if predictions.is_empty() { 0.0 } else { sum / predictions.len() as f64 }
}

/// How much predictions `(batch, outputs)` differ between inputs: the root mean square, over inputs and outputs, of the
/// deviation from the mean prediction. 0 when every input gets the same output.
#[must_use]
#[inline(never)] // compiled once: see `instances`
pub fn spread<T: Real>(predictions: ArrayView2<'_, T>) -> f64 {
    let (rows, columns) = predictions.dim();
    if rows == 0 || columns == 0 {
        return 0.0;
    }
    let variance = |column: ArrayView1<'_, T>| {
        let mean = column.iter().map(|x| x.to_f64()).sum::<f64>() / rows as f64;
        column.iter().map(|x| square(x.to_f64() - mean)).sum::<f64>() / rows as f64
    };
    (predictions.columns().into_iter().map(variance).sum::<f64>() / columns as f64).sqrt()
}

/// The share of predictions `(batch, outputs)` that are the same as the most common one, compared to within 10⁻⁴.
#[must_use]
#[inline(never)] // compiled once: see `instances`
pub fn identical_share<T: Real>(predictions: ArrayView2<'_, T>) -> f64 {
    let mut groups: HashMap<Vec<i64>, usize> = HashMap::new();
    for row in predictions.rows() {
        // A NaN becomes 0 and infinity the largest integer: equal among themselves, which is what is asked.
        *groups.entry(row.iter().map(|x| (x.to_f64() * 1e4).round() as i64).collect()).or_default() += 1;
    }
    share(groups.values().copied().max().unwrap_or(0), predictions.nrows())
}

/// The share of the most common place of the largest element: what [`keras_accuracy`] gives to a constant prediction.
#[must_use]
#[inline(never)] // compiled once: see `instances`
pub fn most_common_arg_max<T: Real>(targets: ArrayView2<'_, T>) -> f64 {
    let mut counts = vec![0_usize; targets.ncols()];
    for row in targets.rows() {
        counts[arg_max(row)] += 1;
    }
    share(counts.into_iter().max().unwrap_or(0), targets.nrows())
}

/// The mean squared error of predicting the mean target for every input: the variance of `targets (batch, outputs)`.
#[must_use]
#[inline(never)] // compiled once: see `instances`
pub fn mean_predictor_loss<T: Real>(targets: ArrayView2<'_, T>) -> f64 {
    square(spread(targets))
}

fn square(x: f64) -> f64 {
    x * x
}

fn share(count: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { count as f64 / of as f64 }
}

/// Finds, among many words, those nearest to a predicted vector.
#[derive(Debug, Clone)]
pub struct NearestWords<T> {
    /// Unit vectors of all words, packed, `(outputs, words)`.
    words: PackedRight<T>,
}

impl<T: Real> NearestWords<T> {
    /// Over the vectors of a vocabulary, `(words, outputs)`; their lengths do not matter.
    #[must_use]
    #[inline(never)] // compiled once: see `instances`
    pub fn new(vectors: ArrayView2<'_, T>) -> Self {
        Self { words: PackedRight::from(unit_rows(vectors.to_owned()).t()) }
    }

    /// For each prediction the number of other words that are at least as near (by cosine) as its true word: 0 is a
    /// perfect hit. A tie counts against the prediction, so that a zero vector, as near to one word as to all, hits nothing.
    /// `true_words[i]` is the row of the vocabulary that prediction i stands for.
    ///
    /// # Panics
    /// If a true word lies outside the vocabulary, or the numbers of predictions and true words differ.
    #[must_use]
    #[inline(never)] // compiled once: see `instances`
    pub fn ranks(&self, predictions: ArrayView2<'_, T>, true_words: &[usize]) -> Vec<usize> {
        const ROWS: usize = 256;
        assert_eq!(predictions.nrows(), true_words.len(), "a true word for each prediction");
        let mut ranks = Vec::with_capacity(true_words.len());
        let chunks = predictions.axis_chunks_iter(ndarray::Axis(0), ROWS);
        for (predictions, true_words) in chunks.into_iter().zip(true_words.chunks(ROWS)) {
            // The length of a prediction changes no order among the words.
            let mut scores = Array2::from_elem((predictions.nrows(), self.words.columns()), T::ZERO);
            product(&PackedLeft::from(predictions), &self.words, scores.view_mut(), Start::Zero);
            ranks.extend(scores.rows().into_iter().zip(true_words).map(|(scores, &word)| {
                let own = scores[word];
                // A prediction that is not a number is near to nothing.
                if is_nan(own) { scores.len() } else { scores.iter().filter(|score| **score >= own).count() - 1 }
            }));
        }
        ranks
    }
}

/// The share of predictions whose true word is among the `k` nearest, given their [ranks](NearestWords::ranks): hit@k.
#[must_use]
pub fn hit_rate(ranks: &[usize], k: usize) -> f64 {
    share(ranks.iter().filter(|rank| **rank < k).count(), ranks.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn accuracy_compares_places_of_the_largest() {
        let predictions = array![[0.1, 0.9], [0.7, 0.2], [0.5, 0.5]];
        let targets = array![[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]];
        assert_eq!(keras_accuracy(predictions.view(), targets.view()), 2.0 / 3.0);
    }

    #[test]
    fn accuracy_of_one_output_compares_rounded_numbers() {
        let predictions = array![[0.9], [0.4], [2.2], [0.1]];
        let targets = array![[1.0], [1.0], [2.0], [0.1]];
        assert_eq!(keras_accuracy(predictions.view(), targets.view()), 0.5);
    }

    #[test]
    fn arg_max_as_in_numpy() {
        assert_eq!(arg_max(array![1.0, 3.0, 3.0].view()), 1);
        assert_eq!(arg_max(array![1.0, f64::NAN, 3.0].view()), 1);
        assert_eq!(arg_max(array![-1.0].view()), 0);
    }

    #[test]
    fn spread_and_identical_outputs() {
        let same = array![[1.0, 2.0], [1.0, 2.0], [1.0, 2.000_001]];
        assert!(spread(same.view()) < 1e-6);
        assert_eq!(identical_share(same.view()), 1.0);
        let different = array![[1.0, 0.0], [-1.0, 0.0]];
        approx::assert_relative_eq!(spread(different.view()), 0.5_f64.sqrt());
        assert_eq!(identical_share(different.view()), 0.5);
        assert_eq!(mean_predictor_loss(different.view()), 0.5000000000000001);
        assert_eq!(most_common_arg_max(array![[1.0, 0.0], [2.0, 1.0], [0.0, 1.0]].view()), 2.0 / 3.0);
    }

    #[test]
    fn cosine_ignores_length() {
        approx::assert_relative_eq!(
            mean_cosine(array![[2.0, 0.0], [0.0, 1.0]].view(), array![[5.0, 0.0], [1.0, 1.0]].view()),
            (1.0 + 0.5_f64.sqrt()) / 2.0
        );
    }

    #[test]
    fn unit_rows_keep_their_direction() {
        assert_eq!(unit_rows(array![[3.0, 4.0], [0.0, 0.0]]), array![[0.6, 0.8], [0.0, 0.0]]);
    }

    #[test]
    fn ranks_count_the_nearer_words() {
        let words = NearestWords::new(array![[1.0_f32, 0.0], [0.0, 2.0], [1.0, 1.0]].view());
        let predictions = array![[1.0_f32, 0.1], [1.0, 0.9], [f32::NAN, 0.0], [0.0, 0.0]];
        let ranks = words.ranks(predictions.view(), &[0, 1, 2, 0]);
        assert_eq!(ranks, [0, 2, 3, 2]);
        assert_eq!(hit_rate(&ranks, 1), 0.25);
        assert_eq!(hit_rate(&ranks, 3), 0.75);
    }
}
