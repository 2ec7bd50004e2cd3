//! A plan's results by setting: the runs that differ only in their seed belong together.

use std::collections::HashMap;

use flameout_curves::median;
use flameout_experiment::{Settings, Summary};

use super::plan::Plan;
use super::results::Row;
use crate::cli::table;

/// A few words that tell a run from the question's.
#[must_use]
pub fn label(settings: &Settings) -> String {
    format!("{} seed {} {}", settings.case.name(), settings.seed, changes(settings, &[]))
}

/// What differs from the question's settings, but for the case, the seed, how long the run is, and `known` settings.
#[must_use]
pub fn changes(settings: &Settings, known: &[&str]) -> String {
    let question = Settings::for_case(settings.case).entries();
    let dull = ["case", "seed", "training.epochs", "training.checkpoint-every", "training.stop-after-collapse"];
    let changes = settings.entries().into_iter().filter(|(key, value)| {
        let told = dull.contains(&key.as_str()) || known.contains(&key.as_str());
        !told && question.get(key).is_none_or(|original| original != value)
    });
    let changes: Vec<String> =
        changes.map(|(key, value)| format!("{}={value}", key.rsplit('.').next().unwrap_or(&key))).collect();
    changes.join(" ")
}

/// Puts together what belongs to runs that differ only in their seed, under their label, in the order of the first of each.
pub fn by_setting<'a, T>(runs: impl IntoIterator<Item = (&'a Settings, T)>) -> Vec<(String, Vec<T>)> {
    let mut cells: Vec<(String, Vec<T>)> = Vec::new();
    for (settings, of_run) in runs {
        let label = format!("{} {}", settings.case.name(), changes(settings, &[]));
        match cells.iter_mut().find(|(other, _)| *other == label) {
            Some((_, cell)) => cell.push(of_run),
            None => cells.push((label, vec![of_run])),
        }
    }
    cells
}

/// What became of a run, in a few words.
#[must_use]
pub fn result(summary: &Summary) -> String {
    let best = summary.best.map_or("no best loss".to_owned(), |best| format!("best loss {:.6}", best.loss));
    let trained =
        summary.trained_well_step.map_or("never trained well".to_owned(), |step| format!("trained well at {step}"));
    let end = match summary.onset_step {
        Some(step) => format!("COLLAPSED at {step}"),
        None if !summary.last.loss.is_finite() => "not finite".to_owned(),
        None => "no collapse".to_owned(),
    };
    format!("{trained}, {end}, {} spikes; {best}, in the end {:.6}", summary.spikes.len(), summary.last.loss)
}

/// The median of the runs' lowest test losses over the mean predictor's, of those of which it is known.
fn best_test(rows: &[&Row]) -> Option<f64> {
    let ratio = |row: &&Row| Some(row.summary.best_test?.loss / row.summary.baseline.test_loss);
    let ratios: Vec<f64> = rows.iter().filter_map(ratio).collect();
    median(&ratios)
}

/// Prints a line for each combination of settings.
pub(super) fn print(plan: &Plan, runs: &[Settings], rows: &[Row]) {
    show!("\n{}\nquestion: {}\nexpected: {}", plan.name, plan.question, plan.expected);
    let known: HashMap<String, &Row> = rows.iter().map(|row| (row.settings.hash(), row)).collect();
    let cells = by_setting(runs.iter().map(|run| (run, known.get(&run.hash()).copied())));
    let missing = cells.iter().flat_map(|(_, rows)| rows).filter(|row| row.is_none()).count();
    let mut table = table::new([
        "settings",
        "runs",
        "trained well",
        "collapsed",
        "onsets",
        "with spikes",
        "spikes",
        "with dips",
        "dips",
        "best loss",
        "final loss",
        "best test / mean",
    ]);
    for (label, rows) in cells {
        let rows: Vec<&Row> = rows.into_iter().flatten().collect();
        if rows.is_empty() {
            continue;
        }
        let count = |holds: fn(&Summary) -> bool| rows.iter().filter(|row| holds(&row.summary)).count().to_string();
        let onsets: Vec<String> =
            rows.iter().filter_map(|row| row.summary.onset_step).map(|step| step.to_string()).collect();
        let mean =
            |value: fn(&Summary) -> f64| rows.iter().map(|row| value(&row.summary)).sum::<f64>() / rows.len() as f64;
        let dips: Vec<&Vec<u64>> = rows.iter().filter_map(|row| row.dips.as_ref()).collect();
        let known = |count: usize| if dips.is_empty() { String::new() } else { count.to_string() };
        table.add_row([
            label,
            rows.len().to_string(),
            count(|summary| summary.trained_well_step.is_some()),
            count(|summary| summary.collapsed),
            onsets.join(" "),
            count(|summary| !summary.spikes.is_empty()),
            rows.iter().map(|row| row.summary.spikes.len()).sum::<usize>().to_string(),
            known(dips.iter().filter(|dips| !dips.is_empty()).count()),
            known(dips.iter().map(|dips| dips.len()).sum()),
            format!("{:.6}", mean(|summary| summary.best.map_or(f64::NAN, |best| best.loss))),
            format!("{:.6}", mean(|summary| summary.last.loss)),
            best_test(&rows).map_or(String::new(), |ratio| format!("{ratio:.2}")),
        ]);
    }
    show!("{table}");
    if missing > 0 {
        show!("{missing} of {} runs are still to be made.", runs.len());
    }
}
