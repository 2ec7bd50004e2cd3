//! What training minimises.

use flameout_cells::Sequence;
use flameout_kernels::{Real, reduce};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::metrics::dot;

/// A loss over a batch of predicted and true vectors, both `(batch, outputs)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Loss {
    /// The mean of (p − t)² over outputs and batch: Keras' `mse`.
    Mse,
    /// The mean over the batch of 1 − cos(p, t). A zero vector has cosine 0 with everything, and no gradient.
    Cosine,
}

impl Loss {
    /// The loss, and its gradient for the predictions into `gradient (batch, 1, outputs)`.
    ///
    /// # Panics
    /// If the shapes differ.
    #[inline(never)] // compiled once: see `instances`
    pub fn evaluate<T: Real>(
        self,
        predictions: ArrayView2<'_, T>,
        targets: ArrayView2<'_, T>,
        gradient: &mut Sequence<T>,
    ) -> f64 {
        assert_eq!(predictions.dim(), targets.dim(), "shapes of predictions and targets");
        let (batch, outputs) = predictions.dim();
        gradient.resize(batch, 1, outputs, T::ZERO);
        match self {
            Self::Mse => mse(predictions, targets, gradient),
            Self::Cosine => cosine(predictions, targets, gradient),
        }
    }
}

fn mse<T: Real>(predictions: ArrayView2<'_, T>, targets: ArrayView2<'_, T>, gradient: &mut Sequence<T>) -> f64 {
    let count = predictions.len() as f64;
    let mut slots = gradient.step_mut(0);
    ndarray::Zip::from(&mut slots).and(predictions).and(targets).for_each(|slot, p, t| *slot = *p - *t);
    let loss = reduce::sum_of_squares(gradient.as_slice()) / count;
    let factor = T::from_f64(2.0 / count);
    gradient.step_mut(0).map_inplace(|x| *x *= factor);
    loss
}

fn cosine<T: Real>(predictions: ArrayView2<'_, T>, targets: ArrayView2<'_, T>, gradient: &mut Sequence<T>) -> f64 {
    let batch = predictions.nrows() as f64;
    let mut loss = 0.0;
    let mut gradients = gradient.step_mut(0);
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
    use ndarray::{Array2, array};

    #[test]
    fn mse_is_the_mean_over_everything() {
        let mut gradient = Sequence::new();
        let loss =
            Loss::Mse.evaluate(array![[1.0, 2.0], [3.0, 4.0]].view(), Array2::zeros((2, 2)).view(), &mut gradient);
        assert_eq!(loss, 7.5);
        assert_eq!(gradient.as_slice(), [0.5, 1.0, 1.5, 2.0]);
    }

    #[test]
    fn cosine_of_known_vectors() {
        let mut gradient = Sequence::new();
        let predictions = array![[2.0, 0.0], [0.0, 3.0], [0.0, 0.0]];
        let targets = array![[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]];
        assert_eq!(Loss::Cosine.evaluate(predictions.view(), targets.view(), &mut gradient), 2.0 / 3.0);
    }

    #[test]
    fn gradients_agree_with_differences() {
        let predictions = array![[0.3, -0.2, 0.9], [1.0, 0.1, -0.4]];
        let targets = array![[0.1, 0.5, 0.2], [-0.3, 0.8, 0.6]];
        for loss in [Loss::Mse, Loss::Cosine] {
            let mut gradient = Sequence::new();
            loss.evaluate(predictions.view(), targets.view(), &mut gradient);
            let gradient = gradient.step(0).to_owned();
            for (at, slope) in gradient.indexed_iter() {
                let moved = |step: f64| {
                    let mut moved = predictions.clone();
                    moved[at] += step;
                    loss.evaluate(moved.view(), targets.view(), &mut Sequence::new())
                };
                approx::assert_abs_diff_eq!(*slope, (moved(1e-6) - moved(-1e-6)) / 2e-6, epsilon = 1e-9);
            }
        }
    }
}
