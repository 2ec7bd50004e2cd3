//! What a series has been like so far, and what is out of it.
//!
//! All widths follow from the number of rows and their noise, none from what the rows are called.
//!
//! - *Level*: the lowest of the running medians of 3 to 25 rows (an eighth of the log).
//! - *Noise* σ: the larger of two. How much rows rise from one to the next: of normal noise, the 90th percentile is
//!   1.28 √2 σ. How far rows are above the running median before them: the 95th percentile is 1.645 σ. A falling curve
//!   adds nothing to either.
//! - *Outside*: the median of w rows is above the level by more than `(√(2 ln(n/w)) + 5)` times its own noise, which is σ for
//!   one row and 1.25 σ/√w for more, and by more than matters. The root is how far below its mean the lowest of n/w medians is;
//!   five deviations are beyond chance.
//! - What a row or two are above exceeds, by half, what was above in that way before: a hard batch now and then is no news.

use std::collections::VecDeque;

use super::numbers::{Kind, Numbers, Scale, noise};
use crate::stats::{median, quantile};

/// Deviations that are beyond chance.
const BEYOND_CHANCE: f64 = 5.0;
/// Rows whose noise counts: at most so many, and a third of the log.
const NOISE_WINDOW: usize = 100;
/// Of a normal distribution: standard deviations up to the 95th percentile; of a median, against a mean's.
const PERCENTILE_95: f64 = 1.645;
const MEDIAN: f64 = 1.25;
/// Rows that noise is taken from at the least, if there are as many.
const FEWEST: usize = 10;
/// Factor by which something exceeds what was seen before.
const NEWS: f64 = 1.5;
/// Factors that matter, of short and of lasting rises, in logs of up to [`FEW_ROWS`], whose rows are means, and from [`MANY_ROWS`].
const SHORT: [f64; 2] = [2.5, 5.0];
const LASTING: [f64; 2] = [1.7, 3.0];
const FEW_ROWS: f64 = 100.0;
const MANY_ROWS: f64 = 1000.0;
/// Share of what was learnt whose loss matters, whatever the factor; and one that never does.
const LOST: f64 = 0.3;
const TRIFLE: f64 = 0.01;
/// Factor by which the length of gradients, and what grows by design, must rise.
const EXPLODED: f64 = 100.0;
const GROWN: f64 = 10.0;
/// An accuracy that is lost, as a share of 1.
const ACCURACY: f64 = 0.1;

/// A way to be outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    /// Rows on each side that are smoothed over.
    pub(super) around: usize,
    pub(super) in_a_row: usize,
    /// Whether it is for rises of a few rows.
    pub(super) short: bool,
}

impl Window {
    pub(super) fn width(self) -> usize {
        2 * self.around + 1
    }
}

/// The windows in which a log of so many rows is looked at.
pub(super) fn windows(rows: usize) -> Vec<Window> {
    let window = |around, in_a_row, short| Window { around, in_a_row, short };
    let mut windows = Vec::new();
    if rows <= 300 {
        windows.extend([window(0, 1, true), window(1, 2, false), window(2, 3, false)]);
    } else {
        windows.push(window(2, 6, true));
    }
    if (40..=1500).contains(&rows) {
        windows.push(window(4, 7, false));
    }
    if rows >= 150 {
        windows.push(window(12, 25, false));
    }
    windows
}

/// What is known of a series so far.
pub(super) struct Band<'a> {
    numbers: &'a Numbers,
    /// Rows in a running median, and the last of them.
    width: usize,
    recent: VecDeque<f64>,
    /// The last rows' heights, and what they were above the running median; the newest `unsure` do not count yet.
    heights: VecDeque<f64>,
    above: VecDeque<f64>,
    unsure: usize,
    /// Rows whose noise counts.
    counted: usize,
    level: f64,
    /// The furthest above that the medians of one and of three rows were.
    furthest: [f64; 2],
}

impl<'a> Band<'a> {
    pub(super) fn new(numbers: &'a Numbers) -> Self {
        let width = (numbers.len() / 8).clamp(3, 25);
        Self {
            numbers,
            width,
            recent: VecDeque::new(),
            heights: VecDeque::new(),
            above: VecDeque::new(),
            unsure: (numbers.len() / 20).min(25),
            counted: (numbers.len() / 3).clamp(FEWEST, NOISE_WINDOW),
            level: f64::INFINITY,
            furthest: [0.0; 2],
        }
    }

