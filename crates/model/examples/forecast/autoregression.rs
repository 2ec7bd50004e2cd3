//! The baseline to beat: a linear function of the past months and the season, fitted by least squares.

use crate::series::{Series, season};

pub struct Autoregression {
    /// Of the past months, oldest first, of the season, and the constant.
    pub coefficients: Vec<f64>,
}

impl Autoregression {
    /// Solves the normal equations XᵀX·w = Xᵀy.
    pub fn fit(series: &Series, months: &[usize]) -> Self {
        let rows: Vec<Vec<f64>> = months.iter().map(|&month| regressors(series, month)).collect();
        let n = rows[0].len();
        let sum = |f: &dyn Fn(&[f64], f64) -> f64| -> f64 {
            rows.iter().zip(months).map(|(row, &month)| f(row, series.values[month].into())).sum()
        };
        let normal = (0..n).map(|i| (0..n).map(|j| sum(&|row, _| row[i] * row[j])).collect()).collect();
        let right = (0..n).map(|i| sum(&|row, target| row[i] * target)).collect();
        Self { coefficients: solve(normal, right) }
    }

    pub fn forecast(&self, series: &Series, months: &[usize]) -> Vec<f32> {
        let forecast = |&month: &usize| -> f64 {
            regressors(series, month).iter().zip(&self.coefficients).map(|(x, w)| x * w).sum()
        };
        months.iter().map(|month| forecast(month) as f32).collect()
    }
}

fn regressors(series: &Series, month: usize) -> Vec<f64> {
    let past = series.values[Series::past(month)].iter().map(|x| f64::from(*x));
    past.chain(season(month)).chain([1.0]).collect()
}

/// Gaussian elimination; the matrix is positive definite, so that no pivot is 0.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let n = right.len();
    for pivot in 0..n {
        let (done, below) = matrix.split_at_mut(pivot + 1);
        for (row, below) in below.iter_mut().enumerate() {
            let factor = below[pivot] / done[pivot][pivot];
            below.iter_mut().zip(&done[pivot]).skip(pivot).for_each(|(x, above)| *x -= factor * above);
            right[pivot + 1 + row] -= factor * right[pivot];
        }
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|column| matrix[row][column] * right[column]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    right
}
