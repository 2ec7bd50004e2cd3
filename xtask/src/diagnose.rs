//! `cargo xtask diagnose`: why did a run go wrong?

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use comfy_table::{Cell, CellAlignment, Table, presets};
use flameout_doctor::approach::State;
use flameout_doctor::check::Grade;
use flameout_doctor::{
    Course, Diagnosis, Event, Finding, Options, Subject, Trials, Verdict, approach, counterfactuals, diagnose,
    diagnose_course,
};
use flameout_experiment::{Dataset, Number, Precision, Settings};

use crate::root;

/// Makes a run again, checks it, and replays it with one thing changed at a time.
///
/// A run is named by its directory or by a settings file; it is made again from its beginning, which takes as long as it
/// took, and gives the same numbers to the bit. Then the doctor goes back to a state shortly before the first thing that
/// went wrong, replays from there with nothing changed (it must go wrong again), and with one thing changed, each in
/// several orders of the words. What prevents it is named as the remedy.
///
/// Examples:
///
///   cargo xtask diagnose runs/gru-single-3494661a60ae
///   cargo xtask diagnose runs/gru-single-3494661a60ae/settings.toml --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A run's directory, or a file of settings.
    run: PathBuf,

    /// Print the diagnosis as JSON.
    #[arg(long)]
    json: bool,

    /// Also replay every change that people advise, and every tensor frozen: what would have prevented it?
    #[arg(long)]
    counterfactuals: bool,

    /// Steps after the onset for which a replay must hold.
    #[arg(long, value_name = "STEPS", default_value_t = Options::default().hold)]
    hold: u64,

    /// Begin replays at least so many steps before the onset.
    #[arg(long, value_name = "STEPS", default_value_t = Options::default().lead)]
    lead: u64,

    /// Orders of the words, besides the run's own, in which each change is replayed.
    #[arg(long, value_name = "N", default_value_t = Options::default().orders)]
    orders: u64,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let file = if args.run.is_dir() { args.run.join("settings.toml") } else { args.run.clone() };
    let settings = Settings::read(&file)?;
    match settings.model.precision {
        Precision::F32 => examine::<f32>(args, settings)?,
        Precision::F64 => examine::<f64>(args, settings)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn examine<T: Number>(args: &Args, settings: Settings) -> Result<()> {
    let subject = subject::<T>(settings)?;
    let options = Options { lead: args.lead, hold: args.hold, orders: args.orders, ..Options::default() };
    eprintln!("making the run again ...");
    let course = Course::of(&subject, options.ring_bytes)?;
    eprintln!("replaying ...");
    let diagnosis = diagnose_course(&subject, &course, &options).context("diagnosing")?;
    let mut done = |trials: &Trials| eprintln!("  {}: {} went wrong", trials.change, trials.bad());
    let table =
        if args.counterfactuals { counterfactuals(&subject, &course, &options, &mut done)? } else { Vec::new() };
    if args.json {
        let both = serde_json::json!({ "diagnosis": diagnosis, "counterfactuals": table });
        println!("{}", serde_json::to_string_pretty(&both)?);
        return Ok(());
    }
    print(&diagnosis);
    println!("\nOn the way there:\n{}", states(&approach(&subject, &course)?));
    if !table.is_empty() {
        println!("\nWhat would have prevented it?\n{}", replays(table.iter()));
    }
    Ok(())
}

/// The run with these settings, on the words that they name.
fn subject<T: Number>(settings: Settings) -> Result<Subject<T>> {
    let dataset = Dataset::open(&settings, &root())?;
    Ok(Subject::new(settings, dataset)?)
}

/// The diagnosis of the run with these settings.
pub fn of(settings: &Settings, options: &Options) -> Result<Diagnosis> {
    fn of<T: Number>(settings: &Settings, options: &Options) -> Result<Diagnosis> {
        Ok(diagnose(&subject::<T>(settings.clone())?, options)?)
    }
    match settings.model.precision {
        Precision::F32 => of::<f32>(settings, options),
        Precision::F64 => of::<f64>(settings, options),
    }
}

/// The diagnosis as text and tables.
pub fn print(diagnosis: &Diagnosis) {
    match diagnosis.event {
        Event::Healthy => println!("\nThe run trained well, and nothing happened."),
        Event::NeverTrained => println!("\nThe run never trained well."),
        Event::Rise { onset } => println!("\nThe loss rose from step {onset} on."),
        Event::NonFinite { step } => println!("\nA number was not finite at step {step}."),
    }
    println!("\n{}", checks(diagnosis));
    if let (Some(control), Some(exact)) = (&diagnosis.control, diagnosis.control_is_exact) {
        let same = if exact { "the same numbers, bit for bit" } else { "OTHER NUMBERS: the replays prove nothing" };
        println!(
            "Control: replayed with nothing changed, it gives {same}. In all orders of the words, {} went wrong.",
            control.bad()
        );
    }
    if diagnosis.findings.iter().any(|finding| finding.replay.is_some()) {
        let replayed = diagnosis.findings.iter().filter_map(|finding| finding.replay.as_ref());
        println!("\n{}", replays(diagnosis.control.iter().chain(replayed)));
    }
    println!("\nverdict: {}", verdict(diagnosis));
    let share = 100.0 * diagnosis.cost as f64 / diagnosis.run_steps as f64;
    println!("The replays took {} steps, {share:.0} % of the run's own.", diagnosis.cost);
}

fn checks(diagnosis: &Diagnosis) -> Table {
    let mut table = new_table(["", "check", "result", "measured"]);
    for check in &diagnosis.checks {
        let grade = match check.grade {
            Grade::Pass => "pass",
            Grade::Suspect => "suspect",
            Grade::Fail => "FAIL",
            Grade::NotApplicable => "–",
        };
        table.add_row([check.number.to_string(), check.question.clone(), grade.into(), check.evidence.join("\n")]);
    }
    table
}

fn states(states: &[State]) -> Table {
    let mut table = new_table([
        "step",
        "loss",
        "length of θ",
        "spectral radius",
        "gates without slope",
        "sharpness",
        "of its limit",
    ]);
    for state in states {
        table.add_row([
            state.step.to_string(),
            format!("{:.6}", state.loss),
            format!("{:.1}", state.parameter_norm),
            format!("{:.2}", state.spectral_radius),
            format!("{:.1} %", 100.0 * state.zero_slope),
            format!("{:.0}", state.sharpness),
            format!("{:.2}", state.sharpness / state.threshold),
        ]);
    }
    table
}

fn replays<'a>(all: impl Iterator<Item = &'a Trials>) -> Table {
    let mut table = new_table(["changed", "went wrong", "95 % interval", "loss at the end", "steps"]);
    for trials in all {
        table.add_row(row(trials).map(|text| Cell::new(text).set_alignment(CellAlignment::Left)));
    }
    table
}

fn row(trials: &Trials) -> [String; 5] {
    let (bad, (low, high)) = (trials.bad(), trials.bad().wilson());
    [
        trials.change.to_string(),
        format!("{} of {}", bad.count, bad.of),
        format!("{:.0}–{:.0} %", 100.0 * low, 100.0 * high),
        format!("{:.6}", trials.loss()),
        trials.cost().to_string(),
    ]
}

fn verdict(diagnosis: &Diagnosis) -> String {
    match diagnosis.verdict() {
        Verdict::Healthy => "nothing is wrong".into(),
        Verdict::Unknown => "something is wrong, and none of the causes that were tried explains it".into(),
        Verdict::Cause(Finding { cause, evidence, remedy, .. }) => {
            let remedy = remedy
                .as_ref()
                .map_or("correct it where the data or the program come from".into(), ToString::to_string);
            format!("{} ({evidence}). Remedy: {remedy}.", cause.describe())
        }
    }
}

fn new_table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header(header);
    table
}
