//! What `flameout diagnose` says of another program's log.

use std::path::Path;

use anyhow::{Result, anyhow};
use flameout_curves::judge::{Judged, Judgement, PartEvent, Series, SeriesEvent, judge};
use flameout_curves::logs::{self, Names};
use flameout_curves::onset::EventKind;
use flameout_curves::{Curve, Error, Symptom, Unit, six_digits};
use serde_json::{Value, json};

use super::table::counted;
use super::{advice, log_chart, table};

/// How to get a log that tells more.
const LOGGERS: &str = "`flameout logger keras` and `flameout logger pytorch` print a class that logs each step";

/// Judges each run in a log and prints what it comes to.
pub fn diagnose(path: &Path, names: &Names, as_json: bool) -> Result<()> {
    let curves = logs::read(path, names).map_err(|error| match error {
        Error::Log { .. } => anyhow!("{error}; {LOGGERS}"),
        other => other.into(),
    })?;
    let judged = curves.into_iter().map(|curve| (judge(&curve), curve));
    // What was superseded is of interest if it says why.
    let told = judged.filter(|(judgement, curve)| !curve.superseded || judgement.verdict.is_wrong());
    let runs: Vec<(Curve, Judgement)> = told.map(|(judgement, curve)| (curve, judgement)).collect();
    if as_json {
        say!("{}", serde_json::to_string_pretty(&to_json(&runs)?)?)?;
        return Ok(());
    }
    for (number, (curve, judgement)) in (1..).zip(&runs) {
        if runs.len() > 1 {
            let name = curve.name.as_ref().map_or_else(String::new, |name| format!(", {name}"));
            say!("{}run {number} of {}{name}", if number > 1 { "\n" } else { "" }, runs.len())?;
        }
        print(curve, judgement)?;
    }
    say!("\n`flameout diagnose --help` says which logs are read, and how to name their columns; {LOGGERS}.")?;
    Ok(())
}

fn to_json(runs: &[(Curve, Judgement)]) -> Result<Value> {
    let (mut events, mut notes, mut each) = (Vec::new(), Vec::new(), Vec::new());
    for (number, (curve, judgement)) in (1..).zip(runs) {
        for event in &judgement.events {
            let mut event = serde_json::to_value(event)?;
            event["run"] = json!(number);
            events.push(event);
        }
        let of_run: Vec<&String> = curve.notes.iter().chain(&judgement.notes).collect();
        for note in &of_run {
            if !notes.contains(note) {
                notes.push(note);
            }
        }
        each.push(json!({
            "name": curve.name,
            "verdict": judgement.verdict,
            "format": curve.source.format,
            "unit": curve.unit,
            "rows": curve.rows,
            "columns": columns(curve),
            "judged": judgement.judged,
            "events": judgement.events,
            "overfitting": judgement.overfitting,
            "parts": judgement.parts,
            "notes": of_run,
        }));
    }
    let worst = runs.iter().position(|(_, judgement)| judgement.verdict.is_wrong()).unwrap_or(0);
    let of_worst = |key: &str| each.get(worst).map_or(Value::Null, |run| run[key].clone());
    Ok(json!({
        "verdict": of_worst("verdict"),
        "format": of_worst("format"),
        "unit": of_worst("unit"),
        "rows": runs.iter().map(|(curve, _)| curve.rows).sum::<usize>(),
        "columns": of_worst("columns"),
        "events": events,
        "notes": notes,
        "runs": each,
    }))
}

fn columns(curve: &Curve) -> Value {
    let columns = &curve.columns;
    json!({
        "loss": columns.loss,
        "validation_loss": columns.validation_loss,
        "accuracy": columns.accuracy,
        "validation_accuracy": columns.validation_accuracy,
        "gradient_norm": columns.gradient_norm,
        "learning_rate": columns.learning_rate,
        "step": columns.step,
        "epoch": columns.epoch,
    })
}

