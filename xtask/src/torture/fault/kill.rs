//! The program is killed: it can do nothing about it.

use std::time::{Duration, Instant};

use anyhow::Result;
use ndarray_rand::rand::Rng;

use crate::torture::child::Training;
use crate::torture::trial::{Blow, Remedy, Trial};

/// At any moment: one time in four before or at its first steps, else somewhere on its way.
pub fn at_any_moment(trial: &mut Trial<'_>) -> Result<Blow> {
    let mut training = if trial.rng.random_ratio(1, 4) {
        let training = Training::start(&trial.run(), false)?;
        std::thread::sleep(Duration::from_millis(trial.rng.random_range(0..100)));
        training
    } else {
        trial.begin()?
    };
    std::thread::sleep(Duration::from_micros(trial.rng.random_range(0..5000)));
    training.kill()?;
    trial.end(training)?;
    Ok(trial.blow(Remedy::None))
}

/// As soon as the temporary file of a checkpoint is there.
pub fn in_a_write(trial: &mut Trial<'_>) -> Result<Blow> {
    let mut training = trial.begin()?;
    let checkpoints = trial.run().join("checkpoints");
    let half_written = || {
        let mut entries = std::fs::read_dir(&checkpoints).into_iter().flatten().flatten();
        entries.any(|entry| entry.path().extension().is_none())
    };
    let began = Instant::now();
    // Without a pause: it is there for some milliseconds.
    while !training.is_over()? && !half_written() && began.elapsed() < Duration::from_secs(60) {}
    std::thread::sleep(Duration::from_micros(trial.rng.random_range(0..300)));
    training.kill()?;
    trial.end(training)?;
    let mut blow = trial.blow(Remedy::None);
    blow.hit = half_written();
    Ok(blow)
}
