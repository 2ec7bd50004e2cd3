//! A run in twenty lines.

use std::fmt::Write;
use std::io::IsTerminal;

use flameout_doctor::Verdict;
use flameout_doctor::check::Grade;
use flameout_experiment::describe_guarded;

use crate::differences::from_question;
use crate::figures::{percent, short, whole};
use crate::mark::MarkKind;
use crate::plot::{Plot, Scale, Series, Words};
use crate::run::Run;
use crate::status::{Gravity, Status};
use flameout_curves::{argument, printable, printable_lines};

/// Heights of a curve's columns.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Columns for names of curves.
const NAME: usize = 16;
/// Columns for what stands to the right of curves.
const RANGE: usize = 26;
/// Columns of a curve, at least.
const NARROWEST: usize = 10;

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// With ANSI sequences.
    Ansi,
    /// Not at all.
    None,
}

impl Colour {
    /// For standard output: none if it is no terminal, or the environment variable `NO_COLOR` is set and not empty
    /// (<https://no-color.org>).
    #[must_use]
    pub fn detect() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if refused || !std::io::stdout().is_terminal() { Self::None } else { Self::Ansi }
    }

    fn paint(self, text: &str, sequence: &str) -> String {
        match self {
            Self::Ansi => format!("\x1b[{sequence}m{text}\x1b[0m"),
            Self::None => text.to_owned(),
        }
    }

    fn of_gravity(self, text: &str, gravity: Gravity) -> String {
        let sequence = match gravity {
            Gravity::Good => "32",
            Gravity::Doubtful => "33",
            Gravity::Bad => "31",
        };
        self.paint(text, sequence)
    }
}

/// A summary for a terminal of `width` columns: what became of the run, its curves, the doctor's verdict.
#[must_use]
pub fn terminal(run: &Run, width: usize, colour: Colour) -> String {
    let mut text = heading(run, colour);
    text += &curves(run, width, colour);
    text += &quality(run);
    text += &diagnosis(run, colour);
    text += &settings(run);
    for note in &run.notes {
        let _ = writeln!(text, "note: {}", printable(note));
    }
    text
}

fn heading(run: &Run, colour: Colour) -> String {
    let status = Status::of(run);
    let so_far = if run.is_unfinished() { ", not ended yet" } else { "" };
    format!(
        "{}  {}\n{}{}{so_far}\n\n",
        colour.paint(&run.name, "1"),
        colour.of_gravity(&status.describe(run.unit()), status.gravity()),
        run.network().map(|network| network + ", ").unwrap_or_default(),
        run.length(),
    )
}

fn curves(run: &Run, width: usize, colour: Colour) -> String {
    let columns = width.saturating_sub(NAME + RANGE).max(NARROWEST);
    let mut text = String::new();
    for plot in Plot::ALL {
        for series in plot.series(run) {
            let label = match (plot, series.words) {
                (Plot::Loss | Plot::Accuracy | Plot::HitAt10, Words::Test) => format!("{}, test", plot.title()),
                (Plot::Spread, _) => "Spread".into(),
                (Plot::Identical, _) => "Identical".into(),
                _ => plot.title().to_owned(),
            };
            let bars = colour.paint(&bars(&series, run.last_step(), columns, plot.scale()), "36");
            let _ = writeln!(text, "{label:<NAME$.NAME$} {bars} {}", range(&series));
        }
    }
    if let Some(mark) = run.marks.iter().find(|mark| matches!(mark.kind, MarkKind::Collapse | MarkKind::Rise)) {
        let before = NAME + 1 + column(mark.step, run.last_step(), columns);
        let _ = writeln!(text, "{:before$}{} {} {}", "", colour.paint("▲", "31"), mark.kind.name(), whole(mark.step));
    }
    text.push('\n');
    text
}

fn column(step: u64, last: u64, columns: usize) -> usize {
    // Steps count from 1.
    let share = step.saturating_sub(1) as f64 / last.max(1) as f64;
    ((share * columns as f64) as usize).min(columns - 1)
}

/// A character a column: as high as the mean of the values that fall into it.
fn bars(series: &Series, last: u64, columns: usize, scale: Scale) -> String {
    let mut sums = vec![(0.0, 0_u32); columns];
    for &(step, value) in series.values.iter().filter(|(_, value)| value.is_finite()) {
        let (sum, count) = &mut sums[column(step, last, columns)];
        (*sum, *count) = (*sum + value, *count + 1);
    }
    let height = |mean: f64| match scale {
        Scale::Linear => Some(mean),
        Scale::Logarithmic => (mean > 0.0).then(|| magnitude(mean)),
    };
    let heights: Vec<Option<f64>> = sums
        .into_iter()
        .map(|(sum, count)| {
            (count > 0).then(|| sum / f64::from(count)).filter(|mean| mean.is_finite()).and_then(height)
        })
        .collect();
    let known = || heights.iter().flatten().copied();
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    let bar = |height: &Option<f64>| match height {
        None => ' ',
        Some(_) if high <= low => BARS[0],
        Some(height) => BARS[(((height - low) / (high - low) * BARS.len() as f64) as usize).min(BARS.len() - 1)],
    };
    heights.iter().map(bar).collect()
}

/// About log2 of a positive number, straight between powers of two: enough for eight heights, and the same everywhere.
fn magnitude(value: f64) -> f64 {
    let bits = value.to_bits();
    (bits >> 52) as f64 + (bits & ((1 << 52) - 1)) as f64 / (1_u64 << 52) as f64
}

