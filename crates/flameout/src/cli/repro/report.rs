//! What `repro` prints: settings before, tables and curves after.

use std::path::Path;

use anyhow::Result;
use comfy_table::{Cell, CellAlignment, Table, presets};
use flameout_curves::{Curve, Point, Symptom};
use flameout_experiment::{Begun, Settings, Summary};
use flameout_kernels::Path as Kernels;

use crate::cli::chart::Chart;
use crate::cli::table;

/// Columns of the widest curve.
const WIDEST: usize = 80;

/// The network, and every setting that differs from the question's.
pub fn print_settings(settings: &Settings) {
    let question = Settings::for_case(settings.case);
    show!(
        "{}, {} units, seed {}, {} epochs of batches of {}",
        settings.case.name(),
        settings.model.units.unwrap_or(settings.case.units()),
        settings.seed,
        settings.training.epochs,
        settings.training.batch
    );
    // The question does not tell its number of epochs.
    let differences: Vec<_> = differences(&question, settings)
        .into_iter()
        .filter(|(key, _)| key != "seed" && key != "training.epochs")
        .collect();
    if differences.is_empty() {
        show!("Every setting is the question's (the question does not tell its number of epochs).");
        return;
    }
    show!("Not as in the question:");
    let (by_default, entries) = (super::collapse::settings(settings.case).entries(), settings.entries());
    for (key, text) in differences {
        let is_default = by_default.get(&key) == entries.get(&key);
        let reason = super::collapse::reason(&key).filter(|_| is_default);
        show!("  {text}{}", reason.map(|reason| format!(": {reason}")).unwrap_or_default());
    }
}

/// Each setting that differs, with `key = value (the question: other)`.
fn differences(question: &Settings, settings: &Settings) -> Vec<(String, String)> {
    let (question, settings) = (question.entries(), settings.entries());
    let changed = settings.iter().filter_map(|(key, value)| match question.get(key) {
        Some(original) if original == value => None,
        Some(original) => Some((key.clone(), format!("{key} = {value} (the question: {original})"))),
        None => Some((key.clone(), format!("{key} = {value}"))),
    });
    let dropped = question
        .iter()
        .filter(|(key, _)| !settings.contains_key(*key))
        .map(|(key, value)| (key.clone(), format!("{key} is not set (the question: {value})")));
    changed.chain(dropped).collect()
}

/// Words, parameters, machine.
pub fn print_begin(begun: &Begun<'_>) {
    let Begun { dataset, trainer, .. } = begun;
    for warning in &begun.warnings {
        tell!("warning: {warning}");
    }
    let left_out = dataset.skipped.len();
    show!(
        "{} words to train on, {} to test on ({left_out} left out), {} characters; {} parameters; {} on {} threads",
        dataset.train.len(),
        dataset.test.len(),
        dataset.encoder.alphabet_len(),
        trainer.parameters().len(),
        Kernels::current().name(),
        rayon::current_num_threads()
    );
    let baseline = trainer.outcome().baseline();
    show!("A network that has learnt nothing: loss {:.6}, accuracy {:.3}", baseline.train_loss, baseline.accuracy);
    if trainer.steps() > 0 {
        show!("Going on after step {}", trainer.steps());
    }
}

/// Table, curves and verdict of a finished run.
pub fn print_end(summary: &Summary, directory: &Path) -> Result<()> {
    let curve = Curve::read_run(directory)?;
    print_curves(&curve, summary);
    print_quality(summary);
    if let Some(hits) = TestHits::of(&curve, summary) {
        show!("{hits}");
    }
    show!("{}", verdict(summary));
    show!("weights {}  files {}", &summary.weights_blake3[..16], directory.display());
    Ok(())
}

fn print_quality(summary: &Summary) {
    let mut table = new_table(&["", "words", "loss", "accuracy", "cosine", "hit@1", "hit@10"]);
    for (name, quality) in [("training words", summary.last), ("test words", summary.test)] {
        add_row(
            &mut table,
            [
                name.into(),
                quality.words.to_string(),
                format!("{:.6}", quality.loss),
                format!("{:.3}", quality.accuracy),
                format!("{:.3}", quality.cosine),
                format!("{:.3}", quality.hit_at_1),
                format!("{:.3}", quality.hit_at_10),
            ],
        );
    }
    show!("\n{table}");
    if let Some(best) = summary.best {
        let (loss, accuracy) = (best.loss, best.accuracy);
        show!("best training loss (smoothed): {loss:.6} with accuracy {accuracy:.3} at step {}", best.step);
    }
}

/// One line: trained well? collapsed? when? what do outputs look like now?
fn verdict(summary: &Summary) -> String {
    let trained = match summary.trained_well_step {
        Some(step) => format!("trained well from step {step} on"),
        None => "has not trained well".into(),
    };
    let collapsed = match (summary.onset_step, summary.symptom, summary.risen_since) {
        (Some(step), Some(symptom), _) => format!("COLLAPSED at step {step} ({})", name(symptom)),
        (None, Some(Symptom::NonFinite), _) => "a number is not finite".into(),
        (_, _, Some(step)) => format!("the loss has risen since step {step}, too late to tell whether for good"),
        _ => format!("no collapse in {} steps", summary.steps),
    };
    let spikes = match summary.spikes.len() {
        0 => String::new(),
        1 => format!(", one spike (step {})", summary.spikes[0]),
        count => format!(", {count} spikes (the first at step {})", summary.spikes[0]),
    };
    format!(
        "verdict: {trained}; {collapsed}{spikes}; outputs now: spread over inputs {:.0} % of the targets', \
         {:.1} % identical, accuracy {:.3}",
        100.0 * summary.spread / summary.baseline.spread,
        100.0 * summary.identical,
        summary.test.accuracy
    )
}

