//! The pictures: what of the rows and curves is drawn, and how it is named.

use flameout_doctor::Proportion;
use flameout_experiment::Case;

use super::figure::{Axis, Figure, Panel, Series as Drawn, Shape};
use super::{Rate, Series};
use crate::growth::Sample;
use crate::hunt::curve::Point;
use crate::hunt::results::Row;
use crate::second_moment::{KERNELS, Reading, Run as Moments};
use crate::stretch::close_up::{CloseUp, Step};
use flameout::report::whole;

/// Okabe and Ito's colours, which people with colour-blindness can tell apart.
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444"];
const TRAINING: &str = COLOURS[0];
const TEST: &str = COLOURS[1];
const GREY: &str = "#6e6e6e";

fn network(case: Case) -> &'static str {
    match case {
        Case::LstmSingle => "LSTM",
        Case::GruSingle => "GRU",
        Case::LstmDouble => "deep network",
    }
}

/// A panel for each case, with a colour for each name of a series.
fn by_case(series: &[Series], y: &dyn Fn() -> Axis, shape: &dyn Fn(&Series) -> Shape) -> Vec<Panel> {
    let mut names: Vec<&str> = series.iter().map(|of| of.name.as_str()).collect();
    names.dedup();
    let mut names: Vec<&str> =
        names.iter().enumerate().filter(|(at, name)| !names[..*at].contains(name)).map(|(_, name)| *name).collect();
    names.sort_unstable();
    let rates = || series.iter().flat_map(|of| of.rates.iter().map(|rate| rate.rate));
    let (first, last) = (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max));
    let panel = |case: Case| {
        let of_case = series.iter().filter(|of| of.case == case);
        let drawn = of_case.map(|of| Drawn {
            name: of.name.clone(),
            colour: COLOURS[names.iter().position(|name| *name == of.name).unwrap_or_default() % COLOURS.len()],
            shape: shape(of),
        });
        Panel {
            title: network(case).into(),
            x: Axis { name: "learning rate".into(), from: first / 1.3, to: last * 1.3, logarithmic: true },
            y: y(),
            height: 250.0,
            series: drawn.collect(),
        }
    };
    Case::ALL.map(panel).into()
}

/// A share of the networks with its interval, over the learning rate.
pub fn shares(title: &str, series: &[Series], share: impl Fn(&Rate) -> Proportion) -> Figure {
    let y = || Axis { name: "share of networks".into(), from: -0.02, to: 1.02, logarithmic: false };
    let shape = |of: &Series| {
        let seen = of.rates.iter().map(|rate| (rate.rate, share(rate))).filter(|(_, share)| share.of > 0);
        Shape::Intervals(
            seen.map(|(rate, share)| (rate, [share.wilson().0, share.share(), share.wilson().1])).collect(),
        )
    };
    Figure { title: title.into(), columns: 3, panels: by_case(series, &y, &shape) }
}

/// When networks collapsed, over the learning rate.
pub fn onsets(series: &[Series]) -> Figure {
    let steps =
        || series.iter().flat_map(|of| of.rates.iter().flat_map(|rate| rate.onsets.iter().map(|&step| step as f64)));
    let y = || Axis::around("step of the onset", steps(), true);
    let shape = |of: &Series| {
        let points = of.rates.iter().flat_map(|rate| rate.onsets.iter().map(|&step| (rate.rate, step as f64)));
        Shape::Dots(points.collect())
    };
    Figure { title: "When networks collapsed".into(), columns: 3, panels: by_case(series, &y, &shape) }
}