fn range(series: &Series) -> String {
    let finite = || series.values.iter().map(|&(_, value)| value).filter(|value| value.is_finite());
    let last = series.values.last().map_or(f64::NAN, |&(_, value)| value);
    match finite().reduce(f64::min).zip(finite().reduce(f64::max)) {
        Some((low, high)) => format!("{}–{}, last {}", tight(low), tight(high), tight(last)),
        None => "not finite".into(),
    }
}

/// Two significant digits, as room is short.
fn tight(value: f64) -> String {
    if value.is_finite() { short(format!("{value:.1e}").parse().unwrap_or(value)) } else { "NaN".into() }
}

fn quality(run: &Run) -> String {
    let Some(summary) = &run.summary else { return String::new() };
    let mut text = format!("{:<NAME$}  {:>9} {:>9} {:>9} {:>9}\n", "", "loss", "accuracy", "cosine", "hit at 10");
    let mut row = |name: &str, cells: [String; 4]| {
        let [loss, accuracy, cosine, hit] = cells;
        let _ = writeln!(text, "{name:<NAME$}  {loss:>9} {accuracy:>9} {cosine:>9} {hit:>9}");
    };
    for (name, quality) in [("training, last", summary.last), ("test, last", summary.test)] {
        let hit = percent(quality.hit_at_10);
        row(name, [short(quality.loss), percent(quality.accuracy), short(quality.cosine), hit]);
    }
    if let Some(best) = summary.best {
        row("training, best", [short(best.loss), percent(best.accuracy), "–".into(), "–".into()]);
    }
    if let Some(best) = summary.best_test {
        row("test, best", [short(best.loss), "–".into(), "–".into(), "–".into()]);
    }
    let baseline = summary.baseline;
    row("mean predicted", [short(baseline.train_loss), percent(baseline.accuracy), "–".into(), "–".into()]);
    if let Some(acted) = &summary.guarded {
        text += &format!("\n{}\n", describe_guarded(acted));
    }
    text.push('\n');
    text
}

fn diagnosis(run: &Run, colour: Colour) -> String {
    let Some(diagnosis) = &run.diagnosis else {
        return match run.settings {
            Some(_) => format!("no diagnosis yet: flameout diagnose {}\n", argument(&run.path)),
            None => String::new(),
        };
    };
    let failed: Vec<String> = diagnosis
        .checks
        .iter()
        .filter(|check| matches!(check.grade, Grade::Fail | Grade::Suspect))
        .map(|check| check.number.to_string())
        .collect();
    let failed =
        if failed.is_empty() { "all checks pass".into() } else { format!("look at checks {}", failed.join(", ")) };
    let (sentence, gravity) = match diagnosis.verdict() {
        Verdict::Healthy => (diagnosis.all_clear().into(), Gravity::Good),
        Verdict::Unknown => (diagnosis.unexplained().into(), Gravity::Doubtful),
        Verdict::Cause(finding) => (format!("{} ({})", finding.cause.describe(), finding.evidence), Gravity::Bad),
    };
    let remedy = match diagnosis.verdict() {
        Verdict::Cause(finding) => finding.remedy.as_ref().map(|remedy| format!("\nremedy:  {remedy}")),
        _ => None,
    };
    let remedy = remedy.unwrap_or_default();
    format!("verdict: {}; {failed}{}\n", colour.of_gravity(&printable(&sentence), gravity), printable_lines(&remedy))
}

fn settings(run: &Run) -> String {
    let Some(settings) = &run.settings else { return String::new() };
    let differing: Vec<String> = from_question(settings)
        .into_iter()
        .filter(|row| row.differs())
        .map(|row| format!("{} = {}", row.key, row.values[0].as_deref().unwrap_or("not given")))
        .collect();
    if differing.is_empty() {
        return "every setting is as in the question of 2016\n".into();
    }
    format!("settings unlike the question's of 2016: {}\n", printable(&differing.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Series {
        Series { words: Words::Training, values: (1..).zip(values.iter().copied()).collect() }
    }

    #[test]
    fn curves_have_their_shape() {
        assert_eq!(bars(&series(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]), 8, 8, Scale::Linear), "▁▂▃▄▅▆▇█");
        let falling: Vec<f64> = (0..8).map(|power| 1.0 / f64::from(1 << power)).collect();
        assert_eq!(bars(&series(&falling), 8, 8, Scale::Logarithmic), "█▇▆▅▄▃▂▁");
    }

    #[test]
    fn nothing_odd_breaks_a_curve() {
        assert_eq!(bars(&series(&[f64::NAN; 4]), 4, 4, Scale::Linear), "    ");
        assert_eq!(bars(&series(&[0.0, -1.0, 2.0]), 3, 3, Scale::Logarithmic), "  ▁");
        assert_eq!(bars(&series(&[f64::MAX, f64::MAX]), 1, 1, Scale::Linear), " ");
        assert_eq!(range(&series(&[f64::NAN])), "not finite");
        assert_eq!(range(&series(&[0.5, 0.25, f64::NAN])), "0.25–0.5, last NaN");
    }

    #[test]
    fn magnitudes_are_in_order() {
        let values = [5e-324, 1e-300, 0.1, 0.5, 1.0, 1.5, 2.0, 1e300];
        assert!(values.windows(2).all(|pair| magnitude(pair[0]) < magnitude(pair[1])));
        assert_eq!(magnitude(8.0) - magnitude(2.0), 2.0);
    }
}
