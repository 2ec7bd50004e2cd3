//! Tables and counts in the terminal.

use comfy_table::{ContentArrangement, Table, presets};

/// Columns of what does not say how many it has.
const WIDTH: usize = 80;
/// Columns that a column of a table needs to be read with ease.
const NARROWEST: usize = 10;

/// An empty table with these columns: within the terminal's width, if that is known.
#[must_use]
pub fn new<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(header);
    if let Some(width) = known_width() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.min(u16::MAX.into()) as u16);
    }
    table
}

/// Writes how many there are of a thing: `1 word`, `2 words`.
#[must_use]
pub fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// Rows within the terminal's [`width`]: as a table, or, where there is little room, a line for each cell.
#[must_use]
pub fn fitting<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    within(width(), header, rows)
}

fn within<const N: usize>(width: usize, header: [&str; N], rows: &[[String; N]]) -> String {
    if width < N * NARROWEST {
        let named = |row: &[String; N]| {
            let cells = header.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
            let lines = cells.enumerate().map(|(number, (name, cell))| {
                let indent = if number > 0 { "  " } else { "" };
                if name.is_empty() { format!("{indent}{cell}\n") } else { format!("{indent}{name}: {cell}\n") }
            });
            lines.collect::<String>()
        };
        return rows.iter().map(named).collect::<String>().trim_end().to_owned();
    }
    let mut table = new(header);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.min(u16::MAX.into()) as u16);
    table.add_rows(rows);
    table.to_string()
}

/// Columns of the terminal that standard output is, or that the environment claims; 80 if nothing says it.
#[must_use]
pub fn width() -> usize {
    known_width().unwrap_or(WIDTH)
}

/// The same, if something says it.
#[must_use]
pub fn known_width() -> Option<usize> {
    let claimed = || std::env::var("COLUMNS").ok()?.parse().ok().filter(|&columns| columns > 0);
    let terminal = console::Term::stdout();
    let measured = if terminal.is_term() { terminal.size_checked() } else { None };
    measured.map(|(_, columns)| usize::from(columns)).filter(|&columns| columns > 0).or_else(claimed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_fit_every_width() {
        let row =
            ["COLLAPSE", "training loss", "epoch 18", "", "0.37", "2.3", "outputs that have nothing to do with it"];
        let header = ["what", "of", "began at", "back at", "before", "worst", "looks like"];
        for width in [40, 69, 70, 80, 120] {
            let text = within(width, header, &[row.map(String::from)]);
            let fits = |line: &str| line.chars().count() <= width || (width < 70 && line.starts_with("  looks like: "));
            assert!(text.lines().all(fits), "{width}:\n{text}");
            assert!(text.contains("epoch 18") && text.contains("nothing"), "{width}:\n{text}");
        }
        assert!(within(40, header, &[row.map(String::from)]).starts_with("what: COLLAPSE\n  of: training loss\n"));
    }
}
