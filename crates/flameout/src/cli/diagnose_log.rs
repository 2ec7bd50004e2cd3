//! What `flameout diagnose` says of another program's log.

use std::path::Path;

use anyhow::{Result, anyhow};
use flameout_curves::Symptom;
use flameout_curves::judge::{Judged, Judgement, PartEvent, Series, SeriesEvent, Verdict, judge};
use flameout_curves::logs::{self, Names};
use flameout_curves::onset::EventKind;
use flameout_curves::{Curve, Error, Format, Unit};
use serde_json::{Value, json};

use super::log_chart::{self, kind, unit};
use super::{advice, table};

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
    say!("{}, {}", count(curve.rows), format_name(curve.source.format))?;
    for judged in &judgement.judged {
        say!("judged: {}", judged_line(judged))?;
    }
    for note in curve.notes.iter().chain(&judgement.notes) {
        say!("note: {note}")?;
    }
    say!("\nverdict: {}", verdict(curve, judgement))?;
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

fn format_name(format: Format) -> &'static str {
    match format {
        Format::Flameout => "flameout's metrics",
        Format::Csv => "a table (CSV)",
        Format::JsonLines => "JSON lines",
        Format::Json => "JSON",
        Format::Text => "lines of text",
        Format::TensorBoard => "TensorBoard's events",
    }
}

fn judged_line(judged: &Judged) -> String {
    let column = judged.column.as_ref().map_or_else(String::new, |column| format!(" (`{column}`)"));
    let (rows, first, last) = (judged.rows, number(judged.first), number(judged.last));
    format!("{}{column}, {}, {first} in the first and {last} in the last", judged.series, count(rows))
}

/// The verdict as a sentence.
fn verdict(curve: &Curve, judgement: &Judgement) -> String {
    let unit = unit(curve.unit);
    let place = log_chart::headline(judgement)
        .map_or_else(|| "some row".into(), |event| format!("{unit} {}", event.event.onset));
    let has = |series: Series| judgement.judged.iter().any(|judged| judged.series == series);
    let has_loss = has(Series::Loss) || has(Series::ValidationLoss);
    let main = judgement.judged.first().map_or_else(|| "loss".into(), |judged| judged.series.to_string());
    let rows = judgement.judged.iter().map(|judged| judged.rows).max().unwrap_or(0);
    match judgement.verdict {
        Verdict::NoRows => "the log has no rows with a loss or an accuracy: there is nothing to judge".into(),
        Verdict::TooShort => format!("too short to judge: {} of at least four", count(rows)),
        Verdict::NotFinite => {
            format!("NOT FINITE from {place} on: the loss is NaN, infinite, or the 0.0 that hides such a number")
        }
        Verdict::Diverged => {
            format!("DIVERGED at {place}: nothing was learnt before, and the {main} gets worse than where it began")
        }
        Verdict::Collapse if has(Series::Loss) && has(Series::ValidationLoss) => {
            format!("COLLAPSE at {place}: what was learnt is lost, on training and on validation data")
        }
        Verdict::Collapse => format!("COLLAPSE at {place}: what was learnt is lost"),
        Verdict::CollapseOfTraining => {
            format!("COLLAPSE at {place}, of the training loss alone: the validation loss is sound")
        }
        Verdict::CollapseOfValidation => {
            format!("COLLAPSE at {place}, of the validation loss alone: the training loss is sound")
        }
        Verdict::ValidationNotFinite => {
            format!("the validation loss is NOT FINITE from {place} on: the training loss is sound")
        }
        Verdict::GradientsExploded => {
            format!("GRADIENTS EXPLODED at {place}, or are not finite: the loss does not show it yet")
        }
        Verdict::AccuracyLost if has_loss => format!("ACCURACY LOST at {place}, while the loss is sound"),
        Verdict::AccuracyLost => format!("ACCURACY LOST at {place}: the log has no loss to compare it with"),
        Verdict::PartLost => part_lost(judgement, unit),
        Verdict::LastingRise => format!("the loss rose for good at {place}, but most of what was learnt is kept"),
        Verdict::RoseAtTheEnd => {
            format!("the loss rose at {place}, and the log ends: too soon to say whether it comes back")
        }
        Verdict::Overfitting => overfitting(judgement, unit),
        Verdict::NeverLearnt => {
            format!("NEVER LEARNT: in {} the {main} does not get better beyond its noise", count(rows))
        }
        Verdict::Spikes => "the loss rose and came back: nothing is lost".into(),
        Verdict::NothingWrong => format!("nothing went wrong in what was judged: {}", all_judged(judgement)),
    }
}

