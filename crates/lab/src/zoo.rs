//! `cargo xtask zoo`: runs with known faults, and healthy ones, that show how good the doctor is.

mod examination;
mod fault;
mod ground;
mod late;
mod onset;
mod rows;
mod sabotage;
mod score;
mod specimen;
mod survey;
mod variation;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::ValueEnum;
use flameout_experiment::Case;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{jobs, root};
use flameout::cli::interrupt::stop_on_ctrl_c;
use rows::{Row, Rows};
use specimen::{Kind, Specimen};

/// Shows the doctor runs with known faults, and healthy ones, and counts how often it is right.
///
/// Each kind of run is made with each of the three networks, at a small size, and with several seeds: even seeds are for
/// tuning the doctor, odd seeds are held out. What the doctor names as the cause is compared with what was put in, and its
/// remedy is applied from the first step on: then the run has to train well.
///
/// With --survey the doctor stays away: shows what the runs do by themselves. With --onset only their logs are looked at, as
/// if they were another program's, and what is found there is compared with what happened; some more runs, in which a fault
/// comes late, are made for it.
///
/// Runs that have a row in DIR/results.jsonl (DIR/survey.jsonl, DIR/onset.jsonl) are not made again. Ctrl-C ends after the
/// runs that are going on; the same command goes on from there.
///
/// Examples:
///
///   cargo xtask zoo --half tuning
///   cargo xtask zoo --only sorted-words --only padding --again
///   cargo xtask zoo --survey --seeds 1
///   cargo xtask zoo --half held-out --table
///   cargo xtask zoo --onset --seed 3 --seed 5
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Only runs of this kind (several times).
    #[arg(long, value_name = "KIND", value_parser = Kind::parse)]
    only: Vec<Kind>,

    /// Only this network (several times).
    #[arg(long, value_name = "CASE", value_parser = parse_case)]
    case: Vec<Case>,

    /// Which seeds.
    #[arg(long, value_enum, default_value_t = Half::Both)]
    half: Half,

    /// Seeds in a half.
    #[arg(long, value_name = "N", default_value_t = 5)]
    seeds: u64,

    /// Only this seed (several times).
    #[arg(long, value_name = "SEED", conflicts_with_all = ["half", "seeds"])]
    seed: Vec<u64>,

    /// What the runs do by themselves, without the doctor.
    #[arg(long)]
    survey: bool,

    /// Whether events are found from logs alone.
    #[arg(long, conflicts_with = "survey")]
    onset: bool,

    /// Make runs again that have a row.
    #[arg(long)]
    again: bool,

    /// Run nothing; print what is known so far.
    #[arg(long)]
    table: bool,

    /// Runs at a time, each on one core [default: one a core].
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Where the rows are kept.
    #[arg(long, value_name = "DIR", default_value = "docs/doctor-zoo")]
    results: PathBuf,
}

/// Seeds by their purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Half {
    /// Even seeds: the doctor may be tuned on them.
    Tuning,
    /// Odd seeds: it must not.
    HeldOut,
    /// All.
    Both,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let directory = root().join(&args.results);
    if args.survey {
        visit(args, &Rows::open(&directory.join("survey.jsonl"))?, survey::see, survey::print)
    } else if args.onset {
        visit(args, &Rows::open(&directory.join("onset.jsonl"))?, onset::look, onset::print)
    } else {
        visit(args, &Rows::open(&directory.join("results.jsonl"))?, examination::examine, score::print)
    }
}

/// Makes the rows that are missing, and prints what all of them come to.
fn visit<R: Row + Send>(
    args: &Args,
    rows: &Rows<R>,
    make: fn(Specimen) -> Result<R>,
    print: fn(&[R]),
) -> Result<ExitCode> {
    let specimens = specimens(args);
    if args.again && !args.table {
        rows.forget(&specimens)?;
    }
    let stop = stop_on_ctrl_c()?;
    if !args.table {
        make_rows(args, &specimens, rows, make, &stop)?;
    }
    let known = rows.of(&specimens);
    print(&known);
    if known.len() < specimens.len() {
        say!("{} of {} runs are still to be made.", specimens.len() - known.len(), specimens.len());
    }
    Ok(if stop.load(Ordering::Relaxed) { ExitCode::from(130) } else { ExitCode::SUCCESS })
}

fn seeds(args: &Args) -> Vec<u64> {
    if !args.seed.is_empty() {
        return args.seed.clone();
    }
    let of_half = |seed: &u64| match args.half {
        Half::Tuning => seed.is_multiple_of(2),
        Half::HeldOut => !seed.is_multiple_of(2),
        Half::Both => true,
    };
    (0..2 * args.seeds).filter(of_half).collect()
}

/// All runs with the first seed come before any with the second.
fn specimens(args: &Args) -> Vec<Specimen> {
    let wanted = |kind: &Kind| args.only.is_empty() || args.only.contains(kind);
    let late = Kind::late().filter(|_| args.onset);
    let kinds: Vec<Kind> = Kind::all().chain(late).filter(wanted).collect();
    let mut specimens = Vec::new();
    for seed in seeds(args) {
        for &kind in &kinds {
            let wanted = |case: &Case| kind.suits(*case) && (args.case.is_empty() || args.case.contains(case));
            specimens.extend(Case::ALL.into_iter().filter(wanted).map(|case| Specimen { kind, case, seed }));
        }
    }
    specimens
}

fn make_rows<R: Row + Send>(
    args: &Args,
    specimens: &[Specimen],
    rows: &Rows<R>,
    make: fn(Specimen) -> Result<R>,
    stop: &AtomicBool,
) -> Result<()> {
    let due: Vec<Specimen> = specimens.iter().copied().filter(|&specimen| !rows.hold(specimen)).collect();
    let workers = jobs::at_a_time(args.jobs, due.len());
    let bar = progress_bar(specimens.len(), due.len());
    // Small networks gain nothing by several threads.
    let done = jobs::do_all(&due, workers, 1, stop, |&specimen| {
        rows.append(make(specimen).with_context(|| specimen.to_string())?)?;
        bar.inc(1);
        Ok(())
    });
    bar.finish_and_clear();
    done
}

fn progress_bar(runs: usize, due: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} run {pos} of {len}  {elapsed} gone, {eta} left");
    let bar = ProgressBar::new(runs as u64).with_style(style.expect("a fixed template"));
    let bar = bar.with_position((runs - due) as u64);
    bar.reset_eta();
    bar
}

fn parse_case(name: &str) -> Result<Case> {
    let names = Case::ALL.map(Case::name);
    let case = Case::ALL.into_iter().find(|case| case.name() == name);
    case.with_context(|| format!("there is no such network; there are {}", names.join(", ")))
}
