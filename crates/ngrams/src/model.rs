//! A fitted model.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;

use flameout_files::checkpoint;
use flameout_model::metrics::NearestWords;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::bag::{Bag, Weighting, bag};
use crate::error::Error;
use crate::head::Head;
use crate::ngrams::NGrams;
use crate::ridge::Bags;

/// Version of the file.
const VERSION: u32 = 2;
/// One in so many words is held back to choose the penalty.
const HELD_BACK: usize = 10;
/// Regressions that are fitted so that there is one for each word that has not seen it.
const FOLDS: usize = 5;

/// How a model is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Lengths of n-grams, a word's ends counted as letters.
    pub lengths: RangeInclusive<usize>,
    /// Words that must have an n-gram for it to count.
    pub common: usize,
    /// How n-grams are weighted against each other.
    pub weighting: Weighting,
    /// Penalties on squared weights to choose from.
    pub penalties: Vec<f32>,
    /// Units of the network on top of the regression; 0 for none.
    pub units: usize,
}

impl Default for Options {
    /// What does best on 45,000 English words: docs/quality/vectors.md.
    fn default() -> Self {
        let penalties = vec![0.1, 0.2, 0.3, 0.5, 1.0];
        Self { lengths: 2..=6, common: 3, weighting: Weighting::Rarity, penalties, units: 512 }
    }
}

/// A vector for each n-gram, and the network that turns their sum.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    ngrams: NGrams,
    /// What each n-gram counts against others of its word.
    counts: Vec<f32>,
    /// `(n-grams, numbers)`
    weights: Array2<f32>,
    penalty: f32,
    head: Option<Head>,
}

impl Model {
    /// Fits a model to words and their vectors, `(words, numbers)`. If there are several penalties, that is used with which
    /// a tenth of the words, held back meanwhile, have the largest mean reciprocal rank among all.
    ///
    /// The result depends on its arguments alone, not on the number of threads.
    ///
    /// # Errors
    /// [`Error::Fit`] if there are no words or penalties, not a vector for each word, a number that is not finite, or no n-gram
    /// that is common enough.
    pub fn fit<S: AsRef<str>>(words: &[S], vectors: ArrayView2<'_, f32>, options: &Options) -> Result<Self, Error> {
        let refuse = |what: &str| Err(Error::Fit(what.into()));
        if words.is_empty() || options.penalties.is_empty() {
            return refuse("there are no words to fit, or no penalties to choose from");
        }
        if words.len() != vectors.nrows() {
            return refuse(&format!("the words are {}, the vectors {}", words.len(), vectors.nrows()));
        }
        let finite = |row: ArrayView1<'_, f32>| row.iter().all(|x| x.is_finite());
        if let Some(row) = vectors.rows().into_iter().position(|row| !finite(row)) {
            return refuse(&format!("the vector of {:?} has a number that is not finite", words[row].as_ref()));
        }
        let ngrams = NGrams::learn(words, options.lengths.clone(), options.common);
        if ngrams.is_empty() {
            return refuse(&format!(
                "an n-gram of letters must occur in {} words, and none of these words has one that does: take more words",
                options.common
            ));
        }
        let known: Vec<Vec<u32>> = words.iter().map(|word| ngrams.of(word.as_ref())).collect();
        let counts = options.weighting.weights(&known, ngrams.len());
        let bags: Vec<Bag> = known.iter().map(|grams| bag(grams, &counts)).collect();
        let penalty = choose(&bags, vectors, ngrams.len(), &options.penalties);
        let weights = Bags::new(&bags, ngrams.len()).solve(vectors, penalty);
        if weights.iter().any(|x| !x.is_finite()) {
            return refuse("the vectors' numbers are too large to be fitted: bring the vectors to unit length first");
        }
        let head = (options.units > 0)
            .then(|| Head::fit(unseen(&bags, vectors, ngrams.len(), penalty), vectors, options.units));
        Ok(Self { ngrams, counts, weights, penalty, head })
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
        let (mut grams, lower) = (self.ngrams.of(word), word.to_lowercase());
        if lower != word {
            let lower = self.ngrams.of(&lower);
            grams = if lower.len() > grams.len() { lower } else { grams };
        }
        if grams.is_empty() {
            return None;
        }
        let mut vector = Array1::zeros(self.dim());
        for (gram, value) in bag(&grams, &self.counts) {
            vector.scaled_add(value, &self.weights.row(gram as usize));
        }
        Some(match &self.head {
            Some(head) => head.turn(vector),
            None => vector,
        })
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
            counts: self.counts.clone(),
            penalty: self.penalty,
            weights: self.weights.iter().copied().collect(),
            head: self.head.clone(),
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
        let numbers = saved.weights.len().checked_div(count).unwrap_or(0);
        let each = numbers > 0 && saved.weights.len() == numbers * count && saved.counts.len() == count;
        if grams.len() != count || !each || saved.shortest == 0 {
            return Err(wrong("is no model of n-grams: a list of n-grams without a vector each"));
        }
        let counts_are_sound = saved.counts.iter().all(|weight| weight.is_finite() && *weight > 0.0);
        if !counts_are_sound || saved.weights.iter().any(|x| !x.is_finite()) {
            return Err(wrong("is no model of n-grams: a weight in it is not finite, or not positive"));
        }
        let weights =
            Array2::from_shape_vec((count, numbers), saved.weights).map_err(|error| wrong(&error.to_string()))?;
        if saved.head.as_ref().is_some_and(|head| !head.fits(weights.ncols())) {
            return Err(wrong("is no model of n-grams: its network is for other vectors"));
        }
        let ngrams = NGrams::new(grams, saved.shortest..=saved.longest);
        Ok(Self { ngrams, counts: saved.counts, weights, penalty: saved.penalty, head: saved.head })
    }
}