    /// Takes a row into the band.
    pub(super) fn take(&mut self, index: usize) {
        let height = self.numbers.height[index];
        if let Some(running) = self.running() {
            push(&mut self.above, height - running, self.counted + self.unsure);
            for (around, furthest) in self.furthest.iter_mut().enumerate() {
                *furthest = furthest.max(self.numbers.smooth(index, around) - running);
            }
        }
        push(&mut self.heights, height, self.counted + self.unsure);
        push(&mut self.recent, height, self.width);
        if let Some(running) = self.running() {
            // What grows by design has no lowest level.
            self.level = if self.numbers.grows { running } else { self.level.min(running) };
        }
    }

    /// The median of the last rows, once there are enough.
    pub(super) fn running(&self) -> Option<f64> {
        if self.recent.len() < self.width {
            return None;
        }
        median(&self.recent.iter().copied().collect::<Vec<_>>())
    }

    /// The lowest level, once there is one.
    pub(super) fn level(&self) -> Option<f64> {
        self.level.is_finite().then_some(self.level)
    }

    /// See the [module](self).
    pub(super) fn noise(&self) -> f64 {
        let sure = |numbers: &VecDeque<f64>| -> Vec<f64> {
            numbers
                .iter()
                .copied()
                .take(numbers.len().saturating_sub(self.unsure).max(numbers.len().min(FEWEST)))
                .collect()
        };
        let (heights, above) = (sure(&self.heights), sure(&self.above));
        noise(&heights).max(quantile(above, 0.95) / PERCENTILE_95)
    }

    /// How far above the level the median of a window must be to be outside.
    pub(super) fn edge(&self, window: Window) -> f64 {
        let matters = self.matters(window.short);
        let seen = self.furthest.get(window.around).map_or(0.0, |furthest| NEWS * furthest);
        matters.max(beyond_chance(self.numbers.len(), window.around, self.noise())).max(seen)
    }

    /// How far above the level a rise begins to matter.
    pub(super) fn matters(&self, short: bool) -> f64 {
        let Self { numbers, level, .. } = *self;
        let rows = (libm::log(numbers.len() as f64 / FEW_ROWS) / libm::log(MANY_ROWS / FEW_ROWS)).clamp(0.0, 1.0);
        let [few, many] = if short { SHORT } else { LASTING };
        let factor = libm::log(few) * (1.0 - rows) + libm::log(many) * rows;
        let (best, start) = (numbers.scale.raw(level), numbers.start);
        let learnt = start - best;
        match (numbers.kind, numbers.scale) {
            (Kind::Gradient, _) => libm::log(EXPLODED),
            _ if numbers.grows => libm::log(GROWN),
            (_, Scale::Ratio { .. }) if learnt > 0.0 => {
                let lost = |share: f64| numbers.scale.height(best + share * learnt) - level;
                let lasting = if short { factor } else { factor.min(lost(LOST).max(libm::log(LASTING[0]))) };
                lasting.max(lost(TRIFLE))
            }
            (_, Scale::Ratio { .. }) => factor,
            (Kind::Accuracy, _) => (LOST * learnt).max(ACCURACY),
            (Kind::Loss, Scale::Difference) => {
                let share = if short { 1.5 * LOST } else { LOST };
                let lowest = numbers.raw.iter().copied().fold(f64::INFINITY, f64::min);
                (share * learnt.max(0.5 * (start - lowest))).max(0.02 * best.abs())
            }
        }
    }

    pub(super) fn is_outside(&self, window: Window, index: usize) -> bool {
        let Some(level) = self.level() else { return false };
        let above = self.numbers.smooth(index, window.around) - level;
        above > self.matters(window.short) && above > self.edge(window)
    }
}

/// How far above its lowest level in so many rows the median of a row and those around it is by more than chance.
pub(super) fn beyond_chance(rows: usize, around: usize, noise: f64) -> f64 {
    let lowest = libm::sqrt(2.0 * libm::log((rows as f64 / (2 * around + 1) as f64).max(1.0)));
    (lowest + BEYOND_CHANCE) * own_noise(around, noise)
}

/// The noise of the median of a row and those around it.
pub(super) fn own_noise(around: usize, noise: f64) -> f64 {
    if around == 0 { noise } else { MEDIAN / libm::sqrt((2 * around + 1) as f64) * noise }
}

fn push(numbers: &mut VecDeque<f64>, number: f64, most: usize) {
    if numbers.len() == most {
        numbers.pop_front();
    }
    numbers.push_back(number);
}
