//! How a command begins and ends.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Error, Result};
use clap::Parser;
use flameout_kernels::team::most_threads;

use super::interrupt;

const WRONG_USAGE: u8 = 2;
const FAILED: u8 = 1;

/// Reads the command line, and prepares what every command needs: kernels, threads, and that a full file is an error.
///
/// # Errors
/// The exit code, if the program is to end now: after `--help` as well.
pub fn begin<P: Parser>() -> Result<P, ExitCode> {
    begin_with(std::env::args_os())
}

/// Prepares the same for a command line, whose first word is the program's name.
///
/// # Errors
/// The exit code, as for [`begin`].
pub fn begin_with<P: Parser>(words: impl IntoIterator<Item = OsString>) -> Result<P, ExitCode> {
    let arguments = P::try_parse_from(words).map_err(|answer| answered(&answer))?;
    flameout_kernels::Path::requested().map_err(|error| fail(&error.into(), WRONG_USAGE))?;
    prepare().map_err(|error| fail(&error, FAILED))?;
    Ok(arguments)
}

fn prepare() -> Result<()> {
    interrupt::survive_file_limit()?;
    let (builder, threads) = pool_of(asked());
    builder.build_global().with_context(|| format!("starting {threads} threads (RAYON_NUM_THREADS asks for fewer)"))
}

/// A pool of so many threads, or of one a core; but of no more than help.
///
/// # Errors
/// If they cannot be started.
pub fn pool(threads: Option<usize>) -> Result<rayon::ThreadPool> {
    let (builder, threads) = pool_of(threads);
    builder.build().with_context(|| format!("starting {threads} threads"))
}

fn pool_of(asked: Option<usize>) -> (rayon::ThreadPoolBuilder, usize) {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let threads = asked.filter(|&threads| threads > 0).unwrap_or(cores).min(most_threads());
    (rayon::ThreadPoolBuilder::new().num_threads(threads), threads)
}

/// What rayon would take from the environment by itself.
pub(super) fn asked() -> Option<usize> {
    std::env::var("RAYON_NUM_THREADS").ok()?.parse().ok()
}

/// Prints what clap has to say: help, or what is wrong with the command line.
fn answered(answer: &clap::Error) -> ExitCode {
    if answer.use_stderr() {
        // Without colours: it repeats arguments, which may be names of files.
        tell!("{}", answer.render().to_string().trim_end());
        return ExitCode::from(WRONG_USAGE);
    }
    let printed = answer.print().and_then(|()| std::io::stdout().flush()).context("writing standard output");
    end(printed.map(|()| ExitCode::SUCCESS))
}

/// The exit code of a command that has come to this; an error is told.
#[must_use]
pub fn end(done: Result<ExitCode>) -> ExitCode {
    done.unwrap_or_else(|error| {
        // The reader of our output has seen enough (`flameout embed … | head`): no fault of anybody's.
        if error.chain().any(is_broken_pipe) { ExitCode::SUCCESS } else { fail(&error, FAILED) }
    })
}

fn fail(error: &Error, code: u8) -> ExitCode {
    // Lines after the first are indented: no text of a file looks like a line of the program's.
    tell!("error: {}", format!("{error:#}").trim_end().replace('\n', "\n  "));
    ExitCode::from(code)
}

fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
