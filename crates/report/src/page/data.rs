//! The curves' numbers, as the page's script reads them.

use serde::Serialize;

use crate::figures::{rounded, whole};
use crate::mark::MarkKind;
use crate::plot::{Plot, Scale, Words, detail};
use crate::run::Run;
use crate::thin::{Stretch, thin};

/// Stretches of all curves together: they take about 40 bytes each.
const BUDGET: usize = 16_000;
/// Stretches of a curve, at least and at most.
const STRETCHES: (usize, usize) = (50, 1200);
/// Curves of a run.
const CURVES: usize = 8;

#[derive(Debug, Serialize)]
struct Data<'a> {
    unit: &'static str,
    last: u64,
    plots: Vec<PlotData<'a>>,
    marks: Vec<MarkData>,
}

#[derive(Debug, Serialize)]
struct PlotData<'a> {
    id: &'static str,
    log: bool,
    lines: Vec<LineData<'a>>,
    levels: Vec<f64>,
}

/// A line with its band. Bounds are left out where every stretch is a single value.
#[derive(Debug, Serialize)]
struct LineData<'a> {
    name: &'a str,
    /// Which of the colours.
    colour: usize,
    dashed: bool,
    step: Vec<u64>,
    mean: Vec<f64>,
    low: Option<Vec<f64>>,
    high: Option<Vec<f64>>,
}

#[derive(Debug, Serialize)]
struct MarkData {
    step: u64,
    label: String,
    /// Whether it is one that "around the onset" goes to.
    onset: bool,
    /// That of its run, where there are several.
    colour: Option<usize>,
}

/// Of a single run: its lines are named by the words they are of.
pub(super) fn of_run(run: &Run) -> String {
    let stretches = STRETCHES.1;
    let plots = Plot::ALL.map(|plot| {
        let lines = plot.series(run).into_iter().map(|series| {
            let thinned = thin(&series.values, stretches, &detail(run, 300));
            LineData::new(series.words.name(), series.words as usize, Line::Solid, &thinned)
        });
        PlotData::new(plot, lines.collect(), plot.level(run).map(|level| level.value).into_iter().collect())
    });
    let marks = run.marks.iter().map(|mark| MarkData {
        step: mark.step,
        label: format!("{} at {}", mark.kind.name(), whole(mark.step)),
        onset: is_onset(mark.kind),
        colour: None,
    });
    json(&Data { unit: run.unit(), last: run.last_step(), plots: plots.into(), marks: marks.collect() })
}

/// Of several: a colour a run, test words dashed.
pub(super) fn of_runs(runs: &[Run], names: &[String]) -> String {
    let (least, most) = STRETCHES;
    let stretches = (BUDGET / (CURVES * runs.len().max(1))).clamp(least, most);
    let plots = Plot::ALL.map(|plot| {
        let lines = runs.iter().zip(names).enumerate().flat_map(|(colour, (run, name))| {
            plot.series(run).into_iter().map(move |series| {
                let thinned = thin(&series.values, stretches, &detail(run, stretches as u64 / 4));
                // Where a plot has a single line a run, there is nothing to tell apart.
                let is_second = series.words == Words::Test && matches!(plot, Plot::Loss | Plot::Accuracy);
                LineData::new(name, colour, if is_second { Line::Dashed } else { Line::Solid }, &thinned)
            })
        });
        let lines = lines.collect();
        let mut levels: Vec<f64> = runs.iter().filter_map(|run| plot.level(run)).map(|level| level.value).collect();
        levels.sort_by(f64::total_cmp);
        levels.dedup();
        PlotData::new(plot, lines, levels)
    });
    let onsets = runs.iter().enumerate().flat_map(|(index, run)| {
        run.marks.iter().filter(|mark| is_onset(mark.kind)).map(move |mark| MarkData {
            step: mark.step,
            label: format!("{} at {}", mark.kind.name(), whole(mark.step)),
            onset: true,
            colour: Some(index % super::figure::COLOURS),
        })
    });
    let last = runs.iter().map(Run::last_step).max().unwrap_or(0);
    let mut marks: Vec<MarkData> = onsets.collect();
    marks.sort_by_key(|mark| mark.step);
    json(&Data { unit: runs.first().map_or("step", Run::unit), last, plots: plots.into(), marks })
}

fn is_onset(kind: MarkKind) -> bool {
    matches!(kind, MarkKind::Collapse | MarkKind::Rise)
}

enum Line {
    Solid,
    Dashed,
}

impl<'a> PlotData<'a> {
    fn new(plot: Plot, lines: Vec<LineData<'a>>, levels: Vec<f64>) -> Self {
        Self { id: plot.name(), log: plot.scale() == Scale::Logarithmic, lines, levels }
    }
}

impl<'a> LineData<'a> {
    fn new(name: &'a str, colour: usize, line: Line, thinned: &[Stretch]) -> Self {
        let column = |value: fn(&Stretch) -> f64| thinned.iter().map(|stretch| rounded(value(stretch))).collect();
        let single = thinned.iter().all(|stretch| !stretch.mean.is_finite() || stretch.low == stretch.high);
        let bound = |value| (!single).then(|| column(value));
        Self {
            name,
            colour: colour % super::figure::COLOURS,
            dashed: matches!(line, Line::Dashed),
            step: thinned.iter().map(|stretch| stretch.step).collect(),
            mean: column(|stretch| stretch.mean),
            low: bound(|stretch| stretch.low),
            high: bound(|stretch| stretch.high),
        }
    }
}

/// JSON that cannot end the element it lies in: only inside of strings can there be a `<`.
fn json(data: &Data<'_>) -> String {
    serde_json::to_string(data).expect("plain data").replace('<', "\\u003c")
}
