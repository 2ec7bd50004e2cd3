//! The tables of all plans: what each cost, and which are not finished.

use std::path::Path;

use anyhow::{Context, Result};
use flameout::report::whole;
use flameout_experiment::{Settings, UncheckedSettings};

use super::{cost, markdown};
use crate::hunt::plan::Plan;
use crate::hunt::results::Row;

/// A plan, and the settings of its runs.
#[derive(Debug)]
pub struct Planned {
    /// The file's name without its extension.
    pub name: String,
    question: String,
    runs: Vec<Settings>,
    /// Whether the plan's words are here: without them, nobody knows how many epochs its steps are.
    measured: bool,
}

/// Reads all plans, in the order of their names.
pub fn read(root: &Path) -> Result<Vec<Planned>> {
    let folder = root.join("docs/hunt/plans");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    paths.iter().map(|path| Planned::of(Plan::read(path)?, root)).collect()
}

impl Planned {
    fn of(plan: Plan, root: &Path) -> Result<Self> {
        let (runs, measured) = match plan.runs(root) {
            Ok(runs) => (runs, true),
            Err(_) => (plan.without_epochs()?, false),
        };
        Ok(Self { name: plan.name, question: question(&plan.question).to_owned(), runs, measured })
    }

    /// The rows of those runs that are made.
    pub fn rows<'a>(&self, rows: &'a [Row]) -> impl Iterator<Item = &'a Row> {
        self.runs.iter().filter_map(|run| {
            let mut wanted = UncheckedSettings::clone(run);
            rows.iter().find(|row| {
                if !self.measured {
                    wanted.training.epochs = row.settings.training.epochs;
                }
                *row.settings == wanted
            })
        })
    }
}

/// The first question of a text, or its first sentence.
fn question(text: &str) -> &str {
    let sentences = || text.split_inclusive(". ").flat_map(|part| part.split_inclusive("? ")).map(str::trim);
    let first = sentences().find(|sentence| sentence.ends_with('?')).or_else(|| sentences().next());
    first.unwrap_or(text)
}

/// What each plan asked, how many runs and steps it has, and what they cost.
pub fn costs(plans: &[Planned], rows: &[Row]) -> String {
    let lines = plans.iter().map(|plan| {
        let made: Vec<&Row> = plan.rows(rows).collect();
        let steps: u64 = made.iter().map(|row| row.summary.steps).sum();
        // From zero: the sum of no numbers is -0.0.
        let hours = made.iter().fold(0.0, |sum, row| sum + cost::hours(&row.settings) * row.summary.steps as f64);
        let hours = if hours < 10.0 { format!("{hours:.1}") } else { format!("{hours:.0}") };
        vec![link(plan), plan.question.clone(), made.len().to_string(), whole(steps), hours]
    });
    let lines: Vec<_> = lines.collect();
    markdown(&["plan", "question", "runs made", "steps", "CPU hours, estimated"], |index| index > 1, &lines)
}

/// The plans of which runs are missing.
pub fn unfinished(plans: &[Planned], rows: &[Row]) -> String {
    let lines = plans.iter().filter_map(|plan| {
        let made = plan.rows(rows).count();
        let cells = || vec![link(plan), format!("{made} of {}", plan.runs.len()), plan.question.clone()];
        (made < plan.runs.len()).then(cells)
    });
    let lines: Vec<_> = lines.collect();
    markdown(&["plan", "runs made", "question"], |index| index == 1, &lines)
}

/// Both tables stand in a folder of `docs/`.
fn link(plan: &Planned) -> String {
    format!("[{0}](../hunt/plans/{0}.toml)", plan.name)
}
