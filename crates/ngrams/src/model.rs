//! A fitted model.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;

use flameout_model::{checkpoint, metrics};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::ngrams::NGrams;
use crate::ridge::{Bags, value};

/// Version of the file.
const VERSION: u32 = 1;
/// One in so many words is held back to choose the penalty.
const HELD_BACK: usize = 10;

/// How a model is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Lengths of n-grams, a word's ends counted as letters.
    pub lengths: RangeInclusive<usize>,
    /// Words that must have an n-gram for it to count.
    pub common: usize,
    /// Penalties on squared weights to choose from.
    pub penalties: Vec<f32>,
}

impl Default for Options {
    /// What does best on 45,000 English words: docs/quality.md.
    fn default() -> Self {
        Self { lengths: 2..=6, common: 3, penalties: vec![0.01, 0.03, 0.1, 0.3, 1.0] }
    }
}

/// A vector for each n-gram.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    ngrams: NGrams,
    /// `(n-grams, numbers)`
    weights: Array2<f32>,
    penalty: f32,
}

impl Model {
    /// Fits a model to words and their vectors, `(words, numbers)`. If there are several penalties, that with the largest
    /// mean cosine on a tenth of the words, held back meanwhile, is used.
    ///
    /// The result depends on its arguments alone, not on the number of threads.
    ///
    /// # Errors
    /// [`Error::Fit`] if there are no words or penalties, fewer vectors than words, or no n-gram is common enough.
    pub fn fit<S: AsRef<str>>(words: &[S], vectors: ArrayView2<'_, f32>, options: &Options) -> Result<Self, Error> {
        let refuse = |what: &str| Err(Error::Fit(what.into()));
        if words.is_empty() || options.penalties.is_empty() {
            return refuse("there are no words to fit, or no penalties to choose from");
        }
        if words.len() != vectors.nrows() {
            return refuse(&format!("{} words with {} vectors", words.len(), vectors.nrows()));
        }
        let ngrams = NGrams::learn(words, options.lengths.clone(), options.common);
        if ngrams.is_empty() {
            return refuse(&format!("no n-gram occurs in {} words: more words, or a lower bound", options.common));
        }
        let bags: Vec<Vec<u32>> = words.iter().map(|word| ngrams.of(word.as_ref())).collect();
        let penalty = choose(&bags, vectors, ngrams.len(), &options.penalties);
        let weights = Bags::new(&bags, ngrams.len()).solve(vectors, penalty);
        Ok(Self { ngrams, weights, penalty })
    }

    /// The n-grams.
    #[must_use]
    pub fn ngrams(&self) -> &NGrams {
        &self.ngrams
    }

    /// The penalty that was used.
    #[must_use]
    pub fn penalty(&self) -> f32 {
        self.penalty
    }

    /// Numbers of a vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.weights.ncols()
    }

    /// The vector of a word; none if it has no known n-gram. If the word has more known n-grams in lower case, it is taken
    /// so.
    #[must_use]
    pub fn predict(&self, word: &str) -> Option<Array1<f32>> {
        let (as_is, lower) = (self.ngrams.of(word), self.ngrams.of(&word.to_lowercase()));
        let bag = if lower.len() > as_is.len() { lower } else { as_is };
        if bag.is_empty() {
            return None;
        }
        let mut vector = Array1::zeros(self.dim());
        bag.iter().for_each(|&gram| vector += &self.weights.row(gram as usize));
        Some(vector * value(&bag))
    }

    /// Writes the model to a file, atomically.
    ///
    /// # Errors
    /// [`Error::File`] if writing fails.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let saved = Saved {
            shortest: *self.ngrams.lengths().start(),
            longest: *self.ngrams.lengths().end(),
            grams: self.ngrams.grams().into_iter().map(str::to_owned).collect(),
            penalty: self.penalty,
            weights: self.weights.iter().copied().collect(),
        };
        Ok(checkpoint::write(path, VERSION, &saved)?)
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read or is damaged; [`Error::Inconsistent`] if its parts do not fit each other.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let saved: Saved = checkpoint::read(path, VERSION)?;
        let wrong = |problem: &str| Error::Inconsistent { path: path.into(), problem: problem.into() };
        let count = saved.grams.len();
        let grams: BTreeSet<String> = saved.grams.into_iter().collect();
        if grams.is_empty() || grams.len() != count || !saved.weights.len().is_multiple_of(count) || saved.shortest == 0
        {
            return Err(wrong("is no model of n-grams: a list of n-grams without a vector each"));
        }
        let weights = Array2::from_shape_vec((count, saved.weights.len() / count), saved.weights)
            .map_err(|error| wrong(&error.to_string()))?;
        Ok(Self { ngrams: NGrams::new(grams, saved.shortest..=saved.longest), weights, penalty: saved.penalty })
    }
}

