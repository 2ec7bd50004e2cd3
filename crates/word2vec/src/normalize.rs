//! Bringing vectors to a common scale. Sums are taken in `f64`, each in one fixed order, so results are the same bits
//! on every machine and with any number of threads.

use crate::search::sum_of_squares;
use crate::{Error, Place, WordVectors, parallel};

/// What to bring the vectors to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Normalization {
    /// Nothing: the vectors as they are.
    #[default]
    None,
    /// Each vector divided by its Euclidean length.
    Unit,
    /// The mean vector subtracted from each.
    Centred,
    /// The mean vector subtracted, then each divided by its length: directions that differ between words, without the
    /// one that all share. Mu and Viswanath 2018, *All-but-the-Top*, step 1.
    CentredThenUnit,
    /// Each dimension shifted and scaled to mean 0 and variance 1 over the words (the variance divided by their number,
    /// not one less).
    Standardised,
}

impl WordVectors {
    /// Normalises all vectors in place; on an error they are as before.
    ///
    /// # Errors
    /// [`Error::ZeroVector`] names a word that cannot be given unit length, [`Error::ConstantDimension`] a dimension
    /// that cannot be given unit variance, [`Error::NonFinite`] a word with NaN or infinity.
    pub fn normalize(&mut self, normalization: Normalization) -> Result<(), Error> {
        if normalization == Normalization::None || self.is_empty() {
            return Ok(());
        }
        self.check_finite()?;
        match normalization {
            Normalization::None => {}
            Normalization::Unit => {
                let norms = self.norms(|row| sum_of_squares(row).sqrt())?;
                self.rewrite(&norms, |row, norm| divide(row, *norm));
            }
            Normalization::Centred => {
                let means = self.columns().means;
                let none = vec![(); self.len()];
                self.rewrite(&none, |row, ()| subtract(row, &means));
            }
            Normalization::CentredThenUnit => {
                let means = self.columns().means;
                let norms = self.norms(|row| centred_norm(row, &means))?;
                self.rewrite(&norms, |row, norm| {
                    for (x, mean) in row.iter_mut().zip(&means) {
                        *x = ((f64::from(*x) - mean) / norm) as f32;
                    }
                });
            }
            Normalization::Standardised => self.standardise()?,
        }
        Ok(())
    }

    fn standardise(&mut self) -> Result<(), Error> {
        let columns = self.columns();
        if let Some(dimension) = columns.constant.iter().position(|constant| *constant) {
            return Err(Error::ConstantDimension { dimension, value: self.row(0)[dimension] });
        }
        let deviations = self.deviations(&columns.means);
        let none = vec![(); self.len()];
        self.rewrite(&none, |row, ()| {
            for ((x, mean), deviation) in row.iter_mut().zip(&columns.means).zip(&deviations) {
                *x = ((f64::from(*x) - mean) / deviation) as f32;
            }
        });
        Ok(())
    }

    fn check_finite(&self) -> Result<(), Error> {
        let dim = self.dim();
        match self.numbers().iter().position(|x| !x.is_finite()) {
            Some(at) => Err(Error::NonFinite {
                place: Place::Row(at / dim),
                word: self.words()[at / dim].clone(),
                dimension: at % dim,
            }),
            None => Ok(()),
        }
    }

    /// The length of each row, none of them zero.
    fn norms(&self, norm: impl Fn(&[f32]) -> f64 + Sync + Send) -> Result<Vec<f64>, Error> {
        let norms = parallel::map_rows(self.numbers(), self.dim(), norm);
        match norms.iter().position(|norm| *norm == 0.0) {
            Some(row) => Err(Error::ZeroVector { word: self.words()[row].clone(), row }),
            None => Ok(norms),
        }
    }

    fn rewrite<T: Sync>(&mut self, items: &[T], f: impl Fn(&mut [f32], &T) + Sync + Send) {
        let dim = self.dim();
        parallel::fill_rows(self.numbers_mut(), dim, items, &mut Vec::new(), |item, row| f(row, item));
    }

    /// Mean of each dimension, summed from the first word to the last.
    fn columns(&self) -> Columns {
        let first = self.row(0);
        let mut means = vec![0.0; self.dim()];
        let mut constant = vec![true; self.dim()];
        for (_, row) in self.iter() {
            for (column, &x) in row.iter().enumerate() {
                means[column] += f64::from(x);
                constant[column] &= x == first[column];
            }
        }
        for (column, mean) in means.iter_mut().enumerate() {
            // The rounded sum of equal numbers, divided, need not be that number; its remains would pass for data.
            *mean = if constant[column] { f64::from(first[column]) } else { *mean / self.len() as f64 };
        }
        Columns { means, constant }
    }

