//! Several runs on a page.

use flameout_doctor::Verdict;
use flameout_experiment::Settings;
use maud::{Markup, html};

use super::figure::{COLOURS, Key, figure, numbers, tools};
use super::{class, data, document, strings, table, text};
use crate::differences::{Row, rows};
use crate::figures::{counted, percent, short};
use crate::plot::{Plot, Words};
use crate::run::Run;
use crate::status::Status;

/// Several runs as one HTML page: a table of outcomes, their curves over each other, and the settings in which they differ.
#[must_use]
pub fn compare(runs: &[Run]) -> String {
    let names = names(runs);
    let title = counted(runs.len() as u64, "run");
    let body = html! {
        header { h1 { (title) } }
        @if runs.is_empty() {
            p { "There is no run to show." }
        } @else {
            section #outcomes { h2 { "Outcomes" } (outcomes(runs, &names)) }
            section #curves {
                h2 { "Curves" }
                (tools())
                div.figures { @for plot in Plot::ALL { (curves(plot, runs, &names)) } }
            }
            section #settings { h2 { "Settings that differ" } (settings(runs, &names)) }
        }
    };
    document(&format!("{title} – flameout"), &body, &data::of_runs(runs, &names))
}

/// Names that tell the runs apart: where two have the same, their paths.
fn names(runs: &[Run]) -> Vec<String> {
    let is_unique = |name: &str| runs.iter().filter(|run| run.name == name).count() == 1;
    let name = |run: &Run| if is_unique(&run.name) { run.name.clone() } else { run.path.display().to_string() };
    runs.iter().map(name).collect()
}

fn outcomes(runs: &[Run], names: &[String]) -> Markup {
    let header = strings([
        "run",
        "outcome",
        "network",
        "length",
        "best loss",
        "test loss",
        "test accuracy",
        "test cosine",
        "doctor",
    ]);
    let row = |(index, (run, name)): (usize, (&Run, &String))| {
        let status = Status::of(run);
        let summary = run.summary.as_ref();
        let measured = |value: Option<String>| text(&value.unwrap_or_else(|| "–".into()));
        let unfinished = if run.is_unfinished() { " (not ended)" } else { "" };
        vec![
            html! { span class={ "line colour-" (index % COLOURS) } {} (name) },
            html! { span class={ "grade " (class(status.gravity())) } { (status.describe(run.unit())) (unfinished) } },
            measured(run.network()),
            text(&run.length()),
            measured(summary.and_then(|summary| summary.best).map(|best| short(best.loss))),
            measured(summary.map(|summary| short(summary.test.loss))),
            measured(summary.map(|summary| percent(summary.test.accuracy))),
            measured(summary.map(|summary| short(summary.test.cosine))),
            text(&verdict(run)),
        ]
    };
    table("Outcomes", &header, runs.iter().zip(names).enumerate().map(row))
}

fn verdict(run: &Run) -> String {
    match run.diagnosis.as_ref().map(flameout_doctor::Diagnosis::verdict) {
        None => "not asked".into(),
        Some(Verdict::Healthy) => "nothing is wrong".into(),
        Some(Verdict::Unknown) => "no cause found".into(),
        Some(Verdict::Cause(finding)) => finding.cause.describe().into(),
    }
}

/// A figure, if any of the runs has a value to show.
fn curves(plot: Plot, runs: &[Run], names: &[String]) -> Markup {
    let known: Vec<(usize, Vec<Words>)> = runs
        .iter()
        .map(|run| plot.series(run).iter().map(|series| series.words).collect::<Vec<_>>())
        .enumerate()
        .filter(|(_, words)| !words.is_empty())
        .collect();
    if known.is_empty() {
        return html! {};
    }
    let both = matches!(plot, Plot::Loss | Plot::Accuracy);
    let key = |index: usize, words: &Words| Key {
        name: if both { format!("{}, {}", names[index], words.name()) } else { names[index].clone() },
        colour: index,
        dashed: both && *words == Words::Test,
    };
    let keys: Vec<Key> = known.iter().flat_map(|(index, words)| words.iter().map(|words| key(*index, words))).collect();
    let level = known.iter().find_map(|&(index, _)| plot.level(&runs[index])).map(|level| level.name);
    let tables = html! { @for (index, _) in &known { h4 { (names[*index]) } (numbers(plot, &runs[*index])) } };
    figure(plot, &keys, level, &tables)
}

fn settings(runs: &[Run], names: &[String]) -> Markup {
    let given: Vec<(&Settings, &String)> =
        runs.iter().zip(names).filter_map(|(run, name)| Some((run.settings.as_ref()?, name))).collect();
    let all: Vec<Option<&Settings>> = given.iter().map(|(settings, _)| Some(*settings)).collect();
    let differing: Vec<Row> = rows(&all).into_iter().filter(Row::differs).collect();
    if differing.is_empty() {
        return html! { p { "None." } };
    }
    let mut header = strings(["setting"]);
    header.extend(given.iter().map(|(_, name)| (*name).clone()));
    let row = |row: &Row| {
        let values = row.values.iter().map(|value| text(value.as_deref().unwrap_or("–")));
        std::iter::once(html! { code { (row.key) } }).chain(values).collect()
    };
    table("Settings that differ", &header, differing.iter().map(row))
}
