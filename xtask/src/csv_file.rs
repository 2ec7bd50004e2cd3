//! Rows as a CSV file.

use std::path::Path;

use anyhow::{Context, Result};
use flameout_model::checkpoint::write_atomically;
use serde::Serialize;

/// Writes rows under a line with their fields' names; the file is replaced as a whole.
pub fn write<R: Serialize>(rows: impl IntoIterator<Item = R>, path: &Path) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.into_iter().try_for_each(|row| writer.serialize(row))?;
    write_atomically(path, &[&writer.into_inner()?]).with_context(|| format!("writing {}", path.display()))
}
