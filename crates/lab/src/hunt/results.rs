//! The rows of finished runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use flameout_experiment::{Settings, Summary};
use flameout_files::write_atomically;
use serde::{Deserialize, Serialize};

use super::rescore::verdict;
use crate::json_lines;

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
}

/// `results.jsonl` in a directory, and `results.csv` beside it with the same rows.
#[derive(Debug)]
pub struct Results {
    directory: PathBuf,
    rows: Mutex<Vec<Row>>,
}

impl Results {
    /// Reads what is there; the directory is made if need be.
    pub fn open(directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
        let rows = read(&directory.join("results.jsonl"))?;
        Ok(Self { directory: directory.into(), rows: Mutex::new(rows) })
    }

    /// The rows so far.
    pub fn rows(&self) -> Vec<Row> {
        self.lock().clone()
    }

    /// Whether a run with these settings is over, and its row tells what became of it.
    pub fn holds(&self, settings: &Settings) -> Result<bool> {
        match self.lock().iter().find(|row| row.settings == *settings) {
            Some(row) => Ok(verdict(row, &self.curve(settings))?.is_some()),
            None => Ok(false),
        }
    }

    /// Adds a row to both files. Another hunt may have added some meanwhile: they are taken in.
    pub fn append(&self, row: Row) -> Result<()> {
        let mut rows = self.lock();
        let path = self.directory.join("results.jsonl");
        json_lines::append(&path, &row)?;
        *rows = read(&path)?;
        let path = self.directory.join("results.csv");
        write_atomically(&path, &[&csv(&rows)?]).with_context(|| format!("writing {}", path.display()))
    }

    /// Where a run's curve is kept.
    pub fn curve(&self, settings: &Settings) -> PathBuf {
        self.directory.join("curves").join(format!("{}.csv", &settings.hash()[..12]))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads rows. A run that was made again has two: the later one is taken, in the place of the first.
fn read(path: &Path) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for row in json_lines::read::<Row>(path)? {
        match rows.iter_mut().find(|earlier| earlier.settings == row.settings) {
            Some(earlier) => *earlier = row,
            None => rows.push(row),
        }
    }
    Ok(rows)
}

/// Every setting that differs between any two rows, or is not the question's in all of them, is a column.
fn csv(rows: &[Row]) -> Result<Vec<u8>> {
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
    ];
    writer.write_record(["plan"].into_iter().chain(names.iter().map(|name| name.as_str())).chain(results))?;
    for (row, entries) in rows.iter().zip(&entries) {
        let summary = &row.summary;
        let optional = |step: Option<u64>| step.map(|step| step.to_string()).unwrap_or_default();
        let symptom = summary.symptom.map(|symptom| serde_json::to_string(&symptom)).transpose()?.unwrap_or_default();
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
        ];
        let settings =
            names.iter().map(|&name| entries.get(name).map_or("", |value| value.trim_matches('"')).to_owned());
        writer.write_record([row.plan.clone()].into_iter().chain(settings).chain(results))?;
    }
    Ok(writer.into_inner()?)
}
