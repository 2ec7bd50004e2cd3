//! Words and their vectors.

use ndarray::Array2;

use crate::error::excerpt;
use crate::vocabulary::{Repeat, Vocabulary, WordList};
use crate::{Error, Place};

/// Distinct words, in the order of their file, each with a vector: row `i` of the matrix is that of `words()[i]`.
#[derive(Clone, Debug)]
pub struct WordVectors {
    vocabulary: Vocabulary,
    /// `(words, dim)`, always in standard layout.
    matrix: Array2<f32>,
}

impl WordVectors {
    /// Vectors for `words`, the rows of `matrix`, shape `(words, dim)`.
    ///
    /// # Errors
    /// [`Error::Lengths`] if there are not as many rows as words, [`Error::NoDimensions`] if `dim` is 0,
    /// [`Error::Duplicate`] if a word occurs twice.
    pub fn new(words: Vec<String>, matrix: Array2<f32>) -> Result<Self, Error> {
        if words.len() != matrix.nrows() {
            return Err(Error::Lengths { words: words.len(), rows: matrix.nrows() });
        }
        if matrix.ncols() == 0 {
            return Err(Error::NoDimensions);
        }
        match words.into_iter().collect::<WordList>().index() {
            Ok(vocabulary) => Ok(WordVectors::from_vocabulary(vocabulary, matrix)),
            Err((list, repeats)) => {
                let Repeat { at, first } = repeats[0];
                Err(Error::Duplicate { place: Place::Row(at), word: excerpt(list.words()[at].as_bytes()), first })
            }
        }
    }

    pub(crate) fn from_vocabulary(vocabulary: Vocabulary, matrix: Array2<f32>) -> Self {
        debug_assert_eq!(vocabulary.words().len(), matrix.nrows());
        let matrix = if matrix.is_standard_layout() { matrix } else { matrix.as_standard_layout().into_owned() };
        WordVectors { vocabulary, matrix }
    }

    /// Number of words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words().len()
    }

    /// Whether there are no words.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of dimensions of a vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.matrix.ncols()
    }

    /// The words in order.
    #[must_use]
    pub fn words(&self) -> &[String] {
        self.vocabulary.words()
    }

    /// The vectors, shape `(words, dim)`, in standard layout.
    #[must_use]
    pub fn matrix(&self) -> &Array2<f32> {
        &self.matrix
    }

    /// The row of `word`.
    #[must_use]
    pub fn index_of(&self, word: &str) -> Option<usize> {
        self.vocabulary.position(word)
    }

    /// The vector of `word`, `dim` numbers.
    #[must_use]
    pub fn get(&self, word: &str) -> Option<&[f32]> {
        self.index_of(word).map(|index| self.row(index))
    }

    /// The vector of word number `index`, `dim` numbers.
    ///
    /// # Panics
    /// If `index >= len()`.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f32] {
        let dim = self.dim();
        &self.numbers()[index * dim..(index + 1) * dim]
    }

    /// The words with their vectors, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[f32])> {
        self.words().iter().map(String::as_str).zip(self.numbers().chunks_exact(self.dim()))
    }

    /// The words and the matrix, shape `(words, dim)`.
    #[must_use]
    pub fn into_parts(self) -> (Vec<String>, Array2<f32>) {
        (self.vocabulary.into_words(), self.matrix)
    }

    /// The rows one after the other.
    pub(crate) fn numbers(&self) -> &[f32] {
        self.matrix.as_slice().expect("standard layout")
    }

    pub(crate) fn numbers_mut(&mut self) -> &mut [f32] {
        self.matrix.as_slice_mut().expect("standard layout")
    }

    /// The row of `word`, or [`Error::UnknownWord`].
    pub(crate) fn find(&self, word: &str) -> Result<usize, Error> {
        self.index_of(word).ok_or_else(|| Error::UnknownWord { word: word.to_owned() })
    }
}

/// The same words in the same order with equal numbers.
impl PartialEq for WordVectors {
    fn eq(&self, other: &Self) -> bool {
        self.words() == other.words() && self.matrix == other.matrix
    }
}

/// Finds the first number that is not finite.
pub(crate) fn first_non_finite(row: &[f32]) -> Option<usize> {
    // Without an early way out, so that it runs at full width; nearly all rows are finite.
    let finite = row.iter().fold(true, |finite, x| finite & x.is_finite());
    if finite { None } else { row.iter().position(|x| !x.is_finite()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| word.to_string()).collect()
    }

    #[test]
    fn look_up_by_word() {
        // A transposed matrix: rows must come out right whatever the layout.
        let matrix = array![[1.0, 3.0], [2.0, 4.0]].reversed_axes();
        let vectors = WordVectors::new(words(&["a", "b"]), matrix).unwrap();
        assert_eq!(vectors.get("b"), Some(&[3.0, 4.0][..]));
        assert_eq!(vectors.index_of("a"), Some(0));
        assert_eq!(vectors.get("c"), None);
        assert_eq!(vectors.iter().collect::<Vec<_>>(), [("a", &[1.0, 2.0][..]), ("b", &[3.0, 4.0][..])]);
    }

    #[test]
    fn inconsistent_parts_are_refused() {
        let one = WordVectors::new(words(&["a"]), Array2::zeros((2, 3)));
        assert!(matches!(one, Err(Error::Lengths { words: 1, rows: 2 })));
        let twice = WordVectors::new(words(&["a", "b", "a"]), Array2::zeros((3, 3)));
        assert!(matches!(twice, Err(Error::Duplicate { place: Place::Row(2), first: 0, .. })));
        assert!(matches!(WordVectors::new(words(&["a"]), Array2::zeros((1, 0))), Err(Error::NoDimensions)));
    }
}
