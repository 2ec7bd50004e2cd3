//! What training minimises.

use flameout_kernels::{Real, reduce};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use serde::{Deserialize, Serialize};

use crate::metrics::dot;

/// A loss over a batch of predicted and true vectors, both `(batch, outputs)`.
///
/// ```
/// use flameout_model::Loss;
/// use ndarray::{ArrayView2, ArrayViewMut2, array};
///
/// /// The mean over the batch of Σ|p − t|.
/// struct AbsoluteError;
///
/// impl Loss<f32> for AbsoluteError {
///     fn evaluate(&self, p: ArrayView2<'_, f32>, t: ArrayView2<'_, f32>, mut gradient: ArrayViewMut2<'_, f32>) -> f64 {
///         let batch = p.nrows() as f32;
///         gradient.assign(&(&p - &t).mapv(|x| x.signum() / batch));
///         f64::from((&p - &t).mapv(f32::abs).sum() / batch)
///     }
/// }
///
/// assert_eq!(AbsoluteError.value(array![[1.0, 2.0]].view(), array![[0.0, 4.0]].view()), 3.0);
/// ```
pub trait Loss<T: Real>: Sync {
    /// Computes the loss, and writes its gradient for the predictions.
    ///
    /// The three have the same shape; `gradient` lies row after row, and what it holds before is unspecified.
    fn evaluate(
        &self,
        predictions: ArrayView2<'_, T>,
        targets: ArrayView2<'_, T>,
        gradient: ArrayViewMut2<'_, T>,
    ) -> f64;

    /// Computes the loss alone.
    fn value(&self, predictions: ArrayView2<'_, T>, targets: ArrayView2<'_, T>) -> f64 {
        let mut gradient = Array2::from_elem(predictions.dim(), T::ZERO);
        self.evaluate(predictions, targets, gradient.view_mut())
    }
}

impl<T: Real, L: Loss<T> + ?Sized> Loss<T> for &L {
    fn evaluate(
        &self,
        predictions: ArrayView2<'_, T>,
        targets: ArrayView2<'_, T>,
        gradient: ArrayViewMut2<'_, T>,
    ) -> f64 {
        (**self).evaluate(predictions, targets, gradient)
    }
}

/// One of our losses, as settings name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LossKind {
    /// The mean of (p − t)² over outputs and batch: Keras' `mse`.
    Mse,
    /// The mean over the batch of 1 − cos(p, t). A zero vector has cosine 0 with everything, and no gradient.
    Cosine,
}

impl<T: Real> Loss<T> for LossKind {
    /// # Panics
    /// If the shapes differ.
    #[inline(never)] // compiled once: see `instances`
    fn evaluate(
        &self,
        predictions: ArrayView2<'_, T>,
        targets: ArrayView2<'_, T>,
        gradient: ArrayViewMut2<'_, T>,
    ) -> f64 {
        assert_eq!(predictions.dim(), targets.dim(), "shapes of predictions and targets");
        match self {
            Self::Mse => mse(predictions, targets, gradient),
            Self::Cosine => cosine(predictions, targets, gradient),
        }
    }
}

fn mse<T: Real>(predictions: ArrayView2<'_, T>, targets: ArrayView2<'_, T>, mut gradient: ArrayViewMut2<'_, T>) -> f64 {
    let count = predictions.len() as f64;
    ndarray::Zip::from(&mut gradient).and(predictions).and(targets).for_each(|slot, p, t| *slot = *p - *t);
    let loss = reduce::sum_of_squares(gradient.as_slice().expect("a gradient lies row after row")) / count;
    let factor = T::from_f64(2.0 / count);
    gradient.map_inplace(|x| *x *= factor);
    loss
}

fn cosine<T: Real>(
    predictions: ArrayView2<'_, T>,
    targets: ArrayView2<'_, T>,
    mut gradients: ArrayViewMut2<'_, T>,
) -> f64 {
    let batch = predictions.nrows() as f64;
    let mut loss = 0.0;
    for ((p, t), mut gradient) in predictions.rows().into_iter().zip(targets.rows()).zip(gradients.rows_mut()) {
        let (pt, pp, tt) = (dot(p, t), dot(p, p), dot(t, t));
        let norms = (pp * tt).sqrt();
        if norms == 0.0 {
            loss += 1.0;
            gradient.fill(T::ZERO);
            continue;
        }
        let cosine = pt / norms;
        loss += 1.0 - cosine;
        for ((slot, p), t) in gradient.iter_mut().zip(p).zip(t) {
            *slot = T::from_f64((cosine * p.to_f64() / pp - t.to_f64() / norms) / batch);
        }
    }
    loss / batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_cells::gradient_check::{compare, differences};
    use ndarray::array;

    #[test]
    fn mse_is_the_mean_over_everything() {
        let mut gradient = Array2::zeros((2, 2));
        let predictions = array![[1.0, 2.0], [3.0, 4.0]];
        let loss = LossKind::Mse.evaluate(predictions.view(), Array2::zeros((2, 2)).view(), gradient.view_mut());
        assert_eq!(loss, 7.5);
        assert_eq!(gradient, array![[0.5, 1.0], [1.5, 2.0]]);
    }

    #[test]
    fn cosine_of_known_vectors() {
        let predictions = array![[2.0, 0.0], [0.0, 3.0], [0.0, 0.0]];
        let targets = array![[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]];
        assert_eq!(LossKind::Cosine.value(predictions.view(), targets.view()), 2.0 / 3.0);
    }

    #[test]
    fn gradients_agree_with_differences() {
        let predictions = array![[0.3, -0.2, 0.9], [1.0, 0.1, -0.4]];
        let targets = array![[0.1, 0.5, 0.2], [-0.3, 0.8, 0.6]];
        for loss in [LossKind::Mse, LossKind::Cosine] {
            let mut gradient = Array2::zeros((2, 3));
            loss.evaluate(predictions.view(), targets.view(), gradient.view_mut());
            let numeric = differences(predictions.as_slice().unwrap(), |at| {
                loss.value(ArrayView2::from_shape((2, 3), at).unwrap(), targets.view())
            });
            compare("predictions", gradient.as_slice().unwrap(), &numeric).unwrap();
        }
    }
}
