//! `cargo xtask repro`: trains the question's networks and shows what becomes of them.

mod collapse;
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use anyhow::{Result, bail, ensure};
use clap::ValueEnum;
use flameout_doctor::ring::DEFAULT_LIMIT;
use flameout_doctor::{Change, Finding, Options, Verdict};
use flameout_experiment::{
    Begun, Case, Ended, Number, Observer, ProgressBar, RunDirectory, RunOptions, Settings, Summary,
};

use crate::root;
use flameout::cli::interrupt::stop_on_ctrl_c;
use flameout::cli::start::pool;
use flameout::cli::training::{Watch, keeper, train};
use flameout::cli::{diagnose, diagnosis, setting};

/// Shows the question's failure: a network that trains well and then suddenly collapses, and why.
///
/// Trains one of the question's networks on real word vectors, with Keras 1.0.7's arithmetic. By default with the settings,
/// as near to the question's as was found, at which it trains well and collapses within minutes; every setting
/// that differs is printed before it starts, with the reason. Then the doctor goes back to shortly before the collapse,
/// replays it with one thing changed at a time, and names cause and remedy. The remedy is run from the start. So is the same
/// training with the columns of its recurrent kernels constrained: growing kernels make it collapse.
///
/// With --full: the question's layer sizes and learning rate. With these no network has been seen to collapse
/// (docs/the-hunt.md). Of the default runs lstm-double takes longest: seed 0 collapses at step 78,081.
///
/// Every number is decided by the settings and the seed: not by threads, processor or interruptions. Ctrl-C stops
/// cleanly; the same command with --resume goes on.
///
/// Examples:
///
///   cargo xtask repro gru-single
///   cargo xtask repro gru-single --seed 3 --set schedule.learning-rate=0.015
///   cargo xtask repro lstm-single --full
///   cargo xtask repro all --check
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, args_override_self = true)]
pub struct Args {
    /// Which network.
    case: CaseArg,

    /// The question's layer sizes and learning rate, on all words of the file.
    #[arg(long)]
    full: bool,

    /// Make the default run and compare it with what it came to when it was recorded, to the bit.
    #[arg(long, conflicts_with_all = ["full", "units", "words", "epochs", "seed", "set", "resume"])]
    check: bool,

    /// Only train: do not ask the doctor why it collapsed.
    #[arg(long)]
    no_doctor: bool,

    /// Units of the recurrent layers [default: 64; with --full the question's: 1024, 1024, 512].
    #[arg(long)]
    units: Option<usize>,

    /// Use the first so many words of the file, training and test words together [default: 1000; with --full all].
    #[arg(long)]
    words: Option<u64>,

    /// Passes over the training words [default: enough to collapse; with --full what takes about ten minutes on two cores].
    #[arg(long)]
    epochs: Option<u64>,

    /// Decides initial weights, the choice of test words and the order of training words.
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// Change any setting by its name in `settings.toml`, e.g. `training.batch=128` (several times).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Where the run's files go [default: runs/CASE-HASH, with the hash of the settings].
    #[arg(long)]
    out: Option<PathBuf>,

    /// Go on with an interrupted run, from its newest checkpoint.
    #[arg(long)]
    resume: bool,

    /// Threads; they do not change the numbers [default: all cores].
    #[arg(long)]
    threads: Option<usize>,
}

/// A network, or all of them one after the other.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum CaseArg {
    /// LSTM(1024) → Dense(100)
    LstmSingle,
    /// GRU(1024) → Dense(100)
    GruSingle,
    /// LSTM(512) → TimeDistributed(Dense(512, sigmoid)) → LSTM(512) → Dense(256, tanh) → Dense(100)
    LstmDouble,
    /// The three, one after the other
    All,
}

impl CaseArg {
    fn cases(self) -> Vec<Case> {
        match self {
            Self::LstmSingle => vec![Case::LstmSingle],
            Self::GruSingle => vec![Case::GruSingle],
            Self::LstmDouble => vec![Case::LstmDouble],
            Self::All => Case::ALL.to_vec(),
        }
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let cases = args.case.cases();
    if cases.len() > 1 && args.out.is_some() {
        bail!("--out names one directory; for several networks leave it out");
    }
    let pool = pool(args.threads)?;
    let stop = stop_on_ctrl_c()?;
    let mut summaries = Vec::new();
    for case in cases {
        let settings = settings(args, case)?;
        let directory = args.out.clone().unwrap_or_else(|| default_directory(&settings));
        // Of several networks, those after the interrupted one have not begun.
        let resume = args.resume && (args.case != CaseArg::All || directory.join("settings.toml").is_file());
        match pool.install(|| run_case(&settings, &directory, resume, &stop))? {
            Ended::Finished(summary) => {
                report::print_end(&summary, &directory)?;
                if args.check {
                    check(case, &summary)?;
                } else if summary.collapsed && !args.no_doctor {
                    pool.install(|| explain(&settings, &summary, &directory, &stop))?;
                }
                summaries.push(*summary);
            }
            Ended::Stopped { step } => {
                say!("Stopped after step {step}. The same command with --resume goes on from there.");
                return Ok(ExitCode::from(130));
            }
        }
    }
    if summaries.len() > 1 {
        report::print_comparison(&summaries);
    }
    Ok(ExitCode::SUCCESS)
}

fn run_case(settings: &Settings, directory: &Path, resume: bool, stop: &AtomicBool) -> Result<Ended> {
    report::print_settings(settings);
    let options = RunOptions { directory: directory.into(), resume, base: root() };
    if let Some(summary) = finished_before(settings, directory)? {
        say!("This run has been made before; its results are in {}.", directory.display());
        return Ok(Ended::Finished(Box::new(summary)));
    }
    train(settings, &options, stop, &mut Watcher { settings, directory })
}

/// Prints what begins, and shows a progress bar.
struct Watcher<'a> {
    settings: &'a Settings,
    directory: &'a Path,
}

