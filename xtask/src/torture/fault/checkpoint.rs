//! Damage to the checkpoints of a run that was killed.

use anyhow::{Context, Result};
use ndarray_rand::rand::Rng;

use super::damage::Damage;
use crate::torture::trial::{Blow, Remedy, Trial};

/// Where the number of the version stands, in four bytes.
const VERSION_AT: usize = 8;

/// The newest one: it is passed over for the one before.
pub fn newest(trial: &mut Trial<'_>, damage: Damage) -> Result<Blow> {
    trial.begin_and_kill()?;
    let blow = trial.blow(Remedy::None);
    let newest = trial.checkpoints()?.into_iter().next().context("there is no checkpoint")?;
    damage.inflict(&newest, usize::MAX, &mut trial.rng)?;
    Ok(blow)
}

/// The number of its version becomes another: it is passed over likewise, and not taken for a later program's.
pub fn version(trial: &mut Trial<'_>) -> Result<Blow> {
    trial.begin_and_kill()?;
    let mut blow = trial.blow(Remedy::None);
    let newest = trial.checkpoints()?.into_iter().next().context("there is no checkpoint")?;
    if blow.hit {
        let mut bytes = std::fs::read(&newest)?;
        bytes[VERSION_AT + trial.rng.random_range(0..4)] ^= trial.rng.random_range(1..=u8::MAX);
        std::fs::write(&newest, bytes)?;
        blow.must_say = Some("the checksum does not fit");
    }
    Ok(blow)
}

/// All there are: the run begins again, and says so.
pub fn both(trial: &mut Trial<'_>) -> Result<Blow> {
    trial.begin_and_kill()?;
    let mut blow = trial.blow(Remedy::None);
    if blow.hit {
        for path in trial.checkpoints()? {
            let damage = Damage::any(&[Damage::Cut, Damage::Flip, Damage::Empty], &mut trial.rng);
            damage.inflict(&path, usize::MAX, &mut trial.rng)?;
        }
        blow.must_say = Some("NO CHECKPOINT IS LEFT");
    }
    Ok(blow)
}
