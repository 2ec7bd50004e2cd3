//! Signals that ask the program to end.

use anyhow::{Result, ensure};
use rustix::process::Signal;

use crate::torture::child::Training;
use crate::torture::trial::{Blow, Remedy, Trial};

/// The run ends after the step, saves, and says how to go on.
pub fn send(trial: &mut Trial<'_>, signal: Signal) -> Result<Blow> {
    let mut training = trial.begin()?;
    if !training.is_over()? {
        training.signal(signal)?;
    }
    let exit = trial.end(training)?;
    let blow = trial.blow(Remedy::None);
    if blow.hit {
        ensure!(exit.code == Some(130), "exit code {:?} instead of 130", exit.code);
        ensure!(exit.text.contains("Stopped after step"), "it did not say where it stopped");
    }
    Ok(blow)
}

/// A terminal that is closed over a run that was begun with `nohup`: the run goes on to its end.
pub fn hang_up_ignored(trial: &mut Trial<'_>) -> Result<Blow> {
    let mut training = trial.begin_by(|run| Training::start_after(run, "trap '' HUP"))?;
    let hit = !training.is_over()?;
    if hit {
        training.signal(Signal::HUP)?;
    }
    let exit = trial.end(training)?;
    ensure!(exit.code == Some(0), "exit code {:?} after a signal that was to be ignored", exit.code);
    Ok(Blow { hit, made: None, remedy: Remedy::None, must_say: None })
}
