//! `flameout repro`: trains the question's networks and shows what becomes of them.

mod beside;
mod collapse;
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::thread::Scope;

use anyhow::{Result, bail, ensure};
use clap::ValueEnum;
use flameout_doctor::snapshots::DEFAULT_LIMIT;
use flameout_doctor::{Change, Finding, Options, Verdict};
use flameout_experiment::{Begun, Case, Ended, Observer, RunDirectory, RunOptions, Settings, Summary};

use super::interrupt::stop_on_ctrl_c;
use super::start::pool;
use super::training::{keeper, train};
use super::training_bar::TrainingBar;
use super::{course, diagnosis, progress, setting};
use beside::Beside;

/// How the directory of the constrained run ends.
const CONSTRAINED: &str = "constrained";

/// Shows the question's failure: a network that trains well and then suddenly collapses, and why.
///
/// Trains one of the question's networks on real word vectors, with Keras 1.0.7's arithmetic. By default with the settings,
/// as near to the question's as was found, at which it trains well and collapses within minutes; every setting
/// that differs is printed before it starts, with the reason. Then the doctor goes back to shortly before the collapse,
/// replays it with one thing changed at a time, and names cause and remedy. The remedy is run from the start. The same
/// training with its recurrent kernels' columns constrained runs beside all this, on one core.
///
/// With --full: the question's layer sizes and learning rate. With these no network has been seen to collapse.
/// Of the default runs lstm-double takes longest: seed 0 collapses at step 78,081.
///
/// Every number is decided by the settings and the seed: not by threads, processor or interruptions. Ctrl-C stops
/// cleanly; the same command with --resume goes on.
///
/// The words are those of flameout's repository: run it there, or name a file of word vectors by --set data.vectors=FILE.
/// `cargo xtask repro` is the same command, built from the sources.
///
/// Examples:
///
///   flameout repro gru-single
///   flameout repro gru-single --seed 3 --set schedule.learning-rate=0.015
///   flameout repro lstm-single --full
///   flameout repro all --check
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

/// Runs the command. Relative paths in settings, and the directory `runs`, begin at `base`.
///
/// # Errors
/// If a run cannot be made or written, or is not as it was recorded.
pub fn run(args: &Args, base: &Path) -> Result<ExitCode> {
    let cases = args.case.cases();
    if cases.len() > 1 && args.out.is_some() {
        bail!("--out names one directory; for several networks leave it out");
    }
    let stop = stop_on_ctrl_c()?;
    let session = Session { args, base, stop: &stop };
    let mut summaries = Vec::new();
    for case in cases {
        match std::thread::scope(|scope| session.case(case, scope))? {
            Ended::Finished(summary) => summaries.push(*summary),
            Ended::Stopped { step } => {
                show!("Stopped after step {step}. The same command with --resume goes on from there.");
                return Ok(ExitCode::from(130));
            }
        }
    }
    if summaries.len() > 1 {
        report::print_comparison(&summaries);
    }
    Ok(ExitCode::SUCCESS)
}

/// What was asked for, where runs begin, and what ends them.
struct Session<'a> {
    args: &'a Args,
    base: &'a Path,
    stop: &'a AtomicBool,
}

