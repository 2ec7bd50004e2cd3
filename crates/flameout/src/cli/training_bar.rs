//! What a training shows on standard error while it goes on.

use std::io::Write;
use std::time::{Duration, Instant};

use flameout_experiment::{EpochRecord, Observer, StepRecord, Trainer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A progress bar on standard error, and a line on standard error for every epoch (at most about one a second).
#[derive(Debug)]
pub struct TrainingBar {
    bar: ProgressBar,
    last_line: Option<Instant>,
    /// The latest epoch, if its line was left out because another had just been written.
    left_out: Option<EpochRecord>,
}

impl TrainingBar {
    /// For a run of `steps` steps of `batch` words, of which `done` have been made before.
    #[must_use]
    pub fn new(steps: u64, done: u64, batch: usize) -> Self {
        let style =
            ProgressStyle::with_template("{bar:30} step {pos}/{len}  {msg}  {per_sec}  {elapsed} gone, {eta} left")
                .expect("a fixed template");
        let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr_with_hz(5))
            .with_style(style.with_key(
                "per_sec",
                move |state: &indicatif::ProgressState, f: &mut dyn std::fmt::Write| {
                    let _ = write!(f, "{:.0} words/s", state.per_sec() * batch as f64);
                },
            ))
            .with_position(done);
        bar.reset_eta();
        Self { bar, last_line: None, left_out: None }
    }

    fn epoch_line(&mut self, record: &EpochRecord) {
        const HEADING: &str = "epoch    step      loss  accuracy  test loss  test accuracy  spread  words/s";
        if self.last_line.is_none() {
            self.line(HEADING);
        }
        self.last_line = Some(Instant::now());
        self.left_out = None;
        self.line(format!(
            "{:>5} {:>7}  {:.6}     {:.3}   {:.6}          {:.3}  {:.4}  {:>7.0}",
            record.epoch,
            record.step,
            record.loss,
            record.accuracy,
            record.test_loss,
            record.test_accuracy,
            record.spread,
            record.words_per_second
        ));
    }

    fn line(&self, text: impl AsRef<str>) {
        // Where there is no terminal the bar shows nothing; the lines still go to standard error.
        if self.bar.is_hidden() {
            // Nobody may read them any more: the run goes on.
            let _ = writeln!(std::io::stderr(), "{}", text.as_ref());
        } else {
            self.bar.println(text);
        }
    }
}

impl Observer for TrainingBar {
    fn step(&mut self, record: &StepRecord, _: &Trainer) {
        self.bar.set_message(format!("loss {:.5}  accuracy {:.3}", record.loss, record.accuracy));
        self.bar.inc(1);
    }

    fn epoch(&mut self, record: &EpochRecord) {
        if self.last_line.is_some_and(|at| at.elapsed() < Duration::from_secs(1)) {
            self.left_out = Some(record.clone());
        } else {
            self.epoch_line(record);
        }
    }

    fn end(&mut self) {
        if let Some(record) = self.left_out.take() {
            self.epoch_line(&record);
        }
        self.bar.finish_and_clear();
    }
}
