//! Did it train well, and did it collapse? The definitions, as the steps come.
//!
//! - *Trained well*: the smoothed training loss is at most 75 % of the mean predictor's. The accuracy has no say: among
//!   vectors that are not centred, most share their arg-max, and predicting that one is right for most words.
//! - *Rise*: after that, the smoothed training loss reaches the mean predictor's, or a number is not finite.
//! - *Onset*: the step at which the loss of that rise left the lower half of the way from its best to the mean predictor's.
//! - *Collapse*: a rise, on test words too, that has not come back below half-way within 1,000 steps or two epochs,
//!   whichever is longer; or any rise to a number that is not finite.
//! - *Spike*: a rise that came back.
//!
//! Smoothed means: over the last 100 steps or one epoch, whichever is shorter.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::curve::{EpochPoint, Point};

/// The number of this definition; it grows whenever a run may be judged otherwise than before.
///
/// The first (until November 2026) asked for 70 % of the mean predictor's loss and five times the accuracy of naming the most
/// common arg-max, and called 90 % of the mean predictor's loss a rise.
pub const DEFINITION: u32 = 2;

/// Share of the mean predictor's loss below which a network counts as trained well.
pub const TRAINED_LOSS: f64 = 0.75;
/// Share of the targets' spread below which outputs are nearly the same.
const SAME_SPREAD: f64 = 0.05;
/// Share of identical outputs above which they are.
const SAME_SHARE: f64 = 0.5;
/// Steps within which a rise must come back to be a mere spike.
pub const PATIENCE_STEPS: u64 = 1000;
/// Epochs within which it must, if they are longer.
pub const PATIENCE_EPOCHS: u64 = 2;
/// Steps to smooth over, unless an epoch is shorter.
pub const WINDOW: u64 = 100;

/// What a network that has learnt nothing reaches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Loss on the training words of predicting their mean vector for every word.
    pub train_loss: f64,
    /// Loss on the test words of predicting the training words' mean vector; that of the training words if there are none.
    pub test_loss: f64,
    /// The share of the most common arg-max among the training words.
    pub accuracy: f64,
    /// How much the training words' vectors differ from each other.
    pub spread: f64,
}

impl Baseline {
    /// What outputs look like of a network that has lost what it had learnt, given their spread over inputs and the share of
    /// identical ones.
    #[must_use]
    pub fn symptom(&self, spread: f64, identical: f64) -> Symptom {
        let same = spread < SAME_SPREAD * self.spread || identical > SAME_SHARE;
        if same { Symptom::SameOutput } else { Symptom::RandomOutput }
    }
}

/// What outputs look like after a collapse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Symptom {
    /// Nearly the same output for every input.
    SameOutput,
    /// Outputs differ between inputs, but not in the way of the targets; the loss is at most twice the baseline, which is
    /// where outputs are that vary as much as the targets do.
    RandomOutput,
    /// The loss is more than twice the baseline.
    Divergence,
    /// A loss, gradient or update that is not a finite number.
    NonFinite,
}

impl Symptom {
    /// Describes what outputs look like.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::SameOutput => "the same output for every input",
            Self::RandomOutput => "outputs that have nothing to do with the targets",
            Self::Divergence => "divergence: far above the start",
            Self::NonFinite => "not finite",
        }
    }
}

/// A loss and an accuracy at a step, both smoothed over the training steps before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The step.
    pub step: u64,
    /// Smoothed training loss.
    pub loss: f64,
    /// Smoothed training accuracy.
    pub accuracy: f64,
}

/// The lowest loss on the test words at the end of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BestTest {
    /// The epoch, from 1.
    pub epoch: u64,
    /// The steps taken by its end.
    pub step: u64,
    /// The loss.
    pub loss: f64,
}

/// A rise of the loss that is going on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct OngoingRise {
    onset: u64,
    /// The step at which it reached the mean predictor's loss, if it has.
    risen_at: Option<u64>,
    /// Whether the test words have seen it too.
    on_test: bool,
}

/// Watches a run's steps and says what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    baseline: Baseline,
    steps_per_epoch: u64,
    window: VecDeque<(f64, f64)>,
    best: Option<Best>,
    best_test: Option<BestTest>,
    trained_well_at: Option<u64>,
    rise: Option<OngoingRise>,
    spikes: Vec<u64>,
    collapse_onset: Option<u64>,
    non_finite: bool,
}