fn print(curve: &Curve, judgement: &Judgement) -> Result<()> {
    say!("{}, {}", counted(curve.rows as u64, "row"), curve.source.format.describe())?;
    for judged in &judgement.judged {
        say!("judged: {}", judged_line(judged))?;
    }
    for note in curve.notes.iter().chain(&judgement.notes) {
        say!("note: {note}")?;
    }
    say!("\nverdict: {}", judgement.describe(curve.unit))?;
    if !judgement.events.is_empty() {
        say!("\n{}", event_table(&judgement.events, curve.unit))?;
        for line in explained(&judgement.events) {
            say!("{line}")?;
        }
    }
    for part in &judgement.parts {
        say!("{}", part_line(part, curve.unit))?;
    }
    if let Some(drawn) = log_chart::draw(curve, judgement) {
        say!("\n{drawn}")?;
    }
    let steps = advice::next_steps(judgement.verdict, curve);
    if !steps.is_empty() {
        say!("\nWhat to do next:")?;
    }
    for (number, step) in (1..).zip(steps) {
        say!("  {number}. {}", step.what)?;
        for (program, line) in [("Keras", step.keras), ("PyTorch", step.pytorch)] {
            say!("     {program:8} {line}")?;
        }
    }
    if let Some(needs) = needs(judgement) {
        say!("\nWhat this log does not tell: {needs}.")?;
    }
    Ok(())
}

fn judged_line(judged: &Judged) -> String {
    let column = judged.column.as_ref().map_or_else(String::new, |column| format!(" (`{column}`)"));
    let (rows, first, last) = (judged.rows, six_digits(judged.first), six_digits(judged.last));
    format!("{}{column}, {}, {first} in the first and {last} in the last", judged.series, counted(rows as u64, "row"))
}

/// "`cls_loss` (validation loss): COLLAPSE at epoch 18, from 0.41 to 2.3"
fn part_line(part: &PartEvent, of: Unit) -> String {
    let PartEvent { series, column, event } = part;
    let what = event.symptom.map_or(event.kind.name(), Symptom::describe);
    let values = event.before.zip(event.peak);
    let values = values
        .map_or_else(String::new, |(before, peak)| format!(", from {} to {}", six_digits(before), six_digits(peak)));
    format!("`{column}` ({series}): {what} from {} {} on{values}", of.name(), event.onset)
}

fn event_table(events: &[SeriesEvent], of: Unit) -> String {
    let row = |SeriesEvent { series, event }: &SeriesEvent| {
        let shown = |value: Option<f64>| value.map_or_else(String::new, six_digits);
        [
            event.kind.name().to_owned(),
            series.to_string(),
            format!("{} {}", of.name(), event.onset),
            event.recovered.map_or_else(String::new, |step| format!("{} {step}", of.name())),
            shown(event.before),
            shown(event.peak),
            event.symptom.map_or("", Symptom::describe).to_owned(),
        ]
    };
    let rows: Vec<[String; 7]> = events.iter().map(row).collect();
    table::fitting(["what", "of", "began at", "back at", "before", "worst", "looks like"], &rows)
}

/// The words of the table that occur in it, explained.
fn explained(events: &[SeriesEvent]) -> Vec<&'static str> {
    let has = |kind: EventKind| events.iter().any(|event| event.event.kind == kind);
    let words = [
        (EventKind::Spike, "spike: it rose and came back."),
        (EventKind::Collapse, "COLLAPSE: it did not come back, and a quarter or more of what was learnt is lost."),
        (EventKind::Setback, "lasting rise: it did not come back, but less than a quarter of what was learnt is lost."),
        (EventKind::Unsettled, "rose, log ends: too few rows follow to say whether it comes back."),
    ];
    let columns =
        "before: the level that it rose from (or fell from, of an accuracy). worst: the farthest row from it.";
    words.into_iter().filter(|(kind, _)| has(*kind)).map(|(_, text)| text).chain([columns]).collect()
}

/// What a log like this cannot tell.
fn needs(judgement: &Judgement) -> Option<String> {
    let has = |series: Series| judgement.judged.iter().any(|judged| judged.series == series);
    let missing: Vec<&str> = [
        (Series::GradientNorm, "whether gradients explode (it has no gradient norm)"),
        (Series::ValidationLoss, "whether validation suffers too (it has no validation loss)"),
        (Series::Loss, "how training goes (it has no training loss)"),
    ]
    .into_iter()
    .filter(|(series, _)| !has(*series))
    .map(|(_, text)| text)
    .collect();
    (!missing.is_empty() && !judgement.judged.is_empty()).then(|| missing.join("; "))
}
