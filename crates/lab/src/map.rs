//! `cargo xtask map`: pictures of where, when and how networks collapse, from the rows that hunts have left.

mod chart;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use flameout_doctor::Proportion;
use flameout_experiment::{Case, Settings};

use crate::hunt::curve::Point;
use crate::hunt::results::{Results, Row};
use crate::{csv_file, growth, root};

/// Draws what the hunts have found, from the rows and curves in the repository; nothing is trained.
///
/// - collapse-probability.svg: the share of networks that collapsed after they had trained well, over the learning rate,
///   with 95 % Wilson intervals;
/// - spike-probability.svg: the same of those with a rise as high that came back;
/// - onset.svg: when they did;
/// - collapse-CASE.svg: loss and accuracy of one run of each case that collapsed;
/// - question-CASE.svg: of the longest run of each case with all of the question's settings;
/// - many-words-CASE-RATE.svg: of each run of seed 0 on ten thousand training words or more, without a constraint;
/// - growth-CASE-UNITS.svg: how the recurrent kernel grew (`cargo xtask growth`), and when networks collapsed.
///
/// Only runs with the question's settings but for size, words and learning rate are in the first three. A seed that was run
/// several times, for more or fewer steps, counts once.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Where hunts keep their results.
    #[arg(long, value_name = "DIR", default_value = "docs/hunt")]
    results: PathBuf,

    /// Where the pictures go.
    #[arg(long, value_name = "DIR", default_value = "docs/pictures")]
    out: PathBuf,
}

/// Training words that no network here learns by heart.
const MANY_WORDS: usize = 10_000;

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let results = Results::open(&root().join(&args.results))?;
    let out = root().join(&args.out);
    std::fs::create_dir_all(&out).with_context(|| format!("making {}", out.display()))?;
    let rows = results.rows();
    ensure!(!rows.is_empty(), "{}: no results yet; `cargo xtask hunt` makes some", args.results.display());
    let series = series(&rows);
    let collapsed = "Share of networks that collapsed after training well (95 % intervals)";
    chart::shares(&out.join("collapse-probability.svg"), collapsed, &series, |rate| rate.collapsed)?;
    let spiked = "Share of networks with a spike that healed (95 % intervals)";
    chart::shares(&out.join("spike-probability.svg"), spiked, &series, |rate| rate.spiked)?;
    chart::onsets(&out.join("onset.svg"), &series)?;
    for case in Case::ALL {
        draw(&results, collapsed_run(&results, &rows, case), &out.join(format!("collapse-{}.svg", case.name())))?;
        draw(&results, question_run(&results, &rows, case), &out.join(format!("question-{}.svg", case.name())))?;
    }
    let drawn = |row: &&Row| {
        row.summary.last.words >= MANY_WORDS && row.settings.constraint.is_none() && row.settings.seed == 0
    };
    for row in rows.iter().filter(drawn) {
        let Some(rate) = row.settings.schedule.learning_rate() else { continue };
        draw(&results, Some(row), &out.join(format!("many-words-{}-{rate}.svg", row.settings.case.name())))?;
    }
    let samples = growth::read(&root().join(&args.results).join("growth.csv"))?;
    // The first point is of before the first step, which a logarithmic axis does not have.
    let plain: Vec<_> = samples.into_iter().filter(|sample| sample.changed.is_empty() && sample.step > 0).collect();
    for of_network in plain.chunk_by(|a, b| a.network == b.network) {
        let name = of_network[0].network.replace(' ', "-");
        chart::growth(&out.join(format!("growth-{name}.svg")), of_network)?;
    }
    say!("{} rows drawn in {}", rows.len(), args.out.display());
    Ok(ExitCode::SUCCESS)
}

/// Runs that differ in learning rate and seed alone.
pub struct Series {
    /// Which network.
    pub name: String,
    /// By rising learning rate.
    pub rates: Vec<Rate>,
}

/// Runs that differ in their seed alone.
pub struct Rate {
    /// The learning rate.
    pub rate: f64,
    /// How many collapsed, of those that had trained well.
    pub collapsed: Proportion,
    /// How many had a spike, of those that had trained well.
    pub spiked: Proportion,
    /// The steps at which they did.
    pub onsets: Vec<u64>,
}

