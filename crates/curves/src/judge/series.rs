//! The series of a log, each by itself.

use crate::curve::{Curve, Measure, Point};

use super::judgement::{Judged, Overfitting, Series, SeriesEvent, TOO_SHORT};
use super::numbers::{Kind, Numbers, Scale};
use super::rise::{Rise, lasting, rises};
use super::{lost, slow};
use crate::onset::{Detector, Event, EventKind, non_finite, outputs_seen};
use crate::outcome::Symptom;
use crate::stats::median;

/// Rows of exactly 0.0 at the end that are no loss, and the share of the start that it must have been before.
const ZEROS: usize = 3;
const NOT_ZERO: f64 = 0.01;
/// Finite numbers in a row after which numbers are finite again.
const HEALED: usize = 3;
/// Factor by which a validation loss must have risen from its lowest to be overfitting; share of what was learnt, where
/// there are no ratios.
const OVERFITTED: f64 = 1.25;
const OVERFITTED_SHARE: f64 = 0.25;
/// Rows within which a jump is over, and the part of the rise that is then done.
const JUMP: usize = 3;
const JUMPED: f64 = 0.6;
/// Factor of the loss at the start above which one has diverged.
const DIVERGED: f64 = 2.0;
/// Part of the learnt that a loss at the end may be above the best.
const SOUND: f64 = 0.1;
/// Rows below which nothing is said of learning; factor by which a loss must fall, or accuracy rise.
const FEWEST: usize = 8;
const LEARNT: f64 = 1.02;
const LEARNT_ACCURACY: f64 = 0.05;

/// All that there is to look at.
pub(super) struct Look<'a> {
    curve: &'a Curve,
    pub(super) judged: Vec<Judged>,
    numbers: Vec<(Series, Numbers)>,
    /// The first row of zeros at the end of the training loss.
    zeros: Option<usize>,
    /// Events of numbers that are not finite.
    not_finite: Vec<SeriesEvent>,
    /// Whether nothing had been learnt when the most telling series collapsed.
    pub(super) diverged: bool,
    /// What an accuracy of 1 is in the log: 1 or 100.
    whole: f64,
}

impl<'a> Look<'a> {
    pub(super) fn new(curve: &'a Curve) -> Self {
        let zeros = zeros(&curve.points);
        let mut look = Self {
            curve,
            judged: Vec::new(),
            numbers: Vec::new(),
            zeros,
            not_finite: Vec::new(),
            diverged: false,
            whole: 1.0,
        };
        let points = &curve.points;
        let sound = &points[..zeros.unwrap_or(points.len())];
        let columns = &curve.columns;
        let measure = |loss: f64| match curve.measure {
            Measure::Perplexity => libm::log(loss),
            Measure::Loss | Measure::ErrorRate => loss,
        };
        let losses = Series::Loss.values(curve);
        // Not of a log of accuracies alone. A loss that is never finite is one, too.
        let has_loss =
            columns.loss.is_some() || columns.accuracy.is_none() || losses.iter().any(|(_, loss)| !loss.is_nan());
        if has_loss {
            let known = sound.iter().map(|point| (point.step, measure(point.loss))).collect();
            look.add(Series::Loss, Kind::Loss, columns.loss.as_ref(), &losses, known);
        }
        let tested = Series::ValidationLoss.values(curve);
        let known = tested.iter().map(|&(step, loss)| (step, measure(loss))).collect();
        look.add(Series::ValidationLoss, Kind::Loss, columns.validation_loss.as_ref(), &tested, known);
        let accuracies = [Series::Accuracy.values(curve), Series::ValidationAccuracy.values(curve)];
        let largest =
            accuracies.iter().flatten().map(|(_, accuracy)| *accuracy).filter(|accuracy| accuracy.is_finite());
        look.whole = if largest.fold(0.0, f64::max) > 1.5 { 100.0 } else { 1.0 };
        let of = [(Series::Accuracy, &columns.accuracy), (Series::ValidationAccuracy, &columns.validation_accuracy)];
        for ((series, column), accuracies) in of.into_iter().zip(&accuracies) {
            let known = accuracies.iter().map(|&(step, accuracy)| (step, -accuracy / look.whole)).collect();
            look.add(series, Kind::Accuracy, column.as_ref(), accuracies, known);
        }
        let norms: Vec<(u64, f64)> =
            sound.iter().filter_map(|point| Some((point.step, point.gradient_norm?))).collect();
        look.add(Series::GradientNorm, Kind::Gradient, columns.gradient_norm.as_ref(), &norms.clone(), norms);
        look.not_finite = look.not_finite();
        look
    }

