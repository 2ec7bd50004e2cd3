//! Boxes of names and numbers, one for each row, as Stable-Baselines3 and Spinning Up print them:
//!
//! ```text
//! ------------------------
//! | train/    |          |
//! |    loss   | 0.53     |
//! ------------------------
//! ```

use super::number;

/// Entries up to which lines between two rules are a box.
const MOST_ENTRIES: usize = 500;
/// Lines in which the first box must begin.
const FIRST_LINES: usize = 200;

/// Whether a text has a box within its first lines.
pub(super) fn recognise(text: &str) -> bool {
    let mut boxes = Boxes::default();
    text.lines().take(FIRST_LINES).any(|line| matches!(boxes.line(line), Line::Row(_)))
}

/// What a line means, together with those before it.
pub(super) enum Line {
    /// It is not of a box.
    Other,
    /// It is of a box that has not ended.
    Inside,
    /// It ends a box, which has these names and values.
    Row(String),
}

/// The box that is open.
#[derive(Default)]
pub(super) struct Boxes {
    /// Whether a rule was above.
    open: bool,
    section: String,
    entries: Vec<String>,
}

impl Boxes {
    /// Takes in a line.
    pub(super) fn line(&mut self, line: &str) -> Line {
        let line = line.trim();
        if line.len() > 2 && line.bytes().all(|byte| byte == b'-') {
            let entries = std::mem::take(&mut self.entries);
            // What ends a box may begin the next one.
            self.open = true;
            self.section.clear();
            return if entries.is_empty() { Line::Inside } else { Line::Row(entries.join(" | ")) };
        }
        match entry(line).filter(|_| self.open && self.entries.len() < MOST_ENTRIES) {
            // What counts has its own name: `iterations`.
            Some(("time/", "")) => self.section.clear(),
            Some((name, "")) => self.section = name.into(),
            Some((name, value)) => self.entries.push(format!("{}{name}: {value}", self.section)),
            None => {
                *self = Self::default();
                return Line::Other;
            }
        }
        Line::Inside
    }
}

/// A name and its number, or a section's name and nothing, between upright strokes.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix('|')?.strip_suffix('|')?.split_once('|')?;
    let (name, value) = (name.trim(), value.trim());
    let is_name = name.starts_with(|first: char| first.is_alphabetic()) && !name.contains('|');
    let is_value = if value.is_empty() { name.ends_with('/') } else { matches!(number::cell(value), Ok(Some(_))) };
    (is_name && is_value).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_a_row() {
        let text = "---\n| time/ | |\n| iterations | 2 |\n| train/ | |\n|    loss | 0.5 |\n| lr | 1e-3 |\n---\n---\n| loss | nan |\n---\nloss 3\n| loss | 7 |\n";
        let mut boxes = Boxes::default();
        let rows = text.lines().filter_map(|line| match boxes.line(line) {
            Line::Row(row) => Some(row),
            Line::Other => Some(format!("other: {line}")),
            Line::Inside => None,
        });
        let right =
            ["iterations: 2 | train/loss: 0.5 | train/lr: 1e-3", "loss: nan", "other: loss 3", "other: | loss | 7 |"];
        assert_eq!(rows.collect::<Vec<_>>(), right);
        assert!(recognise(text));
    }

    #[test]
    fn a_table_of_markdown_is_none() {
        assert!(!recognise("| epoch | loss |\n| --- | --- |\n| 1 | 0.5 |\n"));
        assert!(!recognise("-----\n| epoch | loss |\n-----\n| 1 | 0.5 |\n| 2 | 0.4 |\n-----\n"));
    }
}
