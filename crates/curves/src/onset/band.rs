//! Rises of the loss out of its own band: the relative detector, which needs no baseline.
//!
//! All of this is on the natural logarithm ℓ of the loss, so that a rise from 3e-5 to 0.06 counts as much as one from 0.003
//! to 6.
//!
//! - *Level*: the running median of the last 25 points in the band; of these, the lowest among the last 1,000, so that a slow
//!   rise is one, too.
//! - *Noise* σ: of 100 points' distances from their running median, the larger of 1.4826 × their median absolute deviation
//!   and a 1.645th of the distance from their median to their 95th percentile. For normal noise both are its standard
//!   deviation; the latter minds noise with a heavy upper tail. The last 25 points are left out: they may be the rise.
//! - *Outside*: ℓ is smoothed by a median and is above the level by more than a factor and more than a multiple of σ, for
//!   some points in a row. There is a scale for short rises, and one for lasting ones that
//!   noise would hide:
//!
//!   | scale | median of | factor | multiple of σ | in a row |
//!   | --- | --- | --- | --- | --- |
//!   | short | 5 points | 5 | 4 | 6 |
//!   | lasting | 25 points | 3 | 2 | 25 |
//!   | epochs, which are means already | 1 | 5 | 5 | 1 |
//!
//! - *First sign*: from there back, the first of the points that are, without a gap, above the level by a factor of 2 and by
//!   3 σ (medians of 5).
//! - *Recovered*: the first of four in a row within half of what is outside. What is in between is not taken into the band.
//! - A rise that lasts for 1,000 steps or two epochs, whichever is longer, is over as an event, and a new band is learnt.
//!
//! The band is known after 75 points (5 epochs); before, nothing is outside.

use std::collections::VecDeque;

use super::event::{Detector, Event, EventKind};
use super::series::{LEVEL, Series};
use crate::curve::Unit;
use crate::stats::{deviation, median};

/// The scales of steps, and that of epochs.
const STEPS: [Scale; 2] = [
    Scale { around: 2, factor: 5.0, noise: 4.0, in_a_row: 6 },
    Scale { around: 12, factor: 3.0, noise: 2.0, in_a_row: 25 },
];
const EPOCHS: [Scale; 1] = [Scale { around: 0, factor: 5.0, noise: 5.0, in_a_row: 1 }];
/// What the first sign of a rise exceeds.
const SIGN_FACTOR: f64 = 2.0;
const SIGN_NOISE: f64 = 3.0;
/// Points in a row that are back.
const BACK: usize = 4;
/// Points whose distances from the level are the noise.
const NOISE_WINDOW: usize = 100;
/// Points in which the lowest level is looked for.
const MEMORY: usize = 1000;
/// The last of them are left out; and there must be as many.
const UNSURE: usize = 25;
/// Epochs that make a level.
const EPOCHS_LEVEL: usize = 5;
/// Of a normal distribution: standard deviations up to the 95th percentile.
const PERCENTILE_95: f64 = 1.645;

/// The rises that leave the band. None is called a collapse: that is the definition's word.
pub(super) fn events(series: &Series) -> Vec<Event> {
    let mut events = Vec::new();
    let mut band = Band::new(series);
    let mut at = 0;
    while let Some(rise) = band.rise(series, at) {
        let (end, back) = band.way_back(series, &rise);
        let kind = if back {
            EventKind::Spike
        } else if end < series.log.len() {
            EventKind::Setback
        } else {
            EventKind::Unsettled
        };
        events.push(Event {
            onset: series.steps[rise.sign],
            first_sign: series.steps[rise.sign],
            risen: series.steps[rise.certain],
            recovered: back.then(|| series.steps[end]),
            kind,
            symptom: None,
            found: Detector::Relative,
            before: None,
            peak: None,
        });
        if kind == EventKind::Setback {
            band = Band::new(series);
        }
        at = end;
    }
    events
}

/// The first point, by index and not before `begin`, of the rise that has led up to `risen`; the band is that of the points before `settled`.
/// `None` if the point at `risen` is in the band, or the band is not known.
pub(super) fn first_sign(series: &Series, begin: usize, settled: usize, risen: usize) -> Option<usize> {
    let mut band = Band::new(series);
    let learnt = settled.saturating_sub(NOISE_WINDOW + UNSURE + LEVEL);
    series.log[learnt..settled].iter().for_each(|&log| band.take(log));
    // A rise that ends in a number that is not finite may be certain only after the last finite loss.
    band.sign(series, begin, risen.min(series.log.len() - 1))
}

/// A way to be outside; see the [module](self).
#[derive(Clone, Copy)]
struct Scale {
    /// Points on each side that are smoothed over.
    around: usize,
    factor: f64,
    noise: f64,
    in_a_row: usize,
}

/// What is known of a curve so far.
struct Band {
    scales: &'static [Scale],
    /// Points that make a level.
    needed: usize,
    /// The last points' distances that do not count yet.
    unsure: usize,
    /// The last points in the band.
    recent: VecDeque<f64>,
    /// Their distances from their running medians.
    distances: VecDeque<f64>,
    /// Points taken, and the lowest levels: (number, level), both increasing.
    taken: usize,
    lowest: VecDeque<(usize, f64)>,
}

