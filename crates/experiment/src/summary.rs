//! What a run came to: `summary.json`.

use flameout_model::Loss;
use flameout_model::metrics::{self, NearestWords};
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::floats::Number;
use crate::learner::{AnyLearner, Learner, each};
use crate::non_finite::NonFinite;
use crate::settings::{Case, Settings};
use crate::trainer::Trainer;
use flameout_curves::outcome::{Baseline, Best, BestTest, DEFINITION, Symptom};
use flameout_curves::record::nan_if_null;

/// The result of a finished run. In JSON a number that is not finite is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Which network.
    pub case: Case,
    /// The seed.
    pub seed: u64,
    /// See [`Settings::hash`].
    pub settings_hash: String,
    /// Steps taken.
    pub steps: u64,
    /// The lowest training loss, smoothed over steps, and the accuracy there.
    pub best: Option<Best>,
    /// The lowest loss on the test words at the end of an epoch; not in summaries of version 0.1's first runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_test: Option<BestTest>,
    /// The training words with the final weights.
    #[serde(rename = "final")]
    pub last: Quality,
    /// The test words with the final weights.
    pub test: Quality,
    /// What a network that has learnt nothing reaches.
    pub baseline: Baseline,
    /// Which definition of a collapse the next fields follow, see [`DEFINITION`]; 1 in summaries that do not say.
    #[serde(default = "first_definition")]
    pub definition: u32,
    /// The step at which the network had trained well, if it ever did.
    pub trained_well_step: Option<u64>,
    /// Whether it collapsed; [`Outcome`](flameout_curves::Outcome) says what that means.
    pub collapsed: bool,
    /// The first step of the collapse.
    pub onset_step: Option<u64>,
    /// What outputs look like after the collapse.
    pub symptom: Option<Symptom>,
    /// Where a number was not finite, which ended the run; `final`, `test` and `weights_blake3` are of the network after
    /// that step, `model.flameout` holds the one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub non_finite: Option<NonFinite>,
    /// The steps at which the guard acted, if the settings name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guarded: Option<Vec<u64>>,
    /// First steps of rises of the loss that came back.
    pub spikes: Vec<u64>,
    /// The first step of a rise that was going on when the run ended, too young to be called a collapse.
    pub risen_since: Option<u64>,
    /// How much the outputs for the test words differ from each other.
    #[serde(deserialize_with = "nan_if_null")]
    pub spread: f64,
    /// The share of test words that get the most common output.
    pub identical: f64,
    /// BLAKE3 of the final weights.
    pub weights_blake3: String,
}

fn first_definition() -> u32 {
    1
}

/// How good predictions are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Words.
    pub words: usize,
    /// The settings' loss.
    #[serde(deserialize_with = "nan_if_null")]
    pub loss: f64,
    /// Keras' accuracy.
    pub accuracy: f64,
    /// Mean cosine with the true vectors.
    #[serde(deserialize_with = "nan_if_null")]
    pub cosine: f64,
    /// The share of words whose own vector is the nearest of all words' (training and test) to the prediction.
    pub hit_at_1: f64,
    /// The share whose own vector is among the ten nearest.
    pub hit_at_10: f64,
}

impl Summary {
    /// Computes the share of words that an output which tells nothing has among its ten nearest.
    #[must_use]
    pub fn guessed_hit_at_10(&self) -> f64 {
        (10.0 / (self.last.words + self.test.words) as f64).min(1.0)
    }

    /// Measures a trainer's network on all words.
    #[must_use]
    pub fn of(settings: &Settings, dataset: &Dataset, trainer: &mut Trainer) -> Self {
        let (last, test) = each!(trainer.learner_mut(), learner => measure(learner, dataset, settings));
        // Of those that were not trained on, where there are any.
        let Watched { spread, identical, .. } = if dataset.test.is_empty() { last } else { test };
        let (last, test) = (last.quality, test.quality);
        let outcome = trainer.outcome();
        Self {
            case: settings.case,
            seed: settings.seed,
            settings_hash: settings.hash(),
            steps: trainer.steps(),
            best: outcome.best(),
            best_test: outcome.best_test(),
            last,
            test,
            baseline: *outcome.baseline(),
            definition: DEFINITION,
            trained_well_step: outcome.trained_well_at(),
            collapsed: outcome.collapse_onset().is_some(),
            onset_step: outcome.collapse_onset(),
            symptom: outcome.symptom(spread, identical),
            non_finite: trainer.non_finite().cloned(),
            guarded: trainer.guarded().map(<[u64]>::to_vec),
            spikes: outcome.spikes().to_vec(),
            risen_since: outcome.risen_since(),
            spread,
            identical,
            weights_blake3: trainer.weights_blake3(),
        }
    }
}

/// Predictions for some words, measured.
#[derive(Clone, Copy)]
struct Watched {
    quality: Quality,
    spread: f64,
    identical: f64,
}

/// Measures the predictions for the training words and for the test words.
fn measure<T: Number>(learner: &mut Learner<T>, dataset: &Dataset, settings: &Settings) -> (Watched, Watched) {
    let nearest = NearestWords::new(dataset.targets.mapv(|x| T::from_f64(x.into())).view());
    let mut of = |rows: &[usize]| {
        let (predictions, targets) = learner.predict(dataset, rows);
        let (predictions, targets) = (predictions.view(), targets.view());
        let ranks = nearest.ranks(predictions, rows);
        let quality = Quality {
            words: rows.len(),
            loss: if predictions.is_empty() { 0.0 } else { settings.training.loss.value(predictions, targets) },
            accuracy: metrics::keras_accuracy(predictions, targets),
            cosine: metrics::mean_cosine(predictions, targets),
            hit_at_1: metrics::hit_rate(&ranks, 1),
            hit_at_10: metrics::hit_rate(&ranks, 10),
        };
        let (spread, identical) = (metrics::spread(predictions), metrics::identical_share(predictions));
        Watched { quality, spread, identical }
    };
    (of(&dataset.train), of(&dataset.test))
}
