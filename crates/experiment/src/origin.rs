//! What a run's numbers depend on.

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::settings::Settings;

/// What a run's numbers depend on, as hashes: a checkpoint of another origin is not gone on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// See [`Settings::hash`](crate::Settings::hash).
    pub settings: String,
    /// See [`Dataset::blake3`](crate::Dataset::blake3).
    pub data: String,
}

impl Origin {
    /// Of a run with these settings on these words.
    #[must_use]
    pub fn of(settings: &Settings, dataset: &Dataset) -> Self {
        Self { settings: settings.hash(), data: dataset.blake3(settings.model.precision) }
    }
}
