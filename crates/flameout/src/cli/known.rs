//! The vectors that a network was trained on, brought to what it was trained on.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flameout_experiment::Settings;
use flameout_word2vec::{ReadOptions, WordVectors};

use super::base;

/// The words and vectors of the run's own file, or of another one, normalised as the run's settings say; as many as the
/// run read. A directory without settings (an imported model) needs a file, which is taken as it is.
pub fn vectors(model: &Path, other: Option<&PathBuf>) -> Result<WordVectors> {
    let file = model.join("settings.toml");
    let settings = file.is_file().then(|| Settings::read(&file)).transpose()?;
    let path = match (other, &settings) {
        (Some(path), _) => path.clone(),
        (None, Some(settings)) => base().join(&settings.data.vectors),
        (None, None) => {
            anyhow::bail!("{} does not say which vectors it was trained on: name them by --vectors", model.display())
        }
    };
    let limit = settings.as_ref().map(|settings| settings.data.words).filter(|&words| words > 0);
    let options = ReadOptions { limit: limit.filter(|_| other.is_none()), ..ReadOptions::default() };
    let (mut vectors, _) = WordVectors::open_with(path, &options)?;
    if let Some(settings) = settings {
        vectors.normalize(settings.data.normalization).context("normalising the vectors as the run did")?;
    }
    Ok(vectors)
}
