//! What other programs do in a run's directory.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use ndarray_rand::rand::Rng;

use crate::torture::child::Training;
use crate::torture::trial::{Blow, Remedy, Trial};

/// Files that a run writes.
const NAMES: [&str; 7] = [
    "metrics.jsonl",
    "summary.json",
    "settings.toml",
    "model.flameout",
    "best.flameout",
    "encoder.json",
    "checkpoints",
];

/// `metrics.jsonl` is removed, replaced or cut short while the run goes on: it ends with an error that names the file.
pub fn touch_metrics(trial: &mut Trial<'_>) -> Result<Blow> {
    let mut training = trial.begin()?;
    let path = trial.run().join("metrics.jsonl");
    let mut hit = false;
    if !training.is_over()? {
        match trial.rng.random_range(0..3) {
            0 => fs::remove_file(&path)?,
            1 => {
                let copy = trial.directory().join("copy");
                fs::copy(&path, &copy)?;
                fs::rename(&copy, &path)?;
            }
            _ => drop(fs::write(&path, "")),
        }
        // Else it may just have come to its end.
        hit = !trial.run().join("summary.json").is_file();
    }
    let exit = trial.end(training)?;
    let blow = Blow { hit, ..trial.blow(Remedy::Remove(path.clone())) };
    if hit && !trial.run().join("summary.json").is_file() {
        let line = exit.refusal(&trial.run())?;
        ensure!(line.contains(&*path.to_string_lossy()), "the line does not name what was changed: {line}");
    }
    Ok(blow)
}

/// Something of somebody else's has a name that a run writes: the run does not begin, and nothing is touched.
pub fn foreign_file(trial: &mut Trial<'_>) -> Result<Blow> {
    let name = NAMES[trial.rng.random_range(0..NAMES.len())];
    let (run, theirs) = (trial.run(), trial.directory().join("theirs"));
    fs::create_dir(&run)?;
    let path = run.join(name);
    let content = "not of a run\n";
    let is_link = cfg!(unix) && trial.rng.random();
    if is_link {
        fs::write(&theirs, content)?;
        link(&theirs, &path)?;
    } else {
        fs::write(&path, content)?;
    }
    let exit = trial.end(Training::start(&run, false)?)?;
    let line = exit.refusal(&run)?;
    ensure!(line.contains(name), "the line does not name what is there: {line}");
    ensure!(path.is_symlink() == is_link && fs::read_to_string(&path)? == content, "{name} is not as it was");
    ensure!(fs::read_dir(&run)?.count() == 1, "something was written beside {name}");
    fs::remove_file(&path).context("removing what was in the way")?;
    Ok(Blow { hit: true, made: None, remedy: Remedy::None, must_say: None })
}

#[cfg(unix)]
fn link(to: &Path, path: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(to, path)
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
