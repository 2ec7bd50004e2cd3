//! A second program that wants to write where one does already.

use anyhow::{Result, ensure};
use ndarray_rand::rand::Rng;

use crate::torture::child::Training;
use crate::torture::trial::{Blow, Remedy, Trial};

/// It is refused, and the first one goes on undisturbed to its end.
pub fn start(trial: &mut Trial<'_>) -> Result<Blow> {
    let first = trial.begin()?;
    let resume = trial.rng.random();
    let second = trial.end(Training::start(&trial.run(), resume)?)?;
    let over = trial.run().join("summary.json").is_file();
    if !over {
        let line = second.refusal(&trial.run())?;
        let refused = ["another program is writing here", "holds a run already"].iter().any(|why| line.contains(why));
        ensure!(refused, "the second run was not refused: {line}");
    }
    let first = trial.end(first)?;
    ensure!(first.code == Some(0), "the first run ended with exit code {:?}", first.code);
    Ok(Blow { hit: !over, made: None, remedy: Remedy::None, must_say: None })
}
