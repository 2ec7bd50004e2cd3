//! Tables and counts in the terminal.

use comfy_table::{ContentArrangement, Table, presets};

/// Columns of what is no terminal.
const WIDTH: u16 = 80;

/// An empty table with these columns.
pub fn new<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header(header);
    table
}

/// Writes how many there are of a thing: `1 word`, `2 words`.
#[must_use]
pub fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// The same, broken into lines where it is wider than the terminal.
pub fn fitting<const N: usize>(header: [&str; N]) -> Table {
    let mut table = new(header);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width());
    table
}

/// Columns of the terminal that standard output is; 80 if it is none.
pub fn width() -> u16 {
    let terminal = console::Term::stdout();
    if terminal.is_term() { terminal.size_checked().map_or(WIDTH, |(_, columns)| columns) } else { WIDTH }
}
