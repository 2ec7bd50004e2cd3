//! Logs of the same run, as different programs would have written them.

use clap::ValueEnum;
use flameout_curves::{Curve, EpochPoint, Point, Unit};
use flameout_experiment::{Record, StepRecord};
use ndarray_rand::rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

/// What a log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Log {
    /// All that flameout writes.
    Complete,
    /// Each step's loss, and the test words' after each epoch.
    Losses,
    /// The same, each step's loss times a random number from [`NOISE`].
    Noisy,
    /// Every [`STRIDE`]th step's loss, and the test words' after each epoch.
    Sparse,
    /// The mean loss of each epoch, and the test words' after it.
    Epochs,
}

/// All numbers in between are as likely.
const NOISE: std::ops::Range<f64> = 0.5..1.5;
/// Steps from a line to the next.
const STRIDE: u64 = 10;

impl Log {
    /// The log of a run; the seed is that of the noise.
    pub fn curve(self, records: &[Record], seed: u64) -> Curve {
        let complete = Curve::from_records(records);
        match self {
            Self::Complete => complete,
            Self::Losses => losses(complete),
            Self::Noisy => noisy(losses(complete), seed),
            Self::Sparse => sparse(losses(complete)),
            Self::Epochs => epochs(records, &complete),
        }
    }

    /// The step that the log calls by this number; of an epoch it is the last, after which the log tells of it.
    pub fn step(self, records: &[Record], number: u64) -> u64 {
        match self {
            Self::Epochs => {
                steps(records).filter(|step| step.epoch == number).map(|step| step.step).last().unwrap_or(number)
            }
            Self::Complete | Self::Losses | Self::Noisy | Self::Sparse => number,
        }
    }

    /// Steps from a line of the log to the next.
    pub fn resolution(self, steps_per_epoch: u64) -> u64 {
        match self {
            Self::Epochs => steps_per_epoch,
            Self::Sparse => STRIDE,
            Self::Complete | Self::Losses | Self::Noisy => 1,
        }
    }
}

fn losses(mut curve: Curve) -> Curve {
    for point in &mut curve.points {
        *point = Point { step: point.step, loss: point.loss, ..Point::default() };
    }
    for test in &mut curve.epochs {
        *test = EpochPoint { spread: None, identical: None, test_accuracy: None, ..*test };
    }
    curve
}

fn noisy(mut curve: Curve, seed: u64) -> Curve {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    curve.points.iter_mut().for_each(|point| point.loss *= rng.random_range(NOISE));
    curve
}

fn sparse(mut curve: Curve) -> Curve {
    curve.points.retain(|point| point.step.is_multiple_of(STRIDE));
    curve
}

/// An epoch that was not over when the run ended counts as far as it came.
fn epochs(records: &[Record], complete: &Curve) -> Curve {
    let steps: Vec<&StepRecord> = steps(records).collect();
    let mut curve = Curve::from_losses(Unit::Epoch, steps.chunk_by(|a, b| a.epoch == b.epoch).map(mean_loss));
    let test = |test: &EpochPoint| EpochPoint {
        step: Some(test.epoch),
        test_loss: test.test_loss,
        epoch: test.epoch,
        ..EpochPoint::default()
    };
    curve.epochs = complete.epochs.iter().map(test).collect();
    curve.steps_per_epoch = Some(1);
    curve
}

fn mean_loss(steps: &[&StepRecord]) -> f64 {
    let words = steps.iter().map(|step| step.words).sum::<usize>();
    steps.iter().map(|step| step.loss * step.words as f64).sum::<f64>() / words as f64
}

fn steps(records: &[Record]) -> impl Iterator<Item = &StepRecord> {
    records.iter().filter_map(|record| match record {
        Record::Step(step) => Some(step),
        Record::Epoch(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Epochs of four steps; the loss is the number of the step.
    fn records(count: u64) -> Vec<Record> {
        let step = |step: u64| StepRecord {
            step,
            epoch: step.div_ceil(4),
            words: 8,
            loss: step as f64,
            accuracy: 0.5,
            gradient_norm: 1.0,
            update_norm: 1.0,
            learning_rate: 0.1,
        };
        (1..=count).map(step).map(Record::Step).collect()
    }

    #[test]
    fn an_epoch_is_the_mean_of_its_steps_and_told_after_the_last() {
        let records = records(10);
        let curve = Log::Epochs.curve(&records, 0);
        assert_eq!(curve.points.iter().map(|point| point.loss).collect::<Vec<_>>(), [2.5, 6.5, 9.5]);
        assert_eq!((Log::Epochs.step(&records, 2), Log::Epochs.step(&records, 3)), (8, 10));
    }

    #[test]
    fn poorer_logs_hold_losses_alone() {
        let records = records(20);
        let noisy = Log::Noisy.curve(&records, 0);
        assert!(noisy.points.iter().all(|point| NOISE.contains(&(point.loss / point.step as f64))));
        assert!(noisy.points.iter().all(|point| point.gradient_norm.is_none() && point.accuracy.is_none()));
        assert_ne!(noisy, Log::Losses.curve(&records, 0));
        let sparse = Log::Sparse.curve(&records, 0);
        assert_eq!(sparse.points.iter().map(|point| point.step).collect::<Vec<_>>(), [10, 20]);
    }
}
