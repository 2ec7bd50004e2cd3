//! The series that a log's verdict is about, as a small curve.

use flameout_curves::Curve;
use flameout_curves::judge::{Judgement, Series, SeriesEvent};

use super::chart::Chart;
use super::table;

/// Columns of the widest curve.
const WIDEST: usize = 100;
/// Marks below a curve.
const MARKS: usize = 4;

/// The series that the verdict is about, with what happened marked; `None` where there is nothing to mark.
pub fn draw(curve: &Curve, judgement: &Judgement) -> Option<String> {
    let unit = curve.unit.name();
    let (series, marks) = match (judgement.headline(), judgement.overfitting) {
        (Some(named), _) => {
            let others = judgement.events.iter().filter(|event| event.series == named.series && *event != named);
            let mut marked: Vec<&SeriesEvent> = std::iter::once(named).chain(others).take(MARKS).collect();
            marked.sort_by_key(|event| event.event.onset);
            let mark = |SeriesEvent { event, .. }: &SeriesEvent| {
                let (onset, what) = (event.onset, event.kind.name());
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
    let values = series.values(curve);
    let steps = (values.first()?.0, values.last()?.0);
    let title = series.to_string();
    let chart = Chart { title: &title, values, steps, marks };
    Some(chart.draw(table::width().min(WIDEST)).trim_end().to_owned())
}