    fn add(&mut self, series: Series, kind: Kind, column: Option<&String>, all: &[(u64, f64)], known: Vec<(u64, f64)>) {
        let (Some(first), Some(last)) = (all.first(), all.last()) else { return };
        let column = column.cloned();
        self.judged.push(Judged { series, column, rows: all.len(), first: first.1, last: last.1 });
        self.numbers.extend(Numbers::new(kind, known.into_iter()).map(|numbers| (series, numbers)));
    }

    pub(super) fn numbers(&self, of: Series) -> Option<&Numbers> {
        self.numbers.iter().find(|(series, _)| *series == of).map(|(_, numbers)| numbers)
    }

    /// Numbers in a series, finite or not.
    pub(super) fn rows(&self, of: Series) -> usize {
        self.judged.iter().find(|judged| judged.series == of).map_or(0, |judged| judged.rows)
    }

    /// The series that tells most of whether anything was learnt.
    pub(super) fn main(&self) -> Option<Series> {
        self.judged.first().map(|judged| judged.series)
    }

    /// What went wrong in each series.
    pub(super) fn events(&mut self) -> Vec<SeriesEvent> {
        let (mut events, mut diverged, main) = (Vec::new(), false, self.main());
        let mut training_is_lost = false;
        for (series, numbers) in &self.numbers {
            // Of many rows few may be finite.
            if self.rows(*series) <= TOO_SHORT || numbers.len() <= TOO_SHORT {
                continue;
            }
            let from_the_start = from_the_start(numbers);
            let mut found = from_the_start.map_or_else(|| rises(numbers), |rise| vec![rise]);
            // Of a validation loss beside a sound training loss, a slow rise is overfitting.
            if Some(*series) == main || training_is_lost {
                let stays = found.iter().position(|rise| !rise.back);
                if stays.is_none_or(|at| lost::comes_too_late(numbers, &found[at])) {
                    let healed = stays.unwrap_or(found.len());
                    let from = found[..healed].last().map_or(0, |rise| rise.end);
                    if let Some(rise) = slow::rise(numbers, from).or_else(|| lost::rise(numbers, from)) {
                        found.truncate(healed);
                        found.push(rise);
                    }
                }
            }
            training_is_lost |= *series == Series::Loss && found.iter().any(|rise| !rise.back);
            if Some(*series) == main {
                let unlearnt = |rise: &Rise| rise.kind == EventKind::Collapse && !numbers.has_learnt(rise.before);
                diverged = from_the_start.is_some() || found.iter().any(unlearnt);
            }
            let mut found: Vec<SeriesEvent> = found.iter().map(|rise| self.event(*series, numbers, rise)).collect();
            if !matches!(series, Series::Loss | Series::ValidationLoss) {
                // One long gradient, or one batch with mistakes, is no news.
                found.retain(|event| event.event.kind != EventKind::Spike);
            }
            events.extend(found);
        }
        self.diverged = diverged;
        for &wrong in &self.not_finite {
            join(&mut events, wrong, self.numbers(wrong.series));
        }
        events
    }

