//! `flameout report` and `flameout compare`: runs to look at.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use flameout_experiment::run_directory::LAST_MODEL;
use flameout_report::{Colour, Plot, Run, png, svg, terminal as text, write};

use super::{progress, table, terminal};
use crate::Embedder;
use crate::embedder::NGRAMS;

/// Columns where nothing says how many there are.
const WIDTH: usize = 100;
/// Columns of the widest summary.
const WIDEST: usize = 500;

/// Shows a run: a summary in the terminal, and one HTML page with curves to zoom into, which needs nothing else.
///
/// The page has what the doctor found, if `flameout diagnose` was run before. Logs of other programs can be shown as well.
///
/// Examples:
///
///   flameout report runs/first
///   flameout report runs/first --out first.html --svg pictures --png pictures
///   flameout report training.log --out keras.html
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The run's directory, or a log of another program.
    #[arg(value_name = "DIR|FILE")]
    run: PathBuf,

    /// The page [default: report.html in the run's directory].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Also write each curve as a picture, for papers.
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,

    /// The same as PNG files.
    #[arg(long, value_name = "DIR")]
    png: Option<PathBuf>,
}

/// Puts several runs on one page: curves over each other, outcomes and the settings in which they differ side by side.
///
/// Example:
///
///   flameout compare runs/first runs/second --out both.html
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct CompareArgs {
    /// Directories of runs, or logs of other programs.
    #[arg(required = true, num_args = 2.., value_name = "DIR|FILE")]
    runs: Vec<PathBuf>,

    /// The page.
    #[arg(long, value_name = "FILE", default_value = "compare.html")]
    out: PathBuf,
}

/// Runs `flameout report`.
pub fn run(args: &Args) -> Result<ExitCode> {
    if args.run.join(NGRAMS).is_file() {
        bail!("{} is a model of n-grams, which is fitted at one go: there are no curves to show", args.run.display());
    }
    if is_imported(&args.run) {
        let network = Embedder::open(&args.run)?.into_network();
        let built = network.map_or_else(String::new, |(network, _)| network.architecture().to_string());
        bail!(
            "{} is an imported model, {built}: it was trained elsewhere, so there are no curves to show",
            args.run.display()
        );
    }
    let run = Run::read(&args.run)?;
    terminal::write_styled(text(&run, table::known_width().unwrap_or(WIDTH).min(WIDEST), Colour::detect()).trim_end())?;
    let beside = || args.run.with_extension("html");
    let default = if args.run.is_dir() { args.run.join("report.html") } else { beside() };
    let out = args.out.clone().unwrap_or(default);
    write(&out, flameout_report::html(&run))?;
    progress::note(format_args!("page: {}", out.display()));
    if let Some(directory) = &args.svg {
        pictures(directory, "svg", |plot| Ok(svg(&run, plot)?.into_bytes()))?;
    }
    if let Some(directory) = &args.png {
        pictures(directory, "png", |plot| png(&run, plot))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether `flameout import` made this directory.
fn is_imported(directory: &Path) -> bool {
    directory.join(LAST_MODEL).is_file() && !directory.join("settings.toml").exists()
}

fn pictures(
    directory: &Path,
    extension: &str,
    draw: impl Fn(Plot) -> Result<Vec<u8>, flameout_report::Error>,
) -> Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    for plot in Plot::ALL {
        write(&directory.join(format!("{}.{extension}", plot.name())), draw(plot)?)?;
    }
    progress::note(format_args!("pictures: {}", directory.display()));
    Ok(())
}

/// Runs `flameout compare`.
pub fn compare(args: &CompareArgs) -> Result<ExitCode> {
    let runs = args.runs.iter().map(|path| Run::read(path)).collect::<Result<Vec<_>, _>>()?;
    write(&args.out, flameout_report::compare(&runs))?;
    progress::note(format_args!("page: {}", args.out.display()));
    Ok(ExitCode::SUCCESS)
}
