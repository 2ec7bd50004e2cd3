//! The loss that tells the right word from others.

use flameout_kernels::{PackedLeft, PackedRight, Real, Start, dispatch, product, reduce};
use flameout_model::metrics::{dot, norm, unit_rows};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis};

/// By what cosines are divided before the softmax: the smaller, the more only the nearest words count.
const TEMPERATURE: f64 = 0.1;

/// Vectors of unit length, of which an output is to be nearest to one.
pub(crate) struct Candidates<T> {
    /// `(words, numbers)`
    vectors: PackedRight<T>,
    /// `(numbers, words)`
    transposed: PackedRight<T>,
}

impl<T: Real> Candidates<T> {
    pub(crate) fn new(vectors: ArrayView2<'_, T>) -> Self {
        Self { vectors: PackedRight::from(vectors), transposed: PackedRight::from(vectors.t()) }
    }

    /// The mean over the outputs `(batch, numbers)` of −ln softmax(cosines / temperature) at the right candidate, and of one
    /// minus its cosine; the right candidate of output i is `first + i`. `gradient` gets that for the outputs.
    ///
    /// The first term is InfoNCE (van den Oord, Li and Vinyals 2018, arXiv 1807.03748, equation 4) with all other candidates
    /// as noise. Without the second, outputs are moved away from near words more than they are brought to their own.
    pub(crate) fn loss(&self, outputs: ArrayView2<'_, T>, first: usize, mut gradient: ArrayViewMut2<'_, T>) -> f64 {
        let batch = outputs.nrows() as f64;
        let units = unit_rows(outputs.to_owned());

        let mut cosines = Array2::from_elem((outputs.nrows(), self.transposed.columns()), T::ZERO);
        product(&PackedLeft::from(units.view()), &self.transposed, cosines.view_mut(), Start::Zero);
        let rows = cosines.axis_iter_mut(Axis(0)).into_par_iter().enumerate();
        let losses: Vec<f64> = rows.map(|(i, row)| of_row(row, first + i)).collect();

        product(&PackedLeft::from(cosines.view()), &self.vectors, gradient.view_mut(), Start::Zero);
        for ((mut gradient, unit), output) in gradient.rows_mut().into_iter().zip(units.rows()).zip(outputs.rows()) {
            // A zero output has no direction that a step could change.
            let norm = norm(output);
            let scale = if norm > 0.0 { 1.0 / (batch * norm) } else { 0.0 };
            let along = dot(gradient.view(), unit);
            gradient.zip_mut_with(&unit, |g, u| *g = T::from_f64((g.to_f64() - along * u.to_f64()) * scale));
        }
        reduce::in_order(&losses) / batch
    }
}

/// The loss of an output with these cosines, which become the derivative for them.
fn of_row<T: Real>(mut cosines: ArrayViewMut1<'_, T>, right: usize) -> f64 {
    let cosines = cosines.as_slice_mut().expect("rows of a matrix");
    let own = cosines[right].to_f64();
    let largest = cosines.iter().copied().fold(cosines[0], |a, b| if b > a { b } else { a });
    let scale = T::from_f64(1.0 / TEMPERATURE);
    dispatch(
        #[inline(always)]
        || cosines.iter_mut().for_each(|x| *x = Real::exp((*x - largest) * scale)),
    );
    let sum: f64 = cosines.iter().map(|x| x.to_f64()).sum();
    let share = T::from_f64(1.0 / (sum * TEMPERATURE));
    cosines.iter_mut().for_each(|x| *x *= share);
    cosines[right] = T::from_f64(cosines[right].to_f64() - 1.0 / TEMPERATURE - 1.0);
    libm::log(sum) + (largest.to_f64() - own) / TEMPERATURE + 1.0 - own
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: usize, seed: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, 5), |(i, j)| ((i * 37 + j * 101 + seed * 13) % 29) as f64 / 14.0 - 1.0)
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let candidates = Candidates::new(unit_rows(matrix(9, 1)).view());
        let outputs = matrix(3, 2);
        let mut gradient = Array2::zeros((3, 5));
        candidates.loss(outputs.view(), 4, gradient.view_mut());
        let mut unused = Array2::zeros((3, 5));
        for place in [(0, 0), (0, 4), (1, 2), (2, 1), (2, 3)] {
            let mut at = |change: f64| {
                let mut outputs = outputs.clone();
                outputs[place] += change;
                candidates.loss(outputs.view(), 4, unused.view_mut())
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((gradient[place] - slope).abs() < 1e-8, "{place:?}: {} and {slope}", gradient[place]);
        }
    }

    #[test]
    fn the_loss_by_hand() {
        // Two candidates at a right angle; the output lies on the first.
        let candidates = Candidates::new(ndarray::array![[1.0, 0.0], [0.0, 1.0]].view());
        let mut gradient = Array2::zeros((1, 2));
        let right = candidates.loss(ndarray::array![[3.0, 0.0]].view(), 0, gradient.view_mut());
        assert!((right - (1.0 + (-10.0_f64).exp()).ln()).abs() < 1e-12);
        let wrong = candidates.loss(ndarray::array![[3.0, 0.0]].view(), 1, gradient.view_mut());
        assert!((wrong - (right + 10.0 + 1.0)).abs() < 1e-12);
        assert!(gradient[(0, 0)].abs() < 1e-12 && gradient[(0, 1)] < 0.0, "towards the right one: {gradient}");
    }

    #[test]
    fn an_output_that_is_nothing_does_no_harm() {
        let candidates = Candidates::new(unit_rows(matrix(4, 1)).view());
        let mut gradient = Array2::zeros((1, 5));
        assert!(candidates.loss(Array2::zeros((1, 5)).view(), 0, gradient.view_mut()).is_finite());
    }
}
