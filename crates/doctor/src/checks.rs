//! The seven checks that people advised, and the comment's, each with its measurements; and what they suggest.
//!
//! | | question | module |
//! | --- | --- | --- |
//! | 1 | Does it learn: can it fit what it is trained on? | [`curve`], [`slice`](mod@slice) |
//! | 2 | Are the data sound? | [`data`] |
//! | 3 | Are gradients and weights sound? | [`gradient`], [`growth`] |
//! | 4 | Would a lower learning rate have prevented it? | answered by [replay](crate::replay) |
//! | 5 | Are the predictions all the same? | [`curve`] |
//! | 6 | Are the batches balanced? | [`batches`] |
//! | 7 | Are data and initial weights of the right scale? | [`scale`] |
//! | 8 | Was a NaN or an exploding gradient behind it? | [`curve`] |

pub mod batches;
pub mod curve;
pub mod data;
pub mod gradient;
pub mod growth;
pub mod scale;
pub mod slice;
pub mod spelling;

use crate::check::{Check, Grade};
use crate::diagnosis::Finding;

/// A check with the causes that it suggests.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The check.
    pub check: Check,
    /// What it suggests.
    pub findings: Vec<Finding>,
}

/// Collects the measurements of a check.
struct Builder {
    number: u8,
    question: &'static str,
    grade: Grade,
    evidence: Vec<String>,
    findings: Vec<Finding>,
}

impl Builder {
    fn new(number: u8, question: &'static str) -> Self {
        Self { number, question, grade: Grade::Pass, evidence: Vec::new(), findings: Vec::new() }
    }

    /// A measurement with nothing wrong.
    fn note(&mut self, evidence: String) {
        self.evidence.push(evidence);
    }

    /// A measurement of this grade; the check's is the worst of them.
    fn grade(&mut self, grade: Grade, evidence: String) {
        if grade == Grade::Fail || self.grade == Grade::Pass {
            self.grade = grade;
        }
        self.evidence.push(evidence);
    }

    /// A measurement that suggests a cause.
    fn suggest(&mut self, grade: Grade, finding: Finding) {
        self.grade(grade, finding.evidence.clone());
        self.findings.push(finding);
    }

    fn done(self) -> Checked {
        let Self { number, question, grade, evidence, findings } = self;
        Checked { check: Check { number, question: question.into(), grade, evidence }, findings }
    }
}
