//! The numbers of a series, on the scale on which they are judged.

use crate::stats::{deviation, median, quantile};

/// Of a normal distribution: standard deviations up to the 90th percentile.
const PERCENTILE_90: f64 = 1.2816;
/// Share of the start below which differences are rounding's.
const FLOOR: f64 = 1e-9;
/// Share of the typical value up to which a negative loss is rounding's.
const ROUNDING: f64 = 1e-4;
/// Share of the typical value up to which a start is at zero, if it is one of rounding's, too; and how many times the typical
/// value it may have grown to before the last quarter.
const ZERO_START: f64 = 0.05;
const ROUNDED: f64 = 1e-3;
const GROWN: f64 = 5.0;
/// Parts of a steady rise, each of which must be above the one before it; and by how many standard errors.
const PARTS: usize = 6;
const SURE: f64 = 2.0;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// Ratios: of numbers that are not negative.
    Ratio {
        /// What a smaller number is raised to.
        floor: f64,
    },
    /// Differences, as shares of what was learnt.
    Difference,
}

/// What makes a rise worth telling; all are of a series in which larger is worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// A loss.
    Loss,
    /// An accuracy, turned round, as a share of 1.
    Accuracy,
    /// The length of gradients.
    Gradient,
}

/// The finite numbers of a series.
#[derive(Debug)]
pub(super) struct Numbers {
    pub(super) kind: Kind,
    /// Their steps or epochs.
    pub(super) steps: Vec<u64>,
    /// As the log has them, but an accuracy negative.
    pub(super) raw: Vec<f64>,
    /// On the scale.
    pub(super) height: Vec<f64>,
    pub(super) scale: Scale,
    /// The raw level at the start.
    pub(super) start: f64,
    /// Whether they begin at zero and grow: a loss that is one of a penalty does so, and nothing is wrong.
    pub(super) grows: bool,
    /// Noise of all of it, to which neither a trend nor a few jumps add.
    pub(super) noise: f64,
}

impl Numbers {
    /// `None` if there are none.
    pub(super) fn new(kind: Kind, numbers: impl Iterator<Item = (u64, f64)>) -> Option<Self> {
        let (steps, raw): (Vec<u64>, Vec<f64>) = numbers.filter(|(_, number)| number.is_finite()).unzip();
        if raw.is_empty() {
            return None;
        }
        let first = |count: usize| median(&raw[..count.min(raw.len())]).unwrap_or(0.0);
        let start = first(3).min(first((raw.len() / 100).clamp(3, 10)));
        let sizes: Vec<f64> = raw.iter().map(|number| number.abs()).collect();
        let typical = median(&sizes).unwrap_or(0.0);
        let positive = raw.iter().copied().filter(|number| *number > 0.0).fold(f64::INFINITY, f64::min);
        let of_ratio = kind != Kind::Accuracy
            && positive.is_finite()
            && raw.iter().all(|number| *number >= -ROUNDING * typical.max(start));
        let scale = match of_ratio {
            true => Scale::Ratio { floor: (FLOOR * start.max(typical)).max(0.5 * positive) },
            false => Scale::Difference,
        };
        let height: Vec<f64> = raw.iter().map(|&number| scale.height(number)).collect();
        let late = median(&raw[raw.len() * 5 / 8..raw.len() * 7 / 8]).unwrap_or(0.0);
        let at_zero = start <= (ZERO_START * typical).min(ROUNDED);
        let grows = kind == Kind::Loss && of_ratio && raw.len() > 10 && at_zero && late <= GROWN * typical;
        let noise = least_noise(&height);
        Some(Self { kind, steps, raw, height, scale, start, grows, noise })
    }

    pub(super) fn len(&self) -> usize {
        self.raw.len()
    }

    /// The median height of the points around one, as many on each side.
    pub(super) fn smooth(&self, index: usize, around: usize) -> f64 {
        self.level(index.saturating_sub(around), (index + around + 1).min(self.len()))
    }

    /// The median height of a stretch; 0 of none.
    pub(super) fn level(&self, begin: usize, end: usize) -> f64 {
        median(&self.height[begin..end]).unwrap_or(0.0)
    }

    /// Whether a height is below the start by more than a trifle.
    pub(super) fn has_learnt(&self, height: f64) -> bool {
        let below = self.scale.height(self.start) - height;
        let matters = match self.scale {
            Scale::Ratio { .. } => libm::log(1.1),
            Scale::Difference => 0.1 * self.start.abs(),
        };
        below > matters
    }

    /// The share of what was learnt that is lost at a height, if the best was at another.
    pub(super) fn lost(&self, height: f64, best: f64) -> f64 {
        let (now, best) = (self.scale.raw(height), self.scale.raw(best));
        if self.start > best { (now - best) / (self.start - best) } else { f64::INFINITY }
    }
}

impl Scale {
    pub(super) fn height(self, raw: f64) -> f64 {
        match self {
            Self::Ratio { floor } => libm::log(raw.max(floor)),
            Self::Difference => raw,
        }
    }

    pub(super) fn raw(self, height: f64) -> f64 {
        match self {
            Self::Ratio { .. } => libm::exp(height),
            Self::Difference => height,
        }
    }
}

/// Noise by how much numbers rise from one to the next: the 90th percentile. A falling curve adds nothing to it.
pub(super) fn noise(heights: &[f64]) -> f64 {
    let rises = heights.windows(2).map(|pair| pair[1] - pair[0]).collect();
    quantile(rises, 0.9).max(0.0) / (PERCENTILE_90 * std::f64::consts::SQRT_2)
}

/// Whether each part is above the one before it, beyond its noise.
pub(super) fn is_steady(heights: &[f64]) -> bool {
    let length = heights.len().div_ceil(PARTS).max(1);
    let levels: Vec<f64> = heights.chunks(length).map(mean).collect();
    let error = std::f64::consts::SQRT_2 * least_noise(heights) / libm::sqrt(length as f64);
    levels.windows(2).all(|pair| pair[1] - pair[0] > SURE * error)
}

fn mean(heights: &[f64]) -> f64 {
    heights.iter().sum::<f64>() / heights.len() as f64
}

/// Noise to which neither a trend nor a few jumps add.
pub(super) fn least_noise(heights: &[f64]) -> f64 {
    noise(heights).min(curvature(heights))
}

/// Noise by the differences of differences of neighbours: these of independent numbers vary six times as much.
fn curvature(heights: &[f64]) -> f64 {
    deviation(heights.windows(3).map(|three| three[0] - 2.0 * three[1] + three[2]).collect()) / libm::sqrt(6.0)
}