/// "ONE OF SEVERAL LOSSES, `cls_loss`, COLLAPSED at epoch 18: …"
fn part_lost(judgement: &Judgement, unit: &str) -> String {
    let Some(part) = judgement.parts.first() else { return "ONE OF SEVERAL LOSSES IS LOST".into() };
    let what = if part.event.symptom == Some(Symptom::NonFinite) { "IS NOT FINITE from" } else { "COLLAPSED at" };
    let sound = judgement.judged.first().and_then(|judged| judged.column.as_deref()).unwrap_or("the loss");
    format!("ONE OF SEVERAL LOSSES, `{}`, {what} {unit} {}; `{sound}` is sound", part.column, part.event.onset)
}

/// "`cls_loss` (validation loss): COLLAPSE at epoch 18, from 0.41 to 2.3"
fn part_line(part: &PartEvent, of: Unit) -> String {
    let PartEvent { series, column, event } = part;
    let what = event.symptom.map_or(kind(event.kind), symptom);
    let values = event.before.zip(event.peak);
    let values =
        values.map_or_else(String::new, |(before, peak)| format!(", from {} to {}", number(before), number(peak)));
    format!("`{column}` ({series}): {what} from {} {} on{values}", unit(of), event.onset)
}

fn count(rows: usize) -> String {
    if rows == 1 { "1 row".into() } else { format!("{rows} rows") }
}

fn overfitting(judgement: &Judgement, unit: &str) -> String {
    let Some(found) = judgement.overfitting else { return "OVERFITTING".into() };
    let trained = judgement.judged.iter().any(|judged| judged.series == Series::Loss);
    let while_training =
        if trained { "while the training loss falls" } else { "(the log has no training loss to compare it with)" };
    let (from, best, last) = (found.from, number(found.best), number(found.last));
    format!("OVERFITTING from {unit} {from} on: the validation loss rises from {best} to {last} {while_training}")
}

/// As "30 rows: loss, val_loss".
fn all_judged(judgement: &Judgement) -> String {
    let name = |judged: &Judged| judged.column.clone().unwrap_or_else(|| judged.series.to_string());
    let rows = |judged: &Judged| judged.rows;
    let groups = judgement.judged.chunk_by(|one, other| one.rows == other.rows);
    let of_group = |group: &[Judged]| {
        format!("{}: {}", count(group.first().map_or(0, rows)), group.iter().map(name).collect::<Vec<_>>().join(", "))
    };
    groups.map(of_group).collect::<Vec<_>>().join("; ")
}

fn event_table(events: &[SeriesEvent], of: Unit) -> String {
    let row = |SeriesEvent { series, event }: &SeriesEvent| {
        let shown = |value: Option<f64>| value.map_or_else(String::new, number);
        [
            kind(event.kind).to_owned(),
            series.to_string(),
            format!("{} {}", unit(of), event.onset),
            event.recovered.map_or_else(String::new, |step| format!("{} {step}", unit(of))),
            shown(event.before),
            shown(event.peak),
            event.symptom.map_or("", symptom).to_owned(),
        ]
    };
    let rows: Vec<[String; 7]> = events.iter().map(row).collect();
    table::fitting(["what", "of", "began at", "back at", "before", "worst", "looks like"], &rows)
}

fn symptom(symptom: Symptom) -> &'static str {
    match symptom {
        Symptom::SameOutput => "the same output for every input",
        Symptom::RandomOutput => "outputs that have nothing to do with the targets",
        Symptom::Divergence => "divergence: far above the start",
        Symptom::NonFinite => "not finite",
    }
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

/// A number with six digits that count.
fn number(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 || !number.is_finite() {
        return format!("{number}");
    }
    if !(1e-4..1e6).contains(&size) {
        return format!("{number:.3e}");
    }
    let decimals = (5.0 - size.log10().floor()).clamp(0.0, 6.0) as usize;
    let text = format!("{number:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
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
