//! Standard output of long work, whose files are what counts: what cannot be printed does not end it.

use std::fmt::Arguments;
use std::io::{Error, ErrorKind};
use std::process::ExitCode;
use std::sync::OnceLock;

use anyhow::{Result, bail};

use super::terminal;

/// Why lines of standard output are lost, if they are.
static LOST: OnceLock<Error> = OnceLock::new();

/// Prints a line on standard output. If that cannot be, the work goes on, as its files are what counts.
pub fn say(line: Arguments<'_>) {
    if LOST.get().is_none()
        && let Err(error) = terminal::print(line)
    {
        let _ = LOST.set(error);
    }
}

/// Gives the exit code of work that is done.
///
/// # Errors
/// If lines were lost, but for those of a reader that had seen enough.
pub fn unless_lost(code: ExitCode) -> Result<ExitCode> {
    match LOST.get() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => bail!("writing standard output: {error}"),
        _ => Ok(code),
    }
}
