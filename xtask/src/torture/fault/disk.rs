//! A disk that is full: as root or not, on any file system, by a limit on the size of files.

use anyhow::{Result, ensure};
use ndarray_rand::rand::Rng;

use crate::torture::child::Training;
use crate::torture::trial::{Blow, Remedy, Trial};

const BLOCK: u64 = 512;

/// The run ends with an error that names the file; resumed with room again it goes on.
pub fn fill(trial: &mut Trial<'_>) -> Result<Blow> {
    let blocks = trial.rng.random_range(1..trial.reference.largest / BLOCK);
    // What goes beyond it gets a signal, too, which the program must not die of.
    let exit = trial.end(Training::start_after(&trial.run(), &format!("ulimit -f {blocks}"))?)?;
    let line = exit.refusal(&trial.run())?;
    ensure!(line.contains("too large"), "it failed otherwise: {line}");
    Ok(trial.blow(Remedy::None))
}

#[cfg(test)]
mod tests {
    /// `File too large` is what `line` above looks for.
    #[test]
    fn the_system_calls_it_too_large() {
        let message = std::io::Error::from_raw_os_error(rustix::io::Errno::FBIG.raw_os_error()).to_string();
        assert!(message.contains("too large"), "{message}");
    }
}
