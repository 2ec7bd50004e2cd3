//! The definition of collapse and spike, [`Outcome`], applied to a curve.

use super::band::first_sign;
use super::event::{Detector, Event, EventKind};
use super::series::Series;
use crate::curve::{Curve, EpochPoint, Point, Unit};
use crate::outcome::Symptom;
use crate::outcome::{Baseline, Outcome};

/// Steps that [`Outcome`] gives a rise to come back, at the least.
const PATIENCE: usize = 1000;
/// Steps an epoch that leave it its usual spans.
const EPOCH_UNKNOWN: u64 = 500;

/// The rises that the definition sees.
pub(super) fn events(curve: &Curve, series: &Series, reference: &Baseline) -> Vec<Event> {
    let clock = Clock::new(curve, series);
    let mut watch =
        Watch { outcome: Outcome::new(*reference, clock.steps_per_epoch), current: None, rises: Vec::new() };
    let mut tests = curve.epochs.iter().filter(|test| test.step.is_some()).peekable();
    let has_tests = tests.clone().any(|test| test.test_loss.is_some());
    for (index, point) in curve.points.iter().enumerate() {
        watch.step(&Point { step: clock.shown[index], ..*point }, index);
        let next = curve.points.get(index + 1);
        while let Some(test) = tests.next_if(|test| next.is_none_or(|next| test.step < Some(next.step))) {
            watch.outcome.epoch(&EpochPoint { step: Some(clock.shown[index]), ..*test });
        }
        // Where nothing was tested, the training loss speaks for the test words.
        if !has_tests && watch.outcome.risen_since().is_some() {
            let (step, test_loss) = (Some(clock.shown[index]), Some(f64::NAN));
            watch.outcome.epoch(&EpochPoint { step, test_loss, ..EpochPoint::default() });
        }
    }
    watch.unsettled();
    let watched = Watched { curve, series, clock: &clock, outcome: &watch.outcome };
    let mut events: Vec<Event> = Vec::new();
    for rise in &watch.rises {
        let over = events.last().and_then(|before| before.recovered).unwrap_or(0);
        events.push(watched.event(rise, over));
    }
    events
}

/// [`Outcome`] counts steps: 1,000 to come back, 100 to smooth over. A log that has every tenth step only, or epochs, is
/// shown to it with step numbers that make these spans what they are in the log's own points.
struct Clock {
    /// The step number shown for each point.
    shown: Vec<u64>,
    steps_per_epoch: u64,
}

impl Clock {
    fn new(curve: &Curve, series: &Series) -> Self {
        if curve.unit == Unit::Step && series.stride == 1 {
            let shown = curve.points.iter().map(|point| point.step).collect();
            return Self { shown, steps_per_epoch: curve.steps_per_epoch.unwrap_or(EPOCH_UNKNOWN) };
        }
        let scale = (PATIENCE / series.patience).max(1) as u64;
        let steps_per_epoch = if series.patience > PATIENCE { series.patience.div_ceil(2) } else { series.window };
        let shown = (1..=curve.points.len() as u64).map(|number| number * scale).collect();
        Self { shown, steps_per_epoch: steps_per_epoch as u64 }
    }

    /// The point for which this step number was shown.
    fn index(&self, shown: u64) -> usize {
        self.shown.partition_point(|&earlier| earlier < shown)
    }
}

/// An outcome, and the changes that were seen in it.
struct Watch {
    outcome: Outcome,
    current: Option<DefinedRise>,
    rises: Vec<DefinedRise>,
}

/// A rise; steps as shown, points by index.
#[derive(Clone, Copy)]
struct DefinedRise {
    /// What the outcome calls its onset.
    onset: u64,
    /// Where it began, if it was on its way before what the outcome calls the onset.
    begin: u64,
    risen: usize,
    recovered: Option<usize>,
    kind: EventKind,
}

impl Watch {
    fn step(&mut self, point: &Point, index: usize) {
        let (collapsed, spikes) = (self.outcome.collapse_onset().is_some(), self.outcome.spikes().len());
        self.outcome.step(point);
        if collapsed {
            return;
        }
        if let Some(onset) = self.outcome.risen_since() {
            let rise = DefinedRise { onset, begin: onset, risen: index, recovered: None, kind: EventKind::Unsettled };
            self.current.get_or_insert(rise);
        }
        if let Some(onset) = self.outcome.collapse_onset() {
            // A number that is not finite is its own onset, even in a rise that is on its way.
            let (begin, risen) = self.current.take().map_or((onset, index), |rise| (rise.begin, rise.risen));
            self.rises.push(DefinedRise { onset, begin, risen, recovered: None, kind: EventKind::Collapse });
        } else if self.outcome.spikes().len() > spikes
            && let Some(rise) = self.current.take()
        {
            self.rises.push(DefinedRise { recovered: Some(index), kind: EventKind::Spike, ..rise });
        }
    }

    /// A rise that is going on when the log ends.
    fn unsettled(&mut self) {
        self.rises.extend(self.current.take());
    }
}

/// A run that has been watched to its end.
struct Watched<'a> {
    curve: &'a Curve,
    series: &'a Series,
    clock: &'a Clock,
    outcome: &'a Outcome,
}

impl Watched<'_> {
    /// The event that a rise is; the one before was over at this step.
    fn event(&self, rise: &DefinedRise, over: u64) -> Event {
        let step = |index: usize| self.curve.points[index].step;
        let begin = step(self.clock.index(rise.begin));
        // Smoothing delays what is called the onset by as much as its window.
        let settled = self.series.index(begin).saturating_sub(self.series.window);
        let risen = self.series.index(step(rise.risen));
        let sign = first_sign(self.series, self.series.index(over), settled, risen);
        let not_finite = self.outcome.non_finite() && rise.kind != EventKind::Spike;
        Event {
            onset: step(self.clock.index(rise.onset)),
            first_sign: sign.map_or(begin, |sign| self.series.steps[sign].min(begin)),
            risen: step(rise.risen),
            recovered: rise.recovered.map(step),
            kind: rise.kind,
            symptom: not_finite.then_some(Symptom::NonFinite),
            found: Detector::Definition,
            before: None,
            peak: None,
        }
    }
}
