//! The length of a kernel's columns.

use flameout_kernels::Real;
use ndarray::ArrayView2;

/// The mean length (L2 norm) of the columns of a kernel `(inputs, units)`: of the weights that lead to one unit. An orthogonal
/// recurrent kernel of gain g begins with g; on the way to a collapse it grows.
///
/// NaN for a kernel without columns.
#[must_use]
pub fn mean_column_length<T: Real>(kernel: ArrayView2<'_, T>) -> f64 {
    let mut squares = vec![0.0; kernel.ncols()];
    for row in kernel.rows() {
        for (sum, x) in squares.iter_mut().zip(row) {
            *sum += x.to_f64() * x.to_f64();
        }
    }
    squares.iter().map(|sum: &f64| sum.sqrt()).sum::<f64>() / kernel.ncols() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn of_each_column_and_not_of_the_whole() {
        assert_eq!(mean_column_length(array![[3.0_f32, 0.0], [4.0, 1.0]].view()), 3.0);
        assert!(mean_column_length(Array2::<f64>::zeros((2, 0)).view()).is_nan());
    }
}
