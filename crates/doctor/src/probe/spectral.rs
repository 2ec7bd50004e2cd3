//! The spectral radius of a recurrent kernel.

use flameout_kernels::{PackedLeft, PackedRight, Real, Start, product, reduce};
use ndarray::{Array2, ArrayView2};

use super::start::start_sign;

/// Estimates the spectral radius (the largest modulus of an eigenvalue) of a square matrix `(units, units)` by power
/// iteration from a fixed start: the geometric mean of the growth of ‖x·U‖ over the second half of the iterations.
///
/// The mean makes it serve a pair of conjugate complex eigenvalues too, for which the growth of a single step oscillates
/// (Gelfand's formula: ρ = lim ‖U^k‖^(1/k)). Exact for a multiple of an orthogonal matrix, such as an initial recurrent
/// kernel. 20 iterations tell it to a few per cent where one eigenvalue or pair stands out, and somewhat low where many are
/// about as large. 0 for a matrix that maps the start to zero; NaN if an element is not finite, or without an
/// iteration.
///
/// # Panics
/// If the matrix is not square.
#[must_use]
pub fn spectral_radius<T: Real>(matrix: ArrayView2<'_, T>, iterations: u32) -> f64 {
    let units = matrix.nrows();
    assert_eq!(units, matrix.ncols(), "a square matrix");
    let right = PackedRight::from(matrix);
    let mut left = PackedLeft::default();
    let mut x = Array2::from_shape_fn((1, units), |(_, i)| T::from_f64(start_sign(i)));
    let mut next = Array2::from_elem((1, units), T::ZERO);
    let settling = iterations / 2;
    let mut log_growth = 0.0;
    normalise(&mut x);
    for iteration in 0..iterations {
        left.pack(x.view());
        product(&left, &right, next.view_mut(), Start::Zero);
        std::mem::swap(&mut x, &mut next);
        let growth = normalise(&mut x);
        if growth == 0.0 || !growth.is_finite() {
            return if growth == 0.0 { 0.0 } else { f64::NAN };
        }
        if iteration >= settling {
            log_growth += libm::log(growth);
        }
    }
    libm::exp(log_growth / f64::from(iterations - settling))
}

/// Divides a vector by its norm, and returns the norm.
fn normalise<T: Real>(x: &mut Array2<T>) -> f64 {
    let norm = reduce::sum_of_squares(x.as_slice().expect("a row of its own")).sqrt();
    if norm > 0.0 {
        x.map_inplace(|x| *x = T::from_f64(x.to_f64() / norm));
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_model::{Architecture, Flavour, Sequential};
    use ndarray::{Axis, Slice, array};

    #[test]
    fn an_orthogonal_matrix_has_its_gain() {
        let mut model = Sequential::<f32>::of(Architecture::lstm_single(3, 40, 2, Flavour::Keras1));
        model.initialise(&Flavour::Keras1.initialisation(), 0);
        let kernel = model.tensors()[1].view(model.parameters());
        let matrix = kernel.slice_axis_move(Axis(1), Slice::from(0..40));
        approx::assert_relative_eq!(spectral_radius(matrix, 20), 1.1, max_relative = 1e-5);
    }

    #[test]
    fn a_matrix_with_known_eigenvalues() {
        // Upper triangular, with much off the diagonal.
        let real = array![[0.5_f64, 3.0, -2.0], [0.0, -1.7, 4.0], [0.0, 0.0, 0.9]];
        approx::assert_relative_eq!(spectral_radius(real.view(), 20), 1.7, max_relative = 1e-3);
        // A rotation by 50° stretched by 1.3, seen in skewed coordinates, beside a smaller eigenvalue.
        let (sin, cos) = (0.766_044_443, 0.642_787_61);
        let pair = array![[1.3 * cos, 3.9 * sin, 0.0], [-1.3 / 3.0 * sin, 1.3 * cos, 0.0], [0.2, 0.1, 0.4]];
        approx::assert_relative_eq!(spectral_radius(pair.view(), 20), 1.3, max_relative = 0.08);
        approx::assert_relative_eq!(spectral_radius(pair.view(), 400), 1.3, max_relative = 0.01);
    }

    #[test]
    fn degenerate_matrices() {
        assert_eq!(spectral_radius(Array2::<f32>::zeros((5, 5)).view(), 20), 0.0);
        let mut broken = Array2::<f32>::eye(5);
        broken[(2, 2)] = f32::NAN;
        assert!(spectral_radius(broken.view(), 20).is_nan());
        broken[(2, 2)] = f32::INFINITY;
        assert!(spectral_radius(broken.view(), 20).is_nan());
    }

    #[test]
    fn the_bits_do_not_depend_on_threads() {
        let matrix = Array2::from_shape_fn((600, 600), |(i, j)| ((i * 37 + j * 101) % 1009) as f32 / 5000.0 - 0.1);
        let bits = [1, 2, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| spectral_radius(matrix.view(), 20)).to_bits()
        });
        assert!(bits[0] == bits[1] && bits[1] == bits[2]);
    }
}
