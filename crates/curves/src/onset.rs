//! When did it go wrong, for how long, and what did it look like?
//!
//! [`find`] looks at a [`Curve`] in four ways, and makes one [`Event`] of what belongs together:
//!
//! 1. **By definition**: [`Outcome`](crate::Outcome), the definition of collapse and spike in this workspace,
//!    sees the curve's steps, against the loss of the mean predictor. Where that [`Baseline`] is not known, the loss at the
//!    start stands for it ([`baseline_at_start`]).
//! 2. **Not finite**: a loss, gradient or update that is NaN or infinite.
//! 3. **Divergence**: a loss above twice the baseline (and above its own noise) that does not come back until the log ends.
//! 4. **Relative**: a rise out of the curve's own band, however far below the baseline: see `onset/band.rs`.
//!
//! ```
//! use flameout_curves::onset::{self, EventKind};
//! use flameout_curves::{Curve, Unit};
//!
//! // Falls to 3e-5; at step 301 up to 0.06 within ten steps; heals.
//! let mut losses: Vec<f64> = (0..300).map(|step| 3e-5 + 0.9_f64.powi(step)).collect();
//! losses.extend([1e-4, 4e-4, 2e-3, 8e-3, 0.02, 0.04, 0.06, 0.05, 0.02, 5e-3, 1e-3, 2e-4]);
//! losses.extend([3e-5; 300]);
//!
//! let events = onset::find(&Curve::from_losses(Unit::Step, losses), None);
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

use crate::curve::{Curve, Unit};
use crate::outcome::{Baseline, Symptom};
use crate::stats::median;
use series::Series;

pub use event::{Detector, Event, EventKind};

/// Losses whose median is the loss at the start; the fewer of them are for runs that leave it at once.
const START: [usize; 2] = [3, 10];

/// Finds the rises of a curve's loss, in order; they do not overlap.
///
/// With a baseline, a collapse is what [`Outcome`](crate::Outcome) calls so, or one by numbers that are not
/// finite or divergence where the network had not trained well before. Without, a lasting rise to half the loss at the
/// start is one too. The workspace itself calls it for [`dips`] alone, with a baseline: logs of other programs are
/// [judged](mod@crate::judge). Where losses are negative, only numbers that are not finite are found: the other ways compare ratios.
#[must_use]
pub fn find(curve: &Curve, baseline: Option<&Baseline>) -> Vec<Event> {
    let not_finite = non_finite::events(curve);
    let Some(series) = Series::new(curve) else { return not_finite };
    let reference = baseline.copied().or_else(|| baseline_at_start(curve));
    let Some(reference) = reference.filter(|reference| reference.train_loss > 0.0) else { return not_finite };

    let mut defined = definition::events(curve, &series, &reference);
    if baseline.is_none() {
        // The definition's shares are fit for a baseline, not for a guess at one.
        defined.retain(|event| event.symptom == Some(Symptom::NonFinite) || series.is_beyond_noise(event));
    }
    let diverged = divergence::event(&series, &reference).into_iter().collect();
    let relative = band::events(&series, &reference, baseline.is_none());
    if baseline.is_none() {
        bridge_dips(&mut defined, &relative, &series, &reference);
    }
    // What comes first decides what an event is called.
    let by_authority = if baseline.is_some() {
        [defined, not_finite, diverged, relative]
    } else {
        [not_finite, diverged, defined, relative]
    };
    let mut events = by_authority.into_iter().flatten().fold(Vec::new(), |events, event| join(events, event, &series));
    events.sort_by_key(|event| event.first_sign);
    for event in &mut events {
        let spread = baseline.map_or_else(|| symptom::spread_before(event, curve), |baseline| baseline.spread);
        event.symptom = symptom::of(event, curve, &series, &Baseline { spread, ..reference });
        series.measure(event);
    }
    events
}

/// Rises of the loss out of its own band that are neither spikes nor collapses by definition: they stayed far below the mean
/// predictor's loss. Those alone whose first sign comes after a step, such as the one at which the network had trained well.
#[must_use]
pub fn dips(curve: &Curve, baseline: &Baseline, after: u64) -> Vec<Event> {
    let mut events = find(curve, Some(baseline));
    events.retain(|event| event.found == Detector::Relative && event.first_sign > after);
    events
}

/// The baseline of a run that does not tell it: its loss at the start, which is the lower of the medians of the first three
/// and the first ten steps, or the first epoch's. `None` if no loss is finite.
///
/// It can be far above the mean predictor's loss, where initial outputs are large: a collapse to the same output for all
/// may then look like a setback. The accuracy is taken as 0, so that the loss alone decides whether a network has trained
/// well, and the spread as the largest that was measured.
#[must_use]
pub fn baseline_at_start(curve: &Curve) -> Option<Baseline> {
    let losses: Vec<f64> = curve.points.iter().map(|point| point.loss).filter(|loss| loss.is_finite()).collect();
    let start = match curve.unit {
        Unit::Step => START.as_slice(),
        Unit::Epoch => &[1],
    };
    let medians = start.iter().filter_map(|&count| median(&losses[..count.min(losses.len())]));
    let spread = curve.epochs.iter().filter_map(|epoch| epoch.spread).fold(0.0, f64::max);
    (!losses.is_empty()).then(|| Baseline { spread, ..baseline_of_loss(medians.fold(f64::INFINITY, f64::min)) })
}

/// The baseline of a run of which only the mean predictor's loss is known.
#[must_use]
pub fn baseline_of_loss(loss: f64) -> Baseline {
    Baseline { train_loss: loss, test_loss: loss, accuracy: 0.0, spread: 0.0 }
}

/// What the outputs that were tested last say of a collapse, where only the log is known.
pub(crate) fn outputs_seen(event: &Event, curve: &Curve) -> Option<Symptom> {
    let spread = symptom::spread_before(event, curve);
    symptom::seen(event, curve, &Baseline { spread, ..baseline_of_loss(1.0) })
}

/// Makes one collapse of what the definition sees during a collapse that the band sees, if the first of it is a spike that did
/// not really come back. Short epochs smooth little: in noise, one dip below half-way would end the event.
fn bridge_dips(defined: &mut Vec<Event>, relative: &[Event], series: &Series, reference: &Baseline) {
    let Some(collapse) = relative.iter().find(|event| event.kind == EventKind::Collapse) else { return };
    let Some(first) = defined.iter().position(|event| series.end(event) >= collapse.first_sign) else { return };
    let during = &defined[first..];
    if series.is_dip(&during[0], reference) && during.iter().all(|event| event.symptom != Some(Symptom::NonFinite)) {
        defined[first] = Event { kind: EventKind::Collapse, recovered: None, ..defined[first] };
        defined.truncate(first + 1);
    }
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
