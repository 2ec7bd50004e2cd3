//! A curve's losses as logarithms, and what is measured on stretches of them.

use crate::outcome::{PATIENCE_EPOCHS, PATIENCE_STEPS, WINDOW};
use crate::stats::{deviation, median};

use super::event::{Event, EventKind};
use crate::curve::{Curve, Unit};

/// Points whose median is a level.
pub(super) const LEVEL: usize = 25;
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
