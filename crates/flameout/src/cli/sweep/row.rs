//! What a finished run leaves behind.

use flameout_experiment::{Settings, Summary};
use serde::{Deserialize, Serialize};

use super::machine::Machine;

/// What is kept of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// The plan that asked for it first.
    pub plan: String,
    /// Its complete settings.
    pub settings: Settings,
    /// What it came to.
    pub summary: Summary,
    /// First steps of its dips after it had trained well: rises of the loss that are too low for a spike. Not known of rows
    /// that were kept before they were looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dips: Option<Vec<u64>>,
    /// What made it. Not known of rows that were kept before it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<Machine>,
}
