//! A run shown to the doctor, and the doctor's remedy tried from the start.

use std::time::Instant;

use anyhow::{Context, Result};
use flameout_doctor::snapshots::Snapshots;
use flameout_doctor::{
    Cause, Change, Condition, Diagnosis, End, Finding, Goal, Options, Replay, Subject, Verdict, diagnose,
};
use serde::{Deserialize, Serialize};

use super::rows::Row;
use super::specimen::{Kind, Specimen};

/// What the doctor said, and what became of its remedy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Examined {
    /// Which run.
    pub specimen: Specimen,
    /// What the doctor saw happen.
    pub event: Condition,
    /// What the doctor said.
    pub answer: Answer,
    /// How the run ended with the remedy from its first step on; none if no cause was named.
    pub with_remedy: Option<End>,
    /// Steps of the run itself.
    pub run_steps: u64,
    /// Steps that the diagnosis took besides.
    pub cost: u64,
    /// The time that it all took.
    pub seconds: f64,
}

/// The doctor's verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Nothing is wrong.
    Healthy,
    /// Something is wrong, and the doctor does not know what.
    Unknown,
    /// This is wrong.
    Cause {
        /// What.
        cause: Cause,
        /// Why.
        evidence: String,
        /// What to do; none if only a person can.
        remedy: Option<Change>,
    },
}

impl Row for Examined {
    fn specimen(&self) -> Specimen {
        self.specimen
    }
}

impl Examined {
    /// Whether a cause was named that counts as right.
    pub fn is_right(&self) -> bool {
        matches!((self.specimen.kind, &self.answer),
            (Kind::Fault(fault), Answer::Cause { cause, .. }) if fault.truth().contains(cause))
    }

    /// Whether the run trains well with the remedy, and does not go wrong.
    pub fn is_repaired(&self) -> bool {
        self.with_remedy == Some(End::Held)
    }
}

/// Diagnoses the run and tries the remedy.
pub fn examine(specimen: Specimen) -> Result<Examined> {
    let begun = Instant::now();
    let subject = specimen.subject()?;
    let diagnosis = diagnose(&subject, &Options::default()).with_context(|| specimen.to_string())?;
    let answer = answer(&diagnosis);
    let with_remedy = try_remedy(specimen, subject, &answer)?;
    Ok(Examined {
        specimen,
        event: diagnosis.condition,
        answer,
        with_remedy,
        run_steps: diagnosis.run_steps,
        cost: diagnosis.cost,
        seconds: begun.elapsed().as_secs_f64(),
    })
}

fn answer(diagnosis: &Diagnosis) -> Answer {
    match diagnosis.verdict() {
        Verdict::Healthy => Answer::Healthy,
        Verdict::Unknown => Answer::Unknown,
        Verdict::Cause(Finding { cause, evidence, remedy, .. }) => {
            Answer::Cause { cause: *cause, evidence: evidence.clone(), remedy: remedy.clone() }
        }
    }
}

/// The whole run with the remedy. What only a person can repair is repaired if the doctor has told that person the right
/// thing: then it is the run without the fault.
fn try_remedy(specimen: Specimen, subject: Subject, answer: &Answer) -> Result<Option<End>> {
    let Answer::Cause { cause, remedy, .. } = answer else { return Ok(None) };
    Ok(match (remedy, specimen.kind) {
        (Some(remedy), _) => Some(end(subject, remedy)?),
        (None, Kind::Fault(fault)) if fault.truth().contains(cause) => {
            Some(end(fault.repaired(specimen.case, specimen.seed)?, &Change::Nothing)?)
        }
        (None, _) => None,
    })
}

/// How a run ends with a change from its first step on.
fn end(mut subject: Subject, change: &Change) -> Result<End> {
    let steps = subject.planned_steps();
    // A change may make epochs shorter; the run stays as long as it was.
    subject.settings = subject.settings.with(|settings| settings.training.epochs *= 100)?;
    let none = Snapshots::default();
    let replay = Replay { subject: &subject, from: &subject.start, earlier: &none, until: steps, goal: Goal::Hold };
    Ok(replay.trial(change, None, &mut |_| {})?.end)
}
