//! What is written down about each step and each epoch.

use serde::{Deserialize, Serialize};

/// One step of training. In JSON a number that is not finite is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The number of this step, from 1.
    pub step: u64,
    /// The epoch it belongs to, from 1.
    pub epoch: u64,
    /// Words in the batch.
    pub words: usize,
    /// Loss of the batch before the update.
    #[serde(deserialize_with = "nan_if_null")]
    pub loss: f64,
    /// Keras' accuracy of the batch before the update.
    pub accuracy: f64,
    /// Euclidean norm of the gradient, before clipping.
    #[serde(deserialize_with = "nan_if_null")]
    pub gradient_norm: f64,
    /// Euclidean norm of the change of all parameters.
    #[serde(deserialize_with = "nan_if_null")]
    pub update_norm: f64,
    /// The learning rate.
    pub learning_rate: f64,
}

/// One epoch of training. In JSON a number that is not finite is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The number of this epoch, from 1.
    pub epoch: u64,
    /// Steps taken when it ended.
    pub step: u64,
    /// Mean loss of the epoch's batches, weighted by their sizes, each measured before its update: Keras' figure.
    #[serde(deserialize_with = "nan_if_null")]
    pub loss: f64,
    /// Keras' accuracy, measured likewise.
    pub accuracy: f64,
    /// Loss on the test words at the end of the epoch.
    #[serde(deserialize_with = "nan_if_null")]
    pub test_loss: f64,
    /// Keras' accuracy on the test words.
    pub test_accuracy: f64,
    /// The share of test words whose own vector is among the ten nearest of all words' to the output, of the first thousand
    /// test words. `None` without test words, and in files that older programs wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_hit_at_10: Option<f64>,
    /// How much the outputs for the test words differ from each other (see `flameout_model::metrics::spread`).
    #[serde(deserialize_with = "nan_if_null")]
    pub spread: f64,
    /// The share of test words that get the most common output.
    pub identical: f64,
    /// Training words a second.
    pub words_per_second: f64,
}

/// A line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Record {
    /// After each step.
    Step(StepRecord),
    /// After each epoch.
    Epoch(EpochRecord),
}

/// Reads a number that was written as JSON, which has no NaN and infinity: `serde_json` writes `null`.
///
/// # Errors
/// If there is neither a number nor `null`.
pub fn nan_if_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_back_even_when_not_finite() {
        let record = StepRecord {
            step: 3,
            epoch: 1,
            words: 32,
            loss: f64::NAN,
            accuracy: 0.5,
            gradient_norm: f64::INFINITY,
            update_norm: 0.1,
            learning_rate: 0.001,
        };
        let line = serde_json::to_string(&Record::Step(record)).unwrap();
        assert!(line.starts_with(r#"{"kind":"step","step":3"#), "{line}");
        let Record::Step(read) = serde_json::from_str(&line).unwrap() else { panic!("another kind: {line}") };
        assert!(read.loss.is_nan() && read.gradient_norm.is_nan() && read.update_norm == 0.1);
    }
}