/// The column norm of the recurrent kernel over the steps of each run of a network, with a dot where it collapsed. Steps are
/// above 0.
pub fn growth(samples: &[Sample]) -> Figure {
    let mut series = Vec::new();
    for (index, of_rate) in samples.chunk_by(|a, b| a.rate == b.rate).enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let name = format!("rate {}", (of_rate[0].rate * 1e4).round() / 1e4);
        for run in of_rate.chunk_by(|a, b| a.seed == b.seed) {
            let points: Vec<_> = run.iter().map(|sample| (sample.step as f64, sample.length)).collect();
            let end = points.last().copied().filter(|_| run[0].onset.is_some());
            series.push(Drawn { name: name.clone(), colour, shape: Shape::Line(points) });
            series.push(Drawn { name: String::new(), colour, shape: Shape::Dots(end.into_iter().collect()) });
        }
    }
    series.push(Drawn { name: "collapse".into(), colour: GREY, shape: Shape::Dots(Vec::new()) });
    let x = Axis::around("step", samples.iter().map(|sample| sample.step as f64), true);
    let highest = samples.iter().map(|sample| sample.length).fold(0.0, f64::max);
    let y = Axis { name: "mean column L2 norm".into(), from: 0.0, to: highest * 1.05, logarithmic: false };
    let panel = Panel { title: String::new(), x, y, height: 300.0, series };
    let title = format!("{} units: growth of the recurrent kernel", samples[0].network);
    Figure { title, columns: 1, panels: vec![panel] }
}

/// A run's curve, the loss of predicting the mean, and hit@10 of guessing.
pub struct Run {
    points: Vec<Point>,
    baseline: f64,
    guessing: f64,
}

type Values = Vec<(f64, f64)>;

impl Run {
    pub fn new(row: &Row, points: Vec<Point>) -> Self {
        let summary = &row.summary;
        Self { points, baseline: summary.baseline.train_loss, guessing: summary.guessed_hit_at_10() }
    }

    fn values(&self, value: impl Fn(&Point) -> Option<f64>) -> Values {
        self.points.iter().filter_map(|point| Some((point.step as f64, value(point)?))).collect()
    }

    fn train_loss(&self) -> Values {
        self.values(|point| Some(point.loss_mean))
    }

    fn test_loss(&self) -> Values {
        self.values(|point| point.test_loss)
    }

    fn last(&self) -> f64 {
        self.points.last().map_or(1, |point| point.step) as f64
    }
}

/// A panel of losses and one of accuracies, of one or more runs.
fn loss_and_accuracy(title: &str, runs: &[&Run], losses: Axis, last: f64, highest: f64) -> [Panel; 2] {
    let steps = || Axis { name: "step".into(), from: 0.0, to: last, logarithmic: false };
    let line = |name: &str, colour, points| Drawn { name: name.into(), colour, shape: Shape::Line(points) };
    let mut loss: Vec<Drawn> = runs.iter().map(|run| line("test words", TEST, run.test_loss())).collect();
    loss.extend(runs.iter().map(|run| line("training words", TRAINING, run.train_loss())));
    let baseline = runs.first().map_or(f64::NAN, |run| run.baseline);
    let mean = Shape::Dashes(vec![(0.0, baseline), (last, baseline)]);
    loss.push(Drawn { name: "predicting the mean".into(), colour: GREY, shape: mean });
    let mut accuracy: Vec<Drawn> =
        runs.iter().map(|run| line("test words", TEST, run.values(|point| point.test_accuracy))).collect();
    accuracy
        .extend(runs.iter().map(|run| line("training words", TRAINING, run.values(|point| Some(point.accuracy_mean)))));
    let accuracies = Axis { name: "accuracy".into(), from: 0.0, to: highest * 1.08, logarithmic: false };
    [
        Panel { title: title.into(), x: steps(), y: losses, height: 190.0, series: loss },
        Panel { title: String::new(), x: steps(), y: accuracies, height: 110.0, series: accuracy },
    ]
}

