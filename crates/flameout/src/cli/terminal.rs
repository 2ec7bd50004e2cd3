//! The way out: every line that the program prints on standard output or standard error goes through here.
//!
//! What came from a file (words, names of tensors and columns, paths) may hold characters that steer a terminal. They are
//! escaped here, whether or not there is a terminal: see [`printable_lines`].

use std::fmt::Arguments;
use std::io::{Result, Write};

use flameout_curves::printable_lines;

/// Prints a line on standard output.
///
/// # Errors
/// If it cannot be written: a full disk, or a reader that has gone.
pub fn print(line: Arguments<'_>) -> Result<()> {
    write_styled(&printable_lines(&line.to_string()))
}

/// Prints a line on standard output as it is. Its escape sequences must be the program's own, for colours.
///
/// # Errors
/// As [`print()`].
pub fn write_styled(line: &str) -> Result<()> {
    writeln!(std::io::stdout().lock(), "{line}")
}

/// Prints a line on standard error. Where nobody reads it any more, it is lost, and the work goes on.
pub fn tell(line: Arguments<'_>) {
    // At one go, so that lines of several threads do not mix.
    let line = format!("{}\n", printable_lines(&line.to_string()));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// A word in quotes and escaped; of a long one the beginning.
#[must_use]
pub fn excerpt(word: &str) -> String {
    const LETTERS: usize = 60;
    match word.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{:?}…", &word[..end]),
        None => format!("{word:?}"),
    }
}
