//! Rises of a series: where they begin, whether they come back, and what is lost.

use super::band::{Band, Window, windows};
use super::numbers::{Kind, Numbers, Scale, is_steady, least_noise};
use crate::onset::EventKind;

/// Rows a rise must last at the end of a log to be called lasting, by a share of the log's.
const LASTING: [usize; 2] = [3, 100];
const LASTING_SHARE: usize = 10;
/// Share of the rows within which what comes back is a spike.
const HEALING_SHARE: usize = 3;
const HEALING: usize = 10;
/// Share of what was learnt that a collapse loses.
const COLLAPSE: f64 = 0.25;
/// Rows of a rise to the end of a log at the least, and its share of the log; part of it that earlier ones may have had.
const TO_THE_END: usize = 8;
const TO_THE_END_SHARE: usize = 12;
const SEEN: f64 = 0.7;
/// What the first sign exceeds: deviations; a factor, or a share of the rise.
pub(super) const SIGN_NOISE: f64 = 3.0;
const SIGN_FACTOR: f64 = 1.5;
pub(super) const SIGN_SHARE: f64 = 0.25;
/// Rows whose noise tells whether they climb to the first sign, and the deviations that each of them then rises.
const SLOPE: usize = 25;
const CLIMB: f64 = 2.0;
/// How much more than ever before they have then risen.
const NEWS: f64 = 1.5;
/// Standard error that the level before an event may have, as a factor or a share of the rise.
const PRECISION: f64 = 0.03;
/// Deviations above the lowest level that are back; and by which that must be sure.
const BACK: f64 = 2.5;
const CERTAIN: f64 = 5.0;
/// How much larger a second rise must be than the first to be the collapse.
const LARGER: f64 = 1.5;

/// A rise; all are indices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rise {
    pub(super) sign: usize,
    /// Where it was certain.
    pub(super) certain: usize,
    /// Where it is over: back, or the end of what was looked at.
    pub(super) end: usize,
    pub(super) back: bool,
    /// Whether it is back but half-way.
    pub(super) half: bool,
    pub(super) kind: EventKind,
    /// Height before it, and of what it comes to.
    pub(super) before: f64,
    pub(super) after: f64,
}

impl Rise {
    /// A rise that goes on from a row to the end of the log, where it has come to a height.
    pub(super) fn to_the_end(numbers: &Numbers, sign: usize, after: f64) -> Self {
        let count = numbers.len();
        let before = level_before(numbers, sign, numbers.noise);
        let kind = lost_kind(numbers, after, before);
        Self { sign, certain: count - 1, end: count, back: false, half: false, kind, before, after }
    }

    pub(super) fn rows(&self) -> usize {
        self.end - self.sign
    }
}

/// Rows a rise must last at the end of a log of so many to be called lasting.
pub(super) fn lasting(rows: usize) -> usize {
    (rows / LASTING_SHARE).clamp(LASTING[0], LASTING[1])
}

/// The levels of a loss from a row on, each over so many rows on both sides, with the index of the lowest among them: from
/// there a rise may go on to the end of the log. `None` if there is no row, or if what is judged is no loss that can fall.
pub(super) fn lowest_level(numbers: &Numbers, from: usize, around: usize) -> Option<(Vec<f64>, usize)> {
    if numbers.kind != Kind::Loss || numbers.grows {
        return None;
    }
    let levels: Vec<f64> = (from..numbers.len()).map(|index| numbers.smooth(index, around)).collect();
    let lowest = (0..levels.len()).rev().min_by(|a, b| levels[*a].total_cmp(&levels[*b]))?;
    Some((levels, lowest))
}

/// Rows that a rise to the end of a log of so many has at the least.
pub(super) fn rows_to_the_end(rows: usize) -> usize {
    TO_THE_END.max(rows / TO_THE_END_SHARE)
}

/// Whether levels that came back have risen nearly as much before.
pub(super) fn was_seen(levels: &[f64], rise: f64) -> bool {
    largest_rise(levels) > SEEN * rise
}

/// The likeliest row, of some, at which heights step up over a middle.
pub(super) fn step_up(heights: &[f64], rows: std::ops::Range<usize>, middle: f64) -> usize {
    let (mut sum, mut best) = (0.0, (f64::NEG_INFINITY, rows.start));
    for index in rows.rev() {
        sum += heights[index] - middle;
        if sum >= best.0 {
            best = (sum, index);
        }
    }
    best.1
}