impl Watch for Watcher<'_> {
    fn observers<T: Number>(&mut self, begun: &Begun<'_, T>) -> Vec<Box<dyn Observer<T>>> {
        report::print_begin(begun);
        let bar = ProgressBar::new(begun.total_steps, begun.trainer.steps(), self.settings.training.batch);
        let mut observers: Vec<Box<dyn Observer<T>>> = vec![Box::new(bar)];
        observers.extend(keeper(self.settings, begun, self.directory, DEFAULT_LIMIT));
        observers
    }
}

/// The summary, if the directory holds this very run and it is over.
fn finished_before(settings: &Settings, directory: &Path) -> Result<Option<Summary>> {
    if !RunDirectory::is_over(directory) {
        return Ok(None);
    }
    let held = RunDirectory::open(directory)?;
    let same = held.settings()?.hash() == settings.hash();
    Ok(if same { held.summary()? } else { None })
}

fn settings(args: &Args, case: Case) -> Result<Settings> {
    let mut settings = if args.full { question(case) } else { collapse::settings(case) };
    settings.seed = args.seed;
    if args.units.is_some() {
        settings.model.units = args.units;
    }
    if let Some(words) = args.words {
        settings.data.words = words;
    }
    if let Some(epochs) = args.epochs {
        settings.training.epochs = epochs;
    }
    setting::apply(&mut settings, &args.set)?;
    settings.check()?;
    Ok(settings)
}

/// The question's settings, and as many epochs as take about ten minutes on two cores.
fn question(case: Case) -> Settings {
    let mut settings = Settings::for_case(case);
    settings.training.epochs = match case {
        Case::LstmSingle => 45,
        Case::GruSingle => 70,
        Case::LstmDouble => 65,
    };
    settings
}

/// Compares a default run with the recorded one.
fn check(case: Case, summary: &Summary) -> Result<()> {
    let recorded = collapse::recorded(case);
    let same =
        summary.onset_step == Some(recorded.onset) && summary.weights_blake3.starts_with(recorded.weights_blake3);
    let (onset, weights) = (summary.onset_step, &summary.weights_blake3);
    ensure!(same, "{} ended with onset {onset:?} and weights {weights}; recorded is {recorded:?}", case.name());
    say!("check: the same onset and weights as recorded");
    Ok(())
}

/// The doctor's verdict on a run, and what becomes of the run with the remedy, and with what makes it collapse held.
fn explain(settings: &Settings, summary: &Summary, directory: &Path, stop: &AtomicBool) -> Result<()> {
    say!("\nWhy? The doctor goes back to states from before the collapse, and replays what led to it.");
    let diagnosis = diagnose::of(settings, directory, &root(), &Options::default())?;
    diagnosis::print(&diagnosis, settings)?;
    if let Verdict::Cause(Finding { remedy: Some(remedy @ Change::Settings(_)), .. }) = diagnosis.verdict() {
        say!("\nThe same run from the start, with {remedy}:");
        again("remedy", &remedy.apply(settings)?, summary, directory, stop)?;
    }
    if let Some(held) = collapse::held(settings) {
        say!(
            "\nThe same run from the start, with its recurrent kernels kept from growing (docs/the-collapse.md, \"The kernel grows\"):"
        );
        again("held", &held, summary, directory, stop)?;
    }
    Ok(())
}

/// Makes a run again with other settings, in a directory beside the run's, and compares.
fn again(name: &str, settings: &Settings, original: &Summary, directory: &Path, stop: &AtomicBool) -> Result<()> {
    let mut beside = directory.to_path_buf().into_os_string();
    beside.push(format!("-{name}"));
    let beside = PathBuf::from(beside);
    let resume = beside.join("settings.toml").is_file();
    if let Ended::Finished(summary) = run_case(settings, &beside, resume, stop)? {
        report::print_end(&summary, &beside)?;
        report::print_remedy(name, original, &summary);
    }
    Ok(())
}

fn default_directory(settings: &Settings) -> PathBuf {
    root().join("runs").join(format!("{}-{}", settings.case.name(), &settings.hash()[..12]))
}
