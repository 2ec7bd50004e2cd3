//! The run left alone, and whether another has come to the same.

use std::fmt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use flameout_experiment::Settings;
use serde_json::Value;

use super::child::{CHECKPOINT_EVERY, Exit, Training};

/// Files that depend on settings and words alone.
const FILES: [&str; 4] = ["encoder.json", "best.flameout", "model.flameout", "summary.json"];

/// What the run left alone came to.
#[derive(Debug)]
pub struct Reference {
    settings: Settings,
    files: Vec<Vec<u8>>,
    lines: Vec<Value>,
    /// Steps of the whole run.
    pub steps: u64,
    /// Size of its largest file.
    pub largest: u64,
    took: Duration,
}

impl Reference {
    /// Makes it.
    pub fn make(run: &Path, stop: &AtomicBool) -> Result<Self> {
        let began = Instant::now();
        let exit = Training::start(run, false)?.wait(stop)?;
        ensure!(exit.code == Some(0), "the run failed even when left alone:\n{}", exit.text);
        let (took, settings) = (began.elapsed(), Settings::read(&run.join("settings.toml"))?);
        let files = FILES.iter().map(|name| read(run, name)).collect::<Result<_>>()?;
        let lines = lines(run)?;
        let steps = super::steps_made(run);
        let checkpoint = format!("checkpoints/step-{steps:010}.ckpt");
        let largest = read(run, &checkpoint)?.len().max(read(run, "metrics.jsonl")?.len()) as u64;
        Ok(Self { settings, files, lines, steps, largest, took })
    }

    /// Whether a run that is over came to the same. If its last words were that lines of metrics are lost, only the others
    /// are asked for.
    pub fn compare(&self, run: &Path, last: &Exit, lost_lines: Option<u64>) -> Result<()> {
        ensure!(last.code == Some(0), "exit code {:?}", last.code);
        // By their meaning: a file that was cut short where only defaults follow says the same.
        ensure!(Settings::read(&run.join("settings.toml"))? == self.settings, "the settings are others");
        for (name, expected) in FILES.iter().zip(&self.files) {
            ensure!(read(run, name)? == *expected, "{name} is not that of the run left alone");
        }
        let after = |line: &&Value| line["step"].as_u64() > lost_lines;
        let expected: Vec<&Value> = self.lines.iter().filter(after).collect();
        ensure!(lines(run)?.iter().eq(expected), "metrics.jsonl is not that of the run left alone");
        for directory in [run, &run.join("checkpoints")] {
            for entry in std::fs::read_dir(directory)? {
                let name = entry?.file_name();
                ensure!(!name.to_string_lossy().starts_with('.'), "{} is left over", name.display());
            }
        }
        Ok(())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (steps, took) = (self.steps, self.took.as_secs_f64());
        write!(f, "{steps} steps in {took:.1} s, a checkpoint every {CHECKPOINT_EVERY} steps")
    }
}

fn read(run: &Path, name: &str) -> Result<Vec<u8>> {
    std::fs::read(run.join(name)).with_context(|| name.to_owned())
}

/// The lines of `metrics.jsonl`, without what the clock decides.
fn lines(run: &Path) -> Result<Vec<Value>> {
    let text = String::from_utf8(read(run, "metrics.jsonl")?).context("metrics.jsonl")?;
    let line = |line| -> Result<Value> {
        let mut line: Value = serde_json::from_str(line).context("metrics.jsonl")?;
        if let Some(line) = line.as_object_mut() {
            line.remove("words_per_second");
        }
        Ok(line)
    };
    text.lines().map(line).collect()
}
