//! Linear regression with squared weights held down, by conjugate gradients on its normal equations.

use ndarray::{Array1, Array2, ArrayView2, Axis, Zip};
use rayon::prelude::*;

use crate::bag::Bag;

/// Steps of conjugate gradients; twice as many change no digit that is reported anywhere.
const ITERATIONS: usize = 60;

/// Bags of n-grams as a sparse matrix X: row i is bag i.
pub(crate) struct Bags<'a> {
    bags: &'a [Bag],
    /// For each n-gram the bags that have it, in their order, and what it counts there: the columns of X.
    words: Vec<Vec<(u32, f32)>>,
}

impl<'a> Bags<'a> {
    pub(crate) fn new(bags: &'a [Bag], grams: usize) -> Self {
        let mut words = vec![Vec::new(); grams];
        for (word, bag) in (0..).zip(bags) {
            bag.iter().for_each(|&(gram, value)| words[gram as usize].push((word, value)));
        }
        Self { bags, words }
    }

    /// The weights W `(n-grams, numbers)` that minimise `‖X·W − Y‖² + penalty·‖W‖²`. Each column of Y has a system of its
    /// own; all are solved side by side.
    ///
    /// Hestenes and Stiefel 1952, *Methods of Conjugate Gradients for Solving Linear Systems*, section 3.
    pub(crate) fn solve(&self, targets: ArrayView2<'_, f32>, penalty: f32) -> Array2<f32> {
        let mut weights = Array2::zeros((self.words.len(), targets.ncols()));
        let mut residual = self.transposed_product(targets);
        let mut direction = residual.clone();
        let mut squares = column_products(&residual, &residual);
        for _ in 0..ITERATIONS {
            let mut image = self.transposed_product(self.product(&direction).view());
            image.scaled_add(penalty, &direction);
            let step = ratio(&squares, &column_products(&direction, &image));
            add_scaled(&mut weights, &direction, &step);
            add_scaled(&mut residual, &image, &step.mapv(|x| -x));
            let next = column_products(&residual, &residual);
            direction *= &ratio(&next, &squares);
            direction += &residual;
            squares = next;
        }
        weights
    }

    /// X·W
    pub(crate) fn product(&self, weights: &Array2<f32>) -> Array2<f32> {
        let mut result = Array2::zeros((self.bags.len(), weights.ncols()));
        result.axis_iter_mut(Axis(0)).into_par_iter().zip(self.bags).for_each(|(mut row, bag)| {
            bag.iter().for_each(|&(gram, value)| row.scaled_add(value, &weights.row(gram as usize)));
        });
        result
    }

    /// Xᵀ·Y. Each row of the result is one task's, summed in the order of the words: the same bits on any number of threads.
    fn transposed_product(&self, right: ArrayView2<'_, f32>) -> Array2<f32> {
        let mut result = Array2::zeros((self.words.len(), right.ncols()));
        result.axis_iter_mut(Axis(0)).into_par_iter().zip(&self.words).for_each(|(mut row, words)| {
            words.iter().for_each(|&(word, value)| row.scaled_add(value, &right.row(word as usize)));
        });
        result
    }
}

/// For each column the scalar product of both matrices' columns.
fn column_products(a: &Array2<f32>, b: &Array2<f32>) -> Array1<f32> {
    let mut sums = Array1::<f64>::zeros(a.ncols());
    for (a, b) in a.rows().into_iter().zip(b.rows()) {
        Zip::from(&mut sums).and(a).and(b).for_each(|sum, a, b| *sum += f64::from(*a) * f64::from(*b));
    }
    sums.mapv(|sum| sum as f32)
}

/// 0 where there is nothing left to solve.
fn ratio(a: &Array1<f32>, b: &Array1<f32>) -> Array1<f32> {
    Zip::from(a).and(b).map_collect(|a, b| if *b > 0.0 { a / b } else { 0.0 })
}

fn add_scaled(to: &mut Array2<f32>, what: &Array2<f32>, factors: &Array1<f32>) {
    for (to, what) in to.rows_mut().into_iter().zip(what.rows()) {
        Zip::from(to).and(what).and(factors).for_each(|to, what, factor| *to += what * factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bag::bag;
    use ndarray::array;

    #[test]
    fn the_normal_equations_hold() {
        let bags = [vec![0, 1], vec![1], vec![0, 2], vec![0, 1, 2]].map(|grams| bag(&grams, &[1.0, 2.0, 0.5]));
        let bags = Bags::new(&bags, 3);
        let targets = array![[1.0, 0.5], [0.0, -1.0], [2.0, 1.0], [0.3, 0.3]];
        let weights = bags.solve(targets.view(), 0.1);
        let difference = bags.product(&weights) - &targets;
        let gradient = bags.transposed_product(difference.view()) + &weights * 0.1;
        assert!(gradient.iter().all(|x| x.abs() < 1e-5), "{gradient}");
    }
}