    fn event(&self, series: Series, numbers: &Numbers, rise: &Rise) -> SeriesEvent {
        let highest = numbers.height[rise.sign..rise.end].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shown = |height| self.shown(series, numbers.scale.raw(height));
        let first_sign = numbers.steps[rise.sign];
        let event = Event {
            onset: first_sign,
            first_sign,
            risen: numbers.steps[rise.certain],
            recovered: rise.back.then(|| numbers.steps[rise.end]),
            kind: rise.kind,
            symptom: None,
            found: Detector::Relative,
            before: (rise.sign > 0).then(|| shown(rise.before)),
            peak: Some(shown(highest)),
        };
        let symptom = if series == Series::Loss { self.symptom(&event, numbers, rise) } else { None };
        SeriesEvent { series, event: Event { symptom, ..event } }
    }

    /// A number as the log has it.
    fn shown(&self, series: Series, number: f64) -> f64 {
        match series {
            Series::Accuracy | Series::ValidationAccuracy => -number * self.whole,
            Series::Loss | Series::ValidationLoss if self.curve.measure == Measure::Perplexity => libm::exp(number),
            _ => number,
        }
    }

    fn symptom(&self, event: &Event, numbers: &Numbers, rise: &Rise) -> Option<Symptom> {
        if event.kind == EventKind::Spike || numbers.grows {
            return None;
        }
        let seen = outputs_seen(event, self.curve);
        let above = match numbers.scale {
            Scale::Ratio { .. } => numbers.start * DIVERGED,
            Scale::Difference => numbers.start + (numbers.start - numbers.scale.raw(rise.before)).max(0.0),
        };
        let diverged = numbers.scale.raw(rise.after) > above;
        match seen {
            None | Some(Symptom::RandomOutput) if diverged => Some(Symptom::Divergence),
            seen => seen,
        }
    }

    fn not_finite(&self) -> Vec<SeriesEvent> {
        let points = &self.curve.points;
        let mut events = Vec::new();
        if self.rows(Series::Loss) > 0 {
            let mut found = non_finite::events(self.curve);
            if let Some(zeros) = self.zeros {
                let step = points[zeros].step;
                let before = found.iter().rposition(|event| event.recovered.is_none_or(|back| back >= step));
                match before {
                    Some(last) => found[last] = not_finite_from(found[last].onset),
                    None => found.push(not_finite_from(step)),
                }
            }
            let is_loss = |event: &Event| {
                let during =
                    |point: &&Point| point.step >= event.onset && event.recovered.is_none_or(|back| point.step < back);
                self.zeros.is_some_and(|zeros| points[zeros].step >= event.onset)
                    || points.iter().filter(during).any(|point| !point.loss.is_finite())
            };
            events.extend(found.into_iter().map(|event| SeriesEvent {
                series: if is_loss(&event) { Series::Loss } else { Series::GradientNorm },
                event,
            }));
        }
        let losses = Series::ValidationLoss.values(self.curve);
        let mut at = 0;
        while let Some(begin) = (at..losses.len()).find(|&index| !losses[index].1.is_finite()) {
            let finite = |index: &usize| {
                losses.get(*index..index + HEALED).is_some_and(|next| next.iter().all(|(_, loss)| loss.is_finite()))
            };
            let healed = (begin..losses.len()).find(finite);
            let event = not_finite_from(losses[begin].0);
            let kind = if healed.is_some() { EventKind::Spike } else { EventKind::Collapse };
            events.push(SeriesEvent {
                series: Series::ValidationLoss,
                event: Event { kind, recovered: healed.map(|index| losses[index].0), ..event },
            });
            at = healed.unwrap_or(losses.len());
        }
        events
    }

