//! Numbers that are not finite.

use super::event::{Detector, Event, EventKind};
use crate::curve::Curve;
use crate::outcome::Symptom;

/// Finite points in a row after which numbers are finite again: where a framework passes over a step that overflowed.
const HEALED: usize = 3;

/// A stretch of numbers that are not finite is an event; the last one, if numbers stay so, a collapse.
pub(crate) fn events(curve: &Curve) -> Vec<Event> {
    let points = &curve.points;
    let mut events = Vec::new();
    let mut at = 0;
    while let Some(begin) = (at..points.len()).find(|&index| !points[index].is_finite()) {
        let healed = (begin..points.len()).find(|&index| {
            points.get(index..index + HEALED).is_some_and(|next| next.iter().all(crate::curve::Point::is_finite))
        });
        let step = points[begin].step;
        events.push(Event {
            onset: step,
            first_sign: step,
            risen: step,
            recovered: healed.map(|index| points[index].step),
            kind: if healed.is_some() { EventKind::Spike } else { EventKind::Collapse },
            symptom: Some(Symptom::NonFinite),
            found: Detector::NonFinite,
            before: None,
            peak: None,
        });
        at = healed.unwrap_or(points.len());
    }
    events
}
