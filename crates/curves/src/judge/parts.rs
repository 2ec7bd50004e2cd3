//! Losses beside the chosen one: parts of it, or losses of other heads and data. Of each a lasting collapse is told, and numbers
//! that are not finite to the end; what may be by design is not.

use crate::curve::{Curve, Measure, Other};
use crate::onset::{Detector, Event, EventKind};
use crate::outcome::Symptom;

use super::by_design::RISING;
use super::judgement::{Judged, PartEvent, Series, TOO_SHORT};
use super::numbers::{Kind, Numbers};
use super::rise::{lasting, rises};
use super::series::not_finite_from;

/// What was judged of the other losses, and what went wrong in them.
pub(super) fn judge(curve: &Curve) -> (Vec<Judged>, Vec<PartEvent>) {
    let (mut judged, mut events) = (Vec::new(), Vec::new());
    for other in curve.others.iter().filter(|other| other.values.len() > TOO_SHORT) {
        let series = if other.of_tests { Series::ValidationLoss } else { Series::Loss };
        let [first, .., last] = other.values[..] else { continue };
        let (column, rows) = (Some(other.name.clone()), other.values.len());
        judged.push(Judged { series, column, rows, first: first.1, last: last.1 });
        let event = not_finite(other).or_else(|| collapse(other));
        events.extend(event.map(|event| PartEvent { series, column: other.name.clone(), event }));
    }
    (judged, events)
}

/// Not finite from a row to the end.
fn not_finite(other: &Other) -> Option<Event> {
    let end = other.values.iter().rev().take_while(|(_, value)| !value.is_finite()).count();
    let begin = other.values.len() - end;
    (end > 0 && begin > 0).then(|| not_finite_from(other.values[begin].0))
}

fn collapse(other: &Other) -> Option<Event> {
    let mut words = other.name.split(|character: char| !character.is_alphabetic());
    if words.any(|word| RISING.contains(&word.to_lowercase().as_str())) {
        return None;
    }
    let measure = |value: f64| if other.measure == Measure::Perplexity { libm::log(value) } else { value };
    let numbers = Numbers::new(Kind::Loss, other.values.iter().map(|&(step, value)| (step, measure(value))))?;
    if numbers.len() <= TOO_SHORT || numbers.grows {
        return None;
    }
    let found = rises(&numbers);
    let is_lost = |kind: EventKind| kind == EventKind::Collapse;
    let rise = found.iter().find(|rise| is_lost(rise.kind) && numbers.has_learnt(rise.before))?;
    if numbers.len() - rise.sign < lasting(numbers.len()) {
        return None;
    }
    let shown = |height: f64| {
        let raw = numbers.scale.raw(height);
        if other.measure == Measure::Perplexity { libm::exp(raw) } else { raw }
    };
    let highest = numbers.height[rise.sign..rise.end].iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (onset, risen) = (numbers.steps[rise.sign], numbers.steps[rise.certain]);
    Some(Event {
        onset,
        first_sign: onset,
        risen,
        recovered: None,
        kind: EventKind::Collapse,
        symptom: None::<Symptom>,
        found: Detector::Relative,
        before: Some(shown(rise.before)),
        peak: Some(shown(highest)),
    })
}
