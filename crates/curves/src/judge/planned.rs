//! Rises that were to be expected: of a learning rate that is set up again, and at the ends of epochs.

use crate::curve::Curve;

use super::judgement::{Series, SeriesEvent};
use super::numbers::Numbers;
use super::series::Look;
use crate::onset::EventKind;
use crate::outcome::Symptom;

/// Factor by which a learning rate is set up again; and part of what it had been before, that tells this from a warm-up.
const SET_UP: f64 = 1.5;
const AS_BEFORE: f64 = 0.5;
/// Rises that make a period, and part of it by which they may be off.
const PERIODIC: usize = 3;
const OFF: f64 = 0.2;
/// How much higher than its start, or than other such rises, a rise may be that the learning rate explains.
const HIGHER: f64 = 1.5;

/// Takes out of the events those that were to be expected, and says so.
pub(super) fn pass_over(events: &mut Vec<SeriesEvent>, curve: &Curve, look: &Look<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let restarts = restarts(curve);
    for series in [Series::Loss, Series::ValidationLoss] {
        let Some(numbers) = look.numbers(series) else { continue };
        let planned = |event: &SeriesEvent| event.series == series && follows(&event.event, &restarts, numbers);
        let count = events.iter().filter(|event| planned(event)).count();
        events.retain(|event| !planned(event));
        if count > 0 {
            notes.push(format!("the {series} rises where the learning rate is set up again, {count} times: that is planned, and no fault"));
        }
        if let Some(note) = periodic(events, series, curve, numbers) {
            notes.push(note);
        }
    }
    if look.numbers(Series::Loss).is_some_and(|numbers| numbers.grows) {
        notes.push("the loss begins at 0 and grows, as one that is a penalty does: only jumps of it are told".into());
    }
    notes
}

/// Steps at which the learning rate is set up to where it had been.
fn restarts(curve: &Curve) -> Vec<u64> {
    let rates: Vec<(u64, f64)> = curve
        .points
        .iter()
        .filter_map(|point| Some((point.step, point.learning_rate.filter(|rate| *rate > 0.0)?)))
        .collect();
    let (mut restarts, mut highest, mut lowest) = (Vec::new(), 0.0_f64, f64::INFINITY);
    for &(step, rate) in &rates {
        // From its lowest since the last restart, up to as high as ever, almost.
        if rate > SET_UP * lowest && rate > AS_BEFORE * highest && lowest < highest {
            restarts.push(step);
            lowest = rate;
        }
        highest = highest.max(rate);
        lowest = lowest.min(rate);
    }
    restarts
}

/// Whether a rise begins at a restart of the learning rate, and comes back, or has had no more time than others before.
fn follows(event: &crate::onset::Event, restarts: &[u64], numbers: &Numbers) -> bool {
    let index = |step: u64| numbers.steps.partition_point(|&earlier| earlier < step);
    let slack = (numbers.len() / 50).max(2);
    let begins = index(event.first_sign);
    let Some(at) = restarts.iter().position(|&restart| index(restart).abs_diff(begins) <= slack) else { return false };
    if event.symptom == Some(Symptom::NonFinite) {
        return false;
    }
    let cycle = match at {
        0 => index(restarts[0]),
        _ => index(restarts[at]) - index(restarts[at - 1]),
    };
    let next = restarts.get(at + 1).map_or(numbers.len(), |&restart| index(restart));
    let end = event.recovered.map_or(numbers.len(), index);
    let highest = numbers.raw[begins..end.min(next).max(begins + 1)].iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let not_higher = numbers.start <= 0.0 || highest <= HIGHER * numbers.start;
    not_higher && (event.recovered.is_some() || end - begins <= cycle.max(next - begins) && end == next)
}

/// Takes out spikes that come at equal distances, or where epochs begin.
fn periodic(events: &mut Vec<SeriesEvent>, series: Series, curve: &Curve, numbers: &Numbers) -> Option<String> {
    let index = |step: u64| numbers.steps.partition_point(|&earlier| earlier < step);
    let spikes: Vec<usize> = events
        .iter()
        .filter(|event| event.series == series && event.event.kind == EventKind::Spike && event.event.symptom.is_none())
        .map(|event| index(event.event.first_sign))
        .collect();
    let gaps: Vec<f64> = spikes.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
    let shortest = gaps.iter().copied().fold(f64::INFINITY, f64::min);
    // One or two may be too small to be told.
    let regular = gaps.iter().all(|gap| (gap / shortest - libm::round(gap / shortest)).abs() <= OFF);
    let starts: Vec<usize> = curve.epoch_starts.iter().map(|&step| index(step)).collect();
    let at_epochs = |spike: &usize| starts.iter().any(|start| start.abs_diff(*spike) <= 2);
    let short_epochs = starts.windows(2).any(|pair| pair[1] - pair[0] < 6);
    let of_epochs = spikes.len() >= 2 && !short_epochs && spikes.iter().all(at_epochs);
    if !of_epochs && (spikes.len() < PERIODIC || !regular || shortest < 4.0) {
        return None;
    }
    events.retain(|event| {
        event.series != series || event.event.kind != EventKind::Spike || event.event.symptom.is_some()
    });
    let rows = if of_epochs { "where epochs begin".into() } else { format!("every {shortest} rows") };
    Some(format!(
        "the {series} rises {rows} and comes back, as at a restart or a short last batch: {} times, not counted as spikes",
        spikes.len()
    ))
}
