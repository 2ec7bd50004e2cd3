//! One run of a plan after the other.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use flameout_experiment::{Ended, RunOptions, Settings};

use super::curve;
use super::display::Display;
use super::plan::Plan;
use super::results::{Results, Row};
use crate::root;
use crate::training::train;

/// Carries out runs on its share of the cores.
pub struct Worker<'a> {
    plan: &'a Plan,
    results: &'a Results,
    /// Where the runs' directories are.
    runs: PathBuf,
    display: &'a Display,
    stop: &'a AtomicBool,
    pool: rayon::ThreadPool,
}

impl<'a> Worker<'a> {
    /// With a number of threads of its own.
    pub fn new(
        plan: &'a Plan,
        results: &'a Results,
        runs: PathBuf,
        display: &'a Display,
        stop: &'a AtomicBool,
        threads: usize,
    ) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().context("starting the threads")?;
        Ok(Self { plan, results, runs, display, stop, pool })
    }

    /// Begins or goes on with a run, and appends its row when it is over. False if it was stopped before.
    pub fn carry_out(&self, settings: &Settings) -> Result<bool> {
        let directory = self.runs.join(format!("{}-{}", settings.case.name(), &settings.hash()[..12]));
        let resume = directory.join("settings.toml").is_file();
        let options = RunOptions { directory: directory.clone(), resume, base: root() };
        let bar = self.display.begin(settings);
        let ended = self.pool.install(|| train(settings, &options, self.stop, &mut bar.clone()));
        self.display.end(&bar);
        let Ended::Finished(summary) = ended.with_context(|| directory.display().to_string())? else {
            return Ok(false);
        };
        if self.plan.curves {
            curve::write(&directory, &self.results.curve(settings))?;
        }
        self.display.finished(settings, &summary);
        self.results.append(Row { plan: self.plan.name.clone(), settings: settings.clone(), summary: *summary })?;
        // What could resume a run that is over only fills the disk.
        match std::fs::remove_dir_all(directory.join("checkpoints")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("removing checkpoints")?,
            _ => {}
        }
        Ok(true)
    }
}
