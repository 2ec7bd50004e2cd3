//! The dense form of indices, for those who need it.

use ndarray::{Array3, ArrayView2, LinalgScalar};

use crate::{CharEncoder, Error};

impl CharEncoder {
    /// The one-hot form of `indices`: `(batch, time)` to `(batch, time, alphabet)`, 1 at each
    /// index and 0 elsewhere, in any number type (`f32`, `f64`, integers).
    ///
    /// Training does not need it: a one-hot row times a matrix is a row of that matrix.
    ///
    /// # Errors
    /// [`Error::WrongLength`] if the time axis does not have the encoder's length,
    /// [`Error::IndexOutOfRange`] if an index is not the encoder's, [`Error::OneHotTooLarge`]
    /// if the result cannot be allocated.
    pub fn one_hot<A: LinalgScalar>(&self, indices: ArrayView2<'_, u16>) -> Result<Array3<A>, Error> {
        let (rows, length) = indices.dim();
        self.check_length(length)?;
        let alphabet_len = self.alphabet_len();
        let too_large = || Error::OneHotTooLarge { rows, length, alphabet_len };

        let size = indices.len().checked_mul(alphabet_len);
        let size = size.ok_or_else(too_large)?;
        let mut dense: Vec<A> = Vec::new();
        dense.try_reserve_exact(size).map_err(|_| too_large())?;
        dense.resize(size, A::zero());
        let characters = dense.chunks_exact_mut(alphabet_len);
        for (character, ((row, time), &index)) in characters.zip(indices.indexed_iter()) {
            match character.get_mut(usize::from(index)) {
                Some(hot) => *hot = A::one(),
                None => return Err(self.out_of_range(row, time, index)),
            }
        }
        Array3::from_shape_vec((rows, length, alphabet_len), dense).map_err(|_| too_large())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, ArrayView2, array};

    use super::*;
    use crate::UnknownPolicy;

    #[test]
    fn one_hot_has_a_one_at_each_index() {
        let encoder = CharEncoder::builder().length(3).unknown(UnknownPolicy::Map).build("ab").unwrap();
        let batch = encoder.encode_batch(["ab", "x"]).unwrap();
        let dense = encoder.one_hot::<f32>(batch.indices.view()).unwrap();
        assert_eq!(
            dense,
            array![
                [[1., 0., 0., 0.], [0., 1., 0., 0.], [0., 0., 1., 0.]],
                [[1., 0., 0., 0.], [0., 0., 0., 1.], [1., 0., 0., 0.]],
            ]
        );
        let wide = encoder.one_hot::<f64>(batch.indices.view()).unwrap();
        assert_eq!(wide, dense.mapv(f64::from));
    }

    #[test]
    fn views_in_any_memory_order_are_read_by_rows() {
        let encoder = CharEncoder::builder().length(3).build("ab").unwrap();
        let rows = array![[0, 1, 2], [0, 2, 0]];
        let columns = rows.t().as_standard_layout().into_owned();
        assert_eq!(encoder.one_hot::<f32>(columns.t()).unwrap(), encoder.one_hot::<f32>(rows.view()).unwrap());
    }

    #[test]
    fn no_rows_give_no_rows() {
        let encoder = CharEncoder::new("ab").unwrap();
        let none = Array2::zeros((0, 19));
        let dense = encoder.one_hot::<f32>(none.view()).unwrap();
        assert_eq!(dense.dim(), (0, 19, 3));
    }

    #[test]
    fn foreign_indices_are_refused() {
        let encoder = CharEncoder::builder().length(3).build("ab").unwrap();
        let foreign = array![[0, 1, 2], [0, 2, 3]];
        assert_eq!(encoder.one_hot::<f32>(foreign.view()).unwrap_err(), encoder.out_of_range(1, 2, 3));
        assert_eq!(encoder.one_hot::<f32>(foreign.t()).unwrap_err(), Error::WrongLength { found: 2, expected: 3 });
    }

    #[test]
    fn what_cannot_be_allocated_is_an_error() {
        // A broadcast view stands for far more indices than it holds.
        let encoder = CharEncoder::new("ab").unwrap();
        let row = Array2::zeros((1, 19));
        let rows = 1 << 58;
        let view: ArrayView2<'_, u16> = row.broadcast((rows, 19)).unwrap();
        assert_eq!(
            encoder.one_hot::<f32>(view).unwrap_err(),
            Error::OneHotTooLarge { rows, length: 19, alphabet_len: 3 }
        );
    }
}
