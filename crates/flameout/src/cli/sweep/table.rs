//! Rows as a table for other programs.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::machine::Machine;
use super::row::Row;

/// Makes the content of `results.csv`. Every setting that differs between any two rows, or is not the question's in all of
/// them, is a column.
pub(super) fn csv(rows: &[Row]) -> Result<Vec<u8>> {
    let entries: Vec<BTreeMap<String, String>> = rows.iter().map(|row| row.settings.entries()).collect();
    let names: BTreeSet<&String> = entries.iter().flat_map(BTreeMap::keys).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let results = [
        "steps",
        "baseline_loss",
        "best_loss",
        "best_step",
        "trained_well_step",
        "collapsed",
        "onset_step",
        "symptom",
        "spikes",
        "dips",
        "risen_since",
        "final_loss",
        "final_accuracy",
        "test_loss",
        "test_accuracy",
        "spread",
        "identical",
        "weights_blake3",
        "version",
        "kernels",
        "processor",
    ];
    writer.write_record(["plan"].into_iter().chain(names.iter().map(|name| name.as_str())).chain(results))?;
    for (row, entries) in rows.iter().zip(&entries) {
        let summary = &row.summary;
        let optional = |step: Option<u64>| step.map(|step| step.to_string()).unwrap_or_default();
        let symptom = summary.symptom.map(|symptom| serde_json::to_string(&symptom)).transpose()?.unwrap_or_default();
        let made_by = |part: fn(&Machine) -> &String| row.made_by.as_ref().map(part).cloned().unwrap_or_default();
        let results = [
            summary.steps.to_string(),
            summary.baseline.train_loss.to_string(),
            summary.best.map(|best| best.loss.to_string()).unwrap_or_default(),
            optional(summary.best.map(|best| best.step)),
            optional(summary.trained_well_step),
            summary.collapsed.to_string(),
            optional(summary.onset_step),
            symptom.trim_matches('"').to_owned(),
            summary.spikes.len().to_string(),
            row.dips.as_ref().map(|dips| dips.len().to_string()).unwrap_or_default(),
            optional(summary.risen_since),
            summary.last.loss.to_string(),
            summary.last.accuracy.to_string(),
            summary.test.loss.to_string(),
            summary.test.accuracy.to_string(),
            summary.spread.to_string(),
            summary.identical.to_string(),
            summary.weights_blake3.clone(),
            made_by(|machine| &machine.version),
            made_by(|machine| &machine.kernels),
            made_by(|machine| &machine.processor),
        ];
        let settings =
            names.iter().map(|&name| entries.get(name).map_or("", |value| value.trim_matches('"')).to_owned());
        writer.write_record([row.plan.clone()].into_iter().chain(settings).chain(results))?;
    }
    Ok(writer.into_inner()?)
}
