//! From a file of word vectors to batches.

use std::path::Path;

use flameout_curves::Baseline;
use flameout_encoder::{CharEncoder, Refusal, Skipped};
use flameout_kernels::Real;
use flameout_model::{Examples, Loss, LossKind, metrics};
use flameout_word2vec::{ReadReport, WordVectors};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use ndarray_rand::rand::seq::SliceRandom;

use crate::error::Error;
use crate::memory::{self, Words};
use crate::rng::{Purpose, stream};
use crate::settings::{Precision, Settings, TrainingSettings};

/// Encoded words with their vectors, split into training and test words.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// What turned the words into indices.
    pub encoder: CharEncoder,
    /// All words that could be encoded, in file order.
    pub words: Vec<String>,
    /// Their character indices, `(words, time)`.
    pub indices: Array2<u16>,
    /// Their normalised vectors, `(words, outputs)`.
    pub targets: Array2<f32>,
    /// Rows of the words that are trained on, in file order.
    pub train: Vec<usize>,
    /// Rows of the words that are not, in file order.
    pub test: Vec<usize>,
    /// Words of the file that could not be encoded, in file order; a position is that among the words that were read.
    pub skipped: Vec<Skipped>,
    /// What was found in the file, if the words come from one.
    pub read: Option<ReadReport>,
}

/// Inputs and targets of some words. Filling it again keeps its memory.
#[derive(Debug, Clone)]
pub struct Batch {
    words: usize,
    indices: Vec<u16>,
    /// After how many indices each word ends, if the rest is not to be read.
    ends: Option<Vec<usize>>,
    targets: Vec<f32>,
}

impl Batch {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { words: 0, indices: Vec::new(), ends: None, targets: Vec::new() }
    }

    /// Takes the words in these rows.
    pub fn fill(&mut self, dataset: &Dataset, rows: &[usize]) {
        self.words = rows.len();
        self.indices.clear();
        self.targets.clear();
        for &row in rows {
            self.indices.extend(dataset.indices.row(row));
            self.targets.extend(dataset.targets.row(row));
        }
        self.ends = dataset.encoder.word_ends(&self.indices);
    }

    /// What a network is fed with: the indices, and where each word ends if the padding is not to be read.
    #[must_use]
    pub fn examples<T>(&self) -> Examples<'_, T> {
        let examples = Examples::from(self.indices());
        match &self.ends {
            Some(ends) => examples.with_lengths(ends),
            None => examples,
        }
    }

    /// The number of words.
    #[must_use]
    pub fn words(&self) -> usize {
        self.words
    }

    /// Character indices, `(batch, time)`.
    #[must_use]
    pub fn indices(&self) -> ArrayView2<'_, u16> {
        rows_of(&self.indices, self.words)
    }

    /// Vectors, `(batch, outputs)`.
    #[must_use]
    pub fn targets(&self) -> ArrayView2<'_, f32> {
        rows_of(&self.targets, self.words)
    }

    /// Vectors, `(batch, outputs)`, as a network of this precision takes them.
    #[must_use]
    pub fn targets_in<T: Real>(&self) -> Array2<T> {
        self.targets().mapv(|x| T::from_f64(x.into()))
    }

    /// Vectors, `(batch, outputs)`, to write.
    pub fn targets_mut(&mut self) -> ArrayViewMut2<'_, f32> {
        let columns = self.targets.len().checked_div(self.words).unwrap_or(0);
        ArrayViewMut2::from_shape((self.words, columns), &mut self.targets).expect("whole rows")
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

fn rows_of<A>(data: &[A], rows: usize) -> ArrayView2<'_, A> {
    let columns = data.len().checked_div(rows).unwrap_or(0);
    ArrayView2::from_shape((rows, columns), data).expect("whole rows")
}

impl Dataset {
    /// Reads the vectors that the settings name; a relative path starts at `base`.
    ///
    /// # Errors
    /// If the file cannot be read, or as [`new`](Self::new).
    pub fn open(settings: &Settings, base: &Path) -> Result<Self, Error> {
        let options = settings.data.read_options();
        let (vectors, report) = WordVectors::open_with(base.join(&settings.data.vectors), &options)?;
        Ok(Self { read: Some(report), ..Self::new(settings, vectors)? })
    }

