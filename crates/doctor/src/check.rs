//! A check and its result.

use serde::{Deserialize, Serialize};

/// What a check came to: right, wrong, in doubt or not to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// Nothing to see.
    Pass,
    /// Unusual; may be the reason or not.
    Suspect,
    /// Wrong.
    Fail,
    /// Cannot be judged for this run.
    NotApplicable,
}

/// One of the seven checks of the answer, or the eighth, of the comment below it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// 1 to 8.
    pub number: u8,
    /// The question it answers.
    pub question: String,
    /// The result.
    pub grade: Grade,
    /// The measurements behind it.
    pub evidence: Vec<String>,
}
