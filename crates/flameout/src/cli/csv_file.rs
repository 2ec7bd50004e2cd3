//! Rows as a CSV file.

use std::path::Path;

use anyhow::{Context, Result};
use flameout_files::write_atomically;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes rows under a line with their fields' names; the file is replaced as a whole.
pub fn write<R: Serialize>(rows: impl IntoIterator<Item = R>, path: &Path) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.into_iter().try_for_each(|row| writer.serialize(row))?;
    write_atomically(path, &[&writer.into_inner()?]).with_context(|| format!("writing {}", path.display()))
}

/// Reads the rows of a file that [`write`](write()) has written.
pub fn read<R: DeserializeOwned>(path: &Path) -> Result<Vec<R>> {
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("reading {}", path.display()))?;
    reader.deserialize().collect::<Result<_, _>>().with_context(|| path.display().to_string())
}