fn series(rows: &[Row]) -> Vec<Series> {
    let mut groups: BTreeMap<String, BTreeMap<u64, BTreeMap<u64, &Row>>> = BTreeMap::new();
    for row in rows {
        let Some((name, rate)) = name_and_rate(&row.settings) else { continue };
        // The bits of positive numbers are in the numbers' order.
        let seeds = groups.entry(name).or_default().entry(rate.to_bits()).or_default();
        let kept = seeds.entry(row.settings.seed).or_insert(row);
        if row.summary.steps > kept.summary.steps {
            *kept = row;
        }
    }
    let rate = |(bits, rows): (u64, BTreeMap<u64, &Row>)| {
        let trained = || rows.values().filter(|row| row.summary.trained_well_step.is_some());
        Rate {
            rate: f64::from_bits(bits),
            collapsed: Proportion::of(trained().map(|row| row.summary.collapsed)),
            spiked: Proportion::of(trained().map(|row| !row.summary.spikes.is_empty())),
            onsets: rows.values().filter_map(|row| row.summary.onset_step).collect(),
        }
    };
    groups.into_iter().map(|(name, rates)| Series { name, rates: rates.into_iter().map(rate).collect() }).collect()
}

/// Numbers of words whose runs are drawn: all of the file's, as in the question, and the small networks'. Plans about the
/// number of words have tables.
const WORDS: [u64; 2] = [0, 1000];

/// None for runs that differ from the question's in anything else.
fn name_and_rate(settings: &Settings) -> Option<(String, f64)> {
    let question = Settings::for_case(settings.case).entries();
    let entries = settings.entries();
    let free = [
        "seed",
        "model.units",
        "data.words",
        "schedule.learning-rate",
        "training.epochs",
        "training.checkpoint-every",
        "training.stop-after-collapse",
    ];
    let same = entries.iter().all(|(key, value)| free.contains(&key.as_str()) || question.get(key) == Some(value));
    let rate = settings.schedule.learning_rate()?;
    let units = settings.model.units.unwrap_or(settings.case.units());
    let words = if settings.data.words == 0 { "all".into() } else { settings.data.words.to_string() };
    let drawn = same && WORDS.contains(&settings.data.words);
    drawn.then(|| (format!("{} {units} units, {words} words", settings.case.name()), rate))
}

/// The runs of a case that have a curve, and differ from the question's in nothing but what [`name_and_rate`] allows.
fn plain_runs<'a>(results: &Results, rows: &'a [Row], case: Case) -> impl Iterator<Item = &'a Row> {
    let plain = move |settings: &Settings| settings.case == case && name_and_rate(settings).is_some();
    rows.iter().filter(move |row| plain(&row.settings) && results.curve(&row.settings).is_file())
}

/// Of the largest network of the case that collapsed after it had trained well, the run that trained longest before.
fn collapsed_run<'a>(results: &Results, rows: &'a [Row], case: Case) -> Option<&'a Row> {
    let size = |row: &Row| row.settings.model.units.unwrap_or(row.settings.case.units());
    let collapsed = plain_runs(results, rows, case).filter(|row| row.summary.collapsed);
    collapsed.max_by_key(|row| (size(row), row.summary.onset_step))
}

/// The longest run of the case with all of the question's settings, of any seed.
fn question_run<'a>(results: &Results, rows: &'a [Row], case: Case) -> Option<&'a Row> {
    let question = Settings::for_case(case);
    let same = |row: &&Row| {
        let settings = &row.settings;
        (&settings.model, &settings.data, &settings.schedule) == (&question.model, &question.data, &question.schedule)
    };
    plain_runs(results, rows, case).filter(same).max_by_key(|row| row.summary.steps)
}

/// Draws the run's curve, if there is one.
fn draw(results: &Results, row: Option<&Row>, to: &Path) -> Result<()> {
    let Some(row) = row else { return Ok(()) };
    let points: Vec<Point> = csv_file::read(&results.curve(&row.settings))?;
    chart::curve(to, row, &points)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of the plans as they are in the repository: at this rate, the seeds 0 to 4 were run by three plans.
    #[test]
    fn a_seed_counts_once() {
        let results = Results::open(&root().join("docs/hunt")).unwrap();
        let all = series(&results.rows());
        let gru = all.iter().find(|series| series.name == "gru-single 64 units, 1000 words").unwrap();
        let rate = gru.rates.iter().find(|rate| rate.rate == 0.0125).unwrap();
        assert_eq!((rate.collapsed.count, rate.collapsed.of, rate.onsets.len()), (10, 10, 10));
    }

    #[test]
    fn only_learning_rate_and_size_may_differ() {
        let mut settings = Settings::for_case(Case::GruSingle);
        settings.set("model.units", "64").unwrap();
        settings.set("schedule.learning-rate", "0.0125").unwrap();
        let (name, rate) = name_and_rate(&settings).unwrap();
        assert!(name.contains("gru-single 64 units") && rate == 0.0125, "{name} {rate}");
        settings.set("optimizer.amsgrad", "true").unwrap();
        assert!(name_and_rate(&settings).is_none());
    }
}
