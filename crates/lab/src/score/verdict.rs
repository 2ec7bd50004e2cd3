//! What became of a run, by its thinned curve and the mean predictor's loss.

use flameout_curves::Baseline;

use crate::hunt::curve::Point;

/// Share of the mean predictor's loss at which a network has improved on it.
const IMPROVED: f64 = 0.75;

/// What became of a run. Losses are shares of the mean predictor's.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The last step of the first stretch that had improved.
    pub improved: Option<u64>,
    /// The last step of the first stretch of the rise that did not come back.
    pub onset: Option<u64>,
    /// The lowest mean training loss of a stretch.
    pub best: f64,
    /// The mean training loss of the last stretch.
    pub end: f64,
    /// The share of the stretches from the onset on that are above the mean predictor's loss.
    pub above: Option<f64>,
    /// The lowest loss on the test words.
    pub best_test: Option<f64>,
}

impl Verdict {
    /// Judges a curve.
    pub fn of(points: &[Point], baseline: &Baseline) -> Self {
        let losses: Vec<(u64, f64)> =
            points.iter().map(|point| (point.step, point.loss_mean / baseline.train_loss)).collect();
        let improved = losses.iter().position(|&(_, loss)| loss <= IMPROVED);
        let onset = improved.and_then(|index| onset(&losses[index..]).map(|onset| index + onset));
        let tests = points.iter().filter_map(|point| point.test_loss).filter(|loss| loss.is_finite());
        Self {
            improved: improved.map(|index| losses[index].0),
            onset: onset.map(|index| losses[index].0),
            best: losses.iter().map(|&(_, loss)| loss).fold(f64::INFINITY, f64::min),
            end: losses.last().map_or(f64::NAN, |&(_, loss)| loss),
            above: onset.map(|index| share_above(&losses[index..])),
            best_test: tests.reduce(f64::min).map(|loss| loss / baseline.test_loss),
        }
    }
}

/// Where the rise begins that has not come back, in a curve that has improved.
fn onset(losses: &[(u64, f64)]) -> Option<usize> {
    let (mut best, mut rise) = (f64::INFINITY, None);
    for (index, &(_, loss)) in losses.iter().enumerate() {
        // A loss that is no number is above everything.
        if loss.is_nan() || loss > 1.0 {
            rise = rise.or(Some(index));
        } else if loss < 0.5 * (best + 1.0) {
            rise = None;
        }
        best = best.min(loss);
    }
    rise
}

fn share_above(losses: &[(u64, f64)]) -> f64 {
    losses.iter().filter(|(_, loss)| loss.is_nan() || *loss > 1.0).count() as f64 / losses.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASELINE: Baseline = Baseline { train_loss: 0.01, test_loss: 0.02, accuracy: 0.6, spread: 0.1 };

    fn verdict(losses: &[f64]) -> Verdict {
        let point = |(step, &loss_mean)| Point {
            step,
            loss_mean,
            loss_max: loss_mean,
            accuracy_mean: 0.6,
            accuracy_min: 0.6,
            gradient_norm_max: 1.0,
            update_norm_max: 1.0,
            test_loss: Some(0.018),
            test_accuracy: None,
            spread: None,
            identical: None,
        };
        Verdict::of(&(1..).zip(losses).map(point).collect::<Vec<_>>(), &BASELINE)
    }

    #[test]
    fn a_rise_above_the_mean_predictor_that_stays_is_a_collapse() {
        let verdict = verdict(&[0.012, 0.008, 0.007, 0.003, 0.012, 0.0095, 0.011]);
        assert_eq!((verdict.improved, verdict.onset), (Some(3), Some(5)));
        assert!((verdict.best - 0.3).abs() < 1e-12 && (verdict.above.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert!((verdict.best_test.unwrap() - 0.9).abs() < 1e-12);
    }

    #[test]
    fn a_rise_that_comes_back_is_none_and_the_next_may_be_one() {
        assert_eq!(verdict(&[0.003, 0.012, 0.004]).onset, None);
        assert_eq!(verdict(&[0.003, 0.012, 0.004, 0.011]).onset, Some(4));
    }

    #[test]
    fn what_never_improved_cannot_collapse() {
        let verdict = verdict(&[0.012, 0.008, 0.011, 0.012]);
        assert_eq!((verdict.improved, verdict.onset), (None, None));
    }

    #[test]
    fn a_number_that_is_not_finite_is_a_rise() {
        assert_eq!(verdict(&[0.003, f64::NAN, f64::NAN]).onset, Some(2));
    }
}
