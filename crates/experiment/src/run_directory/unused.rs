//! Whether a run may begin in a directory: nothing that is not a run's may be written over.

use std::fs::Metadata;
use std::path::Path;

use flameout_files::TEMPORARY;

use super::{BEST_MODEL, CHECKPOINTS, ENCODER, ENVIRONMENT, Environment, LAST_MODEL, LOCK, METRICS, SETTINGS, SUMMARY};
use crate::error::Error;

/// Names that a run, what watches it, or a command that is given it later writes or looks for.
const NAMES: [&str; 14] = [
    SETTINGS,
    ENVIRONMENT,
    METRICS,
    SUMMARY,
    LAST_MODEL,
    BEST_MODEL,
    ENCODER,
    CHECKPOINTS,
    LOCK,
    "states",
    "probes.jsonl",
    "diagnosis.json",
    "ngrams.flameout",
    "ngrams.toml",
];

/// Refuses a directory that has anything with such a name, but for what a run leaves behind that was killed before it was one.
pub(super) fn require(directory: &Path) -> Result<(), Error> {
    let refuse = |problem: String| Err(Error::RunDirectory { path: directory.into(), problem });
    for name in NAMES {
        let path = directory.join(name);
        // Of a link itself, and not of what it leads to.
        let Ok(found) = path.symlink_metadata() else { continue };
        match name {
            SETTINGS if found.is_file() && directory.join(ENVIRONMENT).is_file() => {
                return refuse("holds a run already; resume it, or choose another directory".into());
            }
            LOCK | CHECKPOINTS | ENVIRONMENT if is_left_over(name, &path, &found) => {}
            _ => {
                return refuse(format!(
                    "holds `{name}`, which a run would write and this one has not written; nothing is changed: choose an \
                     empty or a new directory"
                ));
            }
        }
    }
    Ok(())
}

fn is_left_over(name: &str, path: &Path, found: &Metadata) -> bool {
    match name {
        LOCK => found.is_file() && found.len() == 0,
        CHECKPOINTS => {
            let ours = |entry: std::io::Result<std::fs::DirEntry>| {
                entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(TEMPORARY))
            };
            found.is_dir() && path.read_dir().is_ok_and(|mut entries| entries.all(ours))
        }
        _ => {
            let text = flameout_files::read(path, flameout_files::JSON);
            found.is_file() && text.is_ok_and(|text| serde_json::from_slice::<Environment>(&text).is_ok())
        }
    }
}
