//! What comes out of a row, and how it is printed.

use std::time::Duration;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// One row's result. What does not apply to a row is `null`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Measurement {
    /// What was timed.
    pub bench: String,
    /// `lstm`, `gru` or `lstm-double`.
    pub cell: Option<&'static str>,
    /// Units of the recurrent layers.
    pub units: Option<usize>,
    /// Words at once.
    pub batch: Option<usize>,
    /// Threads at work.
    pub threads: usize,
    /// The median time, in milliseconds.
    pub ms_median: Option<f64>,
    /// Useful floating-point operations over time, in 10⁹/s.
    pub gflops: Option<f64>,
    /// Their share of the FMA peak with as many threads.
    pub share_of_peak: Option<f64>,
    /// Words over time, for rows that take many words.
    pub words_per_s: Option<f64>,
    /// Bytes over time, in 10⁹/s: read and written for a copy in memory, the file's size for a file.
    pub gb_per_s: Option<f64>,
}

/// Milliseconds.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl Measurement {
    /// One line on the standard output.
    pub fn print_json(&self) -> Result<()> {
        say!("{}", serde_json::to_string(self).context("writing JSON")?);
        Ok(())
    }
}

/// All rows.
pub fn print_table(measurements: &[Measurement]) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["", "cell", "units", "batch", "threads", "median", "useful", "of peak", "rate"]);
    for row in measurements {
        let number = |value: Option<usize>| value.map_or(String::new(), |value| value.to_string());
        let rate = match (row.words_per_s, row.gb_per_s) {
            (Some(words), _) => format!("{words:.0} words/s"),
            (None, Some(bytes)) => format!("{bytes:.2} GB/s"),
            (None, None) => String::new(),
        };
        table.add_row([
            row.bench.clone(),
            row.cell.unwrap_or_default().into(),
            number(row.units),
            number(row.batch),
            row.threads.to_string(),
            row.ms_median.map_or(String::new(), milliseconds),
            row.gflops.map_or(String::new(), |gflops| format!("{gflops:.1} GFLOP/s")),
            row.share_of_peak.map_or(String::new(), |share| format!("{:.0} %", 100.0 * share)),
            rate,
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    say!("{table}");
}

/// Three digits, whatever the size.
fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms >= 100.0 => format!("{ms:.0} ms"),
        ms if ms >= 10.0 => format!("{ms:.1} ms"),
        ms if ms >= 1.0 => format!("{ms:.2} ms"),
        ms => format!("{ms:.3} ms"),
    }
}

/// For work that was timed with one thread and with several: how much faster several are.
pub fn print_speed_ups(measurements: &[Measurement]) {
    for (one, many) in speed_up_pairs(measurements) {
        if let (Some(slow), Some(fast), Some(cell), Some(units), Some(batch)) =
            (one.ms_median, many.ms_median, one.cell, one.units, one.batch)
        {
            say!(
                "{}, {cell}, {units} units, batch {batch}: {} threads are {:.2} times as fast as 1",
                one.bench,
                many.threads,
                slow / fast
            );
        }
    }
}

fn speed_up_pairs(measurements: &[Measurement]) -> impl Iterator<Item = (&Measurement, &Measurement)> {
    let key = |row: &Measurement| (row.bench.clone(), row.cell, row.units, row.batch);
    let ones = measurements.iter().filter(|row| row.threads == 1);
    ones.filter_map(move |one| {
        let many = measurements.iter().find(|row| row.threads > 1 && key(row) == key(one))?;
        Some((one, many))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_json_form_is_there() {
        let line = serde_json::to_value(Measurement { bench: "forward".into(), ..Measurement::default() }).unwrap();
        for field in ["bench", "cell", "units", "batch", "threads", "ms_median", "gflops", "share_of_peak"] {
            assert!(line.get(field).is_some(), "{field}");
        }
    }

    #[test]
    fn only_the_same_work_is_compared() {
        let row = |units, threads| Measurement {
            bench: "forward".into(),
            cell: Some("gru"),
            units: Some(units),
            threads,
            ..Measurement::default()
        };
        let rows = [row(64, 2), row(8, 2), row(8, 1)];
        let pairs: Vec<_> = speed_up_pairs(&rows).map(|(one, many)| (one.units, many.units)).collect();
        assert_eq!(pairs, [(Some(8), Some(8))]);
    }
}
