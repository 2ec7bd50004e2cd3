//! What a warning said of runs whose end is known.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::Table;
use flameout::cli::table;
use flameout_curves::warning::{Signal, Warning};
use flameout_curves::{Curve, Point};
use flameout_doctor::Proportion;
use flameout_experiment::RunDirectory;
use serde::Serialize;

use crate::early::Seen;

/// Steps before the loss shows it within which an announcement is meant for this collapse.
const HORIZON: u64 = 100;
/// False alarms in 10,000 steps that a threshold may give on the even seeds.
const TOLERABLE: f64 = 1.0;

/// Signals, the plainest first, and thresholds of each, rising.
const THRESHOLDS: [(Signal, &[f64]); 3] = [
    (Signal::Loss, &[1.3, 1.5, 1.7, 2.0, 2.5]),
    (Signal::GradientNorm, &[3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0]),
    (Signal::UpdateNorm, &[2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0]),
];

/// A run that trained well or did not, and when its loss showed that it collapsed.
pub struct Run {
    seed: u64,
    points: Vec<Point>,
    trained_well: Option<u64>,
    /// The first step, in the 100 before the onset of the definition, whose own loss was that of the mean predictor; the
    /// onset if there is none.
    shown: Option<u64>,
}

impl Run {
    /// Of a run that was made with this seed.
    pub fn of(seed: u64, seen: Seen) -> Self {
        let Seen { points, outcome, .. } = seen;
        let baseline = outcome.baseline().train_loss;
        Self::new(seed, points, outcome.trained_well_at(), outcome.collapse_onset(), baseline)
    }

    /// Of a finished run's directory.
    pub fn read(directory: &Path) -> Result<Self> {
        let place = || directory.display().to_string();
        let summary = RunDirectory::open(directory)?.summary()?.with_context(|| format!("{}: is not over", place()))?;
        let points = Curve::read_run(directory)?.points;
        let (trained_well, onset) = (summary.trained_well_step, summary.onset_step);
        Ok(Self::new(summary.seed, points, trained_well, onset, summary.baseline.train_loss))
    }

    fn new(seed: u64, points: Vec<Point>, trained_well: Option<u64>, onset: Option<u64>, baseline: f64) -> Self {
        let shown = onset.map(|onset| {
            let before = &points[onset.saturating_sub(HORIZON) as usize..onset as usize];
            before.iter().find(|point| point.loss >= baseline).map_or(onset, |point| point.step)
        });
        Self { seed, points, trained_well, shown }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.trained_well, self.shown) {
            (_, Some(step)) => write!(f, "collapses at step {step}"),
            (Some(_), None) => write!(f, "is healthy after {} steps", self.points.len()),
            (None, None) => write!(f, "never trains well"),
        }
    }
}

/// A signal and a threshold, and what they were worth on half of the seeds.
#[derive(Debug, Serialize)]
pub struct Line {
    signal: &'static str,
    /// Times the median of the steps before.
    threshold: f64,
    /// `even`: thresholds were chosen on these; `odd`: they were not.
    seeds: &'static str,
    /// Whether it is the one that was chosen on the even seeds.
    chosen: bool,
    /// Runs that collapsed.
    collapsed: u64,
    /// Those that were announced: recall, with its 95 % interval.
    announced: u64,
    recall_low: f64,
    recall_high: f64,
    /// Steps from the announcement until the loss showed it.
    lead_median: Option<u64>,
    lead_min: Option<u64>,
    lead_max: Option<u64>,
    /// Of all announcements, the share that was followed by a collapse.
    precision: f64,
    /// Announcements in runs that collapse later, or never.
    false_alarms: u64,
    false_alarms_in_10_000_steps: f64,
    /// The same in the runs that never collapse.
    in_healthy_runs: f64,
}

/// Every signal and threshold, on even seeds and on odd ones.
pub fn table(runs: &[Run]) -> Vec<Line> {
    let mut lines = Vec::new();
    for (signal, thresholds) in THRESHOLDS {
        let of_half = |half| thresholds.iter().map(move |&threshold| line(runs, signal, threshold, half));
        let (mut even, mut odd): (Vec<Line>, Vec<Line>) = (of_half(0).collect(), of_half(1).collect());
        let tolerable = even.iter().enumerate().filter(|(_, line)| line.false_alarms_in_10_000_steps <= TOLERABLE);
        // Of equally good ones the last, which is the highest.
        if let Some((best, _)) = tolerable.max_by_key(|(_, line)| line.announced) {
            even[best].chosen = true;
            odd[best].chosen = true;
        }
        lines.extend(even.into_iter().chain(odd));
    }
    lines
}

