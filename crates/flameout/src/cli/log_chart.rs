//! The event that a log's verdict names, and its series as a small curve.

use flameout_curves::judge::{Judgement, Series, SeriesEvent, Verdict};
use flameout_curves::onset::EventKind;
use flameout_curves::{Curve, Unit};

use super::chart::Chart;
use super::table;

/// Columns of the widest curve.
const WIDEST: usize = 100;
/// Marks below a curve.
const MARKS: usize = 4;

/// The event that the verdict is about: of several the first.
pub fn headline(judgement: &Judgement) -> Option<&SeriesEvent> {
    use EventKind::{Collapse, Setback, Spike, Unsettled};
    let losses = &[Series::Loss, Series::ValidationLoss];
    let (series, kinds): (&[Series], &[EventKind]) = match judgement.verdict {
        Verdict::NotFinite | Verdict::Diverged | Verdict::Collapse | Verdict::CollapseOfTraining => {
            (losses, &[Collapse])
        }
        Verdict::CollapseOfValidation | Verdict::ValidationNotFinite => (&[Series::ValidationLoss], &[Collapse]),
        Verdict::GradientsExploded => (&[Series::GradientNorm], &[Collapse, Setback, Unsettled]),
        Verdict::AccuracyLost => (&[Series::Accuracy, Series::ValidationAccuracy], &[Collapse, Setback, Unsettled]),
        Verdict::LastingRise => (losses, &[Setback]),
        Verdict::RoseAtTheEnd => (losses, &[Unsettled]),
        Verdict::Spikes => (losses, &[Spike]),
        Verdict::NoRows
        | Verdict::TooShort
        | Verdict::Overfitting
        | Verdict::PartLost
        | Verdict::NeverLearnt
        | Verdict::NothingWrong => return None,
    };
    let events = || judgement.events.iter().filter(|event| kinds.contains(&event.event.kind));
    // A log of accuracies alone has no loss.
    events().find(|event| series.contains(&event.series)).or_else(|| events().next())
}

/// The series that the verdict is about, with what happened marked; `None` where there is nothing to mark.
pub fn draw(curve: &Curve, judgement: &Judgement) -> Option<String> {
    let unit = unit(curve.unit);
    let (series, marks) = match (headline(judgement), judgement.overfitting) {
        (Some(named), _) => {
            let others = judgement.events.iter().filter(|event| event.series == named.series && *event != named);
            let mut marked: Vec<&SeriesEvent> = std::iter::once(named).chain(others).take(MARKS).collect();
            marked.sort_by_key(|event| event.event.onset);
            let mark = |SeriesEvent { event, .. }: &SeriesEvent| {
                let (onset, what) = (event.onset, kind(event.kind));
                let text = match event.recovered {
                    Some(back) => format!("{what} from {unit} {onset} to {back}"),
                    None => format!("{what} from {unit} {onset} on"),
                };
                (onset, text)
            };
            (named.series, marked.into_iter().map(mark).collect())
        }
        (None, Some(found)) => (Series::ValidationLoss, vec![(found.from, format!("lowest at {unit} {}", found.from))]),
        (None, None) => return None,
    };
    let values = values(curve, series);
    let steps = (values.first()?.0, values.last()?.0);
    let title = series.to_string();
    let chart = Chart { title: &title, values, steps, marks };
    Some(chart.draw(table::width().min(WIDEST)).trim_end().to_owned())
}

fn values(curve: &Curve, of: Series) -> Vec<(u64, f64)> {
    let points = || curve.points.iter();
    let tests = || curve.epochs.iter().map(|test| (test.step.unwrap_or(test.epoch), test));
    match of {
        Series::Loss => points().map(|point| (point.step, point.loss)).collect(),
        Series::Accuracy => points().filter_map(|point| Some((point.step, point.accuracy?))).collect(),
        Series::GradientNorm => points().filter_map(|point| Some((point.step, point.gradient_norm?))).collect(),
        Series::ValidationLoss => tests().filter_map(|(step, test)| Some((step, test.test_loss?))).collect(),
        Series::ValidationAccuracy => tests().filter_map(|(step, test)| Some((step, test.test_accuracy?))).collect(),
    }
}

/// What a row of the log is called.
pub fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Epoch => "epoch",
        Unit::Step => "step",
    }
}

/// What a kind of event is called.
pub fn kind(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Spike => "spike",
        EventKind::Collapse => "COLLAPSE",
        EventKind::Setback => "lasting rise",
        EventKind::Unsettled => "rose, log ends",
    }
}
