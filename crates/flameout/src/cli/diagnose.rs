//! `flameout diagnose`: did a training go well, and if not, why?

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use flameout_curves::logs::Names;
use flameout_doctor::{
    Change, Diagnosis, End, Options, Remedy, Trials, counterfactuals, diagnose_course, remedies, trajectory,
};
use flameout_experiment::{Dataset, Settings};
use flameout_files::write_atomically;

use super::course::{course, subject};
use super::{base, diagnose_log, diagnosis, progress, setting};
use crate::embedder::NGRAMS;

/// The file in a run's directory that the diagnosis is kept in.
pub const FILE: &str = "diagnosis.json";

/// Finds out whether a training went well, and if not, why.
///
/// Of a run of flameout (its directory), what was written down is taken if states were kept from before what went wrong;
/// else the run is made again from its beginning, which takes as long as it took and gives the same numbers to the bit.
/// Seven checks are made; then the doctor goes back to a state shortly before the first thing that went
/// wrong, replays from there with nothing changed (it must go wrong again), and with one thing changed, each in several
/// orders of the words. What prevents it is named as the remedy. If nothing went wrong but the loss dipped and came back, the
/// last dip is replayed: had Adam forgotten how long gradients can be? The diagnosis is kept in the run's directory, for
/// `flameout report`.
///
/// A file of settings (.toml) is diagnosed like a run: it is one that can be made.
///
/// Of another program's run only the log is known. Every loss, accuracy and gradient norm in it is judged; the doctor says
/// where it went wrong, what that looks like, and what to do next. Causes take a run that can be replayed. Read are, also
/// gzipped:
///
///   tables        a line of names above rows: CSV, Keras' CSVLogger, Lightning's metrics.csv, exports of Weights & Biases
///   JSON          an object a line; Keras' History.history; Hugging Face's trainer_state.json
///   TensorBoard   event files, or a directory of them
///   text          progress bars of Keras and tqdm; lines such as `epoch 3 loss: 0.5` or `step=30 loss=0.5`, with any prefix
///
/// What the words of the answer mean: a spike came back. A collapse did not, and a quarter or more of what was learnt is
/// lost. A lasting rise did not come back either, but less is lost. "Rose, log ends": too few rows follow to say.
///
/// `flameout logger keras` and `flameout logger pytorch` print a class that logs each step.
///
/// Examples:
///
///   flameout diagnose runs/first
///   flameout diagnose runs/first --counterfactuals --orders 5
///   flameout diagnose runs/first --remedies 5
///   flameout diagnose runs/first/settings.toml
///   flameout diagnose training.log
///   flameout diagnose lightning_logs/version_0 --json
///   flameout diagnose log.csv --loss objective --validation-loss held_out
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A run's directory, a file of settings, or a log (or a directory of event files) of another program.
    #[arg(value_name = "DIR|FILE")]
    run: PathBuf,

    /// Print the diagnosis as JSON.
    #[arg(long)]
    json: bool,

    /// Also replay every change that people advise, and every tensor frozen: what would have prevented it?
    #[arg(long)]
    counterfactuals: bool,

    /// Also make whole runs, with so many seeds, with each change that prevented it in all its replays: which one costs the
    /// least? Implies --counterfactuals, and takes many times as long as the run.
    #[arg(long, value_name = "SEEDS")]
    remedies: Option<u64>,

    /// Steps after the onset for which a replay must hold.
    #[arg(long, value_name = "STEPS", default_value_t = Options::default().hold)]
    hold: u64,

    /// Begin replays at least so many steps before the onset.
    #[arg(long, value_name = "STEPS", default_value_t = Options::default().lead)]
    lead: u64,

    /// Orders of the words, besides the run's own, in which each change is replayed.
    #[arg(long, value_name = "N", default_value_t = Options::default().orders)]
    orders: u64,

    #[command(flatten)]
    columns: Columns,
}

