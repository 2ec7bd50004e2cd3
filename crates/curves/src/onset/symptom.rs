//! What an event looked like.

use crate::outcome::Baseline;

use super::divergence::is_diverged;
use super::event::{Event, EventKind};
use super::series::Series;
use crate::curve::Curve;
use crate::outcome::Symptom;

/// What the outputs that were tested last say of a collapse, and the loss of anything that did not come back.
pub(super) fn of(event: &Event, curve: &Curve, series: &Series, reference: &Baseline) -> Option<Symptom> {
    if event.symptom == Some(Symptom::NonFinite) || event.kind == EventKind::Spike {
        return event.symptom;
    }
    let (begin, end) = (series.index(event.first_sign), series.index(series.end(event).saturating_add(1)));
    match seen(event, curve, reference) {
        None | Some(Symptom::RandomOutput) if is_diverged(series, begin, end, reference) => Some(Symptom::Divergence),
        seen => seen,
    }
}

pub(super) fn seen(event: &Event, curve: &Curve, reference: &Baseline) -> Option<Symptom> {
    if event.kind != EventKind::Collapse {
        return None;
    }
    let tested = curve.epochs.iter().rev().filter(|test| test.step.is_some_and(|step| step >= event.first_sign));
    let (spread, identical) =
        tested.map(|test| (test.spread, test.identical)).find(|outputs| *outputs != (None, None))?;
    Some(reference.symptom(spread.unwrap_or(f64::INFINITY), identical.unwrap_or(0.0)))
}

/// The largest spread of outputs before an event: about the targets', of which a foreign log says nothing.
pub(super) fn spread_before(event: &Event, curve: &Curve) -> f64 {
    let before = curve.epochs.iter().filter(|test| test.step.is_some_and(|step| step < event.first_sign));
    before.filter_map(|test| test.spread).fold(0.0, f64::max)
}
