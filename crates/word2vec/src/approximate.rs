//! Nearest words, found without looking at all of them.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use instant_distance::{Builder, Hnsw, Point, Search};

use crate::search::{Query, best, sum_of_squares};
use crate::{Error, WordVectors};

/// Words that a search looks at closely, unless it is told otherwise.
const CANDIDATES: usize = 40;
/// The same while the graph is built.
const CANDIDATES_IN_BUILDING: usize = 100;
/// Decides the layers of the graph.
const SEED: u64 = 0;

/// Finds most of the nearest words, many times as fast as [`WordVectors::neighbours`], which finds them all.
///
/// It walks through a graph of near words (HNSW: Malkov and Yashunin 2018, *Efficient and robust approximate nearest neighbor
/// search using Hierarchical Navigable Small World graphs*). To build the graph takes as long as some ten thousand exact searches.
/// Words that are found have their exact cosines, and are in the exact order. Some may be missing, and then others follow.
///
/// The graph depends on chance where it is built by several threads, and with it which words are missing.
///
/// ```
/// use flameout_word2vec::{ApproximateSearch, ReadOptions, WordVectors};
///
/// let file = "king 1.0 0.25\nqueen 0.75 0.5\nnoun -0.5 1.0\n";
/// let (vectors, _) = WordVectors::read_from(file.as_bytes(), &ReadOptions::default())?;
/// let search = ApproximateSearch::new(&vectors);
/// assert_eq!(search.nearest("king", 1)?[0].0, "queen");
/// # Ok::<(), flameout_word2vec::Error>(())
/// ```
pub struct ApproximateSearch<'v> {
    vectors: &'v WordVectors,
    graph: Hnsw<Direction<'v>>,
    /// Of each point of the graph, the row.
    rows: Vec<u32>,
    candidates: usize,
    /// What searches need as long as they last; kept, as it is as large as the graph.
    spare: Mutex<Vec<Search>>,
}

/// A row with a direction.
#[derive(Clone)]
struct Direction<'v> {
    row: &'v [f32],
    /// One divided by its length.
    scale: f32,
}

impl Point for Direction<'_> {
    fn distance(&self, other: &Self) -> f32 {
        1.0 - product(self.row, other.row) * self.scale * other.scale
    }
}

impl<'v> ApproximateSearch<'v> {
    /// Builds the graph of these words.
    #[must_use]
    pub fn new(vectors: &'v WordVectors) -> Self {
        Self::with_candidates(vectors, CANDIDATES)
    }

