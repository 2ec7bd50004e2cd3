//! Settings on the command line: `--set KEY=VALUE`, and files of them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flameout_experiment::Settings;

/// The file of a run's settings, given its directory; a file of settings (.toml) is its own.
#[must_use]
pub fn file_of(run: &Path) -> PathBuf {
    let is_settings = run.extension().is_some_and(|extension| extension == "toml");
    if is_settings { run.into() } else { run.join("settings.toml") }
}

/// The key and the value of `KEY=VALUE`.
///
/// # Errors
/// If there is no `=`.
pub fn pair(change: &str) -> Result<(&str, &str)> {
    let (key, value) = change.split_once('=').with_context(|| format!("--set {change}: must be KEY=VALUE"))?;
    Ok((key.trim(), value.trim()))
}

/// Makes all changes, in their order.
///
/// # Errors
/// As [`pair`], and if a setting cannot be changed so.
pub fn apply(settings: &mut Settings, changes: &[String]) -> Result<()> {
    for change in changes {
        let (key, value) = pair(change)?;
        settings.set(key, value)?;
    }
    Ok(())
}