/// All rises, in order.
pub(super) fn rises(numbers: &Numbers) -> Vec<Rise> {
    let mut rises = Vec::new();
    let mut scan = Scan { numbers, band: Band::new(numbers), windows: windows(numbers.len()), next: 0 };
    while let Some(rise) = scan.rise() {
        let mut rise = rise;
        if rise.back {
            // What is back but half-way is out of the band, and remains so.
            scan.next = if rise.half { numbers.len() } else { rise.end };
        } else {
            // From a first step up, one may go on to a much larger one, which is then the event.
            let settled = rise.certain.max(rise.sign + lasting(numbers.len()));
            if settled + lasting(numbers.len()) >= numbers.len() {
                rises.push(rise);
                break;
            }
            let step = numbers.level(rise.sign, settled) - rise.before;
            let mut rest = Scan { numbers, band: Band::new(numbers), windows: scan.windows.clone(), next: settled };
            let larger = |next: &Rise| !next.back && next.after - next.before > LARGER * step;
            // What goes on rising bit by bit is one rise.
            let goes_on = |next: &Rise| is_steady(&numbers.height[rise.sign..next.certain]);
            let larger = rest.rise().filter(|next| larger(next) && !goes_on(next));
            rises.push(rise);
            let Some(next) = larger else { break };
            let rise = rises.last_mut().unwrap_or(&mut rise);
            rise.after = numbers.level(rise.sign, next.sign);
            rise.end = next.sign;
            rise.kind = lost_kind(numbers, rise.after, rise.before);
            rises.push(next);
            break;
        }
        rises.push(rise);
    }
    rises
}

/// What a rise that does not come back is called, by the heights after it and before it.
fn lost_kind(numbers: &Numbers, after: f64, before: f64) -> EventKind {
    let of_loss = numbers.kind != Kind::Gradient;
    match of_loss && numbers.lost(after, before) >= COLLAPSE {
        true => EventKind::Collapse,
        false => EventKind::Setback,
    }
}

/// The level of as many rows before an index as noise asks for; of the last of them, if it was still falling.
fn level_before(numbers: &Numbers, sign: usize, noise: f64) -> f64 {
    // A part of the noise may be the slope of what leads up to the rise.
    let noise = noise.min(least_noise(&numbers.height[sign.saturating_sub(SLOPE)..sign]));
    let error = 1.25 * noise / PRECISION;
    let rows = ((error * error) as usize).clamp(1, (numbers.len() / 8).clamp(3, 25));
    let level = |rows: usize| numbers.level(sign.saturating_sub(rows.max(1)), sign);
    if sign == 0 { numbers.height[0] } else { level(rows).min(level(rows / 3)) }
}

/// The largest rise above what was the lowest until then.
fn largest_rise(heights: &[f64]) -> f64 {
    let (mut lowest, mut largest) = (f64::INFINITY, 0.0_f64);
    for &height in heights {
        lowest = lowest.min(height);
        largest = largest.max(height - lowest);
    }
    largest
}

/// A walk through a series.
struct Scan<'a> {
    numbers: &'a Numbers,
    band: Band<'a>,
    windows: Vec<Window>,
    /// The next row to be taken into the band.
    next: usize,
}

