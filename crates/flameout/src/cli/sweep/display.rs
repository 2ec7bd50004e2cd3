//! What a sweep shows while it goes on.

use flameout_curves::printable;
use flameout_experiment::{Begun, EpochRecord, Observer, Settings, StepRecord, Summary, Trainer};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::cells;
use super::plan::Plan;
use crate::cli::progress;

/// Steps between two redraws of a run's line: the steps of small networks take less time than drawing.
const REDRAW_EVERY: u64 = 50;

/// A line for the plan, one for each run that is going on, and one above for each that is over.
pub struct Display {
    lines: MultiProgress,
    plan: ProgressBar,
}

impl Display {
    /// Of a plan of so many runs, of which `due` are not over yet.
    pub fn new(plan: &Plan, runs: usize, due: usize) -> Self {
        let lines = MultiProgress::new();
        if progress::is_silent() {
            lines.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{prefix}: {bar:20} run {pos} of {len}  {elapsed} gone, {eta} left");
        let bar = ProgressBar::new(runs as u64).with_style(style.expect("a fixed template"));
        let bar = lines.add(bar.with_prefix(printable(&plan.name).into_owned()).with_position((runs - due) as u64));
        bar.reset_eta();
        bar.enable_steady_tick(std::time::Duration::from_secs(1));
        Self { lines, plan: bar }
    }

    /// A line for a run.
    pub fn begin(&self, settings: &Settings) -> RunLine {
        let style = ProgressStyle::with_template("  {prefix}  step {pos}/{len}  {msg}").expect("a fixed template");
        let bar = ProgressBar::new(0).with_style(style).with_prefix(printable(&cells::label(settings)).into_owned());
        RunLine(self.lines.insert_before(&self.plan, bar))
    }

    /// Takes it away.
    pub fn end(&self, line: &RunLine) {
        line.0.finish_and_clear();
        self.lines.remove(&line.0);
    }

    /// Tells what became of a run.
    pub fn finished(&self, settings: &Settings, summary: &Summary) {
        self.plan.inc(1);
        let text = format!("{}: {}", cells::label(settings), cells::result(summary));
        // Where there is no terminal the lines show nothing.
        if self.lines.is_hidden() { progress::note(text) } else { self.plan.suspend(|| tell!("{text}")) }
    }
}

/// The line of a run that is going on.
#[derive(Clone)]
pub struct RunLine(ProgressBar);

impl RunLine {
    /// Who sees the steps of a run that begins.
    pub fn observers(&self, begun: &Begun<'_>) -> Vec<Box<dyn Observer>> {
        self.0.set_length(begun.total_steps);
        self.0.set_position(begun.trainer.steps());
        vec![Box::new(self.clone())]
    }
}

impl Observer for RunLine {
    fn step(&mut self, record: &StepRecord, _: &Trainer) {
        if record.step.is_multiple_of(REDRAW_EVERY) {
            self.0.set_message(format!("loss {:.6}  accuracy {:.3}", record.loss, record.accuracy));
            self.0.set_position(record.step);
        }
    }

    fn epoch(&mut self, _: &EpochRecord) {}
}
