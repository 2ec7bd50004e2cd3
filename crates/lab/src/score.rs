//! `cargo xtask score`: which runs collapsed, by a definition that asks for no accuracy.

mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use flameout::cli::table;
use flameout_doctor::Proportion;

use crate::csv_file;
use crate::hunt::cells::{by_setting, label};
use crate::hunt::curve::Point;
use crate::hunt::plan::Plan;
use crate::hunt::results::{Results, Row};
use crate::root;
use verdict::Verdict;

/// Scores the kept curves of runs by a definition of a collapse that asks for no accuracy.
///
/// The recorded verdict asks for five times the accuracy of the most common arg-max. Where targets have a common direction, as
/// vectors of unit length do, no network reaches that, and no run can count as collapsed. This definition asks for the loss alone:
///
///   improved    the mean loss of a stretch of steps is at most 75 % of the mean predictor's
///   rise        after that, the mean loss of a stretch is above the mean predictor's
///   collapse    a rise after which no stretch comes back below half-way from the best loss to the mean predictor's
///
/// A stretch is a line of a kept curve: a 400th of the run. Rises within a stretch are not seen. Runs without a kept curve are
/// counted as such.
///
/// Examples:
///
///   cargo xtask score docs/hunt/plans/unit.toml
///   cargo xtask score --all
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The plans whose runs to score.
    #[arg(required_unless_present = "all", value_name = "PLAN.toml")]
    plans: Vec<PathBuf>,

    /// Score every run with a kept curve, and print those whose recorded verdict is another.
    #[arg(long, conflicts_with = "plans")]
    all: bool,

    /// Where results are kept.
    #[arg(long, value_name = "DIR", default_value = "docs/hunt")]
    results: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let results = Results::open(&root().join(&args.results))?;
    let rows = results.rows();
    if args.all {
        compare(&results, &rows)?;
    }
    for path in &args.plans {
        let plan = Plan::read(path)?;
        let runs = plan.runs(&root()).with_context(|| format!("plan {}", plan.name))?;
        let of_plan: Vec<&Row> = runs.iter().filter_map(|run| rows.iter().find(|row| row.settings == *run)).collect();
        say!("\n{}", plan.name);
        print(&results, &of_plan)?;
        say!("{} of {} runs are made.", of_plan.len(), runs.len());
    }
    Ok(ExitCode::SUCCESS)
}

/// What became of a run, if its curve is kept.
fn scored(results: &Results, row: &Row) -> Result<Option<Verdict>> {
    let path = results.curve(&row.settings);
    if !path.is_file() {
        return Ok(None);
    }
    Ok(Some(Verdict::of(&csv_file::read::<Point>(&path)?, &row.summary.baseline)))
}

/// A line for each combination of settings: the runs that differ only in their seed belong together.
fn print(results: &Results, rows: &[&Row]) -> Result<()> {
    let mut verdicts = Vec::new();
    for row in rows {
        verdicts.extend(scored(results, row)?.map(|verdict| (&row.settings, verdict)));
    }
    let without = rows.len() - verdicts.len();
    let mut table = table::new([
        "settings",
        "runs",
        "improved",
        "collapsed",
        "95 %",
        "onsets, to a stretch",
        "best / mean",
        "end / mean",
        "above, after",
        "best test / mean",
    ]);
    for (label, verdicts) in by_setting(verdicts) {
        table.add_row([label].into_iter().chain(line(&verdicts)));
    }
    say!("{table}");
    say!(
        "Medians of the runs. mean: the mean predictor's loss. above, after: share of the stretches from the onset on."
    );
    if without > 0 {
        say!("{without} runs have no kept curve.");
    }
    Ok(())
}

fn line(verdicts: &[Verdict]) -> [String; 9] {
    let collapsed = Proportion::of(verdicts.iter().map(|verdict| verdict.onset.is_some()));
    let (low, high) = collapsed.wilson();
    let onsets: Vec<String> =
        verdicts.iter().filter_map(|verdict| verdict.onset).map(|step| step.to_string()).collect();
    let of = |value: fn(&Verdict) -> Option<f64>| {
        median(verdicts.iter().filter_map(value).collect()).map_or(String::new(), |median| format!("{median:.2}"))
    };
    [
        verdicts.len().to_string(),
        verdicts.iter().filter(|verdict| verdict.improved.is_some()).count().to_string(),
        format!("{} of {}", collapsed.count, collapsed.of),
        format!("{:.0}–{:.0}", 100.0 * low, 100.0 * high),
        onsets.join(" "),
        of(|verdict| Some(verdict.best)),
        of(|verdict| Some(verdict.end)),
        of(|verdict| verdict.above),
        of(|verdict| verdict.best_test),
    ]
}

/// The upper of the two middle values, where there are two.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The runs of which the two definitions say something else.
fn compare(results: &Results, rows: &[Row]) -> Result<()> {
    let (mut scored_runs, mut agree) = (0, 0);
    let mut table = table::new(["plan", "settings", "recorded", "by the loss alone", "best / mean", "end / mean"]);
    for row in rows {
        let Some(verdict) = scored(results, row)? else { continue };
        scored_runs += 1;
        if row.summary.collapsed == verdict.onset.is_some() {
            agree += 1;
            continue;
        }
        let recorded = match (row.summary.onset_step, row.summary.trained_well_step) {
            (Some(step), _) => format!("collapsed at {step}"),
            (None, Some(_)) => "no collapse".into(),
            (None, None) => "never trained well".into(),
        };
        let now = match (verdict.onset, verdict.improved) {
            (Some(step), _) => format!("collapsed by {step}"),
            (None, Some(_)) => "no collapse".into(),
            (None, None) => "never improved".into(),
        };
        let (best, end) = (format!("{:.2}", verdict.best), format!("{:.2}", verdict.end));
        table.add_row([row.plan.clone(), label(&row.settings), recorded, now, best, end]);
    }
    say!("{table}");
    say!(
        "{agree} of {scored_runs} runs with a kept curve have the same verdict by both; {} runs have no kept curve.",
        rows.len() - scored_runs
    );
    Ok(())
}