impl Scan<'_> {
    /// The next rise.
    fn rise(&mut self) -> Option<Rise> {
        let mut in_a_row = vec![0; self.windows.len()];
        let begin = self.next;
        for index in begin..self.numbers.len() {
            for (window, in_a_row) in self.windows.iter().zip(&mut in_a_row) {
                *in_a_row = if self.band.is_outside(*window, index) { *in_a_row + 1 } else { 0 };
                if *in_a_row == window.in_a_row {
                    return Some(self.describe(begin, index + 1 - *in_a_row, index, *window));
                }
            }
            // What is outside but for a moment is noise.
            if in_a_row.iter().all(|count| *count == 0) {
                (self.next..=index).for_each(|index| self.band.take(index));
                self.next = index + 1;
            }
        }
        None
    }

    fn describe(&self, begin: usize, outside: usize, certain: usize, window: Window) -> Rise {
        let numbers = self.numbers;
        let sign = self.sign(begin, outside, window);
        let (end, back) = self.way_back(outside, certain, window);
        let (end, back, half) = match self.half_way_back(outside, certain, window) {
            Some(end) if !back => (end, true, true),
            _ => (end, back, false),
        };
        let before = level_before(numbers, sign, self.band.noise());
        let last = (numbers.len() / 20).max(3);
        let after =
            if back { numbers.level(sign, end) } else { numbers.level(end.saturating_sub(last).max(sign), end) };
        let mut rise = Rise { sign, certain, end, back, half, kind: EventKind::Spike, before, after };
        let healed = back && rise.rows() <= (numbers.len() / HEALING_SHARE).max(HEALING);
        rise.kind = match healed {
            true => EventKind::Spike,
            false if !back && rise.rows() < lasting(numbers.len()) => EventKind::Unsettled,
            false => lost_kind(numbers, after, before),
        };
        rise
    }

    /// The first row of the rise that is outside from a row on.
    fn sign(&self, begin: usize, outside: usize, window: Window) -> usize {
        let numbers = self.numbers;
        let width = window.width();
        let from = outside.saturating_sub(3 * width + 3 + (numbers.len() / 10).min(25)).max(begin);
        // It begins after the lowest.
        let lowest = (from..outside).min_by(|a, b| numbers.height[*a].total_cmp(&numbers.height[*b]));
        let from = lowest.map_or(from, |lowest| lowest + 1);
        let until = (outside + width).min(numbers.len() - 1);
        let base = self.band.running().or(self.band.level()).unwrap_or(numbers.height[outside]);
        let risen = numbers.level(outside, (outside + width.max(3)).min(numbers.len()));
        let mut sign = step_up(&numbers.height, from..until + 1, 0.5 * (base + risen));
        // A rise that is no step has begun before.
        let noise = self.band.noise();
        let (around, share) = if numbers.len() > 300 { (2, MEDIAN_OF_FIVE) } else { (0, 1.0) };
        let small = match numbers.scale {
            Scale::Ratio { .. } => libm::log(SIGN_FACTOR),
            Scale::Difference => f64::INFINITY,
        };
        let edge = base + (SIGN_NOISE * share * noise).max(small.min(SIGN_SHARE * (risen - base)));
        while sign > begin && numbers.smooth(sign - 1, around) > edge && numbers.height[sign - 1] > base {
            sign -= 1;
        }
        self.bottom(begin, sign)
    }

    /// The row after the lowest, of rows that rise one by one up to a row, higher than any before them.
    fn bottom(&self, begin: usize, sign: usize) -> usize {
        let heights = &self.numbers.height;
        let least = CLIMB * least_noise(&heights[sign.saturating_sub(SLOPE).max(begin)..sign]);
        let climbs = |index: usize| index > begin + 1 && heights[index - 1] - heights[index - 2] > least;
        let Some(bottom) = (begin..=sign).rev().find(|&index| !climbs(index)).filter(|&index| index < sign) else {
            return sign;
        };
        let climbed = heights[sign - 1] - heights[bottom - 1];
        if climbed > NEWS * largest_rise(&heights[begin..bottom]) { bottom } else { sign }
    }

    /// Where more than half of what was lost is regained, of a rise that does not come back: if it goes on to fall, or little
    /// is lost in the end and the loss does not stay out of its band.
    fn half_way_back(&self, outside: usize, certain: usize, window: Window) -> Option<usize> {
        let numbers = self.numbers;
        let (count, scale) = (numbers.len(), numbers.scale);
        let risen = numbers.level(outside, (certain + window.width().max(3)).min(count));
        let base = self.band.running()?;
        let half = scale.height(0.5 * (scale.raw(base) + scale.raw(risen)));
        let width = (count / 20).max(3);
        let until = count.saturating_sub(2 * width);
        if certain + width >= until {
            return None;
        }
        let (middle, end) = (numbers.level(until, until + width), numbers.level(count - width, count));
        let falls = middle < half && middle - end > 0.05 * (risen - base);
        let stays = end - base > self.band.matters(false).max(SIGN_NOISE * self.band.noise());
        if end >= half || !(falls || (numbers.lost(end, base) < COLLAPSE && !stays)) {
            return None;
        }
        (certain + 1..count - width).find(|&index| numbers.level(index, index + width) <= half)
    }

    /// Where a rise ends, and whether because it is back.
    fn way_back(&self, outside: usize, certain: usize, window: Window) -> (usize, bool) {
        let numbers = self.numbers;
        let Some(level) = self.band.level() else { return (numbers.len(), false) };
        let edge = self.band.edge(window).min(numbers.level(outside, certain + 1) - level);
        let half = (0.5 * self.band.matters(window.short)).max(BACK * self.band.noise()).min(0.5 * edge);
        let inside = level + half;
        let wanted = window.in_a_row.min(1 + numbers.len() / 30).min(4);
        // As many rows after it, too, as noise asks for: their median must be sure.
        let during = &numbers.height[outside..(outside + 50).min(numbers.len())];
        let doubt = CERTAIN * least_noise(during).max(self.band.noise()) / half;
        let after = ((doubt * doubt) as usize).clamp((numbers.len() / 50).max(3), numbers.len());
        let mut back = 0;
        for index in certain + 1..numbers.len() {
            back = if numbers.smooth(index, window.around) <= inside { back + 1 } else { 0 };
            let first = index + 1 - back;
            let rest = numbers.len() - first;
            let sure = rest >= after || doubt * doubt <= rest as f64;
            if back >= wanted && sure && numbers.level(first, first + rest.min(after)) <= inside {
                return (first, true);
            }
        }
        (numbers.len(), false)
    }
}

/// The noise of the median of five rows, as a share of that of one.
const MEDIAN_OF_FIVE: f64 = 0.56;
