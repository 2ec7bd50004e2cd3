//! Rises after which most of what was learnt is lost, however small the factor: little may have been learnt.

use super::numbers::{Kind, Numbers};
use super::rise::{Rise, largest_rise, lasting, level_before, lost_kind};

/// Rows of such a rise, and of a log, at the least; and the rise's share of the log.
const FEWEST: usize = 8;
const SHARE: usize = 12;
/// Share of what was learnt that is lost, in the end and in each part since the rise. The first rows of a log are often higher
/// than what predicting the mean loses, so nothing may be left though this is not 1.
const LOST: f64 = 0.6;
const STILL_LOST: f64 = 0.4;
const PARTS: usize = 3;
/// Share that is lost already where a rise comes too late.
const TOO_LATE: f64 = 0.5;
/// Part of the rise that earlier ones, which came back, may have had.
const SEEN: f64 = 0.7;
/// What the first sign exceeds: deviations, or a share of the rise.
const SIGN_NOISE: f64 = 3.0;
const SIGN_SHARE: f64 = 0.25;
/// Deviations that are beyond chance; those of a median, against a mean's.
const BEYOND_CHANCE: f64 = 5.0;
const MEDIAN: f64 = 1.25;

/// A rise from the best level after a row that loses most of what was learnt, and stays until the log ends.
pub(super) fn rise(numbers: &Numbers, from: usize) -> Option<Rise> {
    let count = numbers.len();
    if numbers.kind != Kind::Loss || numbers.grows || count < from + 2 * FEWEST {
        return None;
    }
    let around = (count / 40).clamp(1, 50);
    let levels: Vec<f64> = (from..count).map(|index| numbers.smooth(index, around)).collect();
    let lowest = (0..levels.len()).rev().min_by(|a, b| levels[*a].total_cmp(&levels[*b]))?;
    let (best, after) = (levels[lowest], numbers.level(count - lasting(count), count));
    let lowest_of_many = libm::sqrt(2.0 * libm::log(count as f64 / (2 * around + 1) as f64));
    let noise = MEDIAN * numbers.noise / libm::sqrt((2 * around + 1) as f64);
    let is_news = after - best > (lowest_of_many + BEYOND_CHANCE) * noise;
    if !numbers.has_learnt(best) || numbers.lost(after, best) < LOST || !is_news {
        return None;
    }
    if largest_rise(&levels[..lowest]) > SEEN * (after - best) {
        return None;
    }
    let risen = step_up(&numbers.height, from + lowest, 0.5 * (best + after));
    let mut sign = risen;
    // A rise that is no step has begun before.
    let edge = best + (SIGN_NOISE * noise).max(SIGN_SHARE * (after - best));
    while sign > from + lowest + 1 && numbers.smooth(sign - 1, around) > edge {
        sign -= 1;
    }
    let rows = count - risen;
    let is_lost = |part: usize| {
        let level = numbers.level(risen + part * rows / PARTS, risen + (part + 1) * rows / PARTS);
        numbers.lost(level, best) >= STILL_LOST
    };
    if rows < FEWEST.max(count / SHARE) || !(0..PARTS).all(is_lost) {
        return None;
    }
    let before = level_before(numbers, sign, numbers.noise);
    let kind = lost_kind(numbers, after, before);
    Some(Rise { sign, certain: count - 1, end: count, back: false, half: false, kind, before, after })
}

/// Whether a rise begins where half of what had been learnt is lost already.
pub(super) fn comes_too_late(numbers: &Numbers, rise: &Rise) -> bool {
    let around = (numbers.len() / 40).clamp(1, 50);
    let best = (0..rise.sign).map(|index| numbers.smooth(index, around)).fold(f64::INFINITY, f64::min);
    numbers.has_learnt(best) && numbers.lost(rise.before, best) >= TOO_LATE
}

/// The likeliest row, from one on, at which heights step up over a middle.
fn step_up(heights: &[f64], from: usize, middle: f64) -> usize {
    let (mut sum, mut best) = (0.0, (f64::NEG_INFINITY, from));
    for index in (from..heights.len()).rev() {
        sum += heights[index] - middle;
        if sum >= best.0 {
            best = (sum, index);
        }
    }
    best.1
}