    /// Encodes, normalises and splits.
    ///
    /// # Errors
    /// [`Error::Data`] if too few words are left; [`Error::Vectors`] if they cannot be normalised.
    pub fn new(settings: &Settings, mut vectors: WordVectors) -> Result<Self, Error> {
        vectors.normalize(settings.data.normalization)?;
        let (words, matrix) = vectors.into_parts();
        let letters = settings.data.letters;
        let (mut rows, mut skipped) = (Vec::new(), Vec::new());
        for (position, word) in words.iter().enumerate() {
            match Refusal::check(word) {
                Err(reason) => skipped.push(Skipped { position, word: word.clone(), reason }),
                Ok(()) if letters == 0 || word.chars().count() == letters => rows.push(position),
                Ok(()) => {}
            }
        }

        let candidates = || rows.iter().map(|&row| words[row].as_str());
        let encoder = match &settings.data.alphabet {
            Some(alphabet) => settings.data.encoder().build(alphabet)?,
            None => settings.data.encoder().learn(candidates())?,
        };
        let (count, length, numbers) = (rows.len(), settings.data.length, matrix.ncols());
        memory::require_words(Words { count, length, numbers })?;
        let encoded = encoder.encode_batch(candidates())?;

        skipped.extend(encoded.skipped.into_iter().map(|word| Skipped { position: rows[word.position], ..word }));
        skipped.sort_by_key(|word| word.position);
        let kept: Vec<usize> = encoded.kept.iter().map(|&position| rows[position]).collect();
        let targets = matrix.select(Axis(0), &kept);
        let (train, test) = split(kept.len(), settings);
        if train.is_empty() {
            let problem = format!("{} usable words leave none to train on", kept.len());
            return Err(Error::Data { problem });
        }
        Ok(Self {
            words: kept.iter().map(|&row| words[row].clone()).collect(),
            indices: encoded.indices,
            targets,
            train,
            test,
            skipped,
            read: None,
            encoder,
        })
    }