/// What a file holds.
#[derive(Serialize, Deserialize)]
struct Saved {
    shortest: usize,
    longest: usize,
    /// In their order as text.
    grams: Vec<String>,
    counts: Vec<f32>,
    penalty: f32,
    /// The n-grams' vectors, one after the other.
    weights: Vec<f32>,
    head: Option<Head>,
}

/// The penalty with the largest mean reciprocal rank of words held back, evenly over the list, among all words. (The largest
/// mean cosine asks for a larger penalty, with which fewer words are nearest to their own vector.)
fn choose(bags: &[Bag], vectors: ArrayView2<'_, f32>, grams: usize, penalties: &[f32]) -> f32 {
    let (held_back, rest): (Vec<usize>, Vec<usize>) = (0..bags.len()).partition(|row| row % HELD_BACK == 0);
    if penalties.len() == 1 || rest.is_empty() {
        return penalties[0];
    }
    let nearest = NearestWords::new(vectors);
    let reciprocal_ranks = |penalty| -> f64 {
        let predictions = fit_and_predict(bags, vectors, grams, penalty, &rest, &held_back);
        nearest.ranks(predictions.view(), &held_back).iter().map(|&rank| 1.0 / (1.0 + rank as f64)).sum()
    };
    let scored = penalties.iter().map(|&penalty| (reciprocal_ranks(penalty), penalty));
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).expect("there are penalties").1
}

/// For each word the prediction of a regression on the words of other folds; the folds lie evenly over the list.
fn unseen(bags: &[Bag], vectors: ArrayView2<'_, f32>, grams: usize, penalty: f32) -> Array2<f32> {
    let mut predictions = Array2::zeros(vectors.dim());
    for fold in 0..FOLDS {
        let (words, others): (Vec<usize>, Vec<usize>) = (0..bags.len()).partition(|row| row % FOLDS == fold);
        let of_fold = fit_and_predict(bags, vectors, grams, penalty, &others, &words);
        words.iter().zip(of_fold.rows()).for_each(|(&word, row)| predictions.row_mut(word).assign(&row));
    }
    predictions
}

/// What a regression on some words predicts for others.
fn fit_and_predict(
    bags: &[Bag],
    vectors: ArrayView2<'_, f32>,
    grams: usize,
    penalty: f32,
    fitted: &[usize],
    predicted: &[usize],
) -> Array2<f32> {
    let of = |rows: &[usize]| -> Vec<Bag> { rows.iter().map(|&row| bags[row].clone()).collect() };
    let (fitted_bags, predicted) = (of(fitted), of(predicted));
    let weights = Bags::new(&fitted_bags, grams).solve(vectors.select(Axis(0), fitted).view(), penalty);
    Bags::new(&predicted, grams).product(&weights)
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
        assert!(fit(&["a"], 2).unwrap_err().to_string().contains("the words are 1, the vectors 2"));
        assert!(fit(&["a", "b"], 2).unwrap_err().to_string().contains("none of these words"));
        let not_finite = ndarray::array![[0.0], [f32::NAN]];
        let message = Model::fit(&["a", "b"], not_finite.view(), &options).unwrap_err().to_string();
        assert!(message.contains("\"b\" has a number that is not finite"), "{message}");
        let words = words();
        let message = Model::fit(&words, Array2::from_elem((words.len(), 2), 3e38).view(), &options).unwrap_err();
        assert!(message.to_string().contains("too large"), "{message}");

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model");
        let saved = |grams: &[&str], weights: usize| Saved {
            shortest: 2,
            longest: 6,
            grams: grams.iter().map(|gram| (*gram).to_owned()).collect(),
            counts: vec![1.0; grams.len()],
            penalty: 1.0,
            weights: vec![0.0; weights],
            head: None,
        };
        let without_counts = Saved { counts: vec![], ..saved(&["ab", "bc"], 4) };
        let head = Head::fit(Array2::zeros((4, 3)), Array2::zeros((4, 3)).view(), 2);
        let for_others = Saved { head: Some(head), ..saved(&["ab", "bc"], 4) };
        let zero_count = Saved { counts: vec![1.0, 0.0], ..saved(&["ab", "bc"], 4) };
        let not_finite = Saved { weights: vec![0.0, f32::INFINITY], ..saved(&["ab", "bc"], 2) };
        let lists = [saved(&[], 0), saved(&["ab", "bc"], 0), saved(&["ab", "ab"], 4), saved(&["ab", "bc"], 3)];
        for bad in lists.into_iter().chain([without_counts, for_others, zero_count, not_finite]) {
            checkpoint::write(&path, VERSION, &bad).unwrap();
            assert!(Model::load(&path).unwrap_err().to_string().contains("no model of n-grams"));
        }
        assert!(Model::load(&directory.path().join("none")).unwrap_err().to_string().contains("none"));
    }
}
