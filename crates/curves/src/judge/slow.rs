//! Rises so slow that no row stands out: a loss that drifts up, or a mean since the start that hides a collapse.

use super::numbers::{Numbers, Scale, is_steady};
use super::rise::{Rise, lowest_level, rows_to_the_end, was_seen};

/// Share of what was learnt that is lost in the end, and factor by which the loss is then above its lowest.
const LOST: f64 = 0.08;
const FACTOR: f64 = 1.15;

/// A rise from the lowest row after another one to the end of the log, without a break.
pub(super) fn rise(numbers: &Numbers, from: usize) -> Option<Rise> {
    let count = numbers.len();
    let width = (count / 20).clamp(1, 25);
    let (levels, index) = lowest_level(numbers, from, width / 2)?;
    let lowest = from + index;
    if count - lowest < rows_to_the_end(count) {
        return None;
    }
    let (before, after) = (levels[index], numbers.level(count - (width / 4).max(3), count));
    let factor = match numbers.scale {
        Scale::Ratio { .. } => libm::log(FACTOR),
        Scale::Difference => 0.0,
    };
    let matters = numbers.has_learnt(before) && numbers.lost(after, before) >= LOST && after - before > factor;
    if !matters || !is_steady(&numbers.height[lowest..]) || was_seen(&levels[..index], after - before) {
        return None;
    }
    // Of the rows that were smoothed over, the rise begins after the lowest.
    let around = lowest.saturating_sub(width / 2).max(from)..(lowest + width / 2 + 1).min(count - 1);
    let bottom = around.rev().min_by(|a, b| numbers.height[*a].total_cmp(&numbers.height[*b])).unwrap_or(lowest);
    let sign = (bottom + 1).min(count - 1);
    Some(Rise::to_the_end(numbers, sign, after))
}