    /// Standard deviation of each dimension, in a second pass, as the difference of large sums would lose digits.
    fn deviations(&self, means: &[f64]) -> Vec<f64> {
        let mut squares = vec![0.0; self.dim()];
        for (_, row) in self.iter() {
            for ((sum, &x), mean) in squares.iter_mut().zip(row).zip(means) {
                let centred = f64::from(x) - mean;
                *sum += centred * centred;
            }
        }
        squares.into_iter().map(|sum: f64| (sum / self.len() as f64).sqrt()).collect()
    }
}

struct Columns {
    means: Vec<f64>,
    /// Whether all words have the same number there.
    constant: Vec<bool>,
}

fn divide(row: &mut [f32], by: f64) {
    row.iter_mut().for_each(|x| *x = (f64::from(*x) / by) as f32);
}

fn subtract(row: &mut [f32], means: &[f64]) {
    row.iter_mut().zip(means).for_each(|(x, mean)| *x = (f64::from(*x) - mean) as f32);
}

/// The length of a row less the mean. What is left of a row equal to the mean is the mean's rounding error, which has
/// no direction either: that counts as zero.
fn centred_norm(row: &[f32], means: &[f64]) -> f64 {
    let squares: f64 = row.iter().zip(means).map(|(&x, mean)| (f64::from(x) - mean) * (f64::from(x) - mean)).sum();
    let mean_squares: f64 = means.iter().map(|mean| mean * mean).sum();
    if squares <= mean_squares * 1e-24 { 0.0 } else { squares.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;
    use ndarray::{Array2, Axis, array};

    fn vectors(matrix: Array2<f32>) -> WordVectors {
        WordVectors::new((0..matrix.nrows()).map(|i| format!("w{i}")).collect(), matrix).unwrap()
    }

    fn sample() -> WordVectors {
        vectors(array![[3.0, 4.0], [1.0, -2.0], [-7.0, 0.5], [0.25, 9.0]])
    }

    fn normalized(normalization: Normalization) -> Array2<f32> {
        let mut vectors = sample();
        vectors.normalize(normalization).unwrap();
        vectors.into_parts().1
    }

    #[test]
    fn each_gives_what_it_says() {
        assert_eq!(normalized(Normalization::None), sample().matrix());
        let unit = normalized(Normalization::Unit);
        assert_eq!(unit.row(0).to_vec(), [0.6, 0.8]);
        let centred = normalized(Normalization::Centred);
        assert_abs_diff_eq!(centred.mean_axis(Axis(0)).unwrap(), array![0.0, 0.0], epsilon = 1e-6);
        assert_abs_diff_eq!(&centred.row(0) - &centred.row(1), array![2.0, 6.0], epsilon = 1e-6);
        let both = normalized(Normalization::CentredThenUnit);
        for (row, expected) in both.rows().into_iter().zip(centred.rows()) {
            let length = expected.dot(&expected).sqrt();
            assert_abs_diff_eq!(row.to_owned(), &expected / length, epsilon = 1e-6);
        }
        let standard = normalized(Normalization::Standardised);
        assert_abs_diff_eq!(standard.mean_axis(Axis(0)).unwrap(), array![0.0, 0.0], epsilon = 1e-6);
        assert_abs_diff_eq!(standard.var_axis(Axis(0), 0.0), array![1.0, 1.0], epsilon = 1e-6);
    }

    #[test]
    fn a_zero_vector_has_no_unit_length_and_nothing_is_changed() {
        let mut zero = vectors(array![[1.0, 2.0], [0.0, 0.0]]);
        let before = zero.clone();
        let error = zero.normalize(Normalization::Unit).unwrap_err();
        assert!(matches!(&error, Error::ZeroVector { word, row: 1 } if word == "w1"), "{error}");
        assert_eq!(zero, before);
        // Zero after centring only: a number whose multiples do not add up exactly, in every row.
        let mut equal = vectors(Array2::from_elem((49, 2), 0.1));
        assert!(matches!(equal.normalize(Normalization::CentredThenUnit), Err(Error::ZeroVector { row: 0, .. })));
        assert_eq!(equal.matrix(), Array2::from_elem((49, 2), 0.1f32));
    }

    #[test]
    fn a_constant_dimension_cannot_be_standardised() {
        let mut matrix = Array2::from_elem((49, 2), 0.1);
        matrix[[0, 0]] = 1.0;
        let error = vectors(matrix).normalize(Normalization::Standardised).unwrap_err();
        assert!(matches!(error, Error::ConstantDimension { dimension: 1, value: 0.1 }), "{error}");
    }

    #[test]
    fn non_finite_numbers_are_named() {
        let mut vectors = vectors(array![[1.0, 2.0], [0.0, f32::NAN]]);
        let error = vectors.normalize(Normalization::Centred).unwrap_err();
        assert!(matches!(error, Error::NonFinite { place: Place::Row(1), dimension: 1, .. }), "{error}");
        assert!(vectors.normalize(Normalization::None).is_ok());
    }
}