    /// Builds the graph; a search then looks at so many words closely. More of them find more, and take longer.
    #[must_use]
    pub fn with_candidates(vectors: &'v WordVectors, candidates: usize) -> Self {
        let (numbers, points): (Vec<u32>, Vec<Direction<'v>>) = (0..vectors.len())
            .filter_map(|number| Some((u32::try_from(number).ok()?, direction(vectors.row(number))?)))
            .unzip();
        let builder =
            Builder::default().seed(SEED).ef_construction(CANDIDATES_IN_BUILDING).ef_search(candidates.max(1));
        let (graph, places) = builder.build_hnsw(points);
        let mut rows = vec![0; numbers.len()];
        for (place, number) in places.into_iter().zip(numbers) {
            rows[place.into_inner() as usize] = number;
        }
        Self { vectors, graph, rows, candidates: candidates.max(1), spare: Mutex::default() }
    }

    /// Finds words near to `query`, as [`WordVectors::neighbours`], but not necessarily the nearest. Where more are asked for
    /// than a search looks at, the search is exact.
    ///
    /// # Errors
    /// As there.
    pub fn neighbours(&self, query: &[f32], k: usize, exclude: &[&str]) -> Result<Vec<(&'v str, f64)>, Error> {
        let vectors = self.vectors;
        if k.saturating_add(exclude.len()) > self.candidates {
            return vectors.neighbours(query, k, exclude);
        }
        if query.len() != vectors.dim() {
            return Err(Error::QueryLength { found: query.len(), expected: vectors.dim() });
        }
        let numbers: Vec<f64> = query.iter().map(|&x| f64::from(x)).collect();
        let exact = Query::new(&numbers)?;
        // Its length is not one that `f32` cannot hold.
        let unit: Vec<f32> = numbers.iter().map(|x| (x / exact.norm()) as f32).collect();
        let exclude: Vec<usize> = exclude.iter().filter_map(|word| vectors.index_of(word)).collect();
        let mut search = self.spare().pop().unwrap_or_default();
        let found = self.graph.search(&Direction { row: &unit, scale: 1.0 }, &mut search);
        let found = found.map(|item| self.rows[item.pid.into_inner() as usize] as usize);
        let found = best(found.map(|row| (row, exact.cosine(vectors.row(row)))), k, &exclude);
        self.spare().push(search);
        Ok(found.into_iter().map(|(row, cosine)| (vectors.words()[row].as_str(), cosine)).collect())
    }

    /// Finds words near to `word`, as [`neighbours`](Self::neighbours).
    ///
    /// # Errors
    /// [`Error::UnknownWord`]; [`Error::NoDirection`] if its vector is zero or not finite.
    pub fn nearest(&self, word: &str, k: usize) -> Result<Vec<(&'v str, f64)>, Error> {
        self.neighbours(self.vectors.row(self.vectors.find(word)?), k, &[word])
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Search>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ApproximateSearch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApproximateSearch")
            .field("words", &self.rows.len())
            .field("candidates", &self.candidates)
            .finish_non_exhaustive()
    }
}

/// A row as a point; none if it has no direction.
fn direction(row: &[f32]) -> Option<Direction<'_>> {
    let scale = (1.0 / sum_of_squares(row).sqrt()) as f32;
    (scale > 0.0 && scale.is_finite()).then_some(Direction { row, scale })
}

/// Numbers multiplied at a time: as many as several vector registers hold.
const LANES: usize = 16;

fn product(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (x, y) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    for (sum, (x, y)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *sum += x * y;
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn real() -> WordVectors {
        WordVectors::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/glove-100d-4k.bin")).unwrap()
    }

    #[test]
    fn nearly_all_of_the_nearest_are_found() {
        let vectors = real();
        let search = ApproximateSearch::new(&vectors);
        let (mut found, mut asked) = (0, 0);
        for word in vectors.words().iter().step_by(20) {
            let (exact, near) = (vectors.nearest(word, 10).unwrap(), search.nearest(word, 10).unwrap());
            assert_eq!(near.len(), 10);
            // What is found has its exact cosine, in the exact order.
            assert!(near.windows(2).all(|pair| pair[0].1 >= pair[1].1));
            asked += exact.len();
            found += near.iter().filter(|pair| exact.contains(pair)).count();
        }
        assert!(found * 100 >= asked * 97, "{found} of {asked}");
    }

    #[test]
    fn more_than_it_looks_at_is_searched_exactly() {
        let vectors = real();
        let search = ApproximateSearch::with_candidates(&vectors, 5);
        assert_eq!(search.nearest("france", 5).unwrap(), vectors.nearest("france", 5).unwrap());
    }

    #[test]
    fn rows_without_direction_and_bad_queries_are_as_in_the_exact_search() {
        let file = "zero 0 0\neast 1 0\nnorth 0 2\nwest -3 0\n";
        let (vectors, _) = WordVectors::read_from(file.as_bytes(), &crate::ReadOptions::default()).unwrap();
        let search = ApproximateSearch::new(&vectors);
        for k in [0, 1, 2, 3, 10] {
            assert_eq!(search.nearest("east", k).unwrap(), vectors.nearest("east", k).unwrap());
        }
        assert!(matches!(search.nearest("zero", 1), Err(Error::NoDirection)));
        assert!(matches!(search.nearest("up", 1), Err(Error::UnknownWord { .. })));
        assert!(matches!(search.neighbours(&[1.0], 1, &[]), Err(Error::QueryLength { .. })));
        let none = WordVectors::new(vec!["zero".into()], ndarray::array![[0.0]]).unwrap();
        assert_eq!(ApproximateSearch::new(&none).neighbours(&[1.0], 3, &[]).unwrap(), []);
    }
}
