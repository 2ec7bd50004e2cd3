//! Steps of a run to point out.

use flameout_curves::Curve;
use flameout_curves::judge::{Series, SeriesEvent, judge};
use flameout_curves::onset::EventKind;
use flameout_experiment::Summary;

/// A step, and what happened there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The step (or epoch; see [`Run::unit`](crate::Run::unit)).
    pub step: u64,
    /// What happened.
    pub kind: MarkKind,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MarkKind {
    /// From here on the network had trained well.
    TrainedWell,
    /// The first step of a rise of the loss that came back.
    Spike,
    /// The first step of a rise that came back in part.
    Setback,
    /// The first step of a rise that was going on when the records end.
    Rise,
    /// The first step of the collapse.
    Collapse,
}

impl MarkKind {
    /// A word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TrainedWell => "trained well",
            Self::Spike => "spike",
            Self::Setback => "setback",
            Self::Rise => "rise",
            Self::Collapse => "collapse",
        }
    }
}

/// A run's marks, in order: as its summary has them, else as its curve shows them.
pub(crate) fn marks(curve: &Curve, summary: Option<&Summary>) -> Vec<Mark> {
    let mut marks = summary.map_or_else(|| of_curve(curve), of_summary);
    marks.sort_by_key(|mark| mark.step);
    marks
}

fn of_summary(summary: &Summary) -> Vec<Mark> {
    let one = |step: Option<u64>, kind| step.map(|step| Mark { step, kind });
    let spikes = summary.spikes.iter().map(|&step| Mark { step, kind: MarkKind::Spike });
    one(summary.trained_well_step, MarkKind::TrainedWell)
        .into_iter()
        .chain(spikes)
        .chain(one(summary.onset_step, MarkKind::Collapse))
        .chain(one(summary.risen_since, MarkKind::Rise))
        .collect()
}

fn of_curve(curve: &Curve) -> Vec<Mark> {
    let mark = |event: &SeriesEvent| {
        let kind = match event.event.kind {
            EventKind::Spike => MarkKind::Spike,
            EventKind::Setback => MarkKind::Setback,
            EventKind::Unsettled => MarkKind::Rise,
            EventKind::Collapse => MarkKind::Collapse,
            _ => return None,
        };
        Some(Mark { step: event.event.onset, kind })
    };
    let judgement = judge(curve);
    // The loss tells, where there is one; a log of accuracies alone has the accuracy.
    let of = |series| judgement.events.iter().filter(move |event| event.series == series).peekable();
    let series = [Series::Loss, Series::ValidationLoss, Series::Accuracy, Series::ValidationAccuracy];
    let events = series.into_iter().map(of).find_map(|mut events| events.peek().is_some().then_some(events));
    events.into_iter().flatten().filter_map(mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_curves::Unit;

    #[test]
    fn without_a_summary_the_curve_tells() {
        let losses = (0..400).map(|step| if step < 300 { 1.0 / f64::from(step + 1) } else { 5.0 });
        let marks = marks(&Curve::from_losses(Unit::Step, losses), None);
        assert_eq!(marks.len(), 1, "{marks:?}");
        assert!((295..=305).contains(&marks[0].step) && marks[0].kind != MarkKind::Spike, "{marks:?}");
    }

    #[test]
    fn a_log_of_accuracies_alone_is_marked_where_they_fall() {
        let mut curve = Curve::from_losses(Unit::Step, (0..60).map(|_| f64::NAN));
        curve.columns.loss = None;
        curve.columns.accuracy = Some("acc".into());
        for (step, point) in curve.points.iter_mut().enumerate() {
            point.accuracy = Some(if step < 40 { 0.02 * step as f64 } else { 0.1 });
        }
        let marks = marks(&curve, None);
        assert_eq!(marks.len(), 1, "{marks:?}");
        assert!((39..=41).contains(&marks[0].step), "{marks:?}");
    }
}
