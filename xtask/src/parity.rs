//! `cargo xtask parity`: is the arithmetic that of the recorded runs?

mod compare;
mod golden;
mod keras_layer;
mod run;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use comfy_table::{CellAlignment, Table, presets};

use compare::{Comparison, Precision, Quantity};
use golden::Golden;

/// Rebuild recorded runs of Keras 1.0.7 and compare.
///
/// Loads every golden run DIR/*.safetensors, rebuilds its network from the file's metadata and tensors alone, trains it
/// anew in f64 and in f32, and prints for each quantity the largest relative error ‖a−b‖/‖b‖ of a tensor (a: this run, b:
/// the file).
///
/// Bounds: 1e-9 in f64; in f32 1e-4 before training and 1e-3 after it, because Adam turns a gradient that is rounding
/// noise into a full step. Exit status: 0 if every error is within its bound, 1 if not or if a file cannot be compared.
///
/// A gradient tensor is judged by ‖a−b‖/max(‖b‖, 1e-6·‖whole gradient‖): one smaller than that is what sums that cancel
/// leave over, rounding noise. Where this norm is 0, ‖a−b‖ itself counts.
///
/// Accuracies must be exact in f64: no word may be counted otherwise (1e-12 is left for the rounding of the mean). In f32,
/// where rounding may decide between outputs that nearly tie, they are printed but not judged.
///
/// docs/reference/keras-1.0.7.md, "Recorded runs", describes the form of the files.
///
/// Example: cargo xtask parity fixtures/keras-1.0.7
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directory with golden runs; without it, the recorded runs in the repository.
    #[arg(default_value_os_t = fixtures(), hide_default_value = true)]
    dir: PathBuf,

    /// Also list the error of each tensor.
    #[arg(long)]
    every_tensor: bool,
}

/// What stands below the tables.
const MEASURES: &str = "\
first-batch gradients: ‖a−b‖/max(‖b‖, 1e-6·‖whole gradient‖); where the norm below is 0: ‖a−b‖
epoch accuracies: exact in f64 (1e-12 for the rounding of the mean); in f32 outputs may nearly tie
";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("fixtures").join("keras-1.0.7")
}

/// The precisions that a file is trained in, and all comparisons in each; or why there are none.
type Outcome = Result<[(Precision, Vec<Comparison>); 2]>;

