//! The table of the rounds.

use comfy_table::{CellAlignment, Table, presets};

use super::fault::Kind;
use super::trial::{Round, Verdict};

/// The rounds of one fault.
#[derive(Debug)]
pub struct Row {
    /// The fault.
    pub kind: Kind,
    rounds: u64,
    hit: u64,
    same: u64,
    refused: u64,
    failed: u64,
    lost: Vec<u64>,
}

impl Row {
    /// One for each fault.
    pub fn of(kinds: &[Kind]) -> Vec<Self> {
        let row = |&kind| Self { kind, rounds: 0, hit: 0, same: 0, refused: 0, failed: 0, lost: Vec::new() };
        kinds.iter().map(row).collect()
    }

    /// Counts a round.
    pub fn add(&mut self, round: &Round) {
        self.rounds += 1;
        self.hit += u64::from(round.hit);
        match round.verdict {
            Verdict::Same => self.same += 1,
            Verdict::Refused => self.refused += 1,
            Verdict::Failed(_) => self.failed += 1,
        }
        self.lost.extend(round.lost);
    }

    fn cells(&self, name: &str) -> Vec<String> {
        let mut lost = self.lost.clone();
        lost.sort_unstable();
        let number = |lost: Option<&u64>| lost.map_or_else(|| "–".to_owned(), u64::to_string);
        let mut cells = vec![name.to_owned()];
        cells.extend([self.rounds, self.hit, self.same, self.refused, self.failed].map(|count| count.to_string()));
        cells.extend([number(lost.get(lost.len() / 2)), number(lost.last())]);
        cells
    }
}

/// As Markdown, with a row for all together.
pub fn render(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "fault",
        "rounds",
        "struck",
        "same bits",
        "refused in a line, then same bits",
        "failed",
        "steps lost, median",
        "largest",
    ]);
    let sum = |count: fn(&Row) -> u64| rows.iter().map(count).sum();
    let all = Row {
        kind: rows[0].kind,
        rounds: sum(|row| row.rounds),
        hit: sum(|row| row.hit),
        same: sum(|row| row.same),
        refused: sum(|row| row.refused),
        failed: sum(|row| row.failed),
        lost: rows.iter().flat_map(|row| row.lost.clone()).collect(),
    };
    for (row, name) in rows.iter().map(|row| (row, row.kind.name())).chain([(&all, "all")]) {
        if row.rounds > 0 {
            table.add_row(row.cells(name));
        }
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}
