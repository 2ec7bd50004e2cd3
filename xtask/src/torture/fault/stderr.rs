//! A standard error that nobody reads any more: `2>&1 | head -1`, a connection that has broken.

use anyhow::{Result, ensure};

use crate::torture::child::Training;
use crate::torture::trial::{Blow, Remedy, Trial};

/// The run goes on to its end.
pub fn close(trial: &mut Trial<'_>) -> Result<Blow> {
    let mut reader = None;
    let mut training = trial.begin_by(|run| {
        let (training, stderr) = Training::start_with_stderr(run)?;
        reader = Some(stderr);
        Ok(training)
    })?;
    let hit = !training.is_over()?;
    drop(reader);
    let exit = trial.end(training)?;
    ensure!(exit.code == Some(0), "exit code {:?} without a standard error", exit.code);
    Ok(Blow { hit, made: None, remedy: Remedy::None, must_say: None })
}
