//! Scale of the targets.

use flameout_kernels::Real;
use ndarray::{Array2, ArrayView2, Axis};

/// Subtracts the mean row and divides each row by its length (rows of length 0 stay).
pub(crate) fn centre_and_scale<T: Real>(targets: &mut Array2<T>) {
    let means = column_means(targets.view());
    for mut row in targets.rows_mut() {
        for (x, mean) in row.iter_mut().zip(&means) {
            *x = T::from_f64(x.to_f64() - mean);
        }
        let length = row.iter().map(|x| x.to_f64() * x.to_f64()).sum::<f64>().sqrt();
        if length > 0.0 {
            row.mapv_inplace(|x| T::from_f64(x.to_f64() / length));
        }
    }
}

/// The mean of each column, over rows that are finite.
pub(crate) fn column_means<T: Real>(matrix: ArrayView2<'_, T>) -> Vec<f64> {
    let mean = |column: ndarray::ArrayView1<'_, T>| {
        let finite: Vec<f64> = column.iter().map(|x| x.to_f64()).filter(|x| x.is_finite()).collect();
        finite.iter().sum::<f64>() / finite.len().max(1) as f64
    };
    matrix.axis_iter(Axis(1)).map(mean).collect()
}

/// x². (`powi` promises no exact bits.)
pub(crate) fn square(x: f64) -> f64 {
    x * x
}
