//! The cells of a line of a table.

use std::borrow::Cow;

use csv::{ByteRecord, ReaderBuilder};

use super::text::without_escapes;

/// By what cells are separated; the last stands for any number of spaces and tabs.
pub(super) const SEPARATORS: [u8; 5] = [b',', b';', b'\t', b'|', b' '];

/// Splits a line of names.
pub(super) fn cells(line: &str, separator: u8) -> Vec<String> {
    if separator == b' ' {
        let by_two: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        let cells = if by_two.len() > 1 && !line.contains('\t') { by_two } else { line.split_whitespace().collect() };
        return cells.into_iter().map(Into::into).collect();
    }
    let line = if separator == b'|' { with_bars(line) } else { Cow::Borrowed(line) };
    // Where nothing is quoted, a reader of its own for each line would be most of the work.
    if !line.contains(['"', '\r', '\n']) {
        let line = line.strip_prefix('\u{feff}').unwrap_or(&line);
        let no_row = line.is_empty() || line.starts_with('#');
        let cells = line.split(char::from(separator)).map(|cell| text(cell.trim_ascii().as_bytes()));
        return if no_row { Vec::new() } else { cells.collect() };
    }
    quoted(&line, separator)
}

/// The cells of a line in which some may be quoted.
fn quoted(line: &str, separator: u8) -> Vec<String> {
    let mut record = ByteRecord::new();
    match builder(separator).from_reader(line.as_bytes()).read_byte_record(&mut record) {
        Ok(true) => record.iter().map(text).collect(),
        _ => Vec::new(),
    }
}

/// A reader of what is separated by a character.
pub(super) fn builder(separator: u8) -> ReaderBuilder {
    let mut builder = ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(separator).comment(Some(b'#')).trim(csv::Trim::All);
    builder
}

/// The cells of a row: unlike names, its values have no spaces within.
pub(super) fn row_cells(line: &str, separator: u8) -> Vec<String> {
    if separator == b' ' { line.split_whitespace().map(Into::into).collect() } else { cells(line, separator) }
}

/// The line with `|` for the upright strokes of a frame.
fn with_bars(line: &str) -> Cow<'_, str> {
    const BARS: [char; 3] = ['│', '┃', '║'];
    if line.contains(BARS) { Cow::Owned(line.replace(BARS, "|")) } else { Cow::Borrowed(line) }
}

/// The text of a cell, without what colours a terminal.
pub(super) fn text(cell: &[u8]) -> String {
    let text = String::from_utf8_lossy(cell.strip_prefix(b"\xef\xbb\xbf").unwrap_or(cell));
    if text.contains('\u{1b}') { without_escapes(&text).trim().to_owned() } else { text.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_without_quotes_has_the_cells_that_a_csv_reader_finds(
            line in "[-|,; \ta1.\u{feff}\u{a0}\u{1b}e\\[]{0,24}",
            separator in proptest::sample::select(&SEPARATORS[..4]),
        ) {
            prop_assert_eq!(cells(&line, separator), quoted(&line, separator));
        }
    }
}
