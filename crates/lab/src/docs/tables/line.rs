//! A line of a table: the runs that it counts, and what it says of them.

use anyhow::{Context, Result, ensure};
use flameout::report::whole;
use flameout_doctor::Proportion;
use flameout_experiment::Settings;
use serde::Deserialize;

use super::plans::Planned;
use crate::hunt::results::Row;

/// A line as `docs/hunt/tables.toml` has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its cells that are written by hand.
    pub label: Vec<String>,
    /// The plans whose runs it counts, each run once.
    #[serde(default)]
    pub plans: Vec<String>,
    /// Settings that its runs have: `key=value`, or `key=value|another`. No value means that the setting is not given.
    #[serde(default)]
    set: Vec<String>,
    /// Seeds that its runs have; without it, all.
    seeds: Option<Vec<u64>>,
    /// What the last cell says beside what is computed.
    note: Option<String>,
}

/// What is computed of a line's runs.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Column {
    Steps,
    Trained,
    Collapsed,
    Interval,
    Onsets,
    OnsetRange,
    Spikes,
    SpikeSteps,
    Dips,
    DipsOf,
    DipSteps,
    DipDistance,
    BestLoss,
    FinalLoss,
    FinalTestLoss,
    FinalHits,
}

impl Column {
    pub fn title(self) -> &'static str {
        match self {
            Self::Steps => "steps",
            Self::Trained => "trained well",
            Self::Collapsed => "collapsed",
            Self::Interval => "95 % interval",
            Self::Onsets => "steps of the onsets",
            Self::OnsetRange => "first and last onset",
            Self::Spikes => "spikes",
            Self::SpikeSteps => "steps of the spikes",
            Self::Dips => "dips",
            Self::DipsOf => "networks with dips",
            Self::DipSteps => "steps of the dips",
            Self::DipDistance => "steps from one dip to the next, median",
            Self::BestLoss => "best loss, mean",
            Self::FinalLoss => "final loss, mean",
            Self::FinalTestLoss => "final test loss, mean",
            Self::FinalHits => "hit@10 of test words in the end, mean",
        }
    }

    pub fn is_number(self) -> bool {
        !matches!(self, Self::Onsets | Self::OnsetRange | Self::SpikeSteps | Self::DipSteps)
    }

    fn cell(self, rows: &[&Row]) -> String {
        let summaries = || rows.iter().map(|row| &row.summary);
        let trained = || summaries().filter(|summary| summary.trained_well_step.is_some());
        let collapsed = Proportion::of(trained().map(|summary| summary.collapsed));
        let mut onsets: Vec<u64> = summaries().filter_map(|summary| summary.onset_step).collect();
        onsets.sort_unstable();
        let onset = |step: Option<&u64>| whole(step.copied().unwrap_or_default());
        let dips: Option<Vec<&Vec<u64>>> = rows.iter().map(|row| row.dips.as_ref()).collect();
        let of_dips = |said: fn(&[&Vec<u64>]) -> String| dips.as_deref().map_or("not counted".into(), said);
        match self {
            Self::Steps => whole(summaries().map(|summary| summary.steps).max().unwrap_or_default()),
            Self::Trained => format!("{} of {}", trained().count(), rows.len()),
            Self::Collapsed if collapsed.of == 0 => "–".into(),
            Self::Collapsed => format!("{} of {}", collapsed.count, collapsed.of),
            Self::Interval if collapsed.of == 0 => "–".into(),
            Self::Interval => interval(&collapsed),
            Self::Onsets => listed(onsets),
            Self::OnsetRange if onsets.len() < 2 => onsets.iter().map(|&step| whole(step)).collect(),
            Self::OnsetRange => format!("{} to {}", onset(onsets.first()), onset(onsets.last())),
            Self::Spikes => summaries().map(|summary| summary.spikes.len()).sum::<usize>().to_string(),
            Self::SpikeSteps => listed(summaries().flat_map(|summary| summary.spikes.iter().copied())),
            Self::Dips => of_dips(|dips| dips.iter().map(|dips| dips.len()).sum::<usize>().to_string()),
            Self::DipsOf => {
                of_dips(|dips| format!("{} of {}", dips.iter().filter(|dips| !dips.is_empty()).count(), dips.len()))
            }
            Self::DipSteps => of_dips(|dips| listed(dips.iter().flat_map(|dips| dips.iter().copied()))),
            Self::DipDistance => of_dips(distances),
            Self::BestLoss => loss(mean(summaries().filter_map(|summary| Some(summary.best?.loss)))),
            Self::FinalLoss => loss(mean(summaries().map(|summary| summary.last.loss))),
            Self::FinalTestLoss => loss(mean(summaries().map(|summary| summary.test.loss))),
            Self::FinalHits => format!("{:.1} %", 100.0 * mean(summaries().map(|summary| summary.test.hit_at_10))),
        }
    }
}

