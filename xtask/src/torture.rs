//! `cargo xtask torture`: what becomes of a run to which things happen.

mod child;
mod fault;
mod reference;
mod table;
mod trial;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use fault::Kind;
use flameout::cli::interrupt::{stop_ignoring_in_children, stop_on_ctrl_c};
use reference::Reference;
use table::Row;
use trial::{Round, Trial, Verdict};

/// Kills, damages and starves a training run, resumes it, and compares its end with that of the run left alone.
///
/// A small network is trained by `cargo xtask repro` in a process of its own, a second or two, with a checkpoint every ten
/// steps. Each round does one thing to it: SIGKILL at any moment or into the writing of a checkpoint; SIGINT, SIGTERM, SIGHUP; a
/// standard error that is gone; a full disk; something in the way of a file, or no permission to write it; damage to one or
/// both checkpoints, to metrics.jsonl, settings.toml or summary.json; a metrics.jsonl that others remove or replace while the
/// run goes on; a second run, or somebody else's files, in the same directory. Then the run is resumed. It must end
/// with the files of the run left alone, to the bit (but for the words a second), or refuse in one line; then what the
/// line says is done, and it must end so after all.
///
/// Seed and number of a round decide what is done and at which step. The moment within the step is the machine's.
///
/// Examples:
///
///   cargo xtask torture
///   cargo xtask torture --rounds 1000 --seed 7
///   cargo xtask torture --seed 7 --round 412
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// How often something is done to a run.
    #[arg(long, value_name = "N", default_value_t = 100)]
    rounds: u64,

    /// Decides what, and when.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,

    /// Only this round, from 0.
    #[arg(long, value_name = "N", conflicts_with = "rounds")]
    round: Option<u64>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let stop = stop_on_ctrl_c()?;
    stop_ignoring_in_children()?;
    let work = tempfile::Builder::new().prefix("flameout-torture-").tempdir().context("a directory to work in")?;
    let kinds = Kind::available();
    let reference = Reference::make(&work.path().join("undisturbed"), &stop)?;
    say!("The run left alone: {reference}");
    for (kind, why) in Kind::left_out() {
        say!("Left out: {}: {why}", kind.name());
    }
    let numbers = args.round.map_or(0..args.rounds, |round| round..round + 1);
    let bar = progress_bar(numbers.end - numbers.start);
    let (mut rows, mut failed) = (Row::of(&kinds), 0_u64);
    for number in numbers {
        let kind = Kind::of_round(&kinds, args.seed, number);
        bar.set_message(kind.name());
        let directory = work.path().join(format!("round-{number}"));
        let round = carry_out(kind, Trial::new(&directory, &reference, &stop, args.seed, number))?;
        if stop.load(Ordering::Relaxed) {
            bar.finish_and_clear();
            tell!("Interrupted before round {number} was over; nothing is kept.");
            return Ok(ExitCode::from(130));
        }
        if let Verdict::Failed(why) = &round.verdict {
            failed += 1;
            let repeat = format!("cargo xtask torture --seed {} --round {number}", args.seed);
            bar.suspend(|| tell!("FAILED: {}: {why}\n  {}\n  again: {repeat}", kind.name(), directory.display()));
        } else {
            std::fs::remove_dir_all(&directory).with_context(|| format!("removing {}", directory.display()))?;
        }
        rows.iter_mut().filter(|row| row.kind == kind).for_each(|row| row.add(&round));
        bar.inc(1);
    }
    bar.finish_and_clear();
    say!("{}", table::render(&rows));
    if failed > 0 {
        let kept = work.keep();
        bail!("{failed} rounds failed; their directories are kept in {}", kept.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// One round. Only what is wrong with this machine is an error; what is wrong with the run is the round's verdict.
fn carry_out(kind: Kind, mut trial: Trial<'_>) -> Result<Round> {
    std::fs::create_dir_all(trial.directory()).context("making the round's directory")?;
    let round = match kind.strike(&mut trial) {
        Ok(blow) => trial.resume(blow),
        Err(error) => Round::failed(format!("{error:#}")),
    };
    if matches!(round.verdict, Verdict::Failed(_)) {
        trial.save_transcript()?;
    }
    Ok(round)
}

fn progress_bar(rounds: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} round {pos}/{len}  {msg}  {elapsed} gone, {eta} left");
    ProgressBar::new(rounds).with_style(style.expect("a fixed template"))
}

/// Waits a moment between two looks at something; an error once the user has interrupted.
fn pause(stop: &AtomicBool, milliseconds: u64) -> Result<()> {
    if stop.load(Ordering::Relaxed) {
        bail!("interrupted");
    }
    std::thread::sleep(std::time::Duration::from_millis(milliseconds));
    Ok(())
}

/// The last step in `metrics.jsonl`; 0 if there is none yet.
fn steps_made(run: &Path) -> u64 {
    let lines = std::fs::read(run.join("metrics.jsonl")).unwrap_or_default();
    let complete = lines.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
    let last = lines[..complete].rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
    let line: serde_json::Value = serde_json::from_slice(last).unwrap_or_default();
    line["step"].as_u64().unwrap_or(0)
}
