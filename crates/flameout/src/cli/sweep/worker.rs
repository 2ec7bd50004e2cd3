//! One run of a plan after the other.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use flameout_curves::Curve;
use flameout_curves::onset;
use flameout_curves::outcome::DEFINITION;
use flameout_experiment::{Ended, RunDirectory, RunOptions, Settings, Summary};

use super::curve;
use super::display::Display;
use super::machine::Machine;
use super::plan::Plan;
use super::results::{Results, Row};
use crate::cli::training::train;

/// Carries out runs, on the threads that it is called from.
pub struct Worker<'a> {
    /// What asked for the runs.
    pub plan: &'a Plan,
    /// Where rows and curves go.
    pub results: &'a Results,
    /// Where the runs' directories are.
    pub runs: PathBuf,
    /// Where relative paths in settings begin.
    pub base: PathBuf,
    /// Who shows how far they are.
    pub display: &'a Display,
    /// Ends a run before its time.
    pub stop: &'a AtomicBool,
}

impl Worker<'_> {
    /// Begins or goes on with a run, and appends its row when it is over; not if it was stopped before.
    pub fn carry_out(&self, settings: &Settings) -> Result<()> {
        let directory = self.runs.join(format!("{}-{}", settings.case.name(), &settings.hash()[..12]));
        let mut resume = directory.join("settings.toml").is_file();
        if resume && is_judged_by_an_earlier_definition(&directory)? {
            std::fs::remove_dir_all(&directory).with_context(|| format!("removing {}", directory.display()))?;
            resume = false;
        }
        let options = RunOptions { directory: directory.clone(), resume, base: self.base.clone() };
        let bar = self.display.begin(settings);
        let ended = train(settings, &options, self.stop, |begun| bar.observers(begun));
        self.display.end(&bar);
        let Ended::Finished(summary) = ended.with_context(|| directory.display().to_string())? else {
            return Ok(());
        };
        if self.plan.curves {
            curve::write(&directory, &self.results.curve(settings))?;
        }
        self.display.finished(settings, &summary);
        let dips = Some(dips(&directory, &summary)?);
        let plan = self.plan.name.clone();
        let (settings, made_by) = (settings.clone(), Some(Machine::current()));
        self.results.append(Row { plan, settings, summary: *summary, dips, made_by })?;
        // What could resume a run that is over only fills the disk.
        match std::fs::remove_dir_all(directory.join("checkpoints")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("removing checkpoints")?,
            _ => {}
        }
        Ok(())
    }
}

/// Whether a run is over, and its summary was written by an earlier definition of a collapse.
fn is_judged_by_an_earlier_definition(directory: &Path) -> Result<bool> {
    let summary = RunDirectory::open(directory)?.summary()?;
    Ok(summary.is_some_and(|summary| summary.definition < DEFINITION))
}

/// The first steps of a run's dips, once it had trained well.
fn dips(directory: &Path, summary: &Summary) -> Result<Vec<u64>> {
    let Some(trained) = summary.trained_well_step else { return Ok(Vec::new()) };
    let dips = onset::dips(&Curve::read_run(directory)?, &summary.baseline, trained);
    Ok(dips.into_iter().map(|dip| dip.first_sign).collect())
}
