//! The page of a run.

use flameout_experiment::Quality;
use flameout_experiment::{Summary, describe_guarded};
use maud::{Markup, html};

use super::figure::{Key, figure, numbers, tools};
use super::{class, data, doctor, document, settings, strings, table, text};
use crate::figures::{counted, percent, short, whole};
use crate::mark::MarkKind;
use crate::plot::Plot;
use crate::run::Run;
use crate::status::Status;

/// A run as one HTML page that needs no other file and no network: what became of it, curves, the doctor's examination
/// if there is one, settings, environment. Below 1 MB, however long the run: curves are thinned, with every smallest and
/// largest value kept and the steps around the onset whole.
#[must_use]
pub fn html(run: &Run) -> String {
    let body = html! {
        (header(run))
        @if let Some(summary) = &run.summary { (outcome(run, summary)) }
        section #curves {
            h2 { "Curves" }
            (tools())
            div.figures { @for plot in Plot::ALL { (curve(plot, run)) } }
        }
        @if run.settings.is_some() || run.diagnosis.is_some() { (doctor::section(run)) }
        @if let Some(settings) = &run.settings { (settings::section(settings)) (settings::repeat(run)) }
    };
    document(&format!("{} – flameout", run.name), &body, &data::of_run(run))
}

fn header(run: &Run) -> Markup {
    let status = Status::of(run);
    html! {
        header {
            h1 { (run.name) }
            p class={ "verdict " (class(status.gravity())) } { (sentence(run, status)) }
            p { (facts(run)) }
            @for note in &run.notes { p.note { "Note: " (note) } }
        }
    }
}

/// The status as a sentence.
fn sentence(run: &Run, status: Status) -> String {
    let status = status.describe(run.unit());
    let mut letters = status.chars();
    let capital = letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>();
    let so_far = if run.is_unfinished() { " The run has not ended: it is going on, or was interrupted." } else { "" };
    format!("{capital}.{so_far}")
}

fn facts(run: &Run) -> String {
    let length = run.length();
    match (&run.settings, run.network()) {
        (Some(settings), Some(network)) => {
            format!("{network}, batches of {}, seed {}; {length}.", settings.training.batch, settings.seed)
        }
        _ => format!("A log without settings; {length}."),
    }
}

fn outcome(run: &Run, summary: &Summary) -> Markup {
    let header = strings(["", "loss", "accuracy", "cosine", "hit at 1", "hit at 10"]);
    let none = || text("–");
    let mut rows = vec![
        quality(&format!("{}, at the end", counted(summary.last.words as u64, "training word")), &summary.last),
        quality(&format!("{}, at the end", counted(summary.test.words as u64, "test word")), &summary.test),
    ];
    if let Some(best) = summary.best {
        let name = text(&format!("training words, at best (step {})", whole(best.step)));
        rows.push(vec![name, text(&short(best.loss)), text(&percent(best.accuracy)), none(), none(), none()]);
    }
    if let Some(best) = summary.best_test {
        let patient = run.settings.as_ref().is_some_and(|settings| settings.training.patience.is_some());
        let kept = if patient { "; this network is kept" } else { "" };
        let name = text(&format!("test words, at best (epoch {}{kept})", whole(best.epoch)));
        rows.push(vec![name, text(&short(best.loss)), none(), none(), none(), none()]);
    }
    let baseline = summary.baseline;
    let name = text("predicting the mean for every word");
    rows.push(vec![name, text(&short(baseline.train_loss)), text(&percent(baseline.accuracy)), none(), none(), none()]);
    html! {
        section #outcome {
            h2 { "Outcome" }
            (table("Outcome", &header, rows))
            p {
                "Outputs for test words at the end: spread " (short(summary.spread)) " (targets: "
                (short(baseline.spread)) "); " (percent(summary.identical)) " get the most common output."
                @if let Some(acted) = &summary.guarded { " " (describe_guarded(acted)) }
                @if !summary.spikes.is_empty() {
                    " Rises that came back began at step "
                    (summary.spikes.iter().map(|&step| whole(step)).collect::<Vec<_>>().join(", ")) "."
                }
            }
        }
    }
}

fn quality(name: &str, quality: &Quality) -> Vec<Markup> {
    let Quality { loss, accuracy, cosine, hit_at_1, hit_at_10, .. } = *quality;
    let cells = [short(loss), percent(accuracy), short(cosine), percent(hit_at_1), percent(hit_at_10)];
    std::iter::once(text(name)).chain(cells.iter().map(|cell| text(cell))).collect()
}

/// A figure, if the run has a value to show.
fn curve(plot: Plot, run: &Run) -> Markup {
    let series = plot.series(run);
    if series.is_empty() {
        return html! {};
    }
    let keys: Vec<Key> = series
        .iter()
        .map(|series| Key { name: series.words.name().into(), colour: series.words as usize, dashed: false })
        .collect();
    let marks = run.marks.iter().filter(|mark| mark.kind != MarkKind::TrainedWell);
    let tables = html! {
        p { "The mean of every stretch, and its smallest and largest value." }
        (numbers(plot, run))
        @for mark in marks { p { (mark.kind.name()) " at " (run.unit()) " " (whole(mark.step)) } }
    };
    figure(plot, &keys, plot.level(run).map(|level| level.name), &tables)
}
