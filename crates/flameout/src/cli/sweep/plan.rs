//! A plan: what to vary, why, and what is expected.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use flameout_experiment::{Case, Dataset, Settings, UncheckedSettings};
use flameout_files::{TOML, read_text};
use serde::Deserialize;
use toml::{Table, Value};

/// Runs that a plan may ask for: a grid of a few lists can ask for more than memory holds.
const MOST_RUNS: usize = 100_000;

/// A plan, as it stands in its file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Plan {
    /// The file's name without its extension.
    #[serde(skip)]
    pub name: String,
    /// What is to be found out.
    pub question: String,
    /// What was expected before it was run.
    pub expected: String,
    /// Whether to keep a thinned curve of each run.
    #[serde(default)]
    pub curves: bool,
    /// Steps of each run, instead of `training.epochs`.
    steps: Option<u64>,
    seeds: Vec<u64>,
    settings: Table,
    #[serde(default)]
    grid: Table,
    #[serde(default)]
    list: Vec<Table>,
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// If the file cannot be read, or is no plan.
    pub fn read(path: &Path) -> Result<Self> {
        let text = read_text(path, TOML).with_context(|| format!("reading {}", path.display()))?;
        let mut plan: Self = toml::from_str(&text).with_context(|| path.display().to_string())?;
        plan.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        ensure!(!plan.seeds.is_empty(), "{}: `seeds` is empty", path.display());
        Ok(plan)
    }

    /// Lists the settings of all runs: each combination with the first seed, then each with the second, and so on. `base`
    /// is where relative paths in the settings begin.
    ///
    /// # Errors
    /// If there are no such settings, or the words that they name cannot be read.
    pub fn runs(&self, base: &Path) -> Result<Vec<Settings>> {
        let mut epoch_lengths = EpochLengths::default();
        let (mut runs, mut seen) = (Vec::new(), BTreeSet::new());
        for &seed in &self.seeds {
            for changes in self.changes()? {
                let mut settings = self.with(seed, changes)?;
                if let Some(steps) = self.steps {
                    let epochs = steps.div_ceil(epoch_lengths.of(&settings, base)?);
                    settings = settings.with(|settings| settings.training.epochs = epochs)?;
                }
                if seen.insert(settings.hash()) {
                    runs.push(settings);
                }
            }
        }
        Ok(runs)
    }

    /// Lists the settings of all runs, in the same order, with the epochs of the question: no words are read.
    ///
    /// # Errors
    /// If there are no such settings.
    pub fn without_epochs(&self) -> Result<Vec<Settings>> {
        let mut runs = Vec::new();
        for &seed in &self.seeds {
            for changes in self.changes()? {
                runs.push(self.with(seed, changes)?);
            }
        }
        Ok(runs)
    }

    /// What each combination of list and grid changes.
    fn changes(&self) -> Result<Vec<Table>> {
        let mut changes = if self.list.is_empty() { vec![Table::new()] } else { self.list.clone() };
        let mut axes = Vec::new();
        collect_axes(&self.grid, &mut Vec::new(), &mut axes)?;
        let lengths = [self.seeds.len(), changes.len()].into_iter().chain(axes.iter().map(|(_, values)| values.len()));
        let runs = lengths.fold(1_usize, usize::saturating_mul);
        ensure!(runs <= MOST_RUNS, "it asks for {runs} runs; a plan may ask for {MOST_RUNS}: make several of it");
        for (path, values) in axes {
            changes = values
                .iter()
                .flat_map(|value| changes.iter().map(|table| merged(table.clone(), at_path(&path, value.clone()))))
                .collect();
        }
        Ok(changes)
    }

    /// The question's settings with the plan's, and then these, in their place.
    fn with(&self, seed: u64, changes: Table) -> Result<Settings> {
        let changed = merged(self.settings.clone(), changes);
        let case = changed.get("case").cloned().context("`settings` or `grid` must name a `case`")?;
        let case: Case = case.try_into().context("case")?;
        let complete = Table::try_from(Settings::for_case(case)).expect("settings are plain data");
        let settings: UncheckedSettings = merged(complete, changed).try_into()?;
        Ok(UncheckedSettings { seed, ..settings }.try_into()?)
    }
}

/// Steps an epoch, by data and batch size: reading the words once is enough.
#[derive(Default)]
struct EpochLengths(BTreeMap<String, u64>);

