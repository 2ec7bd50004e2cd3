//! A diagnosis as text and tables.

use comfy_table::{Cell, CellAlignment, Table};
use flameout_doctor::Grade;
use flameout_doctor::trajectory::State;
use flameout_doctor::{Change, Condition, Diagnosis, Finding, Prescription, Remedy, Trials, Verdict};
use flameout_experiment::Settings;

use super::{progress, table};

/// The diagnosis of a run with these settings as text and tables.
///
/// # Errors
/// If standard output cannot be written.
pub fn print(diagnosis: &Diagnosis, settings: &Settings) -> std::io::Result<()> {
    say!("\n{}", diagnosis.condition.describe(|step| step.to_string()))?;
    if diagnosis.condition == Condition::NeverTrained && settings.training.patience.is_some() {
        say!(
            "It was to end early (training.patience), and what it learnt of test words may be all that can be learnt: \
             `flameout report` says how much that is."
        )?;
    }
    say!("\n{}", checks(diagnosis))?;
    if let (Some(control), Some(exact)) = (&diagnosis.control, diagnosis.control_is_exact) {
        let same = if exact { "the same numbers, bit for bit" } else { "OTHER NUMBERS: the replays prove nothing" };
        // A dip is none of what counts as wrong: its finding says how often it comes.
        let wrong = match diagnosis.condition {
            Condition::Healthy => String::new(),
            _ => format!(" In all orders of the words, {} went wrong.", control.bad()),
        };
        say!("Control: replayed with nothing changed, it gives {same}.{wrong}")?;
    }
    if diagnosis.findings.iter().any(|finding| finding.replay.is_some()) {
        let replayed = diagnosis.findings.iter().filter_map(|finding| finding.replay.as_ref());
        say!("\n{}", replays(diagnosis.control.iter().chain(replayed)))?;
    }
    say!("\nverdict: {}", verdict(diagnosis))?;
    if let Verdict::Cause(Finding { remedy: Some(remedy), .. }) = diagnosis.verdict() {
        print_prescription(remedy, settings)?;
    }
    let share = 100.0 * diagnosis.cost as f64 / diagnosis.run_steps as f64;
    let steps = table::counted(diagnosis.cost, "step");
    say!("The replays took {steps}, {share:.0} % of the run's own.")?;
    Ok(())
}

/// Remedies as [ranked](flameout_doctor::remedies) for a run with these settings: what became of the runs with each, and how to
/// write those that never failed.
///
/// # Errors
/// If standard output cannot be written.
pub fn print_remedies(remedies: &[Remedy], settings: &Settings) -> std::io::Result<()> {
    say!(
        "\nWhole runs with each, from the start, the best first:\n{}",
        replays(remedies.iter().map(|remedy| &remedy.runs))
    )?;
    for remedy in remedies.iter().filter(|remedy| remedy.failed() == 0) {
        say!("{}", remedy.runs.change)?;
        print_prescription(&remedy.runs.change, settings)?;
    }
    Ok(())
}

/// A line for each program. A change that the replays could not be given is none: it has no lines either.
fn print_prescription(change: &Change, settings: &Settings) -> std::io::Result<()> {
    for (program, line) in Prescription::of(change, settings).unwrap_or_default().lines() {
        say!("  {program:9} {line}")?;
    }
    Ok(())
}

fn checks(diagnosis: &Diagnosis) -> Table {
    let mut table = table::new(["", "check", "result", "measured"]);
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

/// The states on the way to the onset.
#[must_use]
pub fn states(states: &[State]) -> Table {
    let mut table = table::new([
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

/// What became of replays.
#[must_use]
pub fn replays<'a>(all: impl Iterator<Item = &'a Trials>) -> Table {
    let mut table = table::new(["changed", "went wrong", "95 % interval", "highest loss", "loss at the end", "steps"]);
    for trials in all {
        table.add_row(row(trials).map(|text| Cell::new(text).set_alignment(CellAlignment::Left)));
    }
    table
}

/// A line of progress for replays that have been made.
pub fn note(trials: &Trials) {
    progress::note(format_args!("  {}: {} went wrong", trials.change, trials.bad()));
}

fn row(trials: &Trials) -> [String; 6] {
    let (low, high) = trials.bad().wilson();
    [
        trials.change.to_string(),
        trials.describe(),
        format!("{:.0}–{:.0} %", 100.0 * low, 100.0 * high),
        format!("{:.6}", trials.highest()),
        format!("{:.6}", trials.loss()),
        trials.cost().to_string(),
    ]
}

fn verdict(diagnosis: &Diagnosis) -> String {
    match diagnosis.verdict() {
        Verdict::Healthy => {
            let tried = diagnosis.findings.iter();
            let tried =
                tried.map(|finding| format!(". Not borne out: {} ({})", finding.cause.describe(), finding.evidence));
            format!("{}{}", diagnosis.all_clear(), tried.collect::<String>())
        }
        Verdict::Unknown => diagnosis.unexplained().into(),
        Verdict::Cause(Finding { cause, evidence, remedy, .. }) => {
            let remedy = remedy
                .as_ref()
                .map_or("correct it where the data or the program come from".into(), ToString::to_string);
            format!("{} ({evidence}). Remedy: {remedy}.", cause.describe())
        }
    }
}
