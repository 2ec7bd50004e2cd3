//! What a model was trained on.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flameout_experiment::Settings;
use flameout_experiment::settings::DataSettings;
use flameout_word2vec::{Normalization, ReadOptions, WordVectors};
use serde::Serialize;

use super::base;
use crate::Embedder;
use crate::space::{self, Space};

/// What decides which words a model of n-grams is fitted to: the file [`NGRAMS_DATA`](space::NGRAMS_DATA).
#[derive(Debug, Serialize)]
pub struct NGramsData {
    /// Decides which words are kept for testing.
    pub seed: u64,
    /// The words.
    pub data: DataSettings,
}

/// The settings that decide a model's words; none for an imported one.
pub fn settings(model: &Path) -> Result<Option<Settings>> {
    Ok(space::settings(model)?)
}

/// The words and vectors of the run's own file, or of another one, normalised as the run's settings say; as many as the
/// run read. A directory without settings (an imported model) needs a file; it is normalised if the model says how.
pub fn vectors(model: &Path, other: Option<&PathBuf>) -> Result<WordVectors> {
    let settings = settings(model)?;
    let path = match (other, &settings) {
        (Some(path), _) => path.clone(),
        (None, Some(settings)) => base().join(&settings.data.vectors),
        (None, None) => {
            bail!("{} does not say which vectors it was trained on: name them by --vectors", model.display())
        }
    };
    let limit = settings.as_ref().map(|settings| settings.data.words).filter(|&words| words > 0);
    let normalization = match &settings {
        Some(settings) => settings.data.normalization,
        None => Space::read(model)?.map_or(Normalization::None, |space| space.normalization),
    };
    read(&path, limit.filter(|_| other.is_none()), normalization)
}

/// [`vectors`], if they are as long as the model's.
pub fn for_embedder(embedder: &Embedder, model: &Path, other: Option<&PathBuf>) -> Result<WordVectors> {
    let known = vectors(model, other)?;
    if known.dim() != embedder.dim() {
        bail!("the vectors have {} numbers, the network gives {}", known.dim(), embedder.dim());
    }
    Ok(known)
}

/// All words of the run's own file, or of another one, normalised as the run's settings say.
pub fn all_vectors(settings: &Settings, other: Option<&Path>) -> Result<WordVectors> {
    let path = other.map_or_else(|| base().join(&settings.data.vectors), Path::to_path_buf);
    read(&path, None, settings.data.normalization)
}

/// The first `limit` words of a file, normalised.
fn read(path: &Path, limit: Option<u64>, normalization: Normalization) -> Result<WordVectors> {
    let (mut vectors, _) = WordVectors::open_with(path, &ReadOptions { limit, ..ReadOptions::default() })?;
    vectors.normalize(normalization).context("normalising the vectors as the model's training did")?;
    Ok(vectors)
}