impl EpochLengths {
    fn of(&mut self, settings: &Settings, base: &Path) -> Result<u64> {
        let key = format!("{:?} {}", settings.data, settings.training.batch);
        if let Some(&steps) = self.0.get(&key) {
            return Ok(steps);
        }
        let steps = Dataset::open(settings, base)?.steps_per_epoch(settings);
        self.0.insert(key, steps);
        Ok(steps)
    }
}

/// The arrays of a grid, each with the path of keys that leads to it.
fn collect_axes(table: &Table, path: &mut Vec<String>, axes: &mut Vec<(Vec<String>, Vec<Value>)>) -> Result<()> {
    for (key, value) in table {
        path.push(key.clone());
        match value {
            Value::Table(table) => collect_axes(table, path, axes)?,
            Value::Array(values) => axes.push((path.clone(), values.clone())),
            other => bail!("grid: `{}` is {other}; it must be a list of values", path.join(".")),
        }
        path.pop();
    }
    Ok(())
}

fn at_path(path: &[String], value: Value) -> Table {
    let [first, rest @ ..] = path else { unreachable!("a value in a table has a key") };
    let value = if rest.is_empty() { value } else { Value::Table(at_path(rest, value)) };
    Table::from_iter([(first.clone(), value)])
}

/// `below` with the values of `above` in their place. A table of another `kind` has other keys: it replaces the whole.
fn merged(mut below: Table, above: Table) -> Table {
    for (key, value) in above {
        let value = match (below.remove(&key), value) {
            (Some(Value::Table(old)), Value::Table(new))
                if !new.contains_key("kind") || new.get("kind") == old.get("kind") =>
            {
                Value::Table(merged(old, new))
            }
            (_, new) => new,
        };
        below.insert(key, value);
    }
    below
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The repository's root.
    fn root() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    fn plan(text: &str) -> Plan {
        let head = "question = 'q'\nexpected = 'e'\n";
        toml::from_str(&format!("{head}{text}")).unwrap()
    }

    #[test]
    fn every_combination_with_the_first_seed_comes_before_the_second_seed() {
        let plan = plan(
            "seeds = [3, 4]\nsteps = 100\n[settings]\ncase = 'gru-single'\nmodel.units = 8\n\
             [grid]\ntraining.batch = [32, 1000]\nschedule.learning-rate = [0.01, 0.1, 1.0]",
        );
        let runs = plan.runs(&root()).unwrap();
        assert_eq!(runs.len(), 12);
        assert!(runs[..6].iter().all(|run| run.seed == 3) && runs[6..].iter().all(|run| run.seed == 4));
        let epochs = |batch| runs.iter().find(|run| run.training.batch == batch).unwrap().training.epochs;
        // 3,600 training words: 113 steps an epoch, or 4.
        assert_eq!((epochs(32), epochs(1000)), (1, 25));
        assert!(runs.iter().all(|run| run.case == Case::GruSingle && run.model.units == Some(8)));
    }

    #[test]
    fn a_list_changes_several_settings_at_a_time() {
        let plan = plan(
            "seeds = [0]\n[settings]\ncase = 'lstm-single'\n[[list]]\n[[list]]\nclipping = { kind = 'global-norm', limit = 1.0 }\n\
             [[list]]\noptimizer.epsilon = 1e-4",
        );
        let runs = plan.runs(&root()).unwrap();
        assert_eq!(runs[0], Settings::for_case(Case::LstmSingle));
        let changed: Vec<usize> = runs
            .iter()
            .map(|run| run.entries().iter().filter(|&(key, value)| runs[0].entries().get(key) != Some(value)).count())
            .collect();
        assert_eq!(changed, [0, 2, 1]);
    }

    #[test]
    fn mistakes_are_told() {
        let unknown = plan("seeds = [0]\n[settings]\ncase = 'lstm-single'\n[grid]\ntraining.bath = [1]").runs(&root());
        assert!(unknown.unwrap_err().to_string().contains("bath"));
        let single = plan("seeds = [0]\n[settings]\ncase = 'lstm-single'\n[grid]\ntraining.batch = 1").runs(&root());
        assert!(single.unwrap_err().to_string().contains("training.batch"));
        let list: Vec<u32> = (1..=400).collect();
        let grid = format!("[grid]\ntraining.batch = {list:?}\nmodel.units = {list:?}");
        let many = plan(&format!("seeds = [0]\n[settings]\ncase = 'lstm-single'\n{grid}")).runs(&root());
        assert!(many.unwrap_err().to_string().contains("160000 runs"));
        let no_case = plan("seeds = [0]\n[settings]\n").runs(&root());
        assert!(no_case.unwrap_err().to_string().contains("case"));
    }
}
