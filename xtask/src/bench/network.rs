//! Rows about networks.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use flameout_cells::Initialisation;
use flameout_experiment::{Case, Dataset, Settings};
use flameout_model::Sequential;
use flameout_optim::Optimizer;
use flameout_word2vec::Normalization;
use ndarray::{ArrayView2, Axis};

use super::machine::Machine;
use super::measurement::{Measurement, ms};
use super::timing::{Effort, median};
use super::{rayon_pool, root, useful_work};

/// The question's characters.
const ALPHABET: &str = "$abcdefghijklmnopqrstuvwxyz";

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Forward, backward and Adam, over one batch.
    TrainStep,
    /// A forward pass over one batch, the parameters being loaded.
    Forward,
    /// Predictions for all words of a vocabulary.
    EmbedVocabulary,
}

/// One network at one size.
#[derive(Debug, Clone, Copy)]
pub struct NetworkRow {
    pub work: Work,
    pub case: Case,
    pub units: usize,
    pub batch: usize,
    pub threads: usize,
}

/// The words to work on.
pub struct Words {
    /// The repository's, with their vectors.
    training: Dataset<f32>,
    /// Those to embed.
    vocabulary: Dataset<f32>,
}

impl Words {
    /// Reads the repository's words, and the vocabulary if it is another file.
    pub fn read(vocabulary: Option<&Path>) -> Result<Self> {
        let mut settings = Settings::for_case(Case::LstmSingle);
        settings.data.alphabet = Some(ALPHABET.into());
        let training = Dataset::open(&settings, root())?;
        let vocabulary = match vocabulary {
            None => training.clone(),
            Some(path) => {
                // Only its words count. A relative path starts where the command was called.
                settings.data.vectors = std::path::absolute(path)?;
                settings.data.normalization = Normalization::None;
                Dataset::open(&settings, root())?
            }
        };
        Ok(Self { training, vocabulary })
    }
}

impl NetworkRow {
    /// What it is called, for `--only`.
    pub fn name(&self) -> String {
        let Self { units, batch, threads, .. } = self;
        let plural = if *threads == 1 { "" } else { "s" };
        format!("{}, {}, {units} units, batch {batch}, {threads} thread{plural}", self.bench(), self.cell())
    }

    fn bench(&self) -> &'static str {
        match self.work {
            Work::TrainStep => "train step",
            Work::Forward => "forward",
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
        let flop = |count: fn(&_, _, _) -> f64| Some(count(&architecture, self.batch, training.encoder.length()));
        let mut model = Sequential::new(architecture.clone());
        // The values do not matter for the time, and orthogonal ones take long to draw.
        model.initialise(&Initialisation::pytorch(), 0);

        let pool = rayon_pool(self.threads)?;
        let (time, flop, words) = match self.work {
            Work::TrainStep => {
                let time = pool.install(|| self.train_step(&mut model, training, &settings, effort))?;
                (time, flop(useful_work::train_step), None)
            }
            Work::Forward => {
                let time = pool.install(|| self.forward(&mut model, training, effort))?;
                (time, flop(useful_work::forward), None)
            }
            // Words that share work ask for less than their number tells: no operations are counted.
            Work::EmbedVocabulary => {
                let indices = words.vocabulary.indices.view();
                let time = pool.install(|| self.embed(&mut model, indices, effort))?;
                (time, None, Some(indices.nrows()))
            }
        };
        let gflops = flop.map(|flop| flop / time.as_secs_f64() / 1e9);
        Ok(Measurement {
            bench: words.map_or(self.bench().into(), |words| format!("{} of {words}", self.bench())),
            cell: Some(self.cell()),
            units: Some(self.units),
            batch: Some(self.batch),
            threads: self.threads,
            ms_median: Some(ms(time)),
            gflops,
            share_of_peak: gflops.map(|gflops| gflops / machine.peak(self.threads)),
            words_per_s: words.map(|words| words as f64 / time.as_secs_f64()),
            gb_per_s: None,
        })
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::for_case(self.case);
        settings.model.units = Some(self.units);
        settings
    }

    fn train_step(
        &self,
        model: &mut Sequential<f32>,
        words: &Dataset<f32>,
        settings: &Settings,
        effort: Effort,
    ) -> Result<Duration> {
        let tensors: Vec<_> = model.tensors().iter().map(|tensor| tensor.range()).collect();
        let mut optimizer = Optimizer::for_tensors(settings.optimizer, &tensors)?;
        let inputs = words.indices.exact_chunks((self.batch, words.indices.ncols()));
        let targets = words.targets.exact_chunks((self.batch, words.targets.ncols()));
        let mut batches = inputs.into_iter().zip(targets).cycle();
        median(effort, || {
            let (indices, targets) = batches.next().expect("there are more words than one batch");
            model.forward_backward(indices, targets, settings.training.loss);
            let (parameters, gradients) = model.parameters_and_gradients();
            optimizer.step(parameters, gradients, 0.001)?;
            Ok(())
        })
    }

    fn forward(&self, model: &mut Sequential<f32>, words: &Dataset<f32>, effort: Effort) -> Result<Duration> {
        let mut batches = words.indices.axis_chunks_iter(Axis(0), self.batch).cycle();
        median(effort, || {
            model.forward(batches.next().expect("there are words"));
            Ok(())
        })
    }

    fn embed(&self, model: &mut Sequential<f32>, indices: ArrayView2<'_, u16>, effort: Effort) -> Result<Duration> {
        median(effort, || {
            std::hint::black_box(model.predict(indices));
            Ok(())
        })
    }
}
