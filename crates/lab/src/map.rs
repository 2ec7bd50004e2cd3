//! `cargo xtask map`: pictures of where, when and how networks collapse, from the rows that hunts have left.

mod chart;
mod figure;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use flameout_doctor::Proportion;
use flameout_experiment::{Case, Settings};
use flameout_files::write_atomically;

use crate::hunt::results::{Results, Row};
use crate::{csv_file, growth, root, second_moment, stretch};
use figure::Figure;
use flameout::report::whole;

/// Draws what the hunts have found, from the rows and curves in the repository; nothing is trained.
///
/// - collapse-probability.svg: the share of networks that collapsed after they had trained well, over the learning rate,
///   with 95 % Wilson intervals;
/// - spike-probability.svg: the same of those with a rise as high that came back;
/// - onset.svg: the steps at which networks collapsed;
/// - constrained-gru.svg: the same small GRUs without a constraint and with a constrained recurrent kernel;
/// - collapse-CASE.svg: loss and accuracy of one run of each case that collapsed;
/// - question-CASE.svg: of the longest run of each case with all of the question's settings;
/// - many-words-CASE-RATE.svg: of each run of seed 0 on ten thousand training words or more, without a constraint;
/// - close-up-CASE-UNITS.svg: the last steps before the onset of a run with seed 0 (`cargo xtask stretch --close-up`);
/// - second-moment.svg: loss and √v of the deep network's runs with seed 0 (`cargo xtask second-moment`);
/// - growth-CASE-UNITS.svg: how the recurrent kernel grew (`cargo xtask growth`), and when networks collapsed.
///
/// In the first three are the runs that differ from the question's settings in size, words and learning rate alone. A series
/// has one size and one number of steps, and at least three networks that trained well.
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

/// Training words that no network here memorises.
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
    write(&out.join("collapse-probability.svg"), &chart::shares(collapsed, &series, |rate| rate.collapsed))?;
    let spiked = "Share of networks with a spike, a rise that came back (95 % intervals)";
    write(&out.join("spike-probability.svg"), &chart::shares(spiked, &series, |rate| rate.spiked))?;
    write(&out.join("onset.svg"), &chart::onsets(&series))?;
    constrained(&results, &rows, &out.join("constrained-gru.svg"))?;
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
        write(&out.join(format!("growth-{name}.svg")), &chart::growth(of_network))?;
    }
    for close_up in stretch::read_close_ups(&root().join(&args.results).join("close-up.jsonl"))? {
        if close_up.run.seed == 0 && close_up.run.changed.is_empty() {
            let name = close_up.run.network.replace(' ', "-");
            write(&out.join(format!("close-up-{name}.svg")), &chart::close_up(&close_up))?;
        }
    }
    let moments = second_moment::read(&root().join(&args.results).join("second-moment.jsonl"))?;
    let of_seed_0: Vec<_> = moments.into_iter().filter(|run| run.seed == 0).collect();
    if !of_seed_0.is_empty() {
        write(&out.join("second-moment.svg"), &chart::second_moments(&of_seed_0))?;
    }
    say!("{} rows drawn in {}", rows.len(), args.out.display());
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, figure: &Figure) -> Result<()> {
    write_atomically(path, &[figure.svg().as_bytes()]).with_context(|| format!("writing {}", path.display()))
}

