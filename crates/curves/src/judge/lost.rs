//! Rises after which most of what was learnt is lost, however small the factor: little may have been learnt.

use super::band::{beyond_chance, own_noise};
use super::numbers::Numbers;
use super::rise::{Rise, SIGN_NOISE, SIGN_SHARE, lasting, lowest_level, rows_to_the_end, step_up, was_seen};

/// Rows of a log, at the least.
const FEWEST: usize = 16;
/// Share of what was learnt that is lost, in the end and in each part since the rise. The first rows of a log are often higher
/// than what predicting the mean loses, so nothing may be left though this is not 1.
const LOST: f64 = 0.6;
const STILL_LOST: f64 = 0.4;
const PARTS: usize = 3;
/// Share that is lost already where a rise comes too late.
const TOO_LATE: f64 = 0.5;

/// A rise from the best level after a row that loses most of what was learnt, and stays until the log ends.
pub(super) fn rise(numbers: &Numbers, from: usize) -> Option<Rise> {
    let count = numbers.len();
    if count < from + FEWEST {
        return None;
    }
    let after = numbers.level(count - lasting(count), count);
    if !may_be_lost(numbers, after, from, LOST) {
        return None;
    }
    let around = around(count);
    let (levels, lowest) = lowest_level(numbers, from, around)?;
    let best = levels[lowest];
    let is_news = after - best > beyond_chance(count, around, numbers.noise);
    let is_lost = numbers.has_learnt(best) && numbers.lost(after, best) >= LOST;
    if !is_lost || !is_news || was_seen(&levels[..lowest], after - best) {
        return None;
    }
    let risen = step_up(&numbers.height, from + lowest..count, 0.5 * (best + after));
    let mut sign = risen;
    // A rise that is no step has begun before.
    let edge = best + (SIGN_NOISE * own_noise(around, numbers.noise)).max(SIGN_SHARE * (after - best));
    while sign > from + lowest + 1 && levels[sign - 1 - from] > edge {
        sign -= 1;
    }
    let rows = count - risen;
    let stays = |part: usize| {
        let level = numbers.level(risen + part * rows / PARTS, risen + (part + 1) * rows / PARTS);
        numbers.lost(level, best) >= STILL_LOST
    };
    (rows >= rows_to_the_end(count) && (0..PARTS).all(stays)).then(|| Rise::to_the_end(numbers, sign, after))
}

/// Whether a rise begins where half of what had been learnt is lost already.
pub(super) fn comes_too_late(numbers: &Numbers, rise: &Rise) -> bool {
    if !may_be_lost(numbers, rise.before, 0, TOO_LATE) {
        return false;
    }
    let around = around(numbers.len());
    let best = (0..rise.sign).map(|index| numbers.smooth(index, around)).fold(f64::INFINITY, f64::min);
    numbers.has_learnt(best) && numbers.lost(rise.before, best) >= TOO_LATE
}

/// Rows on each side of one that its level is over.
fn around(rows: usize) -> usize {
    (rows / 40).clamp(1, 50)
}

/// Whether a share may be lost, seen by the single lowest row, which no level lies below. (Levels of long logs take time.)
fn may_be_lost(numbers: &Numbers, height: f64, from: usize, share: f64) -> bool {
    let lowest = numbers.height[from..].iter().copied().fold(f64::INFINITY, f64::min);
    numbers.lost(height, lowest) >= share
}