impl Line {
    /// The rows of the line's runs, each once, in the order of the plans.
    pub fn rows<'a>(&self, names: &[String], plans: &[Planned], rows: &'a [Row]) -> Result<Vec<&'a Row>> {
        let mut found: Vec<&Row> = Vec::new();
        for name in names {
            let plan = plans.iter().find(|plan| plan.name == *name).with_context(|| format!("no plan {name}.toml"))?;
            for row in plan.rows(rows) {
                let known = found.iter().any(|other| other.settings == row.settings);
                if !known && self.wants(&row.settings)? {
                    found.push(row);
                }
            }
        }
        ensure!(!found.is_empty(), "no row of {} has {}", names.join(", "), self.set.join(", "));
        Ok(found)
    }

    fn wants(&self, settings: &Settings) -> Result<bool> {
        let entries = settings.entries();
        let mut wanted = self.seeds.as_ref().is_none_or(|seeds| seeds.contains(&settings.seed));
        for set in &self.set {
            let (key, value) = set.split_once('=').with_context(|| format!("`{set}` is not key=value"))?;
            let is = entries.get(key).map_or("", |is| is.trim_matches('"'));
            wanted &= value.split('|').any(|value| same(is, value));
        }
        Ok(wanted)
    }

    /// The line's cells, the note in the last.
    pub fn cells(&self, columns: &[Column], rows: &[&Row]) -> Vec<String> {
        let mut cells: Vec<String> = self.label.clone();
        cells.extend(columns.iter().map(|column| column.cell(rows)));
        if let (Some(note), Some(last)) = (&self.note, cells.last_mut()) {
            *last = if last.is_empty() { note.clone() } else { format!("{last} ({note})") };
        }
        cells
    }
}

/// Compares numbers as numbers, anything else as text.
fn same(is: &str, wanted: &str) -> bool {
    match (is.parse::<f64>(), wanted.parse::<f64>()) {
        (Ok(is), Ok(wanted)) => is == wanted,
        _ => is == wanted,
    }
}

/// The median of the steps between neighbouring dips of a network, and the least and the most.
fn distances(dips: &[&Vec<u64>]) -> String {
    let mut steps: Vec<u64> = dips.iter().flat_map(|dips| dips.windows(2).map(|two| two[1] - two[0])).collect();
    steps.sort_unstable();
    let [least, .., most] = steps[..] else { return "–".into() };
    format!("{} ({} to {})", whole(steps[steps.len() / 2]), whole(least), whole(most))
}

/// Steps, with commas between them.
fn listed(steps: impl IntoIterator<Item = u64>) -> String {
    steps.into_iter().map(whole).collect::<Vec<_>>().join(", ")
}

/// Wilson's 95 % interval, in per cent.
fn interval(share: &Proportion) -> String {
    let (low, high) = share.wilson();
    format!("{:.0}–{:.0} %", 100.0 * low, 100.0 * high)
}

/// A loss with four decimals, a small one with two digits that say something.
fn loss(value: f64) -> String {
    if value >= 0.001 || !value.is_finite() {
        return format!("{value:.4}");
    }
    let decimals = (1.0 - value.log10().floor()) as usize;
    format!("{value:.decimals$}")
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_do() {
        assert_eq!([5, 5385, 1_234_567].map(whole), ["5", "5,385", "1,234,567"]);
        assert_eq!([0.00447, 0.000486, 0.000005].map(loss), ["0.0045", "0.00049", "0.0000050"]);
        assert!(same("4.166666666666667e-3", "0.004166666666666667") && !same("", "0") && same("drop", "drop"));
    }
}
