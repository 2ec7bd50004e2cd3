//! A curve's losses as logarithms, and what is measured on stretches of them.

use crate::outcome::{Baseline, PATIENCE_EPOCHS, PATIENCE_STEPS, WINDOW};
use crate::stats::{deviation, median};

use super::event::{Event, EventKind};
use crate::curve::{Curve, Unit};

/// Points whose median is a level.
pub(super) const LEVEL: usize = 25;
/// Points before an event that it is compared with.
const MOST_COMPARED: usize = 100;
/// After an event, this part of the points that it has to come back shows whether it has; and so many at the least.
const AFTERWARDS: usize = 10;
const FEWEST: usize = 3;
/// Share of the loss at the start below which differences are rounding's.
const FLOOR: f64 = 1e-9;

/// The finite losses of a curve.
pub(super) struct Series {
    /// Their steps.
    pub(super) steps: Vec<u64>,
    /// Their natural logarithms.
    pub(super) log: Vec<f64>,
    pub(super) unit: Unit,
    /// Points a rise has to come back.
    pub(super) patience: usize,
    /// Points to smooth over, by definition.
    pub(super) window: usize,
    /// Median distance of points, in steps or epochs.
    pub(super) stride: u64,
}

impl Series {
    /// `None` if there is no loss above 0, or one below.
    pub(super) fn new(curve: &Curve) -> Option<Self> {
        let finite: Vec<(u64, f64)> =
            curve.points.iter().map(|point| (point.step, point.loss)).filter(|(_, loss)| loss.is_finite()).collect();
        let first = finite.iter().map(|(_, loss)| *loss).find(|loss| *loss > 0.0)?;
        if finite.iter().any(|(_, loss)| *loss < 0.0) {
            return None;
        }
        let stride = stride(&finite);
        let epoch = curve.steps_per_epoch.unwrap_or(1).max(1);
        let in_points = |steps: u64| usize::try_from(steps.div_ceil(stride)).unwrap_or(usize::MAX);
        let (window, patience) = match curve.unit {
            Unit::Epoch => (1, PATIENCE_EPOCHS as usize),
            Unit::Step => {
                let window = WINDOW.min(curve.steps_per_epoch.unwrap_or(WINDOW)).max(1);
                (in_points(window), in_points(PATIENCE_STEPS.max(PATIENCE_EPOCHS.saturating_mul(epoch))).max(2))
            }
        };
        let log = finite.iter().map(|(_, loss)| libm::log(loss.max(FLOOR * first))).collect();
        Some(Self {
            steps: finite.iter().map(|(step, _)| *step).collect(),
            log,
            unit: curve.unit,
            patience,
            window,
            stride,
        })
    }

    /// The median of the logarithms of the points around one, as many on each side.
    pub(super) fn smooth(&self, index: usize, around: usize) -> f64 {
        let (begin, end) = (index.saturating_sub(around), (index + around + 1).min(self.log.len()));
        self.median(begin, end)
    }

    /// The median of the logarithms of a stretch.
    pub(super) fn median(&self, begin: usize, end: usize) -> f64 {
        median(&self.log[begin..end]).unwrap_or(f64::NAN)
    }

    /// The noise of all of it, from the differences of neighbours, which a trend leaves as they are.
    pub(super) fn noise(&self) -> f64 {
        let differences: Vec<f64> = self.log.windows(2).map(|pair| pair[1] - pair[0]).collect();
        deviation(differences) / std::f64::consts::SQRT_2
    }

    /// The first point at or after a step, if there is one.
    pub(super) fn index(&self, step: u64) -> usize {
        self.steps.partition_point(|&earlier| earlier < step)
    }

    /// The last step that belongs to an event, or one before the next of the log.
    pub(super) fn end(&self, event: &Event) -> u64 {
        match event.kind {
            EventKind::Spike | EventKind::Setback => {
                let lasting = self.index(event.risen).saturating_add(self.patience).min(self.steps.len() - 1);
                event.recovered.map_or(self.steps[lasting], |step| step.saturating_sub(1))
            }
            EventKind::Collapse | EventKind::Unsettled => u64::MAX,
        }
    }

    /// Whether the level in an event is above that before it by more than half and by more than noise can do: six times the
    /// standard error of the median of as many points.
    pub(super) fn is_beyond_noise(&self, event: &Event) -> bool {
        let (begin, end) = (self.index(event.first_sign), self.index(self.end(event).saturating_add(1)));
        if begin == 0 || end <= begin {
            return true;
        }
        let before = begin.saturating_sub(MOST_COMPARED);
        let fewest = (begin - before).min(end - begin).min(MOST_COMPARED);
        let error = 6.0 * 1.25 * self.noise() / libm::sqrt(fewest as f64);
        self.median(begin, end) - self.median(before, begin) > libm::log(1.5).max(error)
    }

    /// Whether an event that is said to have come back has not: after it, too, the level is above half-way from what it was
    /// before to the baseline.
    pub(super) fn is_dip(&self, event: &Event, reference: &Baseline) -> bool {
        let (first, Some(back)) = (self.index(event.first_sign), event.recovered.map(|step| self.index(step))) else {
            return false;
        };
        let end = back.saturating_add((self.patience / AFTERWARDS).max(FEWEST)).min(self.log.len());
        if first == 0 || back >= end {
            return false;
        }
        let before = libm::exp(self.median(first.saturating_sub(LEVEL), first));
        libm::exp(self.median(back, end)) > 0.5 * (before + reference.train_loss)
    }

    /// Fills in the losses before an event and at its worst.
    pub(super) fn measure(&self, event: &mut Event) {
        let begin = self.index(event.first_sign);
        let end = self.index(self.end(event).saturating_add(1));
        if begin > 0 {
            event.before = Some(libm::exp(self.median(begin.saturating_sub(LEVEL), begin)));
        }
        let highest = self.log[begin.min(end)..end].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        event.peak = highest.is_finite().then(|| libm::exp(highest));
    }
}

fn stride(points: &[(u64, f64)]) -> u64 {
    let mut distances: Vec<u64> = points.windows(2).map(|pair| pair[1].0.saturating_sub(pair[0].0)).collect();
    distances.sort_unstable();
    distances.get(distances.len() / 2).map_or(1, |&distance| distance.max(1))
}
