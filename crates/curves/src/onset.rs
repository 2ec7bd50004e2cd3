//! When did it go wrong, for how long, and what did it look like?
//!
//! [`find`] looks at the [`Curve`] of a run whose [`Baseline`] is known, the loss of the mean predictor. It looks in four ways,
//! and makes one [`Event`] of what belongs together:
//!
//! 1. **By definition**: [`Outcome`](crate::Outcome), the definition of collapse and spike in this workspace, sees the
//!    curve's steps.
//! 2. **Not finite**: a loss, gradient or update that is NaN or infinite.
//! 3. **Divergence**: a loss above twice the baseline (and above its own noise) that does not come back until the log ends.
//! 4. **Relative**: a rise out of the curve's own band, however far below the baseline: see `onset/band.rs`.
//!
//! Logs of other programs, which know no baseline, are [judged](mod@crate::judge).
//!
//! ```
//! use flameout_curves::onset::{self, EventKind};
//! use flameout_curves::{Baseline, Curve, Unit};
//!
//! // Falls to 3e-5; at step 301 up to 0.06 within ten steps; heals.
//! let mut losses: Vec<f64> = (0..300).map(|step| 3e-5 + 0.9_f64.powi(step)).collect();
//! losses.extend([1e-4, 4e-4, 2e-3, 8e-3, 0.02, 0.04, 0.06, 0.05, 0.02, 5e-3, 1e-3, 2e-4]);
//! losses.extend([3e-5; 300]);
//!
//! let baseline = Baseline { train_loss: 1.0, test_loss: 1.0, accuracy: 0.0, spread: 1.0 };
//! let events = onset::find(&Curve::from_losses(Unit::Step, losses), &baseline);
//! assert_eq!(events.len(), 1);
//! assert_eq!((events[0].kind, events[0].first_sign), (EventKind::Spike, 301));
//! assert_eq!(events[0].peak, Some(0.06));
//! ```

mod band;
mod definition;
mod divergence;
mod event;
pub(crate) mod non_finite;
mod series;
mod symptom;

use crate::curve::Curve;
use crate::outcome::{Baseline, Symptom};
use series::Series;

pub use event::{Detector, Event, EventKind};

/// Finds the rises of a curve's loss, in order; they do not overlap.
///
/// A collapse is what [`Outcome`](crate::Outcome) calls so, or one by numbers that are not finite or divergence where the
/// network had not trained well before. Where losses are negative, only numbers that are not finite are found: the other ways
/// compare ratios.
#[must_use]
pub fn find(curve: &Curve, baseline: &Baseline) -> Vec<Event> {
    let not_finite = non_finite::events(curve);
    let Some(series) = Series::new(curve) else { return not_finite };
    if baseline.train_loss.is_nan() || baseline.train_loss <= 0.0 {
        return not_finite;
    }
    let defined = definition::events(curve, &series, baseline);
    let diverged = divergence::event(&series, baseline).into_iter().collect();
    let relative = band::events(&series);
    // What comes first decides what an event is called.
    let by_authority = [defined, not_finite, diverged, relative];
    let mut events = by_authority.into_iter().flatten().fold(Vec::new(), |events, event| join(events, event, &series));
    events.sort_by_key(|event| event.first_sign);
    for event in &mut events {
        event.symptom = symptom::of(event, curve, &series, baseline);
        series.measure(event);
    }
    events
}

/// Rises of the loss out of its own band that are neither spikes nor collapses by definition: they stayed far below the mean
/// predictor's loss. Those alone whose first sign comes after a step, such as the one at which the network had trained well.
#[must_use]
pub fn dips(curve: &Curve, baseline: &Baseline, after: u64) -> Vec<Event> {
    let mut events = find(curve, baseline);
    events.retain(|event| event.found == Detector::Relative && event.first_sign > after);
    events
}

/// What the outputs that were tested last say of a collapse, where only the log is known.
pub(crate) fn outputs_seen(event: &Event, curve: &Curve) -> Option<Symptom> {
    let spread = symptom::spread_before(event, curve);
    let unknown = Baseline { train_loss: 1.0, test_loss: 1.0, accuracy: 0.0, spread };
    symptom::seen(event, curve, &unknown)
}

/// Adds an event, or, if it overlaps one that is there, what it knows of it.
fn join(mut events: Vec<Event>, event: Event, series: &Series) -> Vec<Event> {
    let overlap =
        |one: &Event, other: &Event| one.first_sign <= series.end(other) && other.first_sign <= series.end(one);
    let Some(at) = events.iter().position(|known| overlap(known, &event)) else {
        events.push(event);
        return events;
    };
    let mut joined = events[at];
    joined.first_sign = joined.first_sign.min(event.first_sign);
    if joined.found == Detector::Divergence {
        // This says only since when the loss has been above for good.
        joined.onset = joined.onset.min(event.onset);
        joined.risen = joined.risen.min(event.risen);
    }
    if (0..events.len()).any(|other| other != at && overlap(&events[other], &joined)) {
        joined = events[at];
    }
    if joined.kind != EventKind::Spike {
        joined.symptom = joined.symptom.or(event.symptom);
    }
    events[at] = joined;
    events
}
