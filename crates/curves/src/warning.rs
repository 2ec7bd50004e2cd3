//! A collapse announced before the loss shows it.
//!
//! Where a network of this workspace collapses, the first sign is mostly a single update several times as long as usual; the
//! loss follows a few steps later. A [`Warning`] compares each step with the median of the steps before it. How early that
//! is, how often it comes too late and how often for nothing, is measured by `cargo xtask warning`.
//!
//! ```
//! use flameout_curves::warning::{Signal, Warning};
//!
//! let mut warning = Warning::new(Signal::UpdateNorm, 4.0);
//! let usual = (1..=300).find_map(|step| warning.value(step, 0.1 + 0.01 * (step % 7) as f64));
//! assert_eq!(usual, None);
//! let announcement = warning.value(301, 0.6).expect("more than four times as long as usual");
//! assert_eq!(announcement.step, 301);
//! assert!(announcement.value > 4.0);
//! ```

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::curve::Point;

/// Steps whose median says what is usual; before so many have been seen, nothing is announced.
pub const WINDOW: usize = 200;
/// Steps below the threshold after which it may be announced again.
pub const QUIET: u64 = 100;

/// What a warning looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Signal {
    /// The training loss of the batch.
    Loss,
    /// The Euclidean norm of the gradient, before clipping.
    GradientNorm,
    /// The Euclidean norm of the change of all parameters.
    UpdateNorm,
}

impl Signal {
    /// All, the plainest first.
    pub const ALL: [Self; 3] = [Self::Loss, Self::GradientNorm, Self::UpdateNorm];

    /// As files spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::GradientNorm => "gradient-norm",
            Self::UpdateNorm => "update-norm",
        }
    }

    /// Its value at a step, if it is known.
    #[must_use]
    pub fn of(self, point: &Point) -> Option<f64> {
        match self {
            Self::Loss => Some(point.loss),
            Self::GradientNorm => point.gradient_norm,
            Self::UpdateNorm => point.update_norm,
        }
    }
}

/// A collapse may follow.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Announcement {
    /// The step that gave it away.
    pub step: u64,
    /// By what.
    pub signal: Signal,
    /// The signal over its median of the [`WINDOW`] steps before; infinite where the signal is not finite.
    pub value: f64,
    /// What that reached.
    pub threshold: f64,
}

/// Watches one signal of a run; see the [module](self). Written and read back, it goes on as before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Warning {
    signal: Signal,
    threshold: f64,
    usual: RunningMedian,
    /// The last step at or above the threshold.
    last_above: Option<u64>,
}

/// The update norm at four times its median: chosen on runs with even seeds (see `docs/quality/doctor.md`).
impl Default for Warning {
    fn default() -> Self {
        Self::new(Signal::UpdateNorm, 4.0)
    }
}

impl Warning {
    /// A warning that is given when `signal` reaches `threshold` times its median.
    #[must_use]
    pub fn new(signal: Signal, threshold: f64) -> Self {
        Self { signal, threshold, usual: RunningMedian::new(WINDOW), last_above: None }
    }

    /// Takes note of a step; steps come in order.
    pub fn step(&mut self, point: &Point) -> Option<Announcement> {
        self.value(point.step, self.signal.of(point)?)
    }

    /// As [`step`](Self::step), for a run of which only the signal is known.
    pub fn value(&mut self, step: u64, value: f64) -> Option<Announcement> {
        let usual = self.usual.full().then(|| self.usual.median());
        if value.is_finite() {
            self.usual.push(value);
        }
        let ratio = if value.is_finite() { value / usual? } else { f64::INFINITY };
        // 0 of usually 0, which is no number, is no news.
        if ratio.is_nan() || ratio < self.threshold {
            return None;
        }
        let news = self.last_above.is_none_or(|last| step > last.saturating_add(QUIET));
        self.last_above = Some(step);
        news.then_some(Announcement { step, signal: self.signal, value: ratio, threshold: self.threshold })
    }
}

/// The median of the latest values. A file holds these values, at most [`WINDOW`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct RunningMedian {
    window: usize,
    latest: VecDeque<f64>,
    sorted: Vec<f64>,
}

impl RunningMedian {
    /// Of as many values as `window` says.
    #[must_use]
    pub fn new(window: usize) -> Self {
        Self { window, latest: VecDeque::with_capacity(window), sorted: Vec::with_capacity(window) }
    }

    /// Whether there have been as many values as it looks at.
    #[must_use]
    pub fn full(&self) -> bool {
        self.latest.len() == self.window
    }

    /// Adds a value in place of the oldest.
    pub fn push(&mut self, value: f64) {
        if self.full()
            && let Some(oldest) = self.latest.pop_front()
        {
            self.sorted.remove(self.place(oldest));
        }
        self.latest.push_back(value);
        self.sorted.insert(self.place(value), value);
    }

    /// The middle value, of an even number the upper one; NaN of none.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.sorted.get(self.sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn place(&self, value: f64) -> usize {
        self.sorted.partition_point(|other| other.total_cmp(&value).is_lt())
    }
}

impl From<RunningMedian> for Vec<f64> {
    fn from(running: RunningMedian) -> Self {
        running.latest.into()
    }
}

impl TryFrom<Vec<f64>> for RunningMedian {
    type Error = String;

    fn try_from(latest: Vec<f64>) -> Result<Self, String> {
        if latest.len() > WINDOW {
            return Err(format!("{} values for the median of at most {WINDOW}", latest.len()));
        }
        let mut running = Self::new(WINDOW);
        latest.into_iter().for_each(|value| running.push(value));
        Ok(running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_running_median_is_the_median(values in proptest::collection::vec(-3.0..3.0_f64, 1..60)) {
            let mut running = RunningMedian::new(9);
            for (index, &value) in values.iter().enumerate() {
                running.push(value);
                let mut latest = values[(index + 1).saturating_sub(9)..=index].to_vec();
                latest.sort_by(f64::total_cmp);
                prop_assert_eq!(running.median(), latest[latest.len() / 2]);
            }
        }
    }

    #[test]
    fn a_burst_is_announced_once_and_the_next_one_again() {
        let mut warning = Warning::new(Signal::Loss, 3.0);
        let unusual = [250, 251, 260, 360, 461, 700];
        let announced: Vec<u64> = (1..=900)
            .filter_map(|step| warning.value(step, if unusual.contains(&step) { 5.0 } else { 1.0 }))
            .map(|announcement| announcement.step)
            .collect();
        // 360 follows 260 within 100 steps, 461 follows 360 after more.
        assert_eq!(announced, [250, 461, 700]);
    }

    #[test]
    fn what_is_not_finite_is_announced_at_once_and_spoils_no_median() {
        let mut warning = Warning::default();
        assert_eq!(warning.value(1, f64::NAN).map(|announcement| announcement.value), Some(f64::INFINITY));
        assert!((2..400).all(|step| warning.value(step, if step % 2 == 0 { f64::NAN } else { 1.0 }).is_none()));
        assert!((400..900).all(|step| warning.value(step, 1.0).is_none()));
        assert_eq!(warning.value(900, 4.0).map(|announcement| announcement.value), Some(4.0));
    }

    #[test]
    fn zeros_are_no_news() {
        let mut warning = Warning::default();
        assert!((1..500).all(|step| warning.value(step, 0.0).is_none()));
    }
}