/// Runs that differ in learning rate and seed alone.
pub struct Series {
    /// Which network.
    pub case: Case,
    /// Its size, and the steps of its runs.
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

/// Fewer networks that trained well show no share.
const FEWEST: u64 = 3;

/// Rows by their seed.
type Seeds<'a> = BTreeMap<u64, &'a Row>;

fn series(rows: &[Row]) -> Vec<Series> {
    let mut groups: BTreeMap<(usize, String), BTreeMap<u64, Seeds<'_>>> = BTreeMap::new();
    for row in rows {
        let Some((case, name, rate)) = identity(&row.settings) else { continue };
        // The bits of positive numbers are in the numbers' order.
        groups
            .entry((case as usize, name))
            .or_default()
            .entry(rate.to_bits())
            .or_default()
            .insert(row.settings.seed, row);
    }
    let rate = |(bits, rows): (u64, Seeds<'_>)| {
        let trained = || rows.values().filter(|row| row.summary.trained_well_step.is_some());
        Rate {
            rate: f64::from_bits(bits),
            collapsed: Proportion::of(trained().map(|row| row.summary.collapsed)),
            spiked: Proportion::of(trained().map(|row| !row.summary.spikes.is_empty())),
            onsets: rows.values().filter_map(|row| row.summary.onset_step).collect(),
        }
    };
    let series = groups.into_iter().map(|((case, name), rates)| {
        let case = Case::ALL.into_iter().find(|known| *known as usize == case).expect("a case");
        Series { case, name, rates: rates.into_iter().map(rate).collect() }
    });
    series.filter(|series| series.rates.iter().any(|rate| rate.collapsed.of >= FEWEST)).collect()
}

/// Numbers of words whose runs are drawn: all of the file's, as in the question, and the small networks'. Plans about the
/// number of words have tables.
const WORDS: [u64; 2] = [0, 1000];

/// Words of the file in the repository.
const OF_THE_FILE: u64 = 4000;

/// A run that trains on for longer after its collapse was made of seeds that were chosen.
const MOST_AFTERWARDS: u64 = 3000;

/// Case, size with number of steps, and rate. None for runs that differ from the question's in anything else, and for
/// those that trained on after a collapse: their seeds were chosen.
fn identity(settings: &Settings) -> Option<(Case, String, f64)> {
    let rate = plain_rate(settings)?;
    settings.training.stop_after_collapse.filter(|&steps| steps <= MOST_AFTERWARDS)?;
    let units = settings.model.units.unwrap_or(settings.case.units()) as u64;
    let words = if settings.data.words == 0 { OF_THE_FILE } else { settings.data.words };
    let trained_on = words as f64 * (1.0 - settings.data.test_share);
    let epoch = (trained_on / settings.training.batch as f64).ceil();
    let steps = (epoch * settings.training.epochs as f64 / 1000.0).round() as u64 * 1000;
    Some((settings.case, format!("{} units, {} steps", whole(units), whole(steps)), rate))
}

/// The learning rate of a run that differs from the question's in size, words, rate and length alone.
fn plain_rate(settings: &Settings) -> Option<f64> {
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
    settings.schedule.learning_rate().filter(|_| same && WORDS.contains(&settings.data.words))
}

/// The runs of a case that have a curve, and differ from the question's in nothing but what [`plain_rate`] allows.
fn plain_runs<'a>(results: &Results, rows: &'a [Row], case: Case) -> impl Iterator<Item = &'a Row> {
    let plain = move |settings: &Settings| settings.case == case && plain_rate(settings).is_some();
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
    write(to, &chart::curve(row, csv_file::read(&results.curve(&row.settings))?))
}

/// Draws the small GRUs with a constrained recurrent kernel beside those without, which train on after their collapse.
fn constrained(results: &Results, rows: &[Row], to: &Path) -> Result<()> {
    let (mut free, mut held, mut bound) = (Vec::new(), Vec::new(), None);
    for row in rows.iter().filter(|row| row.plan == "test-words" && results.curve(&row.settings).is_file()) {
        let run = chart::Run::new(row, csv_file::read(&results.curve(&row.settings))?);
        match &row.settings.constraint {
            None => free.push(run),
            Some(constraint) => {
                held.push(run);
                bound = Some(constraint.max_norm);
            }
        }
    }
    let Some(bound) = bound.filter(|_| !free.is_empty()) else { return Ok(()) };
    write(to, &chart::constrained("GRU, 64 units, learning rate 0.0125, 900 training words", &free, &held, bound))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of the plans as they are in the repository: at this rate, the seeds 0 to 4 were run by three plans.
    #[test]
    fn a_seed_counts_once() {
        let results = Results::open(&root().join("docs/hunt")).unwrap();
        let all = series(&results.rows());
        let gru = all
            .iter()
            .find(|series| series.case == Case::GruSingle && series.name == "64 units, 30,000 steps")
            .unwrap();
        let rate = gru.rates.iter().find(|rate| rate.rate == 0.0125).unwrap();
        assert_eq!((rate.collapsed.count, rate.collapsed.of, rate.onsets.len()), (10, 10, 10));
    }

    #[test]
    fn only_learning_rate_and_size_may_differ() {
        let mut settings = Settings::for_case(Case::GruSingle);
        settings.set("model.units", "64").unwrap();
        settings.set("schedule.learning-rate", "0.0125").unwrap();
        settings.set("training.stop-after-collapse", "1500").unwrap();
        settings.set("data.words", "1000").unwrap();
        settings.set("training.epochs", "1035").unwrap();
        assert_eq!(identity(&settings), Some((Case::GruSingle, "64 units, 30,000 steps".into(), 0.0125)));
        settings.set("optimizer.amsgrad", "true").unwrap();
        assert!(identity(&settings).is_none());
    }
}