fn line(runs: &[Run], signal: Signal, threshold: f64, half: u64) -> Line {
    let (mut collapsed, mut leads) = (0, Vec::new());
    let (mut in_collapsing, mut in_healthy) = (Alarms::default(), Alarms::default());
    for run in runs.iter().filter(|run| run.seed % 2 == half) {
        let Some(trained) = run.trained_well else { continue };
        let announced = announcements(run, signal, threshold);
        let end = run.shown.unwrap_or(run.points.len() as u64 + 1);
        let meant_from = run.shown.map_or(end, |shown| shown.saturating_sub(HORIZON)).max(trained);
        let alarms = if run.shown.is_some() { &mut in_collapsing } else { &mut in_healthy };
        alarms.count += announced.iter().filter(|&&step| step > trained && step < meant_from).count() as u64;
        alarms.steps += meant_from - trained;
        if let Some(shown) = run.shown {
            collapsed += 1;
            leads.extend(announced.iter().find(|&&step| step >= meant_from && step < shown).map(|step| shown - step));
        }
    }
    leads.sort_unstable();
    let announced = leads.len() as u64;
    let (recall_low, recall_high) = Proportion { count: announced, of: collapsed }.wilson();
    let false_alarms = in_collapsing.count + in_healthy.count;
    let all = Alarms { count: false_alarms, steps: in_collapsing.steps + in_healthy.steps };
    Line {
        signal: signal.name(),
        threshold,
        seeds: if half == 0 { "even" } else { "odd" },
        chosen: false,
        collapsed,
        announced,
        recall_low,
        recall_high,
        lead_median: leads.get(leads.len() / 2).copied(),
        lead_min: leads.first().copied(),
        lead_max: leads.last().copied(),
        precision: announced as f64 / (announced + false_alarms) as f64,
        false_alarms,
        false_alarms_in_10_000_steps: all.in_10_000_steps(),
        in_healthy_runs: in_healthy.in_10_000_steps(),
    }
}

#[derive(Default)]
struct Alarms {
    count: u64,
    steps: u64,
}

impl Alarms {
    fn in_10_000_steps(&self) -> f64 {
        1e4 * self.count as f64 / self.steps as f64
    }
}

fn announcements(run: &Run, signal: Signal, threshold: f64) -> Vec<u64> {
    let mut warning = Warning::new(signal, threshold);
    run.points.iter().filter_map(|point| warning.step(point)).map(|announcement| announcement.step).collect()
}

/// The chosen lines, for the terminal.
pub fn text(lines: &[Line]) -> Table {
    let mut table = table::new([
        "signal",
        "threshold",
        "seeds",
        "announced",
        "95 % interval",
        "lead in steps",
        "precision",
        "false alarms in 10,000 steps",
        "in healthy runs",
    ]);
    for line in lines.iter().filter(|line| line.chosen) {
        let leads = match (line.lead_median, line.lead_min, line.lead_max) {
            (Some(median), Some(min), Some(max)) => format!("{median} ({min}–{max})"),
            _ => "–".into(),
        };
        table.add_row([
            line.signal.into(),
            line.threshold.to_string(),
            line.seeds.into(),
            format!("{} of {}", line.announced, line.collapsed),
            format!("{:.0}–{:.0} %", 100.0 * line.recall_low, 100.0 * line.recall_high),
            leads,
            format!("{:.2}", line.precision),
            format!("{:.2}", line.false_alarms_in_10_000_steps),
            format!("{:.2}", line.in_healthy_runs),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Losses of 1 but for a step, in a run that shows its collapse at `shown`.
    fn run(seed: u64, unusual: u64, shown: Option<u64>) -> Run {
        let point = |step| Point { step, loss: if step == unusual { 9.0 } else { 1.0 }, ..Point::default() };
        Run { seed, points: (1..=1500).map(point).collect(), trained_well: Some(500), shown }
    }

    #[test]
    fn announcements_are_hits_false_alarms_or_before_anything_was_learnt() {
        let runs = [run(0, 990, Some(1000)), run(2, 700, Some(1000)), run(4, 300, None), run(1, 990, Some(1000))];
        let line = line(&runs, Signal::Loss, 2.0, 0);
        assert_eq!((line.collapsed, line.announced, line.false_alarms), (2, 1, 1));
        assert_eq!((line.lead_min, line.lead_max, line.precision), (Some(10), Some(10), 0.5));
        // 400 steps each until a hundred before, and 1,001.
        assert_eq!(line.false_alarms_in_10_000_steps, 1e4 / 1801.0);
        assert_eq!(line.in_healthy_runs, 0.0);
    }
}
