//! Tables in the terminal.

use comfy_table::{Table, presets};

/// An empty table with these columns.
pub fn new<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header(header);
    table
}
