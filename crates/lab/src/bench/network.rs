//! Rows about networks.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use flameout_cells::Initialisation;
use flameout_experiment::{Case, Dataset, Settings};
use flameout_model::Sequential;
use flameout_optim::{AnyOptimizer, Optimizer};
use flameout_word2vec::Normalization;
use ndarray::ArrayView2;

use super::machine::Machine;
use super::measurement::{Measurement, ms};
use super::timing::{Effort, median};
use super::{rayon_pool, useful_work};
use crate::root;

/// The question's characters.
const ALPHABET: &str = "$abcdefghijklmnopqrstuvwxyz";

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Forward, backward and Adam, over one batch.
    TrainStep { batch: usize },
    /// A forward pass over one batch, the parameters being loaded.
    Forward { batch: usize },
    /// Predictions for all words of a vocabulary.
    EmbedVocabulary,
}

/// One network at one size.
#[derive(Debug, Clone, Copy)]
pub struct NetworkRow {
    pub work: Work,
    pub case: Case,
    pub units: usize,
    pub threads: usize,
}

/// The words to work on.
pub struct Words {
    /// The repository's, with their vectors.
    training: Dataset,
    /// Those to embed.
    vocabulary: Dataset,
}

impl Words {
    /// Characters of a word, padding included.
    pub fn characters(&self) -> usize {
        self.training.encoder.length()
    }

    /// Reads the repository's words, and the vocabulary if it is another file.
    pub fn read(vocabulary: Option<&Path>) -> Result<Self> {
        let settings =
            Settings::for_case(Case::LstmSingle).with(|settings| settings.data.alphabet = Some(ALPHABET.into()))?;
        let training = Dataset::open(&settings, &root())?;
        let vocabulary = match vocabulary {
            None => training.clone(),
            Some(path) => {
                // Only its words count. A relative path starts where the command was called.
                let path = std::path::absolute(path)?;
                let settings = settings.with(|settings| {
                    (settings.data.vectors, settings.data.normalization) = (path, Normalization::None);
                })?;
                Dataset::open(&settings, &root())?
            }
        };
        Ok(Self { training, vocabulary })
    }
}

impl NetworkRow {
    /// What it is called, for `--only`.
    pub fn name(&self) -> String {
        let Self { units, threads, .. } = self;
        let batch = self.batch().map_or(String::new(), |batch| format!(", batch {batch}"));
        let plural = if *threads == 1 { "" } else { "s" };
        format!("{}, {}, {units} units{batch}, {threads} thread{plural}", self.bench(), self.cell())
    }

    fn batch(&self) -> Option<usize> {
        match self.work {
            Work::TrainStep { batch } | Work::Forward { batch } => Some(batch),
            Work::EmbedVocabulary => None,
        }
    }

    fn bench(&self) -> &'static str {
        match self.work {
            Work::TrainStep { .. } => "train step",
            Work::Forward { .. } => "forward",
            Work::EmbedVocabulary => "embed vocabulary",
        }
    }

    fn cell(&self) -> &'static str {
        match self.case {
            Case::LstmSingle => "lstm",
            Case::GruSingle => "gru",
            Case::LstmDouble => "lstm-double",
        }
    }

    /// Times it.
    pub fn measure(&self, words: &Words, machine: &Machine, effort: Effort) -> Result<Measurement> {
        let settings = self.settings();
        let training = &words.training;
        let architecture = settings.architecture(training.encoder.alphabet_len(), training.targets.ncols());
        let characters = training.encoder.length();
        let mut model = Sequential::of(architecture.clone());
        // The values do not matter for the time, and orthogonal ones take long to draw.
        model.initialise(&Initialisation::pytorch(), 0);

        let pool = rayon_pool(self.threads)?;
        let (time, flop, words) = match self.work {
            Work::TrainStep { batch } => {
                let time = pool.install(|| train_step(&mut model, training, batch, &settings, effort))?;
                (time, Some(useful_work::train_step(&architecture, batch, characters)), None)
            }
            Work::Forward { batch } => {
                let time = pool.install(|| forward(&mut model, training, batch, effort))?;
                (time, Some(useful_work::forward(&architecture, batch, characters)), None)
            }
            // Words that share work ask for less than their number tells: no operations are counted.
            Work::EmbedVocabulary => {
                let indices = words.vocabulary.indices.view();
                let time = pool.install(|| embed(&mut model, indices, effort))?;
                (time, None, Some(indices.nrows()))
            }
        };
        let gflops = flop.map(|flop| flop / time.as_secs_f64() / 1e9);
        Ok(Measurement {
            bench: words.map_or(self.bench().into(), |words| format!("{} of {words}", self.bench())),
            cell: Some(self.cell()),
            units: Some(self.units),
            batch: self.batch(),
            threads: self.threads,
            ms_median: Some(ms(time)),
            gflops,
            share_of_peak: gflops.map(|gflops| gflops / machine.peak(self.threads)),
            words_per_s: words.map(|words| words as f64 / time.as_secs_f64()),
            gb_per_s: None,
        })
    }

    fn settings(&self) -> Settings {
        let sized = Settings::for_case(self.case).with(|settings| settings.model.units = Some(self.units));
        sized.expect("a size of the table")
    }
}

fn train_step(
    model: &mut Sequential<f32>,
    words: &Dataset,
    batch: usize,
    settings: &Settings,
    effort: Effort,
) -> Result<Duration> {
    let tensors: Vec<_> = model.tensors().iter().map(|tensor| tensor.range()).collect();
    let mut optimizer = AnyOptimizer::for_tensors(settings.optimizer, &tensors)?;
    let inputs = words.indices.exact_chunks((batch, words.indices.ncols()));
    let targets = words.targets.exact_chunks((batch, words.targets.ncols()));
    let mut batches = inputs.into_iter().zip(targets).cycle();
    median(effort, || {
        let (indices, targets) = batches.next().expect("there are more words than one batch");
        model.forward_backward(indices, targets, settings.training.loss)?;
        let (parameters, gradients) = model.parameters_and_gradients();
        optimizer.update(parameters, gradients, 0.001)?;
        Ok(())
    })
}

fn forward(model: &mut Sequential<f32>, words: &Dataset, batch: usize, effort: Effort) -> Result<Duration> {
    let mut batches = words.indices.exact_chunks((batch, words.indices.ncols())).into_iter().cycle();
    median(effort, || {
        black_box(model.forward(batches.next().expect("there are more words than one batch"))?);
        Ok(())
    })
}

fn embed(model: &mut Sequential<f32>, indices: ArrayView2<'_, u16>, effort: Effort) -> Result<Duration> {
    median(effort, || {
        black_box(model.predict(indices)?);
        Ok(())
    })
}
