//! `cargo xtask bench`: how fast the networks train and run, next to what the machine can do.

mod files;
mod machine;
mod measurement;
mod network;
mod roofline;
mod timing;
mod useful_work;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use flameout_experiment::Case;

use files::FileRow;
use machine::Machine;
use measurement::Measurement;
use network::{NetworkRow, Words, Work};
use timing::Effort;

/// Measures speed: the machine's limits, then train steps, forward passes and word-vector files.
///
/// Every network has the question's form: 19 characters of an alphabet of 27, 100 outputs, f32, Keras 1.0.7's cells; a
/// train step is a forward and a backward pass over one batch of real words, and Adam's update of all parameters.
///
/// Each row is a median of at least 10 runs after a warm-up (with --quick 3). Its GFLOP/s count useful work only: the
/// products that the network's definition asks for, a multiply-add as 2. Nothing is counted for one-hot inputs (looked
/// up), for the first step's product with the zero state, for activations and for Adam. The FMA peak that they are
/// compared with is measured first, with as many threads.
///
/// docs/bench/torch_bench.py prints the same rows for PyTorch, keras_bench.py for Keras, in the same JSON form.
///
/// Examples:
///
///   cargo xtask bench --quick
///   cargo xtask bench --only "train step"
///   cargo xtask bench --json --vectors vectors.bin > bench.jsonl
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Print one JSON object a line instead of a table.
    #[arg(long)]
    json: bool,

    /// Three runs a row: a first impression.
    #[arg(long)]
    quick: bool,

    /// Only rows whose name (as printed while they run) contains this.
    #[arg(long, value_name = "SUBSTRING")]
    only: Option<String>,

    /// Threads [default: all cores].
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,

    /// Also time reading this file of word vectors, and a plain copy of it (several times). The words of the first such
    /// file are embedded instead of the 4,000 in the repository.
    #[arg(long, value_name = "FILE")]
    vectors: Vec<PathBuf>,

    /// Also draw the layers of 1,024 units under the machine's roofs, as SVG.
    #[arg(long, value_name = "FILE.svg")]
    roofline: Option<PathBuf>,
}

/// What a row times.
enum Row {
    Network(NetworkRow),
    File(FileRow),
}

impl Row {
    fn name(&self) -> String {
        match self {
            Self::Network(row) => row.name(),
            Self::File(row) => row.name(),
        }
    }

    fn threads(&self) -> usize {
        match self {
            Self::Network(row) => row.threads,
            Self::File(row) => row.threads,
        }
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let threads = match args.threads {
        Some(threads) => threads.get(),
        None => std::thread::available_parallelism().context("counting the cores")?.get(),
    };
    for path in &args.vectors {
        // Now, and not after minutes of measuring.
        ensure!(path.is_file(), "--vectors {}: there is no such file", path.display());
    }
    let rows = selected(rows(threads, &args.vectors), args.only.as_deref())?;
    let words = Words::read(args.vectors.first().map(PathBuf::as_path))?;
    let effort = if args.quick { Effort::QUICK } else { Effort::FULL };

    let mut thread_counts: Vec<usize> = rows.iter().map(Row::threads).collect();
    thread_counts.sort_unstable();
    thread_counts.dedup();
    let machine = Machine::measure(&thread_counts, effort)?;
    let mut measurements = machine.measurements();
    if args.json {
        measurements.iter().try_for_each(Measurement::print_json)?;
    } else {
        machine.print();
    }
    for row in &rows {
        tell!("{} ...", row.name());
        let measurement = match row {
            Row::Network(row) => row.measure(&words, &machine, effort),
            Row::File(row) => row.measure(effort),
        }
        .with_context(|| row.name())?;
        if args.json {
            measurement.print_json()?;
        }
        measurements.push(measurement);
    }
    if let Some(path) = &args.roofline {
        roofline::draw(path, &measurements, machine.peak(threads), machine.read_bandwidth(), words.characters())?;
    }
    if !args.json {
        measurement::print_table(&measurements);
        measurement::print_speed_ups(&measurements);
    }
    Ok(ExitCode::SUCCESS)
}

/// All rows, in the order in which they are printed.
fn rows(threads: usize, vectors: &[PathBuf]) -> Vec<Row> {
    use Case::{GruSingle, LstmDouble, LstmSingle};

    let row = |work, case, units| NetworkRow { work, case, units, threads };
    let mut rows = Vec::new();
    for case in [LstmSingle, GruSingle] {
        for (units, batch) in [(1024, 32), (1024, 128), (256, 32), (64, 32)] {
            rows.push(row(Work::TrainStep { batch }, case, units));
            rows.push(row(Work::Forward { batch }, case, units));
        }
        // One word alone.
        rows.push(row(Work::Forward { batch: 1 }, case, 1024));
    }
    rows.push(row(Work::TrainStep { batch: 32 }, LstmDouble, 512));
    if threads > 1 {
        rows.push(NetworkRow { threads: 1, ..row(Work::TrainStep { batch: 32 }, LstmSingle, 1024) });
    }
    rows.push(row(Work::EmbedVocabulary, LstmSingle, 1024));

    let files = vectors.iter().flat_map(|path| FileRow::read_and_copy(path, threads));
    rows.into_iter().map(Row::Network).chain(files.map(Row::File)).collect()
}

fn selected(rows: Vec<Row>, only: Option<&str>) -> Result<Vec<Row>> {
    let Some(only) = only else { return Ok(rows) };
    let names: Vec<String> = rows.iter().map(Row::name).collect();
    let selected: Vec<Row> = rows.into_iter().filter(|row| row.name().contains(only)).collect();
    ensure!(!selected.is_empty(), "--only {only}: no row has this in its name; there are\n  {}", names.join("\n  "));
    Ok(selected)
}

fn rayon_pool(threads: usize) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().context("starting the threads")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_different_and_select_rows() {
        let all = || rows(2, &["a.bin".into(), "b.txt".into()]);
        let mut names: Vec<String> = all().iter().map(Row::name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);

        let one = selected(all(), Some("train step, lstm, 1024 units, batch 32, 1 thread")).unwrap();
        assert_eq!(one.len(), 1);
        assert_eq!(selected(all(), None).unwrap().len(), count);
        let error = selected(all(), Some("transformer")).map(|rows| rows.len()).unwrap_err();
        assert!(error.to_string().contains("train step, gru"), "{error}");
    }

    #[test]
    fn one_thread_is_measured_once() {
        let names: Vec<String> = rows(1, &[]).iter().map(Row::name).collect();
        let same = names.iter().filter(|name| name.starts_with("train step, lstm, 1024 units, batch 32,"));
        assert_eq!(same.count(), 1);
    }
}