impl Session<'_> {
    /// Makes a run, says why it collapsed if it did, and shows what prevents that. The constrained run is made beside all
    /// this, on a core of its own.
    fn case<'scope>(&self, case: Case, scope: &'scope Scope<'scope, '_>) -> Result<Ended> {
        let settings = &settings(self.args, case)?;
        let directory = &self.args.out.clone().unwrap_or_else(|| default_directory(settings, self.base));
        self.require_words(settings)?;
        let explained = !self.args.check && !self.args.no_doctor;
        let constrained = collapse::constrained(settings).filter(|_| explained);
        let all = pool(self.args.threads)?;
        let mut beside = None;
        let beside_it = constrained.clone().filter(|_| all.current_num_threads() > 1);
        let first = if beside_it.is_some() { &pool(Some(all.current_num_threads() - 1))? } else { &all };
        let mut begin_beside = || {
            if let Some(run) = beside_it.clone() {
                show!("Beside it, on one core, the same run is made with its recurrent kernels constrained.");
                beside = Some(Beside::begin(scope, run, self.again(CONSTRAINED, directory)));
            }
        };
        // Of several networks, those after the interrupted one have not begun.
        let resume = self.args.resume && (self.args.case != CaseArg::All || directory.join("settings.toml").is_file());
        let options = RunOptions { directory: directory.clone(), resume, base: self.base.into() };
        let summary = match first.install(|| self.train(settings, &options, &mut begin_beside))? {
            Ended::Finished(summary) => summary,
            stopped @ Ended::Stopped { .. } => return Ok(stopped),
        };
        report::print_end(&summary, directory)?;
        if self.args.check {
            check(case, &summary)?;
        } else if summary.collapsed && explained {
            // With all threads: the constrained run will soon be over.
            all.install(|| self.explain(settings, &summary, directory))?;
            if let Some(constrained) = constrained {
                show!("\nThe same run from the start, with its recurrent kernels constrained:");
                all.install(|| self.compare(CONSTRAINED, &constrained, &summary, directory, beside))?;
            }
        }
        Ok(Ended::Finished(summary))
    }

    fn require_words(&self, settings: &Settings) -> Result<()> {
        let words = self.base.join(&settings.data.vectors);
        ensure!(
            words.is_file(),
            "{} is no file. The words are those of flameout's repository: run the command there, or name a file of word vectors by \
             --set data.vectors=FILE",
            words.display()
        );
        Ok(())
    }

    /// Makes a run and shows how it goes; one that has been made before is not made again. Calls `begun` when nothing stands
    /// in the way of it any more.
    fn train(&self, settings: &Settings, options: &RunOptions, begun: &mut (dyn FnMut() + Send)) -> Result<Ended> {
        report::print_settings(settings);
        if let Some(summary) = finished_before(settings, &options.directory)? {
            begun();
            show!("This run has been made before; its results are in {}.", options.directory.display());
            return Ok(Ended::Finished(Box::new(summary)));
        }
        train(settings, options, self.stop, |run| {
            report::print_begin(run);
            begun();
            observers(settings, &options.directory, run)
        })
    }

    /// The doctor's verdict on a run, and what becomes of the run with the remedy.
    fn explain(&self, settings: &Settings, summary: &Summary, directory: &Path) -> Result<()> {
        show!("\nWhy? The doctor goes back to states from before the collapse, and replays what led to it.");
        let diagnosis = course::diagnose(settings, directory, self.base, &Options::default())?;
        diagnosis::print(&diagnosis, settings)?;
        if let Verdict::Cause(Finding { remedy: Some(remedy @ Change::Settings(_)), .. }) = diagnosis.verdict() {
            show!("\nThe same run from the start, with {remedy}:");
            self.compare("remedy", &remedy.apply(settings)?, summary, directory, None)?;
        }
        Ok(())
    }

    /// Makes a run again with other settings, or waits for it if it is made already, and compares.
    fn compare(
        &self,
        name: &str,
        settings: &Settings,
        original: &Summary,
        directory: &Path,
        beside: Option<Beside<'_>>,
    ) -> Result<()> {
        let options = self.again(name, directory);
        let ended = match beside {
            Some(beside) => {
                report::print_settings(settings);
                beside.wait(self.stop)?
            }
            None => self.train(settings, &options, &mut || {})?,
        };
        match ended {
            Ended::Finished(summary) => {
                report::print_end(&summary, &options.directory)?;
                report::print_remedy(name, original, &summary);
            }
            Ended::Stopped { step } => show!("Stopped after step {step}. The same command goes on from there."),
        }
        Ok(())
    }

    /// Where and how a run is made again: beside the first, or on from where it was stopped.
    fn again(&self, name: &str, directory: &Path) -> RunOptions {
        let mut beside = directory.to_path_buf().into_os_string();
        beside.push(format!("-{name}"));
        let directory = PathBuf::from(beside);
        RunOptions { resume: directory.join("settings.toml").is_file(), directory, base: self.base.into() }
    }
}

/// Who shows and keeps what a run does.
fn observers(settings: &Settings, directory: &Path, begun: &Begun<'_>) -> Vec<Box<dyn Observer>> {
    let mut observers: Vec<Box<dyn Observer>> = Vec::new();
    if !progress::is_silent() {
        let batch = settings.training.batch;
        observers.push(Box::new(TrainingBar::new(begun.total_steps, begun.trainer.steps(), batch)));
    }
    observers.extend(keeper(settings, begun, directory, DEFAULT_LIMIT));
    observers
}

/// The summary, if the directory holds this very run and it is over.
fn finished_before(settings: &Settings, directory: &Path) -> Result<Option<Summary>> {
    if !RunDirectory::is_over(directory) {
        return Ok(None);
    }
    let run = RunDirectory::open(directory)?;
    let same = run.settings()?.hash() == settings.hash();
    Ok(if same { run.summary()? } else { None })
}

fn settings(args: &Args, case: Case) -> Result<Settings> {
    let settings = if args.full { question(case)? } else { collapse::settings(case) };
    let mut settings = settings.with(|settings| {
        settings.seed = args.seed;
        settings.model.units = args.units.or(settings.model.units);
        settings.data.words = args.words.unwrap_or(settings.data.words);
        settings.training.epochs = args.epochs.unwrap_or(settings.training.epochs);
    })?;
    setting::apply(&mut settings, &args.set)?;
    Ok(settings)
}

/// The question's settings, and as many epochs as take about ten minutes on two cores.
fn question(case: Case) -> Result<Settings> {
    let epochs = match case {
        Case::LstmSingle => 45,
        Case::GruSingle => 70,
        Case::LstmDouble => 65,
    };
    Ok(Settings::for_case(case).with(|settings| settings.training.epochs = epochs)?)
}

/// Compares a default run with the recorded one.
fn check(case: Case, summary: &Summary) -> Result<()> {
    let recorded = collapse::recorded(case);
    let same =
        summary.onset_step == Some(recorded.onset) && summary.weights_blake3.starts_with(recorded.weights_blake3);
    let (onset, weights) = (summary.onset_step, &summary.weights_blake3);
    ensure!(same, "{} ended with onset {onset:?} and weights {weights}; recorded is {recorded:?}", case.name());
    show!("check: the same onset and weights as recorded");
    Ok(())
}

fn default_directory(settings: &Settings, base: &Path) -> PathBuf {
    base.join("runs").join(format!("{}-{}", settings.case.name(), &settings.hash()[..12]))
}