/// A panel of hit@10 of the test words, of one or more runs, and what guessing would hit. Its axis fits `all` runs.
fn hits(runs: &[&Run], all: &[&Run], last: f64) -> Panel {
    // A run has few test words: single epochs jump.
    const EPOCHS: usize = 10;
    let values = |run: &Run| -> Values {
        let hits = run.values(|point| point.test_hit_at_10);
        let mean = |last: &[(f64, f64)]| last.iter().map(|(_, hits)| hits).sum::<f64>() / last.len() as f64;
        (0..hits.len()).map(|at| (hits[at].0, mean(&hits[at.saturating_sub(EPOCHS - 1)..=at]))).collect()
    };
    let mut series: Vec<Drawn> = runs
        .iter()
        .map(|run| Drawn { name: "test words".into(), colour: TEST, shape: Shape::Line(values(run)) })
        .collect();
    let guessing = runs.first().map_or(f64::NAN, |run| run.guessing);
    let shape = Shape::Dashes(vec![(0.0, guessing), (last, guessing)]);
    series.push(Drawn { name: "guessing".into(), colour: GREY, shape });
    let highest = all.iter().flat_map(|run| values(run)).map(|(_, hits)| hits).fold(0.05, f64::max);
    let x = Axis { name: "step".into(), from: 0.0, to: last, logarithmic: false };
    let y = Axis { name: "hit@10, mean of 10".into(), from: 0.0, to: highest * 1.08, logarithmic: false };
    Panel { title: String::new(), x, y, height: 110.0, series }
}

/// The losses of runs. Where all lie near the baseline, a linear axis shows them, and what is far above is cut off.
fn losses(runs: &[&Run]) -> Axis {
    let values: Vec<f64> =
        runs.iter().flat_map(|run| run.train_loss().into_iter().chain(run.test_loss())).map(|(_, loss)| loss).collect();
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let baseline = runs.first().map_or(1.0, |run| run.baseline);
    if lowest < 0.5 * baseline {
        return Axis::around("loss", values.into_iter(), true);
    }
    Axis::around("loss", values.into_iter().map(|loss| loss.min(1.5 * baseline)), false)
}

fn highest_accuracy(runs: &[&Run]) -> f64 {
    runs.iter().flat_map(|run| &run.points).map(|point| point.accuracy_mean).fold(0.05, f64::max)
}

/// Loss and accuracy of a run.
pub fn curve(row: &Row, points: Vec<Point>) -> Figure {
    let settings = &row.settings;
    let end = match row.summary.onset_step {
        Some(step) => format!("collapse at step {}", whole(step)),
        None => format!("{} steps", whole(row.summary.steps)),
    };
    let title = format!(
        "{}, {} units, learning rate {}, seed {}: {end}",
        network(settings.case),
        whole(settings.model.units.unwrap_or(settings.case.units()) as u64),
        settings.entries()["schedule.learning-rate"],
        settings.seed,
    );
    let run = Run::new(row, points);
    let mut panels = Vec::from(loss_and_accuracy("", &[&run], losses(&[&run]), run.last(), highest_accuracy(&[&run])));
    // Not known of curves that were kept before it was measured.
    if run.points.iter().any(|point| point.test_hit_at_10.is_some()) {
        panels.push(hits(&[&run], &[&run], run.last()));
    }
    Figure { title, columns: 1, panels }
}

/// The same networks without a constraint, on the left, and with one.
pub fn constrained(title: &str, free: &[Run], held: &[Run], bound: f64) -> Figure {
    let all: Vec<&Run> = free.iter().chain(held).collect();
    let last = held.iter().map(Run::last).fold(1.0, f64::max);
    let seeds = |runs: &[Run], what: &str| format!("{what}, {} seeds", runs.len());
    let side = |runs: &[Run], what: &str| {
        let runs_of: Vec<&Run> = runs.iter().collect();
        let [loss, accuracy] =
            loss_and_accuracy(&seeds(runs, what), &runs_of, losses(&all), last, highest_accuracy(&all));
        [loss, accuracy, hits(&runs_of, &all, last)]
    };
    let free = side(free, "no constraint");
    let held = side(held, &format!("recurrent kernel's columns constrained to {bound}"));
    let panels = free.into_iter().zip(held).flat_map(|(free, held)| [free, held]);
    Figure { title: title.into(), columns: 2, panels: panels.collect() }
}