    /// Whether the validation loss rises bit by bit while the training loss falls or stays; such a rise is no event of its own.
    pub(super) fn overfitting(&self, events: &mut Vec<SeriesEvent>) -> Option<Overfitting> {
        let tests = self.numbers(Series::ValidationLoss).filter(|tests| tests.len() > TOO_SHORT)?;
        let width = (tests.len() / 20).clamp(1, 5);
        let levels: Vec<f64> = (0..tests.len()).map(|index| tests.smooth(index, width / 2)).collect();
        let best = (0..levels.len()).min_by(|a, b| levels[*a].total_cmp(&levels[*b]))?;
        let end = tests.level(tests.len() - width.max(3).min(tests.len() - best), tests.len());
        let rise = end - levels[best];
        let learnt = tests.start - tests.scale.raw(levels[best]);
        let matters = match tests.scale {
            Scale::Ratio { .. } => libm::log(OVERFITTED),
            Scale::Difference => OVERFITTED_SHARE * learnt,
        };
        let jumped = tests.len() - best <= JUMP + 1 || jumps(tests, best, rise);
        if rise <= matters.max(4.0 * tests.noise) || jumped || tests.grows || !self.trains_on(tests.steps[best]) {
            return None;
        }
        let gradual = |event: &SeriesEvent| {
            let of_tests = matches!(event.series, Series::ValidationLoss | Series::ValidationAccuracy);
            of_tests && event.event.symptom.is_none() && event.event.recovered.is_none()
        };
        events.retain(|event| !gradual(event));
        let shown = |height| self.shown(Series::ValidationLoss, tests.scale.raw(height));
        Some(Overfitting { from: tests.steps[best], best: shown(levels[best]), last: shown(end) })
    }

    /// Whether the training loss ends no higher than it was at a step; true if there is none.
    fn trains_on(&self, step: u64) -> bool {
        let Some(numbers) = self.numbers(Series::Loss).filter(|numbers| numbers.len() > TOO_SHORT) else { return true };
        let at = numbers.steps.partition_point(|&earlier| earlier < step).min(numbers.len() - 1);
        let width = (numbers.len() / 20).clamp(1, 25);
        let end = numbers.level(numbers.len() - width, numbers.len());
        let then = numbers.smooth(at, width / 2);
        end <= then || numbers.lost(end, then) < SOUND
    }

    /// Leaves out what an accuracy shows of an event of the loss on the same data, or a gradient norm of one of the loss.
    pub(super) fn leave_out_echoes(&self, events: &mut Vec<SeriesEvent>) {
        let all = events.clone();
        events.retain(|event| {
            let of = match event.series {
                Series::Accuracy | Series::GradientNorm => Series::Loss,
                Series::ValidationAccuracy => Series::ValidationLoss,
                Series::Loss | Series::ValidationLoss => return true,
            };
            let slack = self.numbers(event.series).map_or(0, |numbers| {
                let steps = numbers.steps[numbers.len() - 1].saturating_sub(numbers.steps[0]);
                steps / 20 + 2
            });
            let meets = |other: &SeriesEvent| {
                let end = |event: &SeriesEvent| event.event.recovered.unwrap_or(u64::MAX);
                let (one, two) = (event.event.first_sign, other.event.first_sign);
                one <= end(other).saturating_add(slack) && two <= end(event).saturating_add(slack)
            };
            !all.iter().any(|other| other.series == of && meets(other))
        });
    }

    /// Whether a series ever got better than it began; `None` if it is too short to say.
    pub(super) fn learnt(&self, series: Series) -> Option<bool> {
        let numbers = self.numbers(series).filter(|numbers| numbers.len() >= FEWEST)?;
        Some(self.is_better(numbers) || self.accuracy_rose())
    }

    fn is_better(&self, numbers: &Numbers) -> bool {
        let count = numbers.len();
        let width = (count / 10).max(3);
        let best =
            numbers.height.windows(width).step_by((width / 4).max(1)).filter_map(median).fold(f64::INFINITY, f64::min);
        let lowest = libm::sqrt(2.0 * libm::log(count as f64 / width as f64));
        let chance = (lowest + 4.0) * 1.25 * numbers.noise / libm::sqrt(width as f64);
        let matters = match (numbers.kind, numbers.scale) {
            (Kind::Accuracy, _) => LEARNT_ACCURACY,
            (_, Scale::Ratio { .. }) => libm::log(LEARNT),
            (_, Scale::Difference) => (LEARNT - 1.0) * numbers.start.abs(),
        };
        numbers.grows || numbers.scale.height(numbers.start) - best > matters.max(chance)
    }

