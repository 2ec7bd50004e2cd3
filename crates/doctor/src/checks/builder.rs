//! A check in the making.

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
pub(super) struct Builder {
    number: u8,
    question: &'static str,
    grade: Grade,
    evidence: Vec<String>,
    pub(super) findings: Vec<Finding>,
}

impl Builder {
    pub(super) fn new(number: u8, question: &'static str) -> Self {
        Self { number, question, grade: Grade::Pass, evidence: Vec::new(), findings: Vec::new() }
    }

    /// A measurement with nothing wrong.
    pub(super) fn note(&mut self, evidence: String) {
        self.evidence.push(evidence);
    }

    /// A measurement of this grade; the check's is the worst of them.
    pub(super) fn grade(&mut self, grade: Grade, evidence: String) {
        if grade == Grade::Fail || self.grade == Grade::Pass {
            self.grade = grade;
        }
        self.evidence.push(evidence);
    }

    /// A measurement that suggests a cause.
    pub(super) fn suggest(&mut self, grade: Grade, finding: Finding) {
        self.grade(grade, finding.evidence.clone());
        self.findings.push(finding);
    }

    pub(super) fn done(self) -> Checked {
        let Self { number, question, grade, evidence, findings } = self;
        Checked { check: Check { number, question: question.into(), grade, evidence }, findings }
    }
}
