//! The norm of a flat buffer.

use flameout_kernels::{Real, reduce};

/// The L2 norm √(Σ x²) of a flat buffer, summed in `f64` in the fixed order of [`reduce::sum_of`].
///
/// It is NaN or infinite where an element is; for `f64` also infinite where the sum of squares overflows (an element beyond
/// about 1e154). The norm of nothing is 0.
#[must_use]
pub fn l2_norm<T: Real>(values: &[T]) -> f64 {
    reduce::sum_of_squares(values).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, written out.
    fn reference(values: &[f64]) -> f64 {
        let mut total = 0.0;
        for chunk in values.chunks(4096) {
            let mut lanes = [0.0; 8];
            for (i, x) in chunk.iter().enumerate() {
                lanes[i % 8] += x * x;
            }
            total += lanes.iter().fold(0.0, |a, b| a + b);
        }
        total.sqrt()
    }

    #[test]
    fn follows_the_fixed_order_to_the_bit() {
        for length in [0, 1, 7, 8, 9, 4095, 4096, 4097, 100_003] {
            let values: Vec<f64> = (0..length).map(|i| 1.0 / (1.0 + i as f64) - 0.3).collect();
            assert_eq!(l2_norm(&values).to_bits(), reference(&values).to_bits(), "length {length}");
        }
    }

    #[test]
    fn known_values() {
        assert_eq!(l2_norm(&[3.0_f32, -4.0]), 5.0);
        assert!(l2_norm(&[f32::MAX; 100]).is_finite());
        assert!(l2_norm(&[1.0, f64::NAN]).is_nan());
        assert_eq!(l2_norm(&[1.0, f64::NEG_INFINITY]), f64::INFINITY);
    }
}
