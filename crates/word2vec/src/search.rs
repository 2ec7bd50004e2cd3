//! Words whose vectors point the same way.

use crate::{Error, WordVectors, parallel};

impl WordVectors {
    /// The `k` words with the largest cosine to `query` (`dim` numbers), best first, equal ones in order of the words.
    /// Words in `exclude`, and words whose vector has no direction (zero or not finite), are left out.
    ///
    /// # Errors
    /// [`Error::QueryLength`]; [`Error::NoDirection`] if the query is zero or not finite.
    pub fn neighbours(&self, query: &[f32], k: usize, exclude: &[&str]) -> Result<Vec<(&str, f64)>, Error> {
        if query.len() != self.dim() {
            return Err(Error::QueryLength { found: query.len(), expected: self.dim() });
        }
        let query: Vec<f64> = query.iter().map(|&x| f64::from(x)).collect();
        let exclude: Vec<usize> = exclude.iter().filter_map(|word| self.index_of(word)).collect();
        self.rank(&query, k, &exclude)
    }

    /// The `k` nearest other words to `word` by cosine, as [`neighbours`](Self::neighbours).
    ///
    /// # Errors
    /// [`Error::UnknownWord`]; [`Error::NoDirection`] if its vector is zero or not finite.
    pub fn nearest(&self, word: &str, k: usize) -> Result<Vec<(&str, f64)>, Error> {
        self.neighbours(self.row(self.find(word)?), k, &[word])
    }

    /// Answers "`positive[1]` is to `negative[0]` as what is to `positive[0]`": the `k` words nearest by cosine to the
    /// sum of the positive words' unit vectors less the negative words', none of the given words among them.
    ///
    /// This is 3CosAdd: Mikolov, Yih and Zweig 2013, *Linguistic Regularities in Continuous Space Word
    /// Representations*, section 4; gensim's `most_similar`.
    ///
    /// # Errors
    /// [`Error::UnknownWord`]; [`Error::ZeroVector`] for a word without direction; [`Error::NoDirection`] if the words
    /// cancel out, or none are given.
    ///
    /// ```
    /// # use flameout_word2vec::{ReadOptions, WordVectors};
    /// let file = "man 1 0 1\nwoman 1 0 -1\nking 1 1 1\nqueen 1 1 -1\napple 0 0 1\n";
    /// let (vectors, _) = WordVectors::read_from(file.as_bytes(), &ReadOptions::default())?;
    /// assert_eq!(vectors.analogy(&["king", "woman"], &["man"], 1)?[0].0, "queen");
    /// # Ok::<(), flameout_word2vec::Error>(())
    /// ```
    pub fn analogy(&self, positive: &[&str], negative: &[&str], k: usize) -> Result<Vec<(&str, f64)>, Error> {
        let signed = positive.iter().map(|word| (word, 1.0)).chain(negative.iter().map(|word| (word, -1.0)));
        let mut query = vec![0.0; self.dim()];
        let mut given = Vec::new();
        for (word, sign) in signed {
            let index = self.find(word)?;
            let row = self.row(index);
            let norm = sum_of_squares(row).sqrt();
            if !(norm > 0.0 && norm.is_finite()) {
                return Err(Error::ZeroVector { word: word.to_string(), row: index });
            }
            query.iter_mut().zip(row).for_each(|(sum, &x)| *sum += sign * (f64::from(x) / norm));
            given.push(index);
        }
        self.rank(&query, k, &given)
    }

    fn rank(&self, query: &[f64], k: usize, exclude: &[usize]) -> Result<Vec<(&str, f64)>, Error> {
        let query = Query::new(query)?;
        let cosines = parallel::map_rows(self.numbers(), self.dim(), |row| query.cosine(row));
        let found = best(cosines.into_iter().enumerate(), k, exclude);
        Ok(found.into_iter().map(|(index, cosine)| (self.words()[index].as_str(), cosine)).collect())
    }
}

/// A vector with a direction, and its length.
pub(crate) struct Query<'q> {
    numbers: &'q [f64],
    norm: f64,
}

impl<'q> Query<'q> {
    pub(crate) fn new(numbers: &'q [f64]) -> Result<Self, Error> {
        let norm = numbers.iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm > 0.0 && norm.is_finite() { Ok(Self { numbers, norm }) } else { Err(Error::NoDirection) }
    }

    /// Its length.
    #[cfg(feature = "approximate")]
    pub(crate) fn norm(&self) -> f64 {
        self.norm
    }

    /// Its cosine to a row; not finite if the row has no direction.
    pub(crate) fn cosine(&self, row: &[f32]) -> f64 {
        let (product, square) = product_and_square(self.numbers, row);
        product / (self.norm * square.sqrt())
    }
}

