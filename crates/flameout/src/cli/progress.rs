//! What a command says on standard error while it works, unless it was asked to be quiet. Warnings are not progress: they are
//! always said.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flameout_curves::printable;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// One process is one command: what --quiet asks for holds everywhere.
static QUIET: AtomicBool = AtomicBool::new(false);

/// No progress from here on.
pub fn silence() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether it was asked for.
#[must_use]
pub fn is_silent() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// A line of progress.
pub fn note(text: impl Display) {
    if !is_silent() {
        tell!("{text}");
    }
}

/// A bar over steps of training, with their rate and the time left; where there is no terminal, a line that says what is done.
#[must_use]
pub fn steps(what: &str, steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}  {bar:30} step {pos}/{len}  {per_sec}  {elapsed} gone, {eta} left");
    shown(what, ProgressBar::with_draw_target(Some(steps), target()), style.expect("a fixed template"))
}

/// A bar over runs, with the time left; where there is no terminal, a line that says what is done.
#[must_use]
pub fn runs(what: &str, runs: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}  {bar:30} run {pos}/{len}  {elapsed} gone, {eta} left");
    shown(what, ProgressBar::with_draw_target(Some(runs), target()), style.expect("a fixed template"))
}

/// A bar over a source of words, on a terminal alone: its message says how many are done. `length` is that of the source, in bytes
/// or rows, where it is known.
#[must_use]
pub fn source(length: Option<u64>) -> ProgressBar {
    let template = match length {
        Some(_) => "{bar:30} {percent} %  {msg}  {elapsed} gone, {eta} left",
        None => "{spinner} {msg}  {elapsed} gone",
    };
    let bar = ProgressBar::with_draw_target(length, target());
    bar.with_style(ProgressStyle::with_template(template).expect("a fixed template"))
}

/// Work of unknown length, and how long it has taken.
#[must_use]
pub fn spinner(what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}").expect("a fixed template");
    let bar = shown(what, ProgressBar::with_draw_target(None, target()), style);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn target() -> ProgressDrawTarget {
    if is_silent() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(5) }
}

fn shown(what: &str, bar: ProgressBar, style: ProgressStyle) -> ProgressBar {
    if bar.is_hidden() {
        note(format_args!("{what} …"));
    }
    bar.with_style(style).with_message(printable(what).into_owned())
}
