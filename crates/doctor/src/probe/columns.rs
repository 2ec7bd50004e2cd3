//! The length of a kernel's columns.

use flameout_cells::Tensor;
use flameout_experiment::Floats;

/// The mean length (L2 norm) of the columns of a kernel `(inputs, units)` among a network's parameters: of the weights that lead to
/// one unit. An orthogonal
/// recurrent kernel of gain g begins with g; on the way to a collapse it grows.
///
/// NaN for a kernel without columns.
#[must_use]
pub fn mean_column_length(kernel: &Tensor, parameters: Floats<'_>) -> f64 {
    let columns = kernel.matrix_shape().1;
    let mut squares = vec![0.0; columns];
    for (index, x) in parameters.range(kernel.range()).iter().enumerate() {
        squares[index % columns] += x * x;
    }
    squares.iter().map(|sum: &f64| sum.sqrt()).sum::<f64>() / columns as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_column_and_not_of_the_whole() {
        let kernel = |columns| Tensor { name: "kernel".into(), offset: 1, shape: vec![2, columns] };
        assert_eq!(mean_column_length(&kernel(2), Floats::F32(&[9.0, 3.0, 0.0, 4.0, 1.0])), 3.0);
        assert!(mean_column_length(&kernel(0), Floats::F64(&[9.0])).is_nan());
    }
}