fn name(symptom: Symptom) -> &'static str {
    match symptom {
        Symptom::RandomOutput => "random outputs",
        Symptom::Divergence => "divergence",
        Symptom::NonFinite => "a number is not finite",
        other => other.describe(),
    }
}

/// Whether a remedy kept the run from collapsing, and at what price.
pub fn print_remedy(name: &str, original: &Summary, with_remedy: &Summary) {
    let best = |summary: &Summary| summary.best.map_or(f64::NAN, |best| best.loss);
    let what = match (with_remedy.collapsed, with_remedy.trained_well_step) {
        (true, _) => "it collapses all the same, and was only delayed",
        (false, Some(_)) => "it trains well and does not collapse",
        (false, None) => "it does not collapse, and has not trained well either",
    };
    show!(
        "\n{name}: {what}; best loss {:.6}, in the end {:.6} (without: {:.6}, in the end {:.6})",
        best(with_remedy),
        with_remedy.last.loss,
        best(original),
        original.last.loss
    );
}

/// Loss and accuracy of all runs side by side.
pub fn print_comparison(summaries: &[Summary]) {
    let mut table = new_table(&["case", "steps", "best loss", "final loss", "test accuracy", "collapsed", "onset"]);
    for summary in summaries {
        add_row(
            &mut table,
            [
                summary.case.name().into(),
                summary.steps.to_string(),
                summary.best.map_or("–".into(), |best| format!("{:.6}", best.loss)),
                format!("{:.6}", summary.last.loss),
                format!("{:.3}", summary.test.accuracy),
                if summary.collapsed { "yes".into() } else { "no".into() },
                summary.onset_step.map_or("–".into(), |step| step.to_string()),
            ],
        );
    }
    show!("\n{table}");
}

fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(header.iter().copied());
    table
}

fn add_row<const N: usize>(table: &mut Table, cells: [String; N]) {
    let cells = cells.into_iter().enumerate().map(|(column, text)| {
        let alignment = if column == 0 { CellAlignment::Left } else { CellAlignment::Right };
        Cell::new(text).set_alignment(alignment)
    });
    table.add_row(cells.collect::<Vec<_>>());
}

/// The share of test words whose own vector is among the ten nearest: before the collapse, and when all was over.
struct TestHits {
    before: f64,
    after: f64,
    guessing: f64,
}

impl TestHits {
    /// Epochs that a mean is over: test words are few.
    const EPOCHS: usize = 10;

    /// Of a run that collapsed.
    fn of(curve: &Curve, summary: &Summary) -> Option<Self> {
        let onset = summary.onset_step?;
        let all = test_hits(curve);
        let begun = all.partition_point(|&(step, _)| step < onset);
        let mean_of_last = |epochs: &[(u64, f64)]| {
            let last = &epochs[epochs.len().saturating_sub(Self::EPOCHS)..];
            (!last.is_empty()).then(|| last.iter().map(|(_, hits)| hits).sum::<f64>() / last.len() as f64)
        };
        let (before, after) = all.split_at(begun);
        Some(Self { before: mean_of_last(before)?, after: mean_of_last(after)?, guessing: summary.guessed_hit_at_10() })
    }
}

impl std::fmt::Display for TestHits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "test words, hit@10: {:.1} % in the ten epochs before the collapse, {:.1} % in the last ten; guessing: {:.1} %",
            100.0 * self.before,
            100.0 * self.after,
            100.0 * self.guessing
        )
    }
}

/// Hit@10 of the test words after each epoch, with its step; none in a curve that an older program wrote.
fn test_hits(curve: &Curve) -> Vec<(u64, f64)> {
    curve.epochs.iter().filter_map(|epoch| Some((epoch.step?, epoch.test_hit_at_10?))).collect()
}

fn print_curves(curve: &Curve, summary: &Summary) {
    let (Some(first), Some(last)) = (curve.points.first(), curve.points.last()) else { return };
    let marks: Vec<(u64, String)> = summary.onset_step.map(|onset| (onset, "COLLAPSE".into())).into_iter().collect();
    let print = |title: &str, values: Vec<(u64, f64)>| {
        let chart = Chart { title, values, steps: (first.step, last.step), marks: marks.clone() };
        show!("\n{}", chart.draw(table::width().min(WIDEST)).trim_end());
    };
    let of_steps = |value: fn(&Point) -> Option<f64>| {
        curve.points.iter().filter_map(|point| Some((point.step, value(point)?))).collect()
    };
    print("training loss", of_steps(|point| Some(point.loss)));
    print("training accuracy", of_steps(|point| point.accuracy));
    let hits = test_hits(curve);
    if !hits.is_empty() {
        print("test words whose own vector is among the ten nearest (hit@10)", hits);
    }
}
