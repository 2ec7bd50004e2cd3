//! `cargo xtask repro`: trains the question's networks and shows what becomes of them.

mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use flameout_experiment::{Begun, Case, Ended, Number, Observer, ProgressBar, RunOptions, Settings, Summary};

use crate::interrupt::stop_on_ctrl_c;
use crate::root;
use crate::training::{Watch, train};

/// Trains the question's networks on real word vectors, with Keras 1.0.7's arithmetic, and shows what becomes of them.
///
/// Without options the layers have the question's sizes. Every number is decided by the settings and the seed: not by
/// threads, processor or interruptions. Ctrl-C stops cleanly; the same command with --resume goes on.
///
/// Examples:
///
///   cargo xtask repro lstm-single --quick
///   cargo xtask repro gru-single --epochs 100 --seed 3
///   cargo xtask repro lstm-double --set training.batch=512 --set schedule.learning-rate=0.004
///   cargo xtask repro lstm-single --resume
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, args_override_self = true)]
pub struct Args {
    /// Which network.
    case: CaseArg,

    /// A run of about a minute: small layers, fewer epochs.
    #[arg(long)]
    quick: bool,

    /// Units of the recurrent layers [default: the question's: 1024, 1024, 512].
    #[arg(long)]
    units: Option<usize>,

    /// Use the first so many words of the file, training and test words together [default: all].
    #[arg(long)]
    words: Option<u64>,

    /// Passes over the training words [default: what takes about ten minutes on two cores].
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
    let pool = rayon_pool(args.threads)?;
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
                summaries.push(*summary);
            }
            Ended::Stopped { step } => {
                println!("Stopped after step {step}. The same command with --resume goes on from there.");
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
        println!("This run has been made before; its results are in {}.", directory.display());
        return Ok(Ended::Finished(Box::new(summary)));
    }
    train(settings, &options, stop, &mut Watcher { settings })
}

/// Prints what begins, and shows a progress bar.
struct Watcher<'a> {
    settings: &'a Settings,
}

impl Watch for Watcher<'_> {
    fn observers<T: Number>(&mut self, begun: &Begun<'_, T>) -> Vec<Box<dyn Observer<T>>> {
        report::print_begin(begun);
        vec![Box::new(ProgressBar::new(begun.total_steps, begun.trainer.steps(), self.settings.training.batch))]
    }
}

/// The summary, if the directory holds this very run and it is over.
fn finished_before(settings: &Settings, directory: &Path) -> Result<Option<Summary>> {
    if !directory.join("summary.json").is_file() {
        return Ok(None);
    }
    let held = flameout_experiment::RunDirectory::open(directory)?;
    let same = held.settings()?.hash() == settings.hash();
    Ok(if same { held.summary()? } else { None })
}

fn settings(args: &Args, case: Case) -> Result<Settings> {
    let mut settings = Settings::for_case(case);
    settings.seed = args.seed;
    settings.training.epochs = report::default_epochs(case);
    if args.quick {
        report::make_quick(&mut settings);
    }
    if args.units.is_some() {
        settings.model.units = args.units;
    }
    if let Some(words) = args.words {
        settings.data.words = words;
    }
    if let Some(epochs) = args.epochs {
        settings.training.epochs = epochs;
    }
    for change in &args.set {
        let (key, value) = change.split_once('=').with_context(|| format!("--set {change}: must be KEY=VALUE"))?;
        settings.set(key.trim(), value.trim())?;
    }
    settings.check()?;
    Ok(settings)
}

fn default_directory(settings: &Settings) -> PathBuf {
    root().join("runs").join(format!("{}-{}", settings.case.name(), &settings.hash()[..12]))
}

fn rayon_pool(threads: Option<usize>) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build().context("starting the threads")
}
