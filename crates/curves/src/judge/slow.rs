//! Rises so slow that no row stands out: a loss that drifts up, or a mean since the start that hides a collapse.

use super::numbers::{Kind, Numbers, Scale, is_steady};
use super::rise::{Rise, largest_rise, level_before, lost_kind};

/// Rows that such a rise has at the least, and its share of the log.
const FEWEST: usize = 8;
const SHARE: usize = 12;
/// Share of what was learnt that is lost in the end, and factor by which the loss is then above its lowest.
const LOST: f64 = 0.08;
const FACTOR: f64 = 1.15;
/// Part of the rise that earlier ones, which came back, may have had.
const SEEN: f64 = 0.7;

/// A rise from the lowest row after another one to the end of the log, without a break.
pub(super) fn rise(numbers: &Numbers, from: usize) -> Option<Rise> {
    let count = numbers.len();
    let width = (count / 20).clamp(1, 25);
    let smooth: Vec<f64> = (from..count).map(|index| numbers.smooth(index, width / 2)).collect();
    let lowest = from + (0..smooth.len()).rev().min_by(|a, b| smooth[*a].total_cmp(&smooth[*b]))?;
    let rows = count - lowest;
    if numbers.kind != Kind::Loss || numbers.grows || rows < FEWEST.max(count / SHARE) {
        return None;
    }
    let (before, after) = (smooth[lowest - from], numbers.level(count - (width / 4).max(3), count));
    let factor = match numbers.scale {
        Scale::Ratio { .. } => libm::log(FACTOR),
        Scale::Difference => 0.0,
    };
    let matters = numbers.has_learnt(before) && numbers.lost(after, before) >= LOST && after - before > factor;
    if !matters
        || !is_steady(&numbers.height[lowest..])
        || largest_rise(&smooth[..lowest - from]) > SEEN * (after - before)
    {
        return None;
    }
    // Of the rows that were smoothed over, the rise begins after the lowest.
    let around = lowest.saturating_sub(width / 2).max(from)..(lowest + width / 2 + 1).min(count - 1);
    let bottom = around.rev().min_by(|a, b| numbers.height[*a].total_cmp(&numbers.height[*b])).unwrap_or(lowest);
    let sign = (bottom + 1).min(count - 1);
    let before = level_before(numbers, sign, numbers.noise);
    let kind = lost_kind(numbers, after, before);
    Some(Rise { sign, certain: count - 1, end: count, back: false, half: false, kind, before, after })
}