    /// BLAKE3 of words, indices and targets, these in the precision that the network computes in, in hexadecimal: another hash
    /// means another training.
    #[must_use]
    pub fn blake3(&self, precision: Precision) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut bytes = Vec::new();
        for ((word, indices), targets) in self.words.iter().zip(self.indices.rows()).zip(self.targets.rows()) {
            bytes.clear();
            bytes.extend_from_slice(word.as_bytes());
            bytes.push(0);
            indices.iter().for_each(|index| bytes.extend_from_slice(&index.to_le_bytes()));
            match precision {
                Precision::F32 => targets.iter().for_each(|x| x.extend_le_bytes(&mut bytes)),
                Precision::F64 => targets.iter().for_each(|x| f64::from(*x).extend_le_bytes(&mut bytes)),
            }
            hasher.update(&bytes);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// The words in these rows.
    #[must_use]
    pub fn batch(&self, rows: &[usize]) -> Batch {
        let mut batch = Batch::new();
        batch.fill(self, rows);
        batch
    }

    /// Rows of the words that an epoch trains on, in its order: shuffled as seed and epoch decide, or as in the file.
    #[must_use]
    pub fn epoch_order(&self, training: &TrainingSettings, seed: u64, epoch: u64) -> Vec<usize> {
        let mut order = self.train.clone();
        if training.shuffle {
            order.shuffle(&mut stream(seed, Purpose::Epoch(epoch)));
        }
        order.truncate(training.words_of_epoch(order.len()));
        order
    }

    /// Rows of the words that a step of a run trains on, steps counted from 1; as [`epoch_order`](Self::epoch_order) orders
    /// them.
    #[must_use]
    pub fn rows_of_step(&self, settings: &Settings, step: u64) -> Vec<usize> {
        let (before, epoch) = (step.saturating_sub(1), self.steps_per_epoch(settings));
        let order = self.epoch_order(&settings.training, settings.seed, before / epoch);
        let from = (before % epoch) as usize * settings.training.batch;
        order[from..order.len().min(from + settings.training.batch)].to_vec()
    }

    /// Rows of at most so many training words that lie evenly spread in the data set. A file of word vectors is commonly in
    /// the order of frequency, so every band of it is there.
    #[must_use]
    pub fn spread_rows(&self, count: usize) -> Vec<usize> {
        let count = count.min(self.train.len());
        (0..count).map(|i| self.train[i * self.train.len() / count]).collect()
    }

    /// Batches in an epoch; the last may be smaller.
    #[must_use]
    pub fn steps_per_epoch(&self, settings: &Settings) -> u64 {
        let training = &settings.training;
        training.words_of_epoch(self.train.len()).div_ceil(training.batch) as u64
    }

    /// What a network that has learnt nothing reaches on training and test words.
    #[must_use]
    pub fn baseline(&self, settings: &Settings) -> Baseline {
        let (train, test) = (self.targets.select(Axis(0), &self.train), self.targets.select(Axis(0), &self.test));
        let loss = settings.training.loss;
        match settings.model.precision {
            Precision::F32 => baseline(train.view(), test.view(), loss),
            Precision::F64 => baseline(train.mapv(f64::from).view(), test.mapv(f64::from).view(), loss),
        }
    }
}

/// What predicting the mean of the training targets reaches, all `(words, outputs)`.
fn baseline<T: Real>(train: ArrayView2<'_, T>, test: ArrayView2<'_, T>, loss: LossKind) -> Baseline {
    let mean: Vec<T> = train
        .columns()
        .into_iter()
        .map(|column| T::from_f64(column.iter().map(|x| x.to_f64()).sum::<f64>() / column.len() as f64))
        .collect();
    let of_mean = |targets: ArrayView2<'_, T>| {
        let predictions = Array2::from_shape_fn(targets.dim(), |(_, column)| mean[column]);
        loss.value(predictions.view(), targets)
    };
    let train_loss = of_mean(train);
    Baseline {
        train_loss,
        test_loss: if test.is_empty() { train_loss } else { of_mean(test) },
        accuracy: metrics::most_common_arg_max(train),
        spread: metrics::spread(train),
    }
}