impl Outcome {
    /// Of a run that has not begun.
    #[must_use]
    pub fn new(baseline: Baseline, steps_per_epoch: u64) -> Self {
        Self {
            baseline,
            steps_per_epoch,
            window: VecDeque::new(),
            best: None,
            best_test: None,
            trained_well_at: None,
            rise: None,
            spikes: Vec::new(),
            collapse_onset: None,
            non_finite: false,
        }
    }

    /// Takes note of a step. An accuracy that is not known counts as 1 in the mean that [`best`](Self::best) has.
    pub fn step(&mut self, point: &Point) {
        if !point.is_finite() {
            self.non_finite = true;
            if self.trained_well_at.is_some() {
                self.collapse_onset.get_or_insert(point.step);
            }
            return;
        }
        let smoothed = self.smooth(point);
        if self.window.len() as u64 == self.window_len() {
            self.note_best(smoothed);
            self.note_rise(smoothed);
        }
    }

    /// Takes note of a test. One without a step or a loss says nothing.
    pub fn epoch(&mut self, test: &EpochPoint) {
        let (Some(step), Some(loss)) = (test.step, test.test_loss) else { return };
        if loss < self.best_test.map_or(f64::INFINITY, |best| best.loss) {
            self.best_test = Some(BestTest { epoch: test.epoch, step, loss });
        }
        if let Some(rise) = &mut self.rise
            && step >= rise.onset
            && (loss.is_nan() || loss >= self.baseline.test_loss)
        {
            rise.on_test = true;
        }
    }

    fn window_len(&self) -> u64 {
        WINDOW.min(self.steps_per_epoch).max(1)
    }

    fn smooth(&mut self, point: &Point) -> Best {
        if self.window.len() as u64 == self.window_len() {
            self.window.pop_front();
        }
        self.window.push_back((point.loss, point.accuracy.filter(|accuracy| accuracy.is_finite()).unwrap_or(1.0)));
        let count = self.window.len() as f64;
        let (loss, accuracy) = self.window.iter().fold((0.0, 0.0), |sum, x| (sum.0 + x.0, sum.1 + x.1));
        Best { step: point.step, loss: loss / count, accuracy: accuracy / count }
    }

    fn note_best(&mut self, smoothed: Best) {
        if self.best.is_none_or(|best| smoothed.loss < best.loss) {
            self.best = Some(smoothed);
        }
        if smoothed.loss <= TRAINED_LOSS * self.baseline.train_loss {
            self.trained_well_at.get_or_insert(smoothed.step);
        }
    }

    fn note_rise(&mut self, smoothed: Best) {
        let Some(best) = self.best else { return };
        if self.trained_well_at.is_none() || self.collapse_onset.is_some() {
            return;
        }
        let half_way = 0.5 * (best.loss + self.baseline.train_loss);
        if smoothed.loss < half_way {
            if let Some(OngoingRise { onset, risen_at: Some(_), .. }) = self.rise.take() {
                self.spikes.push(onset);
            }
            return;
        }
        let rise = self.rise.get_or_insert(OngoingRise { onset: smoothed.step, risen_at: None, on_test: false });
        if smoothed.loss >= self.baseline.train_loss {
            rise.risen_at.get_or_insert(smoothed.step);
        }
        let patience = PATIENCE_STEPS.max(PATIENCE_EPOCHS.saturating_mul(self.steps_per_epoch));
        if rise.on_test && rise.risen_at.is_some_and(|step| smoothed.step >= step.saturating_add(patience)) {
            self.collapse_onset = Some(rise.onset);
        }
    }

    /// What a network that has learnt nothing reaches.
    #[must_use]
    pub fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// The lowest smoothed training loss, where it was, and the accuracy there.
    #[must_use]
    pub fn best(&self) -> Option<Best> {
        self.best
    }

    /// The lowest loss on the test words, of those measured at the ends of epochs.
    #[must_use]
    pub fn best_test(&self) -> Option<BestTest> {
        self.best_test
    }

    /// The step at which the network had trained well.
    #[must_use]
    pub fn trained_well_at(&self) -> Option<u64> {
        self.trained_well_at
    }

