//! A curve drawn in a few lines of a terminal.

use std::fmt::Write;

/// Heights within a line.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Lines of a curve.
const LINES: usize = 5;
/// Columns, at least.
const NARROWEST: usize = 10;
/// Columns for the numbers on the right.
const NUMBERS: usize = 12;
/// Where the highest value exceeds the lowest so many times, heights are logarithms.
const LOGARITHMIC_FROM: f64 = 20.0;

/// A series of numbers to draw.
#[derive(Debug, Clone)]
pub struct Chart<'a> {
    /// What the numbers are.
    pub title: &'a str,
    /// Step and value, in increasing order of the step. A value that is not finite is drawn as `!`.
    pub values: Vec<(u64, f64)>,
    /// The first and the last step that the columns stand for.
    pub steps: (u64, u64),
    /// Steps to point out, each with a word.
    pub marks: Vec<(u64, String)>,
}

/// What a column shows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Column {
    Empty,
    NotFinite,
    Mean(f64),
}

impl Chart<'_> {
    /// Draws the chart: a title, five lines of bars, and a line for each mark. The numbers on the right are the highest and the
    /// lowest value of the series. No line is wider than `width` columns, if title and words are not and there are at least 24.
    #[must_use]
    pub fn draw(&self, width: usize) -> String {
        let columns = self.columns(width.saturating_sub(NUMBERS + 2).max(NARROWEST));
        let finite = || self.values.iter().map(|&(_, value)| value).filter(|value| value.is_finite());
        let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        let logarithmic = low > 0.0 && high > LOGARITHMIC_FROM * low;
        let scale = |value: f64| if logarithmic { libm::log2(value) } else { value };
        let (bottom, top) = (scale(low), scale(high));
        let level = |value: f64| {
            let share = if top > bottom { (scale(value) - bottom) / (top - bottom) } else { 0.0 };
            1 + (share * (LINES * BARS.len() - 1) as f64) as usize
        };
        let mut text = format!("  {}{}\n", self.title, if logarithmic { " (logarithmic)" } else { "" });
        for line in (0..LINES).rev() {
            let bars: String = columns.iter().map(|column| cell(*column, line, level)).collect();
            let number = match line {
                _ if low > high => "",
                _ if line == LINES - 1 => &number(high),
                0 => &number(low),
                _ => "",
            };
            let _ = writeln!(text, "{}", format!("  {bars}{number:>NUMBERS$}").trim_end());
        }
        for (step, word) in &self.marks {
            text += &mark(2 + self.column(*step, columns.len()), word, width);
        }
        text
    }

    /// The mean of the values that fall into each column.
    fn columns(&self, count: usize) -> Vec<Column> {
        let mut sums = vec![(0.0, 0_u32, false); count];
        for &(step, value) in &self.values {
            let (sum, values, broken) = &mut sums[self.column(step, count)];
            if value.is_finite() {
                (*sum, *values) = (*sum + value, *values + 1);
            } else {
                *broken = true;
            }
        }
        // Where values are fewer than columns, each goes on until the next.
        let mut last = Column::Empty;
        let wide = self.values.len() < count;
        sums.into_iter()
            .map(|(sum, values, broken)| {
                let column = match (values, broken) {
                    (_, true) => Column::NotFinite,
                    (0, false) => return if wide { last } else { Column::Empty },
                    (values, false) => Column::Mean(sum / f64::from(values)),
                };
                last = column;
                column
            })
            .collect()
    }

    fn column(&self, step: u64, count: usize) -> usize {
        let (first, last) = self.steps;
        let share = step.saturating_sub(first) as f64 / (last.saturating_sub(first) + 1) as f64;
        ((share * count as f64) as usize).min(count - 1)
    }
}

/// An arrow in a column, and a word to its right; to its left, or in a line of its own, where there is no room.
fn mark(column: usize, word: &str, width: usize) -> String {
    let length = word.chars().count();
    if column + 2 + length <= width {
        format!("{:column$}▲ {word}\n", "")
    } else if length + 3 <= column {
        format!("{word:>before$} ▲\n", before = column - 1)
    } else {
        format!("{:column$}▲\n  {word}\n", "")
    }
}

/// What stands in a column of a line, counted from the bottom.
fn cell(column: Column, line: usize, level: impl Fn(f64) -> usize) -> char {
    match column {
        Column::Empty => ' ',
        Column::NotFinite => '!',
        Column::Mean(mean) => {
            let filled = level(mean).saturating_sub(line * BARS.len());
            filled.checked_sub(1).map_or(' ', |filled| BARS[filled.min(BARS.len() - 1)])
        }
    }
}

/// Four significant digits.
fn number(value: f64) -> String {
    if value != 0.0 && !(1e-3..1e6).contains(&value.abs()) {
        return format!("{value:.3e}");
    }
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    rounded.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: &[f64], marks: Vec<(u64, String)>) -> Chart<'static> {
        let steps = (0, values.len().saturating_sub(1) as u64);
        Chart { title: "loss", values: (0..).zip(values.iter().copied()).collect(), steps, marks }
    }

    #[test]
    fn a_rise_is_seen_where_it_is_marked() {
        let mut values: Vec<f64> = (0..18).map(|row| 2.3 - 0.1 * f64::from(row)).collect();
        values.extend([2.3; 12]);
        let text = chart(&values, vec![(18, "epoch 18: collapse".into())]).draw(44);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 7);
        assert!(lines[1].trim_end().ends_with("2.3") && lines[5].ends_with("0.6"), "{text}");
        let mark = lines[6].chars().position(|character| character == '▲').unwrap();
        assert_eq!(lines[1].chars().nth(mark - 1), Some(' '), "low before the mark\n{text}");
        assert_eq!(lines[1].chars().nth(mark), Some('█'), "high from the mark on\n{text}");
    }

    #[test]
    fn a_curve_that_falls_by_powers_is_drawn_on_a_logarithmic_scale() {
        let text = chart(&[1.0, 0.1, 0.01, 0.001], Vec::new()).draw(4 + NUMBERS + 2);
        assert!(text.starts_with("  loss (logarithmic)\n"), "{text}");
        assert_eq!(text.lines().nth(5).unwrap().chars().filter(|character| *character == '█').count(), 7, "{text}");
    }

    #[test]
    fn words_of_marks_stay_within_the_width() {
        let values: Vec<f64> = (0..30).map(f64::from).collect();
        for (step, width, expected) in [
            (1, 40, "   ▲ epoch 1: collapse"),
            (29, 40, "          epoch 29: collapse ▲"),
            (15, 24, "       ▲\n  epoch 15: collapse"),
        ] {
            let text = chart(&values, vec![(step, format!("epoch {step}: collapse"))]).draw(width);
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
            let marks: Vec<&str> = text.lines().skip(6).collect();
            let arrow = marks[0].chars().position(|character| character == '▲').unwrap();
            assert!(marks.join("\n").trim_start().starts_with(expected.trim_start()), "{text}");
            assert!(arrow >= 2 && arrow < width - NUMBERS, "{text}");
        }
    }

    #[test]
    fn nothing_odd_breaks_a_chart() {
        assert!(chart(&[], Vec::new()).draw(80).starts_with("  loss\n"));
        assert!(chart(&[f64::NAN, 1.0, f64::INFINITY], Vec::new()).draw(20).contains('!'));
        assert!(chart(&[-0.9, -0.95, f64::MAX, f64::MIN], vec![(99, "far".into())]).draw(0).contains("far"));
        assert!(chart(&[0.0; 3], Vec::new()).draw(30).contains('▁'));
    }
}
