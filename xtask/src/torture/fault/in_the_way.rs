//! Files that cannot be written.

use anyhow::{Result, ensure};

use crate::torture::child::CHECKPOINT_EVERY;
use crate::torture::steps_made;
use crate::torture::trial::{Blow, Remedy, Trial};

/// A directory where a later checkpoint should go: the run ends with an error that names it, and again until it is removed.
pub fn a_directory(trial: &mut Trial<'_>) -> Result<Blow> {
    let training = trial.begin()?;
    let next = (steps_made(&trial.run()) / CHECKPOINT_EVERY + 3) * CHECKPOINT_EVERY;
    let obstacle = trial.run().join(format!("checkpoints/step-{next:010}.ckpt"));
    // A run that is faster than this program has written the file already.
    let made = std::fs::create_dir(&obstacle).is_ok();
    let exit = trial.end(training)?;
    let blow = trial.blow(Remedy::Remove(obstacle.clone()));
    if made && blow.hit {
        let line = exit.refusal(&trial.run())?;
        ensure!(line.contains(&*obstacle.to_string_lossy()), "the line does not name what is in the way: {line}");
    } else if made {
        // The run was over before it came there.
        std::fs::remove_dir(&obstacle)?;
    }
    Ok(blow)
}

/// Nothing can be written where the checkpoints are, until it is allowed again.
#[cfg(unix)]
pub fn no_permission(trial: &mut Trial<'_>) -> Result<Blow> {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    use crate::torture::child::Training;

    let training = trial.begin_by(Training::start_bound_by_permissions)?;
    let checkpoints = trial.run().join("checkpoints");
    set_permissions(&checkpoints, Permissions::from_mode(0o555))?;
    let exit = trial.end(training)?;
    set_permissions(&checkpoints, Permissions::from_mode(0o755))?;
    let blow = trial.blow(Remedy::None);
    if blow.hit {
        let line = exit.refusal(&trial.run())?;
        ensure!(line.contains("ermission denied"), "it failed otherwise: {line}");
    }
    Ok(blow)
}