/// The `k` rows of the largest cosines, best first, equal ones in order. Rows in `exclude`, and cosines that are not finite,
/// are left out.
pub(crate) fn best(cosines: impl Iterator<Item = (usize, f64)>, k: usize, exclude: &[usize]) -> Vec<(usize, f64)> {
    let mut found: Vec<(usize, f64)> =
        cosines.filter(|(index, cosine)| cosine.is_finite() && !exclude.contains(index)).collect();
    let best_first = |a: &(usize, f64), b: &(usize, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if k < found.len() {
        found.select_nth_unstable_by(k, best_first);
        found.truncate(k);
    }
    found.sort_unstable_by(best_first);
    found
}

/// Partial sums kept side by side, a fixed number whatever the machine: the same bits everywhere, and a vector
/// register's worth of work at a time.
const LANES: usize = 8;

/// `(query · row, row · row)`.
fn product_and_square(query: &[f64], row: &[f32]) -> (f64, f64) {
    let (mut products, mut squares) = ([0.0; LANES], [0.0; LANES]);
    let (queries, query_rest) = query.as_chunks::<LANES>();
    let (rows, row_rest) = row.as_chunks::<LANES>();
    for (q, x) in queries.iter().zip(rows) {
        for lane in 0..LANES {
            let x = f64::from(x[lane]);
            products[lane] += q[lane] * x;
            squares[lane] += x * x;
        }
    }
    for (lane, (q, &x)) in query_rest.iter().zip(row_rest).enumerate() {
        let x = f64::from(x);
        products[lane] += q * x;
        squares[lane] += x * x;
    }
    (products.iter().sum(), squares.iter().sum())
}

/// The square of a row's length, in the order of its numbers.
pub(crate) fn sum_of_squares(row: &[f32]) -> f64 {
    row.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    fn vectors() -> WordVectors {
        let words = ["east", "north", "zero", "far east", "north-east"].map(String::from).to_vec();
        WordVectors::new(words, array![[1.0, 0.0], [0.0, 2.0], [0.0, 0.0], [9.0, 0.0], [3.0, 3.0]]).unwrap()
    }

    #[test]
    fn best_first_and_ties_in_order() {
        let vectors = vectors();
        let found = vectors.neighbours(&[2.0, 0.0], 10, &[]).unwrap();
        let words: Vec<_> = found.iter().map(|(word, _)| *word).collect();
        assert_eq!(words, ["east", "far east", "north-east", "north"]);
        assert_eq!(found[0].1, 1.0);
        approx::assert_relative_eq!(found[2].1, 0.5f64.sqrt(), max_relative = 1e-15);
        assert_eq!(vectors.neighbours(&[2.0, 0.0], 1, &["east", "unknown"]).unwrap()[0].0, "far east");
        assert_eq!(vectors.nearest("far east", 1).unwrap()[0].0, "east");
        assert_eq!(vectors.nearest("east", 0).unwrap(), []);
    }

    #[test]
    fn queries_without_direction_are_errors() {
        let vectors = vectors();
        assert!(matches!(vectors.nearest("zero", 1), Err(Error::NoDirection)));
        assert!(matches!(vectors.neighbours(&[f32::NAN, 0.0], 1, &[]), Err(Error::NoDirection)));
        assert!(matches!(vectors.neighbours(&[1.0], 1, &[]), Err(Error::QueryLength { found: 1, expected: 2 })));
        assert!(matches!(vectors.nearest("west", 1), Err(Error::UnknownWord { .. })));
        assert!(matches!(vectors.analogy(&["east"], &["far east"], 1), Err(Error::NoDirection)));
        assert!(matches!(vectors.analogy(&["zero"], &[], 1), Err(Error::ZeroVector { row: 2, .. })));
    }

    #[test]
    fn analogy_sums_unit_vectors_and_leaves_out_the_given() {
        let vectors = vectors();
        // 9,0 and 0,2 as unit vectors lie symmetrical to north-east.
        let found = vectors.analogy(&["far east", "north"], &[], 2).unwrap();
        assert_eq!(found[0].0, "north-east");
        approx::assert_relative_eq!(found[0].1, 1.0, max_relative = 1e-15);
        assert_eq!(found[1].0, "east");
    }

    #[test]
    fn lanes_cover_every_length() {
        for dim in 1..40 {
            let words = vec!["a".to_string()];
            let row: Vec<f32> = (0..dim).map(|i| (i + 1) as f32).collect();
            let expected: f32 = row.iter().map(|x| x * x).sum();
            let query: Vec<f64> = row.iter().map(|&x| f64::from(x)).collect();
            assert_eq!(product_and_square(&query, &row), (f64::from(expected), f64::from(expected)));
            let vectors = WordVectors::new(words, Array2::from_shape_vec((1, dim), row.clone()).unwrap()).unwrap();
            approx::assert_relative_eq!(vectors.neighbours(&row, 1, &[]).unwrap()[0].1, 1.0, max_relative = 1e-15);
        }
    }
}
