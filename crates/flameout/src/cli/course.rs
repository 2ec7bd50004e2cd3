//! What happened in a run, so that it can be diagnosed.

use std::path::Path;

use anyhow::Result;
use flameout_doctor::{Course, Diagnosis, Options, Subject, diagnose_course};
use flameout_experiment::{Dataset, Settings};

use super::progress;

/// Opens the run with these settings, on the words that they name.
pub fn subject(settings: Settings, base: &Path) -> Result<Subject> {
    let dataset = Dataset::open(&settings, base)?;
    Ok(Subject::new(settings, dataset)?)
}

/// Finds out what happened in the run in this directory: as it was written down, or else by making the run again.
pub fn course(subject: &Subject, directory: &Path, options: &Options) -> Result<Course> {
    match Course::read(subject, directory, options.snapshot_bytes) {
        Ok(Some(course)) => return Ok(course),
        Ok(None) => {}
        Err(error) => tell!("warning: what was kept of the run cannot be used, so it is made again: {error}"),
    }
    let bar = progress::steps("making the run again", subject.planned_steps());
    let course = Course::train(subject, options.snapshot_bytes, &mut |_| bar.inc(1))?;
    bar.finish_and_clear();
    Ok(course)
}

/// Diagnoses the run with these settings in this directory; relative paths in them begin at `base`.
pub fn diagnose(settings: &Settings, directory: &Path, base: &Path, options: &Options) -> Result<Diagnosis> {
    let subject = subject(settings.clone(), base)?;
    let course = course(&subject, directory, options)?;
    Ok(diagnose_course(&subject, &course, options)?)
}