/// Compares all golden runs of a directory and prints the result.
pub fn run(args: &Args) -> Result<ExitCode> {
    let outcomes: Vec<(String, Outcome)> =
        golden_runs(&args.dir)?.iter().map(|path| (file_name(path), compare_with_runs(path))).collect();
    let mut report = tables(&outcomes);
    report += MEASURES;
    if args.every_tensor {
        report += &every_tensor(&outcomes);
    }
    let failures = failures(&outcomes);
    for (file, reason) in &failures {
        writeln!(report, "FAIL {file}: {reason}")?;
    }
    writeln!(report, "{}", verdict(outcomes.len(), &failures))?;
    say!("{}", report.trim_end());
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All `*.safetensors` of a directory, by name.
fn golden_runs(dir: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = || format!("cannot read the directory {}", dir.display());
    let mut paths = std::fs::read_dir(dir)
        .with_context(unreadable)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()
        .with_context(unreadable)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
    ensure!(!paths.is_empty(), "there is no golden run (*.safetensors) in {}", dir.display());
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn compare_with_runs(path: &Path) -> Outcome {
    let golden = Golden::read(path)?;
    Ok([
        (Precision::F64, compare::compare(&golden, &run::train::<f64>(&golden)?)),
        (Precision::F32, compare::compare(&golden, &run::train::<f32>(&golden)?)),
    ])
}

/// A table for each precision: a row for each file, a column for each quantity.
fn tables(outcomes: &[(String, Outcome)]) -> String {
    let mut report = String::new();
    for precision in [Precision::F64, Precision::F32] {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header(header(precision));
        for (file, comparisons) in compared(outcomes, precision) {
            table.add_row(row(file, comparisons, precision));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if !table.is_empty() {
            report += &format!("{table}\n");
        }
    }
    report
}

/// The files that could be compared, with their comparisons in one precision.
fn compared(outcomes: &[(String, Outcome)], precision: Precision) -> impl Iterator<Item = (&str, &[Comparison])> {
    outcomes.iter().filter_map(move |(file, outcome)| {
        let (_, comparisons) = outcome.as_ref().ok()?.iter().find(|(of, _)| *of == precision)?;
        Some((file.as_str(), comparisons.as_slice()))
    })
}

fn header(precision: Precision) -> Vec<String> {
    let quantities = Quantity::ALL.iter().map(|quantity| {
        let bound = precision.bound(*quantity).map_or("not judged".into(), |bound| format!("≤ {bound:e}"));
        format!("{}\n{bound}", quantity.title())
    });
    let mut cells = vec![format!("{}\nlargest relative error\n‖a−b‖/‖b‖ of a tensor", precision.name())];
    cells.extend(quantities);
    cells.push("result".into());
    cells
}

fn row(file: &str, comparisons: &[Comparison], precision: Precision) -> Vec<String> {
    let cell = |quantity| {
        let worst = worst(comparisons, quantity);
        let mark = if worst.is_within_bound(precision) { "" } else { " ✗" };
        format!("{}{mark}{}", number(worst.error), worst.parameter().map_or(String::new(), |name| format!("\n{name}")))
    };
    let passed = comparisons.iter().all(|comparison| comparison.is_within_bound(precision));
    let mut cells = vec![file.to_owned()];
    cells.extend(Quantity::ALL.map(cell));
    cells.push(if passed { "✓ pass" } else { "✗ FAIL" }.into());
    cells
}

fn worst(comparisons: &[Comparison], quantity: Quantity) -> &Comparison {
    let of_quantity = comparisons.iter().filter(|comparison| comparison.quantity == quantity);
    of_quantity.max_by(|a, b| a.error.total_cmp(&b.error)).expect("a run is compared in every quantity")
}

fn number(error: f64) -> String {
    if error == 0.0 { "0".into() } else { format!("{error:.1e}") }
}

fn every_tensor(outcomes: &[(String, Outcome)]) -> String {
    let mut report = String::new();
    for precision in [Precision::F64, Precision::F32] {
        for (file, comparisons) in compared(outcomes, precision) {
            for Comparison { tensor, error, .. } in comparisons {
                report += &format!("{} {file} {tensor}: {}\n", precision.name(), number(*error));
            }
        }
    }
    report
}

/// Each file that fails, and one reason: the file's own error, or a quantity beyond its bound.
fn failures(outcomes: &[(String, Outcome)]) -> Vec<(&str, String)> {
    let mut failures = Vec::new();
    for (file, outcome) in outcomes {
        match outcome {
            Err(error) => failures.push((file.as_str(), format!("{error:#}"))),
            Ok(runs) => failures.extend(runs.iter().flat_map(|(precision, comparisons)| {
                let beyond = Quantity::ALL.map(|quantity| beyond_bound(worst(comparisons, quantity), *precision));
                beyond.into_iter().flatten().map(|reason| (file.as_str(), reason))
            })),
        }
    }
    failures
}

fn beyond_bound(worst: &Comparison, precision: Precision) -> Option<String> {
    let bound = precision.bound(worst.quantity)?;
    let Comparison { tensor, error, .. } = worst;
    (!worst.is_within_bound(precision)).then(|| format!("{}: {tensor}: {error:.1e} > {bound:e}", precision.name()))
}

fn verdict(files: usize, failures: &[(&str, String)]) -> String {
    let plural = if files == 1 { "" } else { "s" };
    let mut failed: Vec<_> = failures.iter().map(|(file, _)| *file).collect();
    failed.dedup();
    match failed.len() {
        0 => format!("parity: {files} file{plural}, all within bounds"),
        count => format!("parity: {files} file{plural}, {count} failed: {}", failed.join(", ")),
    }
}
