//! `--collect`: the rows of all shards in one file, in the order of the plans.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use flameout_experiment::{Settings, Summary};

use super::results::{self, Row, Rows};
use super::verdict::verdict;
use super::{Planned, cells};
use crate::cli::table::counted;

/// Missing runs whose settings are told; of more the numbers alone.
const TOLD: usize = 20;

/// The rows of the plans' runs, as far as they are there.
pub(super) struct Collected<'a> {
    /// The runs without a row, each with its number.
    missing: Vec<(usize, &'a Settings)>,
    /// Runs of the plans.
    runs: usize,
    /// All rows that are in `results.jsonl` now.
    pub(super) rows: Vec<Row>,
}

/// Puts the rows of the plans' runs from `shards` into `results.jsonl`, in the order of the plans, behind rows of other plans
/// that are there.
pub(super) fn collect<'a>(plans: &'a [Planned], directory: &Path, mixed_versions: bool) -> Result<Collected<'a>> {
    let runs: Vec<&Settings> = super::numbered(plans).map(|(_, settings)| settings).collect();
    let places = runs.iter().enumerate().map(|(place, run)| (run.hash(), place)).collect();
    let mut found = Found { places, rows: (0..runs.len()).map(|_| None).collect(), of_others: Vec::new() };
    for source in sources(directory)? {
        found.take(&source)?;
    }
    if !mixed_versions {
        found.require_one_version()?;
    }
    let Found { rows: found, of_others: mut rows, .. } = found;
    let mut missing = Vec::new();
    for ((number, run), row) in runs.iter().enumerate().zip(found) {
        match row {
            Some((row, _)) if verdict(&row, &results::curve(directory, run))?.is_some() => rows.push(row),
            _ => missing.push((number, *run)),
        }
    }
    results::write_whole(directory, &rows)?;
    Ok(Collected { missing, runs: runs.len(), rows })
}

impl Collected<'_> {
    /// Refuses if a run is missing, and says which are.
    pub(super) fn require_all(&self) -> Result<()> {
        if self.missing.is_empty() {
            return Ok(());
        }
        let told = self.missing.iter().take(TOLD);
        let told: String = told.map(|(number, run)| format!("{number}: {}\n", cells::label(run))).collect();
        let numbers: Vec<String> = self.missing.iter().map(|(number, _)| number.to_string()).collect();
        let more = if self.missing.len() > TOLD { "…\n" } else { "" };
        bail!(
            "{} of {} missing; the others are collected. Missing:\n{told}{more}with --shard I/{} that is I = {}",
            self.missing.len(),
            if self.runs == 1 { "1 run is".into() } else { format!("{} runs are", self.runs) },
            self.runs,
            numbers.join(",")
        )
    }
}

/// The files of rows in a directory: that of all rows first, as it may be of an earlier collection.
fn sources(directory: &Path) -> Result<Vec<PathBuf>> {
    let (whole, shards) = (results::whole(directory), results::shards(directory));
    let mut files = Vec::new();
    if shards.is_dir() {
        for entry in std::fs::read_dir(&shards).with_context(|| format!("reading {}", shards.display()))? {
            let path = entry.with_context(|| format!("reading {}", shards.display()))?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                files.push(path);
            }
        }
    }
    files.sort();
    ensure!(
        whole.is_file() || !files.is_empty(),
        "{} has no rows: neither results.jsonl nor shards/*.jsonl. Name the directory that --results named",
        directory.display()
    );
    files.insert(0, whole);
    Ok(files)
}

/// The rows of some runs, each with its file.
struct Found {
    places: HashMap<String, usize>,
    rows: Vec<Option<(Row, PathBuf)>>,
    /// Rows of `results.jsonl` that are of other plans.
    of_others: Vec<Row>,
}

impl Found {
    fn take(&mut self, source: &Path) -> Result<()> {
        for row in Rows::read(source)?.into_vec() {
            let Some(&place) = self.places.get(&row.settings.hash()) else {
                if source.file_name().is_some_and(|name| name == "results.jsonl") {
                    self.of_others.push(row);
                }
                continue;
            };
            match &self.rows[place] {
                Some((other, _)) if other.summary.definition > row.summary.definition => {}
                Some((other, of)) if other.summary.definition == row.summary.definition => {
                    ensure!(
                        result(other)? == result(&row)?,
                        "{} and {} have different results of the same run ({}). The same settings give the same bits, so one \
                         file is damaged or of another program: remove one of the rows",
                        of.display(),
                        source.display(),
                        cells::label(&row.settings)
                    );
                }
                _ => self.rows[place] = Some((row, source.into())),
            }
        }
        Ok(())
    }

    fn require_one_version(&self) -> Result<()> {
        let mut versions: BTreeMap<&str, (u64, &Path)> = BTreeMap::new();
        for (row, source) in self.rows.iter().flatten() {
            let version = row.made_by.as_ref().map_or("unknown", |machine| &machine.version);
            versions.entry(version).or_insert((0, source)).0 += 1;
        }
        if versions.len() < 2 {
            return Ok(());
        }
        let lines = versions.iter().map(|(version, (rows, source))| {
            format!("\nflameout {version}: {}, the first in {}", counted(*rows, "row"), source.display())
        });
        bail!(
            "the rows are of different versions of flameout:{}\n--mixed-versions collects them all the same",
            lines.collect::<String>()
        )
    }
}

/// What a run came to, to be compared: not what made it.
fn result(row: &Row) -> Result<String> {
    let result: (&Summary, _) = (&row.summary, &row.dips);
    Ok(serde_json::to_string(&result)?)
}