/// Indices of where a series left its band: its first sign, the first point outside, and where it was certain.
struct Departure {
    sign: usize,
    outside: usize,
    certain: usize,
    scale: Scale,
}

impl Band {
    fn new(series: &Series) -> Self {
        let (scales, needed, unsure): (&[Scale], usize, usize) = match series.unit {
            Unit::Step => (&STEPS, LEVEL, UNSURE),
            Unit::Epoch => (&EPOCHS, EPOCHS_LEVEL, 0),
        };
        let (recent, distances, lowest) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        Self { scales, needed, unsure, recent, distances, taken: 0, lowest }
    }

    /// Takes a point into the band.
    fn take(&mut self, log: f64) {
        if self.recent.len() == self.needed {
            let level = self.running_median();
            if self.distances.len() == NOISE_WINDOW + self.unsure {
                self.distances.pop_front();
            }
            self.distances.push_back(log - level);
            self.recent.pop_front();
        }
        self.recent.push_back(log);
        self.taken += 1;
        if self.recent.len() == self.needed {
            let level = self.running_median();
            while self.lowest.back().is_some_and(|&(_, higher)| higher >= level) {
                self.lowest.pop_back();
            }
            self.lowest.push_back((self.taken, level));
            while self.lowest.front().is_some_and(|&(number, _)| number + MEMORY <= self.taken) {
                self.lowest.pop_front();
            }
        }
    }

    fn running_median(&self) -> f64 {
        let mut sorted = [0.0; LEVEL];
        sorted.iter_mut().zip(&self.recent).for_each(|(slot, log)| *slot = *log);
        median(&sorted[..self.recent.len()]).unwrap_or(f64::NAN)
    }

    /// The level, once enough is known of the noise about it.
    fn level(&self) -> Option<f64> {
        let known = self.distances.len() >= 2 * self.unsure;
        self.lowest.front().filter(|_| known).map(|&(_, level)| level)
    }

    /// How far above the level something is that exceeds both a factor and a multiple of the noise.
    fn height(&self, factor: f64, noise: f64) -> f64 {
        let sure = self.distances.len().saturating_sub(self.unsure);
        libm::log(factor).max(noise * spread(self.distances.iter().copied().take(sure).collect()))
    }

    fn is_outside(&self, series: &Series, scale: Scale, index: usize) -> bool {
        let Some(level) = self.level() else { return false };
        let above = series.smooth(index, scale.around) - level;
        above > libm::log(scale.factor) && above > self.height(scale.factor, scale.noise)
    }

    /// Takes points into the band from an index on, until there is a rise.
    fn rise(&mut self, series: &Series, begin: usize) -> Option<Departure> {
        let mut in_a_row = [0; STEPS.len()];
        let mut next = begin;
        for index in begin..series.log.len() {
            for (&scale, in_a_row) in self.scales.iter().zip(&mut in_a_row) {
                *in_a_row = if self.is_outside(series, scale, index) { *in_a_row + 1 } else { 0 };
                if *in_a_row == scale.in_a_row {
                    let outside = index + 1 - *in_a_row;
                    let sign = self.sign(series, begin, outside).unwrap_or(outside);
                    return Some(Departure { sign, outside, certain: index, scale });
                }
            }
            // What is outside but for a moment is noise.
            if in_a_row == [0; STEPS.len()] {
                series.log[next..=index].iter().for_each(|&log| self.take(log));
                next = index + 1;
            }
        }
        None
    }

    /// From a point outside back, at most to `begin`, to the first of those that have left the band.
    fn sign(&self, series: &Series, begin: usize, outside: usize) -> Option<usize> {
        let edge = self.level()? + self.height(SIGN_FACTOR, SIGN_NOISE);
        let around = self.scales[0].around;
        (begin..=outside).rev().take_while(|&index| series.smooth(index, around) > edge).last()
    }

    /// Where a rise ends, and whether because it is back.
    fn way_back(&self, series: &Series, rise: &Departure) -> (usize, bool) {
        let Scale { around, factor, noise, in_a_row, .. } = rise.scale;
        let inside = self.level().unwrap_or(f64::INFINITY) + 0.5 * self.height(factor, noise);
        let last = rise.outside.saturating_add(series.patience).min(series.log.len());
        let mut back = 0;
        for index in rise.outside..series.log.len() {
            back = if series.smooth(index, around) <= inside { back + 1 } else { 0 };
            if back == BACK.min(in_a_row) {
                return (index + 1 - back, true);
            }
            if back == 0 && index >= last {
                return (index, false);
            }
        }
        (series.log.len(), false)
    }
}

/// See the [module](self): *noise*.
fn spread(mut distances: Vec<f64>) -> f64 {
    let Some(middle) = median(&distances) else { return 0.0 };
    let percentile = distances.len() * 95 / 100;
    let tail = *distances.select_nth_unstable_by(percentile, f64::total_cmp).1 - middle;
    (tail / PERCENTILE_95).max(deviation(distances))
}
