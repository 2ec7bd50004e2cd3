//! How good the doctor is.

use std::collections::BTreeMap;

use flameout::cli::table;
use flameout_doctor::Proportion;

use super::examination::{Answer, Examined};
use super::specimen::Kind;

/// Prints a line for each kind of run, and what they come to.
pub fn print(rows: &[Examined]) {
    let mut table = table::new(["kind", "right", "repaired", "other answers", "cost"]);
    for kind in Kind::all() {
        let rows: Vec<&Examined> = rows.iter().filter(|row| row.specimen.kind == kind).collect();
        if !rows.is_empty() {
            table.add_row(line(kind, &rows));
        }
    }
    say!("{table}");
    let score = Score::of(rows);
    if score.right.of > 0 {
        say!("faults whose cause was named:    {}", score.right);
        say!("faults that were repaired:       {}", score.repaired);
        say!("faults with a wrong cause named: {}", score.wrong);
        say!(
            "cost of a diagnosis:             {:.2} × the run (mean), {:.2} at most",
            score.mean_cost,
            score.worst_cost
        );
    }
    if score.false_alarms.of > 0 {
        say!("false alarms on healthy runs:    {}", score.false_alarms);
    }
}

/// What the rows come to. "Unknown" is a miss, but no wrong cause and no false alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Faults whose first cause is in the set of true ones.
    pub right: Proportion,
    /// Faults that train well with the remedy.
    pub repaired: Proportion,
    /// Faults whose first cause is not true.
    pub wrong: Proportion,
    /// Healthy runs with a cause.
    pub false_alarms: Proportion,
    /// Mean of cost / run over the faults.
    pub mean_cost: f64,
    /// The largest.
    pub worst_cost: f64,
}

impl Score {
    /// Of these rows.
    pub fn of(rows: &[Examined]) -> Self {
        let (healthy, faulty): (Vec<&Examined>, Vec<&Examined>) =
            rows.iter().partition(|row| matches!(row.specimen.kind, Kind::Healthy(_)));
        let costs: Vec<f64> = faulty.iter().map(|row| cost(row)).collect();
        let named = |row: &&Examined| matches!(row.answer, Answer::Cause { .. });
        Self {
            right: Proportion::of(faulty.iter().map(|row| row.is_right())),
            repaired: Proportion::of(faulty.iter().map(|row| row.is_repaired())),
            wrong: Proportion::of(faulty.iter().map(|row| named(row) && !row.is_right())),
            false_alarms: Proportion::of(healthy.iter().map(named)),
            mean_cost: costs.iter().sum::<f64>() / costs.len() as f64,
            worst_cost: costs.iter().copied().fold(0.0, f64::max),
        }
    }
}

fn cost(row: &Examined) -> f64 {
    row.cost as f64 / row.run_steps as f64
}

fn line(kind: Kind, rows: &[&Examined]) -> [String; 5] {
    let right = |row: &&Examined| match kind {
        Kind::Fault(_) => row.is_right(),
        Kind::Healthy(_) => row.answer == Answer::Healthy,
        Kind::Late(_) => false,
    };
    let mut others: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows.iter().filter(|row| !right(row)) {
        *others.entry(name(&row.answer)).or_default() += 1;
    }
    let others: Vec<String> = others.into_iter().map(|(name, count)| format!("{count} × {name}")).collect();
    let repaired = Proportion::of(rows.iter().map(|row| row.is_repaired()));
    [
        kind.name(),
        Proportion::of(rows.iter().map(right)).to_string(),
        if matches!(kind, Kind::Fault(_)) { repaired.to_string() } else { String::new() },
        others.join(", "),
        format!("{:.2}", rows.iter().map(|row| cost(row)).sum::<f64>() / rows.len() as f64),
    ]
}

fn name(answer: &Answer) -> String {
    match answer {
        Answer::Healthy => "healthy".into(),
        Answer::Unknown => "unknown".into(),
        Answer::Cause { cause, .. } => serde_json::to_string(cause).unwrap_or_default().trim_matches('"').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::fault::Fault;
    use crate::zoo::specimen::Specimen;
    use crate::zoo::variation::Variation;
    use flameout_doctor::{Cause, Condition, End};
    use flameout_experiment::Case;

    fn row(kind: Kind, answer: Answer, with_remedy: Option<End>, cost: u64) -> Examined {
        let specimen = Specimen { kind, case: Case::GruSingle, seed: 0 };
        Examined { specimen, event: Condition::NeverTrained, answer, with_remedy, run_steps: 100, cost, seconds: 1.0 }
    }

    fn named(cause: Cause) -> Answer {
        Answer::Cause { cause, evidence: "measured".into(), remedy: None }
    }

    #[test]
    fn unknown_is_a_miss_but_neither_wrong_nor_a_false_alarm() {
        let (fault, healthy) = (Kind::Fault(Fault::EarlyNan), Kind::Healthy(Variation::Plain));
        let score = Score::of(&[
            row(fault, named(Cause::HarmfulBatch), Some(End::Held), 50),
            row(fault, named(Cause::NonFiniteTargets), Some(End::Untrained), 0),
            row(fault, named(Cause::LearningRate), Some(End::Held), 100),
            row(fault, Answer::Unknown, None, 50),
            row(healthy, Answer::Healthy, None, 1000),
            row(healthy, Answer::Unknown, None, 0),
            row(healthy, named(Cause::Padding), None, 0),
        ]);
        assert_eq!((score.right.count, score.repaired.count, score.wrong.count, score.right.of), (2, 2, 1, 4));
        assert_eq!((score.false_alarms.count, score.false_alarms.of), (1, 3));
        assert_eq!((score.mean_cost, score.worst_cost), (0.5, 1.0));
    }
}
