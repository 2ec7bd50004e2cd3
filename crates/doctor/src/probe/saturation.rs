//! How much of an activation is saturated.

use flameout_cells::Activation;
use flameout_kernels::{Real, dispatch};
use ndarray::ArrayView2;
use ndarray::Axis;
use ndarray::parallel::prelude::*;

/// A slope below this share of the activation's largest counts as saturated.
const SATURATED: f64 = 0.01;
/// Outputs whose slopes are computed at once.
const BLOCK: usize = 256;

/// Shares of an activation's values, over all rows and columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Saturation {
    /// Of slope exactly 0.
    pub(crate) zero_slope: f64,
    /// Of a slope below 1 % of the largest, below the middle.
    pub(crate) low: f64,
    /// Of a slope below 1 % of the largest, above the middle.
    pub(crate) high: f64,
}

/// Where an activation that saturates at both ends is steepest, in terms of its output; None for others.
pub(crate) fn middle(activation: Activation) -> Option<f64> {
    match activation {
        Activation::Sigmoid | Activation::HardSigmoid | Activation::HardSigmoidSixth => Some(0.5),
        Activation::Tanh => Some(0.0),
        _ => None,
    }
}

impl Saturation {
    /// Of an activation's outputs, given its [`middle`]. NaN has slope 0 (hard sigmoid) or NaN, and lies at neither end.
    pub(crate) fn of<T: Real>(activation: Activation, middle: f64, outputs: ArrayView2<'_, T>) -> Self {
        let middle = T::from_f64(middle);
        let mut largest = [T::ZERO];
        activation.slopes(&[middle], &mut largest);
        let limit = largest[0] * T::from_f64(SATURATED);
        let counts: Counts = outputs
            .axis_iter(Axis(0))
            .into_par_iter()
            .map(|row| {
                let row = row.to_slice().expect("the columns of a gate are contiguous");
                dispatch(
                    #[inline(always)]
                    || Counts::of_row(activation, (middle, limit), row),
                )
            })
            .reduce(Counts::default, Counts::plus);
        let share = |count: u64| if outputs.is_empty() { 0.0 } else { count as f64 / outputs.len() as f64 };
        Self { zero_slope: share(counts.zero_slope), low: share(counts.low), high: share(counts.high) }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    zero_slope: u64,
    low: u64,
    high: u64,
}

impl Counts {
    #[inline(always)]
    fn of_row<T: Real>(activation: Activation, (middle, limit): (T, T), outputs: &[T]) -> Self {
        let mut slopes = [T::ZERO; BLOCK];
        let mut counts = Self::default();
        for outputs in outputs.chunks(BLOCK) {
            let slopes = &mut slopes[..outputs.len()];
            activation.slopes(outputs, slopes);
            for (&output, &slope) in outputs.iter().zip(slopes.iter()) {
                counts.zero_slope += u64::from(slope == T::ZERO);
                counts.low += u64::from(slope < limit && output < middle);
                counts.high += u64::from(slope < limit && output > middle);
            }
        }
        counts
    }

    /// Sums of integers: any order gives the same.
    fn plus(self, other: Self) -> Self {
        Self { zero_slope: self.zero_slope + other.zero_slope, low: self.low + other.low, high: self.high + other.high }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn of(activation: Activation, arguments: &[f64]) -> Saturation {
        let mut outputs = arguments.to_vec();
        activation.apply(&mut outputs);
        let outputs = Array2::from_shape_vec((2, arguments.len() / 2), outputs).unwrap();
        Saturation::of(activation, middle(activation).unwrap(), outputs.view())
    }

    #[test]
    fn a_hard_sigmoid_is_saturated_where_its_slope_is_zero() {
        let found = of(Activation::HardSigmoid, &[-2.6, -2.4, 0.0, 2.4, 2.6, 9.0, -9.0, 3.0]);
        assert_eq!(found, Saturation { zero_slope: 0.625, low: 0.25, high: 0.375 });
    }

    #[test]
    fn smooth_activations_are_saturated_long_before_their_slope_is_zero() {
        // The slope of tanh falls below 1 % at 2.99, that of the sigmoid below 1 % of 1/4 at 5.99.
        let tanh = of(Activation::Tanh, &[-3.1, -2.9, 0.0, 2.9, 3.1, 60.0]);
        assert_eq!(tanh, Saturation { zero_slope: 1.0 / 6.0, low: 1.0 / 6.0, high: 2.0 / 6.0 });
        let sigmoid = of(Activation::Sigmoid, &[-6.1, -5.9, 0.0, 5.9, 6.1, 60.0]);
        assert_eq!(sigmoid, Saturation { zero_slope: 1.0 / 6.0, low: 1.0 / 6.0, high: 2.0 / 6.0 });
    }

    #[test]
    fn activations_without_two_ends_are_left_out() {
        assert_eq!((middle(Activation::Linear), middle(Activation::Relu)), (None, None));
    }
}
