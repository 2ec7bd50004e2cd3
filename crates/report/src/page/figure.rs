//! A plot's place on a page: heading, key, the picture, and the same in numbers.

use maud::{Markup, html};

use super::{strings, table, text};
use crate::figures::{short, whole};
use crate::plot::{Plot, Series};
use crate::run::Run;
use crate::thin::{Stretch, thin};

/// Colours of the style sheet; after them they begin again.
pub(super) const COLOURS: usize = 8;
/// Rows of the table below a picture.
const ROWS: usize = 20;

/// What the key of a figure says of a line.
pub(super) struct Key {
    pub(super) name: String,
    pub(super) colour: usize,
    pub(super) dashed: bool,
}

/// What stands above all figures: how to use them.
pub(super) fn tools() -> Markup {
    html! {
        p.tools {
            "Drag across a plot to see a part of it; all plots follow. With the keyboard: arrows move the line, "
            kbd { "+" } " and " kbd { "−" } " zoom, " kbd { "Esc" } " shows everything."
        }
        noscript { p { "The pictures need JavaScript; the tables below them have the same numbers." } }
        div.buttons hidden {
            button type="button" data-show="all" { "Everything" }
            button type="button" data-show="onset" { "Around the onset" }
            span #view role="status" {}
        }
    }
}

/// A figure; the script draws into it.
pub(super) fn figure(plot: Plot, keys: &[Key], level: Option<&str>, tables: &Markup) -> Markup {
    html! {
        figure id=(plot.name()) {
            figcaption {
                h3 { (plot.title()) }
                p { (plot.explanation()) }
            }
            ul.key {
                @for key in keys {
                    li { span class={ "line colour-" (key.colour % COLOURS) @if key.dashed { " dashed" } } {} (key.name) }
                }
                @if let Some(name) = level { li { span."line level" {} (name) } }
            }
            div.picture tabindex="0" role="group"
                aria-label={ (plot.title()) ": a picture; the table below has its numbers" } {}
            p.readout { "\u{a0}" }
            details { summary { (plot.title()) " in numbers" } (tables) }
        }
    }
}

/// A run's values of a plot: a row a stretch of steps, with the mean and, in brackets, the smallest and largest.
pub(super) fn numbers(plot: Plot, run: &Run) -> Markup {
    let series = plot.series(run);
    let mut header = strings([""]);
    header[0] = format!("up to {}", run.unit());
    header.extend(series.iter().map(|series| series.words.name().to_owned()));
    let caption = format!("{} of {}", plot.title(), run.name);
    table(&caption, &header, rows(&series, run.last_step()))
}

fn rows(series: &[Series], last: u64) -> Vec<Vec<Markup>> {
    let ends = (1..=ROWS as u64).map(|row| (u128::from(last) * u128::from(row) / ROWS as u128) as u64);
    let mut begin = 0;
    let mut rows = Vec::new();
    for end in ends {
        let cells: Vec<Option<Stretch>> = series.iter().map(|series| between(series, begin, end)).collect();
        if cells.iter().any(Option::is_some) {
            let cells = cells.iter().map(|cell| text(&cell.as_ref().map_or("–".into(), describe)));
            rows.push(std::iter::once(text(&whole(end))).chain(cells).collect());
            // A file may claim the largest number there is.
            begin = end.saturating_add(1);
        }
    }
    rows
}

/// The values from one step to another, both included, as one stretch.
fn between(series: &Series, begin: u64, end: u64) -> Option<Stretch> {
    let from = series.values.partition_point(|&(step, _)| step < begin);
    let to = series.values.partition_point(|&(step, _)| step <= end);
    thin(series.values.get(from..to)?, 1, &(0..0)).pop()
}

fn describe(stretch: &Stretch) -> String {
    if stretch.low.is_nan() || stretch.low == stretch.high {
        return short(stretch.mean);
    }
    format!("{} ({} to {})", short(stretch.mean), short(stretch.low), short(stretch.high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::Words;

    #[test]
    fn a_table_covers_every_value_once() {
        let values: Vec<_> = (0..=1000).map(|step| (step, step as f64)).collect();
        let rows = rows(&[Series { words: Words::Training, values }], 1000);
        assert_eq!(rows.len(), ROWS);
        assert_eq!((rows[0][0].0.as_str(), rows[0][1].0.as_str()), ("50", "25 (0 to 50)"));
        assert_eq!((rows[19][0].0.as_str(), rows[19][1].0.as_str()), ("1,000", "975.5 (951 to 1000)"));
    }

    #[test]
    fn a_short_run_has_a_short_table() {
        let rows = rows(&[Series { words: Words::Test, values: vec![(2, 0.5), (3, f64::NAN)] }], 3);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1][1].0, "not finite");
    }
}