    /// The first step of the collapse, once it is one.
    #[must_use]
    pub fn collapse_onset(&self) -> Option<u64> {
        self.collapse_onset
    }

    /// First steps of the rises that came back.
    #[must_use]
    pub fn spikes(&self) -> &[u64] {
        &self.spikes
    }

    /// The first step of a rise that is not yet old enough to be a collapse.
    #[must_use]
    pub fn risen_since(&self) -> Option<u64> {
        match (self.collapse_onset, self.rise) {
            (None, Some(OngoingRise { onset, risen_at: Some(_), .. })) => Some(onset),
            _ => None,
        }
    }

    /// Whether a loss, gradient or update was not finite: training further is pointless.
    #[must_use]
    pub fn non_finite(&self) -> bool {
        self.non_finite
    }

    /// What the outputs after a collapse look like, given their spread over inputs and the share of identical ones.
    #[must_use]
    pub fn symptom(&self, spread: f64, identical: f64) -> Option<Symptom> {
        if self.non_finite {
            return Some(Symptom::NonFinite);
        }
        self.collapse_onset?;
        Some(self.baseline.symptom(spread, identical))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASELINE: Baseline = Baseline { train_loss: 0.01, test_loss: 0.01, accuracy: 0.04, spread: 0.1 };

    /// Runs through losses given as (steps, loss); accuracy is high when the loss is low. Ten steps an epoch.
    fn run(stretches: &[(u64, f64)]) -> Outcome {
        let mut outcome = Outcome::new(BASELINE, 10);
        let mut step = 0;
        for &(steps, loss) in stretches {
            for _ in 0..steps {
                step += 1;
                let accuracy = if loss < 0.005 { 0.8 } else { 0.04 };
                let accuracy = Some(accuracy);
                outcome.step(&Point { step, loss, accuracy, ..Point::default() });
                if step % 10 == 0 {
                    let (epoch, step, test_loss) = (step / 10, Some(step), Some(loss));
                    outcome.epoch(&EpochPoint { epoch, step, test_loss, ..EpochPoint::default() });
                }
            }
        }
        outcome
    }

    #[test]
    fn a_lasting_rise_is_a_collapse() {
        let outcome = run(&[(100, 0.01), (200, 0.002), (1100, 0.012)]);
        let trained = outcome.trained_well_at().unwrap();
        assert!((101..=110).contains(&trained), "{trained}");
        let onset = outcome.collapse_onset().unwrap();
        assert!((301..=310).contains(&onset), "{onset}");
        assert_eq!(outcome.symptom(0.001, 0.1), Some(Symptom::SameOutput));
        assert_eq!(outcome.symptom(0.09, 0.0), Some(Symptom::RandomOutput));
        assert!((outcome.best().unwrap().loss - 0.002).abs() < 1e-12);
    }

    #[test]
    fn a_rise_that_comes_back_is_a_spike() {
        let outcome = run(&[(200, 0.002), (300, 0.012), (500, 0.002)]);
        assert_eq!(outcome.collapse_onset(), None);
        assert_eq!(outcome.spikes().len(), 1);
        assert_eq!(outcome.symptom(0.0, 1.0), None);
    }

    #[test]
    fn a_rise_at_the_end_is_neither() {
        let outcome = run(&[(200, 0.002), (300, 0.012)]);
        assert_eq!(outcome.collapse_onset(), None);
        assert!(outcome.risen_since().is_some() && outcome.spikes().is_empty());
    }

    #[test]
    fn what_never_trained_cannot_collapse() {
        let outcome = run(&[(300, 0.01), (2000, 0.03)]);
        assert_eq!((outcome.trained_well_at(), outcome.collapse_onset()), (None, None));
    }

    #[test]
    fn half_a_rise_is_nothing() {
        let outcome = run(&[(200, 0.002), (2000, 0.007)]);
        assert_eq!((outcome.collapse_onset(), outcome.risen_since()), (None, None));
        assert!(outcome.spikes().is_empty());
    }

    #[test]
    fn a_number_that_is_not_finite_is_a_collapse_at_once() {
        let outcome = run(&[(200, 0.002), (1, f64::NAN)]);
        assert_eq!(outcome.collapse_onset(), Some(201));
        assert_eq!(outcome.symptom(f64::NAN, 1.0), Some(Symptom::NonFinite));
    }
}