/// Rows of training and of test words: a random choice that depends on the seed, each in rising order.
fn split(count: usize, settings: &Settings) -> (Vec<usize>, Vec<usize>) {
    let mut rows: Vec<usize> = (0..count).collect();
    rows.shuffle(&mut stream(settings.seed, Purpose::Split));
    let test_count = (count as f64 * settings.data.test_share).round() as usize;
    let (test, train) = rows.split_at_mut(test_count);
    train.sort_unstable();
    test.sort_unstable();
    (train.to_vec(), test.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Case, Remainder, UncheckedSettings};
    use flameout_encoder::Padding;

    fn vectors(words: &[&str]) -> WordVectors {
        let matrix = Array2::from_shape_fn((words.len(), 3), |(i, j)| ((i * 7 + j * 5 + i * j) % 11) as f32);
        WordVectors::new(words.iter().map(|word| (*word).to_owned()).collect(), matrix).unwrap()
    }

    const WORDS: [&str; 10] = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay"];

    #[test]
    fn the_steps_of_an_epoch_use_its_words_in_their_order() {
        let settings = Settings::for_case(Case::LstmSingle).with(|settings| settings.training.batch = 3).unwrap();
        let dataset = Dataset::new(&settings, vectors(&WORDS)).unwrap();
        let steps = dataset.steps_per_epoch(&settings);
        let rows = |epoch: u64| {
            (epoch * steps + 1..=(epoch + 1) * steps).flat_map(|step| dataset.rows_of_step(&settings, step))
        };
        for epoch in [0, 2] {
            let order = dataset.epoch_order(&settings.training, settings.seed, epoch);
            assert_eq!(rows(epoch).collect::<Vec<_>>(), order);
        }
        assert_eq!(dataset.rows_of_step(&settings, 1).len(), 3);
        assert_eq!(dataset.spread_rows(usize::MAX), dataset.train);
        assert_eq!(dataset.spread_rows(1), dataset.train[..1]);
    }

    #[test]
    fn split_and_order_depend_on_the_seed_alone() {
        let settings = Settings::for_case(Case::LstmSingle).with(|settings| settings.data.test_share = 0.3).unwrap();
        let dataset = Dataset::new(&settings, vectors(&WORDS)).unwrap();
        assert_eq!((dataset.train.len(), dataset.test.len()), (7, 3));
        let mut all: Vec<_> = dataset.train.iter().chain(&dataset.test).copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());

        let training = &settings.training;
        let order = dataset.epoch_order(training, 1, 3);
        assert_eq!(order, dataset.epoch_order(training, 1, 3));
        assert_ne!(order, dataset.epoch_order(training, 1, 4));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, dataset.train);
        let other = settings.with(|settings| settings.seed = 1).unwrap();
        assert_ne!(dataset.test, Dataset::new(&other, vectors(&WORDS)).unwrap().test);
    }

    #[test]
    fn an_epoch_can_leave_out_what_does_not_fill_a_batch() {
        let settings = Settings::for_case(Case::LstmSingle).with(|settings| settings.data.test_share = 0.3).unwrap();
        let dataset = Dataset::new(&settings, vectors(&WORDS)).unwrap();
        let epoch = |batch, remainder| {
            let change = |settings: &mut UncheckedSettings| {
                (settings.training.batch, settings.training.remainder) = (batch, remainder);
            };
            let settings = settings.with(change).unwrap();
            (dataset.epoch_order(&settings.training, 1, 0), dataset.steps_per_epoch(&settings))
        };
        let whole = epoch(3, None);
        assert_eq!((whole.0.len(), whole.1), (7, 3));
        assert_eq!(epoch(3, Some(Remainder::Weigh)), whole);
        assert_eq!(epoch(3, Some(Remainder::Drop)), (whole.0[..6].to_vec(), 2));
        assert_eq!(epoch(7, Some(Remainder::Drop)), (whole.0.clone(), 1), "nothing is left over");
        assert_eq!(epoch(32, Some(Remainder::Drop)), (whole.0, 1), "all the words make no whole batch");
    }

    #[test]
    fn words_of_one_length_are_used_and_the_padding_goes_where_it_is_asked_for() {
        let padded = |padding| {
            let change = |settings: &mut UncheckedSettings| {
                (settings.data.length, settings.data.letters, settings.data.padding) = (6, 3, padding);
            };
            Settings::for_case(Case::LstmSingle).with(change).unwrap()
        };
        let dataset = Dataset::new(&padded(Padding::Masked), vectors(&["ant", "eagle", "bee", "ox", "cat"])).unwrap();
        assert_eq!(dataset.words, ["ant", "bee", "cat"]);
        assert_eq!(dataset.batch(&[0, 2]).ends, Some(vec![4, 4]));
        let batch = Dataset::new(&padded(Padding::Before), vectors(&["ant", "bee", "cat"])).unwrap().batch(&[1]);
        assert_eq!((batch.indices().row(0).to_vec()[..3].to_vec(), batch.ends), (vec![0, 0, 0], None));
    }

    #[test]
    fn words_that_cannot_be_encoded_are_left_out_and_listed() {
        let settings = Settings::for_case(Case::LstmSingle).with(|settings| settings.data.length = 6).unwrap();
        let words = ["ant", "a$b", "elephant", "bee", "cat", "dog"];
        let dataset = Dataset::new(&settings, vectors(&words)).unwrap();
        assert_eq!(dataset.words, ["ant", "bee", "cat", "dog"]);
        let skipped: Vec<(usize, &str, Refusal)> =
            dataset.skipped.iter().map(|word| (word.position, word.word.as_str(), word.reason)).collect();
        let (marker, long) = (Refusal::Marker { index: 1 }, Refusal::TooLong { letters: 8, limit: 5 });
        assert_eq!(skipped, [(1, "a$b", marker), (2, "elephant", long)]);
        assert_eq!(dataset.targets.nrows(), 4);
        let batch = dataset.batch(&[2]);
        assert_eq!(dataset.encoder.decode(batch.indices().row(0).as_slice().unwrap()).unwrap(), "cat");
    }
}
