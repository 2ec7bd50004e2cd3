//! Whether events are found from a log alone: [`flameout_curves::judge::judge`], which is told no baseline, against the
//! definition, which is told everything.

mod log;
mod score;

use anyhow::Result;
use clap::ValueEnum;
use flameout_curves::judge::{Series, judge};
use flameout_curves::onset::{Detector, Event, EventKind};
use flameout_curves::{Outcome, Symptom};
use flameout_doctor::Subject;
use flameout_experiment::{EpochRecord, Record, Trainer};
use serde::{Deserialize, Serialize};

use super::late::Late;
use super::rows::Row;
use super::specimen::{Kind, Specimen};
use log::Log;
pub use score::print;

/// Steps after the first number that is not finite: other programs do not stop there, and their logs show it.
const AFTERMATH: u64 = 20;

/// What happened in a run, and what its logs told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Looked {
    specimen: Specimen,
    steps: u64,
    steps_per_epoch: u64,
    trained_well_at: Option<u64>,
    /// The step at which a late fault was put in.
    fault_at: Option<u64>,
    /// What happened, by definition.
    truth: Vec<Truth>,
    /// What each log told.
    logs: Vec<Told>,
}

/// An event by definition.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Truth {
    onset: u64,
    kind: EventKind,
    symptom: Option<Symptom>,
}

/// What was found in a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Told {
    log: Log,
    events: Vec<Found>,
}

/// An event that was found; times are in steps, whatever the log counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Found {
    onset: u64,
    first_sign: u64,
    recovered: Option<u64>,
    kind: EventKind,
    symptom: Option<Symptom>,
    by: Detector,
}

impl Row for Looked {
    fn specimen(&self) -> Specimen {
        self.specimen
    }
}

/// Makes the run and looks at its logs.
pub fn look(specimen: Specimen) -> Result<Looked> {
    let subject = specimen.subject()?;
    let (records, outcome) = watch(&subject)?;
    let fault_at = matches!(specimen.kind, Kind::Late(_)).then(|| Late::step(specimen.seed));
    Ok(Looked {
        specimen,
        steps: steps(&records).count() as u64,
        steps_per_epoch: subject.dataset.steps_per_epoch(&subject.settings),
        trained_well_at: outcome.trained_well_at(),
        fault_at,
        truth: truth(&records, &outcome),
        logs: Log::value_variants().iter().map(|&log| told(log, &records, specimen.seed)).collect(),
    })
}

/// The whole run: unlike the doctor, whoever wrote a log did not know when to stop.
fn watch(subject: &Subject) -> Result<(Vec<Record>, Outcome)> {
    let mut trainer = Trainer::new(&subject.settings, &subject.dataset)?;
    trainer.restore(&subject.dataset, subject.start.clone())?;
    let mut intervention = subject.intervention();
    let (mut records, mut left) = (Vec::new(), subject.planned_steps());
    while left > 0 {
        let finite = !trainer.outcome().non_finite();
        let (step, epoch) = trainer.advance(&subject.dataset, intervention.as_mut())?;
        records.push(Record::Step(step));
        records.extend(epoch.map(Record::Epoch));
        left -= 1;
        if finite && trainer.outcome().non_finite() {
            left = left.min(AFTERMATH);
        }
    }
    Ok((records, trainer.outcome().clone()))
}

/// What happened, by definition. A number that is not finite is an event in any run, a rise only in one that had trained well.
fn truth(records: &[Record], outcome: &Outcome) -> Vec<Truth> {
    let of_kind = |kind, symptom| move |onset| Truth { onset, kind, symptom };
    let mut truth: Vec<Truth> = outcome.spikes().iter().copied().map(of_kind(EventKind::Spike, None)).collect();
    let not_finite = || steps(records).find(|point| !point.is_finite()).map(|point| point.step);
    let lost = outcome.collapse_onset().or_else(not_finite);
    let last = epochs(records).last();
    let symptom = last.and_then(|epoch| outcome.symptom(epoch.spread, epoch.identical));
    // Also if not even one epoch was tested.
    let symptom = symptom.or_else(|| outcome.symptom(f64::INFINITY, 0.0));
    truth.extend(lost.map(of_kind(EventKind::Collapse, symptom)));
    truth.extend(outcome.risen_since().filter(|_| lost.is_none()).map(of_kind(EventKind::Unsettled, None)));
    truth
}

fn told(log: Log, records: &[Record], seed: u64) -> Told {
    let judgement = judge(&log.curve(records, seed));
    let events = judgement.events.iter().filter(|event| matches!(event.series, Series::Loss | Series::GradientNorm));
    let events: Vec<Event> = events.map(|event| event.event).collect();
    Told { log, events: events.iter().map(|event| Found::new(event, |at| log.step(records, at))).collect() }
}

impl Found {
    /// `step` says which step something is that the log counts.
    fn new(event: &Event, step: impl Fn(u64) -> u64) -> Self {
        Self {
            onset: step(event.onset),
            first_sign: step(event.first_sign),
            recovered: event.recovered.map(&step),
            kind: event.kind,
            symptom: event.symptom,
            by: event.found,
        }
    }
}

fn steps(records: &[Record]) -> impl Iterator<Item = flameout_curves::Point> {
    records.iter().filter_map(|record| match record {
        Record::Step(step) => Some(step.into()),
        Record::Epoch(_) => None,
    })
}

fn epochs(records: &[Record]) -> impl Iterator<Item = &EpochRecord> {
    records.iter().filter_map(|record| match record {
        Record::Step(_) => None,
        Record::Epoch(epoch) => Some(epoch),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::fault::Fault;
    use flameout_experiment::Case;

    #[test]
    fn a_number_that_is_not_finite_is_found_in_every_log() {
        let specimen = Specimen { kind: Kind::Fault(Fault::EarlyNan), case: Case::GruSingle, seed: 1 };
        let row = look(specimen).unwrap();
        assert_eq!(row.steps, 2 + AFTERMATH);
        assert_eq!(row.truth, [Truth { onset: 2, kind: EventKind::Collapse, symptom: Some(Symptom::NonFinite) }]);
        for told in &row.logs {
            let [event] = told.events[..] else { panic!("{told:?}") };
            assert_eq!((event.kind, event.symptom), (EventKind::Collapse, Some(Symptom::NonFinite)), "{told:?}");
        }
        let text = serde_json::to_string(&row).unwrap();
        assert_eq!(serde_json::from_str::<Looked>(&text).unwrap(), row);
    }
}