/// Columns of a log.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Columns of another program's log, where they are not found by their names")]
struct Columns {
    /// The training loss.
    #[arg(long, value_name = "COLUMN")]
    loss: Option<String>,

    /// The loss on validation or test data.
    #[arg(long, value_name = "COLUMN")]
    validation_loss: Option<String>,

    /// The training accuracy.
    #[arg(long, value_name = "COLUMN")]
    accuracy: Option<String>,

    /// The number of the step.
    #[arg(long, value_name = "COLUMN")]
    step: Option<String>,
}

impl Columns {
    fn names(&self) -> Names {
        let Self { loss, validation_loss, accuracy, step } = self.clone();
        Names { loss, validation_loss, accuracy, step }
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let file = setting::file_of(&args.run);
    let names = args.columns.names();
    if file == args.run || file.is_file() {
        if names != Names::default() {
            bail!(
                "{} is a run of flameout, whose columns are known: --loss, --validation-loss, --accuracy and --step name those \
                 of another program's log; leave them out",
                args.run.display()
            );
        }
        let settings = Settings::read(&file)?;
        examine(args, settings)?;
    } else if args.run.join(NGRAMS).is_file() {
        bail!(
            "{} is a model of n-grams, which is fitted at one go: there is no training to diagnose",
            args.run.display()
        );
    } else {
        diagnose_log::diagnose(&args.run, &names, args.json)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn examine(args: &Args, settings: Settings) -> Result<()> {
    let subject = subject(settings, &base())?;
    let options = Options { lead: args.lead, hold: args.hold, orders: args.orders, ..Options::default() };
    let course = course(&subject, &args.run, &options)?;
    let spinner = progress::spinner("checking and replaying");
    let found: Diagnosis = diagnose_course(&subject, &course, &options).context("diagnosing")?;
    spinner.finish_and_clear();
    if args.run.is_dir() {
        let file = args.run.join(FILE);
        write_atomically(&file, &[&serde_json::to_vec_pretty(&found)?])?;
    }
    let wanted = args.counterfactuals || args.remedies.is_some();
    let replays = if wanted { counterfactuals(&subject, &course, &options, &mut diagnosis::note)? } else { Vec::new() };
    let remedies = rank_remedies(&subject.settings, &replays, args.remedies.unwrap_or(0))?;
    if args.json {
        let all = serde_json::json!({ "diagnosis": found, "counterfactuals": replays, "remedies": remedies });
        say!("{}", serde_json::to_string_pretty(&all)?)?;
        return Ok(());
    }
    diagnosis::print(&found, &subject.settings)?;
    say!("\nOn the way there:\n{}", diagnosis::states(&trajectory(&subject, &course)?))?;
    if !replays.is_empty() {
        say!("\nWhat would have prevented it?\n{}", diagnosis::replays(replays.iter()))?;
    }
    if !remedies.is_empty() {
        diagnosis::print_remedies(&remedies, &subject.settings)?;
    }
    Ok(())
}

/// Whole runs, with so many seeds from the run's own on, with each setting that prevented it in all its replays.
fn rank_remedies(settings: &Settings, replays: &[Trials], seeds: u64) -> Result<Vec<Remedy>> {
    let held = replays.iter().filter(|trials| trials.trials.iter().all(|trial| trial.end == End::Held));
    let changes: Vec<Change> =
        held.map(|trials| trials.change.clone()).filter(|change| matches!(change, Change::Settings(_))).collect();
    let seeds: Vec<u64> = (0..seeds).map(|n| settings.seed.saturating_add(n)).collect();
    if changes.is_empty() || seeds.is_empty() {
        return Ok(Vec::new());
    }
    let bar = progress::runs("whole runs with what prevented it", (changes.len() * seeds.len()) as u64);
    let mut open = |settings: &Settings| Ok(Dataset::open(settings, &base())?);
    let remedies = remedies::rank(settings, &changes, &seeds, &mut open, &mut || bar.inc(1))?;
    bar.finish_and_clear();
    Ok(remedies)
}