/// What a file holds.
#[derive(Serialize, Deserialize)]
struct Saved {
    shortest: usize,
    longest: usize,
    /// In their order as text.
    grams: Vec<String>,
    penalty: f32,
    /// The n-grams' vectors, one after the other.
    weights: Vec<f32>,
}

/// The penalty with the largest mean cosine on words held back, evenly over the list.
fn choose(bags: &[Vec<u32>], vectors: ArrayView2<'_, f32>, grams: usize, penalties: &[f32]) -> f32 {
    let (held_back, rest): (Vec<usize>, Vec<usize>) = (0..bags.len()).partition(|row| row % HELD_BACK == 0);
    if penalties.len() == 1 || rest.is_empty() {
        return penalties[0];
    }
    let of = |rows: &[usize]| -> (Vec<Vec<u32>>, Array2<f32>) {
        (rows.iter().map(|&row| bags[row].clone()).collect(), vectors.select(Axis(0), rows))
    };
    let ((learn, learn_targets), (test, test_targets)) = (of(&rest), of(&held_back));
    let (learn, test) = (Bags::new(&learn, grams), Bags::new(&test, grams));
    let cosine = |penalty: f32| {
        let predictions = test.product(&learn.solve(learn_targets.view(), penalty));
        metrics::mean_cosine(predictions.view(), test_targets.view())
    };
    let scored = penalties.iter().map(|&penalty| (cosine(penalty), penalty));
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).expect("there are penalties").1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Vec<String> {
        let stems = ["walk", "talk", "jump", "look", "cook", "play", "call", "turn"];
        stems.iter().flat_map(|stem| ["", "s", "ed", "ing"].map(|end| format!("{stem}{end}"))).collect()
    }

    /// One number a stem's first letter decides, one its end.
    fn vectors(words: &[String]) -> Array2<f32> {
        let first = |word: &str| f32::from(word.as_bytes()[0] % 3) - 1.0;
        let end = |word: &str| if word.ends_with("ing") { 1.0 } else { -1.0 };
        Array2::from_shape_fn((words.len(), 2), |(row, column)| match column {
            0 => first(&words[row]),
            _ => end(&words[row]),
        })
    }

    #[test]
    fn an_unseen_word_gets_the_vector_of_its_parts() {
        let words = words();
        let model = Model::fit(&words, vectors(&words).view(), &Options::default()).unwrap();
        let vector = |word: &str| model.predict(word).unwrap();
        assert!(vector("barking")[1] > 0.2 && vector("barked")[1] < -0.2);
        assert_eq!(vector("Barking"), vector("barking"), "capital letters were never seen");
        assert!(model.predict("zzz").is_none());
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let words = words();
        let fit = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Model::fit(&words, vectors(&words).view(), &Options::default()).unwrap())
        };
        assert_eq!(fit(1), fit(3));
    }

    #[test]
    fn what_cannot_be_fitted_or_read_is_said() {
        let options = Options::default();
        let fit = |words: &[&str], rows| Model::fit(words, Array2::zeros((rows, 2)).view(), &options);
        assert!(fit(&[], 0).unwrap_err().to_string().contains("no words"));
        assert!(fit(&["a"], 2).unwrap_err().to_string().contains("1 words with 2 vectors"));
        assert!(fit(&["a", "b"], 2).unwrap_err().to_string().contains("no n-gram"));

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model");
        let saved = |grams: &[&str], weights: usize| Saved {
            shortest: 2,
            longest: 6,
            grams: grams.iter().map(|gram| (*gram).to_owned()).collect(),
            penalty: 1.0,
            weights: vec![0.0; weights],
        };
        for bad in [saved(&[], 0), saved(&["ab", "ab"], 4), saved(&["ab", "bc"], 3)] {
            checkpoint::write(&path, VERSION, &bad).unwrap();
            assert!(Model::load(&path).unwrap_err().to_string().contains("no model of n-grams"));
        }
        assert!(Model::load(&directory.path().join("none")).unwrap_err().to_string().contains("none"));
    }
}