/// The last steps of a run before its onset, one by one.
pub fn close_up(close_up: &CloseUp) -> Figure {
    let steps = &close_up.steps;
    let onset = close_up.run.onset.unwrap_or(0);
    let line = |name: &str, colour, value: &dyn Fn(&Step) -> f64| Drawn {
        name: name.into(),
        colour,
        shape: Shape::Line(steps.iter().map(|step| (step.step as f64 - onset as f64, value(step))).collect()),
    };
    let panel = |name: &str, drawn: Vec<Drawn>| {
        let values = drawn.iter().flat_map(|series| match &series.shape {
            Shape::Line(points) => points.iter().map(|&(_, y)| y).collect::<Vec<_>>(),
            _ => Vec::new(),
        });
        let first = steps.first().map_or(0.0, |step| step.step as f64 - onset as f64);
        let last = steps.last().map_or(1.0, |step| step.step as f64 - onset as f64);
        let x = Axis { name: "steps since the onset".into(), from: first, to: last, logarithmic: false };
        Panel { title: String::new(), x, y: Axis::around(name, values, true), height: 110.0, series: drawn }
    };
    let run = &close_up.run;
    Figure {
        title: format!(
            "{}, learning rate {}, seed {}: onset at step {}",
            run.network,
            run.rate,
            run.seed,
            whole(onset)
        ),
        columns: 1,
        panels: vec![
            panel(
                "stretch",
                vec![
                    line("over the padding, of the word whose gradient grows most", COLOURS[1], &|step| {
                        step.padding.map_or(f64::NAN, f64::exp)
                    }),
                    line("over its letters", COLOURS[0], &|step| step.letters.exp()),
                ],
            ),
            panel("gradient norm", vec![line("", COLOURS[6], &|step| step.gradient_norm)]),
            panel("update norm", vec![line("", COLOURS[6], &|step| step.update_norm)]),
            panel("effect", vec![line("", COLOURS[6], &|step| step.effect)]),
            panel("loss", vec![line("", COLOURS[6], &|step| step.loss)]),
        ],
    }
}

/// The loss and √v of runs that differ in β2, a column each.
pub fn second_moments(runs: &[Moments]) -> Figure {
    let line = |run: &Moments, name: &str, colour, value: &dyn Fn(&Reading) -> f64| Drawn {
        name: name.into(),
        colour,
        shape: Shape::Line(run.readings.iter().map(|reading| (reading.step as f64, value(reading))).collect()),
    };
    let readings = || runs.iter().flat_map(|run| &run.readings);
    let last = readings().map(|reading| reading.step as f64).fold(1.0, f64::max);
    let steps = || Axis { name: "step".into(), from: 0.0, to: last, logarithmic: false };
    let losses = |run: &Moments| Panel {
        title: format!("β2 {}", run.beta2),
        x: steps(),
        y: Axis::around("training loss", readings().map(|reading| reading.loss), true),
        height: 150.0,
        series: vec![line(run, "", COLOURS[6], &|reading| reading.loss)],
    };
    let roots = |run: &Moments| Panel {
        title: String::new(),
        x: steps(),
        y: Axis::around("mean √v", readings().flat_map(|reading| reading.roots), true),
        height: 200.0,
        series: (KERNELS.iter().zip([1, 0, 2]).enumerate())
            .map(|(kernel, ((_, name), colour))| line(run, name, COLOURS[colour], &|reading| reading.roots[kernel]))
            .collect(),
    };
    Figure {
        title: "Adam's second moment shrinks between dips, and grows in each (deep network, 128 units, 500 words)"
            .into(),
        columns: runs.len(),
        panels: runs.iter().map(losses).chain(runs.iter().map(roots)).collect(),
    }
}
