//! Scale of the targets.

use ndarray::{Array2, ArrayView2, Axis};

/// Subtracts the mean row and divides each row by its length (rows of length 0 stay).
pub(crate) fn centre_and_scale(targets: &mut Array2<f32>) {
    let means = column_means(targets.view());
    for mut row in targets.rows_mut() {
        for (x, mean) in row.iter_mut().zip(&means) {
            *x = (f64::from(*x) - mean) as f32;
        }
        let length = row.iter().map(|x| square((*x).into())).sum::<f64>().sqrt();
        if length > 0.0 {
            row.mapv_inplace(|x| (f64::from(x) / length) as f32);
        }
    }
}

/// The mean of each column, over rows that are finite.
pub(crate) fn column_means(matrix: ArrayView2<'_, f32>) -> Vec<f64> {
    let mean = |column: ndarray::ArrayView1<'_, f32>| {
        let finite: Vec<f64> = column.iter().map(|&x| f64::from(x)).filter(|x| x.is_finite()).collect();
        finite.iter().sum::<f64>() / finite.len().max(1) as f64
    };
    matrix.axis_iter(Axis(1)).map(mean).collect()
}

/// x². (`powi` promises no exact bits.)
pub(crate) fn square(x: f64) -> f64 {
    x * x
}
