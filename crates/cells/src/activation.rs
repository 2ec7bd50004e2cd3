//! Element-wise activations and their slopes.

use flameout_kernels::Real;
use flameout_kernels::sigmoid;

/// An element-wise function and its derivative, written in terms of the function's *output*, which is what BPTT keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Activation {
    /// x
    Linear,
    /// 1/(1 + e^(−x))
    Sigmoid,
    /// clip(0.2·x + 0.5, 0, 1): Keras 1 and 2. Its slope is exactly 0 outside \[−2.5, 2.5\].
    HardSigmoid,
    /// clip(x/6 + 0.5, 0, 1): Keras 3 and PyTorch. Its slope is exactly 0 outside \[−3, 3\].
    HardSigmoidSixth,
    /// The hyperbolic tangent.
    Tanh,
    /// max(x, 0); the slope at 0 is 0.
    Relu,
}

impl Activation {
    /// Gives the name that files of settings have for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Sigmoid => "sigmoid",
            Self::HardSigmoid => "hard_sigmoid",
            Self::HardSigmoidSixth => "hard_sigmoid_sixth",
            Self::Tanh => "tanh",
            Self::Relu => "relu",
        }
    }

    /// Replaces each value by its activation.
    #[inline(always)]
    pub fn apply<T: Real>(self, values: &mut [T]) {
        match self {
            Self::Linear => {}
            Self::Sigmoid => values.iter_mut().for_each(|x| *x = sigmoid(*x)),
            Self::HardSigmoid => values.iter_mut().for_each(|x| *x = clipped_line(*x, 0.2)),
            Self::HardSigmoidSixth => values.iter_mut().for_each(|x| *x = clipped_line(*x, 1.0 / 6.0)),
            Self::Tanh => values.iter_mut().for_each(|x| *x = x.tanh()),
            // In this form NaN stays NaN.
            Self::Relu => values.iter_mut().for_each(|x| *x = if *x < T::ZERO { T::ZERO } else { *x }),
        }
    }

    /// Writes the derivative at each point, given the activation's outputs there.
    ///
    /// # Panics
    /// If the slices differ in length.
    #[inline(always)]
    pub fn slopes<T: Real>(self, outputs: &[T], slopes: &mut [T]) {
        assert_eq!(outputs.len(), slopes.len());
        let pairs = slopes.iter_mut().zip(outputs);
        match self {
            Self::Linear => pairs.for_each(|(slope, _)| *slope = T::ONE),
            Self::Sigmoid => pairs.for_each(|(slope, &y)| *slope = y * (T::ONE - y)),
            Self::HardSigmoid => pairs.for_each(|(slope, &y)| *slope = clipped_slope(y, 0.2)),
            Self::HardSigmoidSixth => pairs.for_each(|(slope, &y)| *slope = clipped_slope(y, 1.0 / 6.0)),
            Self::Tanh => pairs.for_each(|(slope, &y)| *slope = (-y).mul_add(y, T::ONE)),
            Self::Relu => pairs.for_each(|(slope, &y)| *slope = if y > T::ZERO { T::ONE } else { T::ZERO }),
        }
    }
}

#[inline(always)]
fn clipped_line<T: Real>(x: T, slope: f64) -> T {
    let y = x.mul_add(T::from_f64(slope), T::from_f64(0.5));
    let y = if y < T::ZERO { T::ZERO } else { y };
    if y > T::ONE { T::ONE } else { y }
}

/// The slope inside (0, 1), and 0 at the ends. A NaN output has slope 0: the forward pass has already spread it.
#[inline(always)]
fn clipped_slope<T: Real>(y: T, slope: f64) -> T {
    if y > T::ZERO && y < T::ONE { T::from_f64(slope) } else { T::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Activation; 6] = [
        Activation::Linear,
        Activation::Sigmoid,
        Activation::HardSigmoid,
        Activation::HardSigmoidSixth,
        Activation::Tanh,
        Activation::Relu,
    ];

    fn value(activation: Activation, x: f64) -> f64 {
        let mut y = [x];
        activation.apply(&mut y);
        y[0]
    }

    #[test]
    fn known_values() {
        assert_eq!(value(Activation::HardSigmoid, 1.0), 0.7);
        assert_eq!(value(Activation::HardSigmoid, -2.6), 0.0);
        assert_eq!(value(Activation::HardSigmoid, 2.6), 1.0);
        assert_eq!(value(Activation::HardSigmoidSixth, 2.6), 2.6_f64.mul_add(1.0 / 6.0, 0.5));
        assert_eq!(value(Activation::Relu, -1.0), 0.0);
        assert_eq!(value(Activation::Linear, -1.5), -1.5);
        approx::assert_relative_eq!(value(Activation::Sigmoid, 1.0), 1.0 / (1.0 + (-1.0_f64).exp()), epsilon = 1e-15);
        approx::assert_relative_eq!(value(Activation::Tanh, 1.0), 1.0_f64.tanh(), epsilon = 1e-15);
    }

    #[test]
    fn slopes_agree_with_differences() {
        let step = 1e-6;
        for activation in ALL {
            for x in [-4.0, -2.9, -2.0, -0.3, 0.2, 1.7, 2.8, 3.5] {
                let mut slope = [0.0];
                activation.slopes(&[value(activation, x)], &mut slope);
                let difference = (value(activation, x + step) - value(activation, x - step)) / (2.0 * step);
                approx::assert_abs_diff_eq!(slope[0], difference, epsilon = 1e-9);
            }
        }
    }

    #[test]
    fn nan_stays_nan() {
        for activation in ALL {
            assert!(value(activation, f64::NAN).is_nan(), "{activation:?}");
        }
    }
}