    fn accuracy_rose(&self) -> bool {
        let accuracies = [Series::Accuracy, Series::ValidationAccuracy];
        accuracies
            .iter()
            .filter_map(|series| self.numbers(*series))
            .any(|numbers| numbers.len() >= FEWEST && self.is_better(numbers))
    }
}

/// The first of the rows of exactly 0.0 at the end, if the loss was not near 0 before.
fn zeros(points: &[Point]) -> Option<usize> {
    let zeros = points.iter().rev().take_while(|point| point.loss == 0.0).count();
    let begin = points.len() - zeros;
    if zeros < ZEROS || begin == 0 {
        return None;
    }
    let losses: Vec<f64> =
        points[..begin].iter().map(|point| point.loss.abs()).filter(|loss| loss.is_finite()).collect();
    let (before, start) = (median(&losses[losses.len().saturating_sub(5)..])?, median(&losses[..losses.len().min(3)])?);
    (before > NOT_ZERO * start).then_some(begin)
}

/// Numbers that are not finite from a row to the end.
pub(super) fn not_finite_from(step: u64) -> Event {
    Event {
        onset: step,
        first_sign: step,
        risen: step,
        recovered: None,
        kind: EventKind::Collapse,
        symptom: Some(Symptom::NonFinite),
        found: Detector::NonFinite,
        before: None,
        peak: None,
    }
}

/// Adds an event of numbers that are not finite. A rise that leads up to it is its beginning.
fn join(events: &mut Vec<SeriesEvent>, wrong: SeriesEvent, numbers: Option<&Numbers>) {
    let soon = |event: &Event| {
        let Some(numbers) = numbers else { return false };
        let at = |step: u64| numbers.steps.partition_point(|&earlier| earlier < step);
        let between = at(wrong.event.onset).saturating_sub(at(event.first_sign));
        event.recovered.is_none() && event.first_sign <= wrong.event.onset && between <= lasting(numbers.len())
    };
    let lead = events.iter_mut().find(|event| event.series == wrong.series && soon(&event.event));
    match lead {
        Some(lead) if wrong.event.recovered.is_none() => {
            let event = Event { before: lead.event.before, peak: lead.event.peak, ..wrong.event };
            lead.event = Event { onset: lead.event.first_sign, first_sign: lead.event.first_sign, ..event };
        }
        _ => events.push(wrong),
    }
}

/// A loss that rises from its first rows on: nothing comes before that it could be compared with.
fn from_the_start(numbers: &Numbers) -> Option<Rise> {
    let count = numbers.len();
    let width = (count / 10).clamp(1, 25);
    let after = numbers.level(count - width.max(2), count);
    let lowest = (0..count).min_by(|a, b| numbers.smooth(*a, width / 2).total_cmp(&numbers.smooth(*b, width / 2)))?;
    let start = numbers.scale.height(numbers.start);
    let matters = match numbers.scale {
        Scale::Ratio { .. } => libm::log(1.5),
        Scale::Difference => 0.5 * numbers.start.abs().max(f64::MIN_POSITIVE),
    };
    let early = lowest <= (count / 10).max(2) && start - numbers.smooth(lowest, width / 2) < 0.5 * matters;
    let rose = after - start > matters.max(10.0 * numbers.noise);
    let bit_by_bit = !jumps(numbers, lowest, after - numbers.height[lowest]);
    (early && rose && bit_by_bit && !numbers.grows && numbers.kind == Kind::Loss).then_some(Rise {
        sign: (lowest + 1).min(count - 1),
        certain: count - 1,
        end: count,
        back: false,
        half: false,
        kind: EventKind::Collapse,
        before: numbers.height[lowest],
        after,
    })
}

/// Whether most of a rise from a row on is done within a few rows.
fn jumps(numbers: &Numbers, from: usize, rise: f64) -> bool {
    let count = numbers.len();
    let around = usize::from(count >= 20);
    (from..count).any(|index| {
        let next = (index + JUMP).min(count - 1);
        numbers.smooth(next, around) - numbers.smooth(index, around) > JUMPED * rise
    })
}
