//! Damage to the checkpoints of a run that was killed.

use anyhow::{Context, Result};

use super::damage::Damage;
use crate::torture::trial::{Blow, Remedy, Trial};

/// The newest one: it is passed over for the one before.
pub fn newest(trial: &mut Trial<'_>, damage: Damage) -> Result<Blow> {
    trial.begin_and_kill()?;
    let blow = trial.blow(Remedy::RemoveCheckpoint);
    let newest = trial.checkpoints()?.into_iter().next().context("there is no checkpoint")?;
    damage.inflict(&newest, usize::MAX, &mut trial.rng)?;
    Ok(blow)
}

/// All there are: the run begins again, and says so.
pub fn both(trial: &mut Trial<'_>) -> Result<Blow> {
    trial.begin_and_kill()?;
    let mut blow = trial.blow(Remedy::RemoveCheckpoint);
    if blow.hit {
        for path in trial.checkpoints()? {
            // Not a flipped bit: in the number of the version it is refused, which has its own rounds.
            let damage = Damage::any(&[Damage::Cut, Damage::Empty], &mut trial.rng);
            damage.inflict(&path, usize::MAX, &mut trial.rng)?;
        }
        blow.must_say = Some("NO CHECKPOINT IS LEFT");
    }
    Ok(blow)
}
