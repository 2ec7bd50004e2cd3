//! Damage to the other files of a run.

use anyhow::Result;

use super::damage::Damage;
use crate::torture::child::Training;
use crate::torture::trial::{Blow, Remedy, Trial};

/// `metrics.jsonl` of a run that was killed, mostly near its end.
pub fn metrics(trial: &mut Trial<'_>) -> Result<Blow> {
    trial.begin_and_kill()?;
    let path = trial.run().join("metrics.jsonl");
    let blow = trial.blow(Remedy::Remove(path.clone()));
    if blow.hit {
        let damage = Damage::any(&[Damage::Cut, Damage::Flip, Damage::Empty, Damage::Garbage], &mut trial.rng);
        damage.inflict(&path, 4000, &mut trial.rng)?;
    }
    Ok(blow)
}

/// `settings.toml` of a run that was killed.
pub fn settings(trial: &mut Trial<'_>) -> Result<Blow> {
    trial.begin_and_kill()?;
    let path = trial.run().join("settings.toml");
    let blow = trial.blow(Remedy::PutBack(path.clone(), std::fs::read(&path)?));
    let damage = Damage::any(&[Damage::Cut, Damage::Flip, Damage::Empty, Damage::Garbage], &mut trial.rng);
    damage.inflict(&path, usize::MAX, &mut trial.rng)?;
    Ok(blow)
}

/// `summary.json` of a run that is over. It has no checksum: damage that leaves it JSON is not noticed, and not done here.
pub fn summary(trial: &mut Trial<'_>) -> Result<Blow> {
    trial.end(Training::start(&trial.run(), false)?)?;
    let path = trial.run().join("summary.json");
    let damage = Damage::any(&[Damage::Cut, Damage::NoText, Damage::Empty, Damage::Garbage], &mut trial.rng);
    damage.inflict(&path, usize::MAX, &mut trial.rng)?;
    Ok(Blow { hit: true, made: None, remedy: Remedy::Remove(path), must_say: None })
}
