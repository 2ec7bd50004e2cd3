//! What the runs do by themselves, without a doctor: whether each fault does harm, and whether healthy runs are healthy.

use std::time::Instant;

use anyhow::Result;
use comfy_table::{Table, presets};
use flameout_doctor::{Condition, Course};
use flameout_experiment::Case;
use serde::{Deserialize, Serialize};

use super::rows::Row;
use super::specimen::{Kind, Specimen};

/// Memory for snapshots of a run of which only the course is wanted.
const ANY: usize = 64 << 20;
/// Steps whose mean loss counts as the last.
const LAST: usize = 100;

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Seen {
    specimen: Specimen,
    event: Condition,
    /// Steps until it ended or had certainly collapsed.
    steps: u64,
    trained_well_at: Option<u64>,
    /// The lowest smoothed loss, as a share of the mean predictor's.
    best: Option<f64>,
    /// The loss in the end, likewise; none if it is not finite.
    last: Option<f64>,
    seconds: f64,
}

impl Row for Seen {
    fn specimen(&self) -> Specimen {
        self.specimen
    }
}

/// Makes the run.
pub fn see(specimen: Specimen) -> Result<Seen> {
    let begun = Instant::now();
    let course = Course::train(&specimen.subject()?, ANY, &mut |_| ())?;
    let baseline = course.outcome.baseline().train_loss;
    let last = &course.curve.points[course.curve.points.len().saturating_sub(LAST)..];
    let last = last.iter().map(|record| record.loss).sum::<f64>() / last.len() as f64;
    Ok(Seen {
        specimen,
        event: course.condition(),
        steps: course.curve.points.len() as u64,
        trained_well_at: course.outcome.trained_well_at(),
        best: course.outcome.best().map(|best| best.loss / baseline).filter(|share| share.is_finite()),
        last: Some(last / baseline).filter(|share| share.is_finite()),
        seconds: begun.elapsed().as_secs_f64(),
    })
}

/// A line for each kind of run.
pub fn print(rows: &[Seen]) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["kind", "case", "runs", "healthy", "never trained", "rose", "not finite"].into_iter().chain([
        "trained well at",
        "best loss, %",
        "last loss, %",
        "seconds a run",
    ]));
    for kind in Kind::all() {
        for case in Case::ALL {
            let of_kind = |row: &&Seen| row.specimen.kind == kind && row.specimen.case == case;
            let rows: Vec<&Seen> = rows.iter().filter(of_kind).collect();
            if !rows.is_empty() {
                table.add_row([kind.name(), case.name().to_owned()].into_iter().chain(cells(&rows)));
            }
        }
    }
    say!("{table}");
    let wrong: Vec<String> = rows.iter().filter(|row| !is_as_meant(row)).map(|row| row.specimen.to_string()).collect();
    match wrong.len() {
        0 => say!("All {} runs are as they are meant to be: faults do harm, the others do not.", rows.len()),
        count => say!("{count} of {} runs are not as they are meant to be: {}", rows.len(), wrong.join(", ")),
    }
}

/// A fault that does no harm is none; a run with an event is not healthy.
fn is_as_meant(row: &Seen) -> bool {
    matches!(row.specimen.kind, Kind::Healthy(_)) == (row.event == Condition::Healthy)
}

fn cells(rows: &[&Seen]) -> [String; 9] {
    let count = |holds: fn(Condition) -> bool| match rows.iter().filter(|row| holds(row.event)).count() {
        0 => String::new(),
        count => count.to_string(),
    };
    let range = |value: fn(&Seen) -> Option<f64>| {
        let values: Vec<f64> = rows.iter().filter_map(|row| value(row)).collect();
        let least = values.iter().copied().reduce(f64::min);
        let most = values.iter().copied().reduce(f64::max);
        least.zip(most).map_or(String::new(), |(least, most)| format!("{least:.0}–{most:.0}"))
    };
    [
        rows.len().to_string(),
        count(|event| event == Condition::Healthy),
        count(|event| event == Condition::NeverTrained),
        count(|event| matches!(event, Condition::Rose { .. })),
        count(|event| matches!(event, Condition::NonFinite { .. })),
        range(|row| row.trained_well_at.map(|step| step as f64)),
        range(|row| row.best.map(|share| 100.0 * share)),
        range(|row| row.last.map(|share| 100.0 * share)),
        format!("{:.1}", rows.iter().map(|row| row.seconds).sum::<f64>() / rows.len() as f64),
    ]
}
