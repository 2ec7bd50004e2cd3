//! A loss above twice the baseline that does not come back.

use crate::outcome::Baseline;

use super::event::{Detector, Event, EventKind};
use super::series::{LEVEL, Series};
use crate::curve::Unit;
use crate::outcome::Symptom;

/// Multiple of the baseline above which a loss has diverged: outputs that are as varied as the targets, and have nothing to
/// do with them, are at twice the mean predictor's squared error.
const FACTOR: f64 = 2.0;
/// Multiple of the noise by which it must be above the baseline.
const NOISE: f64 = 3.0;
/// Steps and epochs that it must have been above until the log ends.
const LASTING_STEPS: u64 = 100;
const LASTING_EPOCHS: usize = 2;

/// At most one: from the first point after which the level, the median of the 25 points around it, stays above.
pub(super) fn event(series: &Series, reference: &Baseline) -> Option<Event> {
    let above = threshold(series, reference);
    let count = series.log.len();
    let is_above = |index: usize| {
        let around = match series.unit {
            Unit::Epoch => 0,
            Unit::Step => LEVEL / 2,
        };
        series.smooth(index, around) > above
    };
    let begin = (0..count).rev().take_while(|&index| is_above(index)).last()?;
    let lasting = match series.unit {
        Unit::Epoch => LASTING_EPOCHS,
        Unit::Step => usize::try_from(LASTING_STEPS.div_ceil(series.stride)).unwrap_or(usize::MAX).max(3),
    };
    let step = series.steps[begin];
    (count - begin >= lasting).then_some(Event {
        onset: step,
        first_sign: step,
        risen: step,
        recovered: None,
        kind: EventKind::Collapse,
        symptom: Some(Symptom::Divergence),
        found: Detector::Divergence,
        before: None,
        peak: None,
    })
}

/// Whether the level at the end of a stretch is that of a divergence.
pub(super) fn is_diverged(series: &Series, begin: usize, end: usize, reference: &Baseline) -> bool {
    let begin = begin.max(end.saturating_sub(LEVEL));
    begin < end && series.median(begin, end) > threshold(series, reference)
}

fn threshold(series: &Series, reference: &Baseline) -> f64 {
    libm::log(reference.train_loss) + libm::log(FACTOR).max(NOISE * series.noise())
}
