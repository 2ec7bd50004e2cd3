//! Curves of the rows of a log: how they are numbered, and what a row is.

use std::collections::{HashMap, HashSet};

use super::names::Quantity;
use super::rows::{Log, Part, Row};
use super::runs::{Figure, Index, Main, Run, split};
use crate::curve::{Curve, EpochPoint, Format, Other, Point, Source, Unit};
use crate::error::Error;

/// Processes that write to one log, at most; and steps from which they are told.
const MOST_PROCESSES: usize = 64;
const FEWEST_STEPS: usize = 8;
/// Rows at the end whose empty cells are numbers that are not finite.
const EMPTY_END: usize = 2;
/// Rows up to which a log that numbers them without gaps, and tells nothing else, is one of epochs.
const EPOCHS: usize = 1000;

impl Log {
    /// A curve for each run, in the order of the log; one without rows if the log has none.
    ///
    /// # Errors
    /// If there is no loss, a column that the user asked for is not there, or an index is no index.
    pub(crate) fn into_curves(mut self) -> Result<Vec<Curve>, Error> {
        let chosen = self.choose()?;
        let judged = [Quantity::Loss, Quantity::Accuracy, Quantity::TestLoss, Quantity::TestAccuracy];
        if !judged.iter().any(|quantity| chosen.has(*quantity)) {
            return Err(self.no_loss());
        }
        let mut empty = Curve::empty(self.format);
        empty.source = Source { format: self.format, path: Some(self.path.clone()) };
        empty.columns = self.columns(chosen);
        empty.measure = self.measure(chosen);
        empty.name = self.run.clone();
        let (mut rows, parts) = self.rows(chosen)?;
        let count = rows.len();
        if self.format == Format::Csv {
            self.notes.extend(tell_empty_ends(&mut rows));
        }
        let Some(figure) = Figure::of(&rows) else {
            let mut notes = std::mem::take(&mut self.notes);
            if count > 0 {
                notes.push("no row has a value for the loss".into());
            }
            return Ok(vec![Curve { rows: count, notes, ..empty }]);
        };
        if figure != Figure::Loss {
            // A column without a number is none.
            empty.columns.loss = None;
        }
        let mut index = Index::of(&rows, figure, self.step_is_wanted());
        self.notes.extend(put_in_order(&mut rows, index));
        let mut runs: Vec<Run> = match by_process(&rows, index) {
            Some(processes) => {
                self.notes.push(format!(
                    "each step has {} rows with different losses, as where several processes write to one log: the first \
                     of each step are run 1, and so on",
                    processes.len()
                ));
                processes.into_iter().flat_map(|rows| split(&rows, index, &[])).collect()
            }
            None => {
                let runs = split(&rows, index, &self.begins);
                if has_numbers(&runs, index) || self.step_is_wanted() {
                    runs
                } else {
                    index.main = Main::Nothing;
                    split(&rows, index, &self.begins)
                }
            }
        };
        let of_runs: Vec<Vec<Other>> = runs.iter().map(|run| others(run, index, &parts)).collect();
        let repeated: Vec<usize> = runs.iter_mut().map(|run| merge(&mut run.rows, index)).collect();
        let longest = runs.iter().max_by_key(|run| run.rows.len());
        let unit = Unit::of(longest.map_or(&[], |run| &run.rows), index);
        let of_epochs = longest.is_some_and(|run| run.rows.iter().any(|row| row.get(Quantity::Epoch).is_some()));
        if let Some(note) = numbering_note(index, unit, longest.map_or(0, |run| run.rows.len()), of_epochs) {
            self.notes.push(note);
        }
        let total = runs.iter().filter(|run| !run.superseded).count();
        let mut number = 0;
        let curves = runs.into_iter().zip(repeated).zip(of_runs).map(|((run, repeated), others)| {
            let mut notes = self.notes.clone();
            if run.superseded {
                notes.push("this is what was superseded: the run as it was before it went back".into());
            } else if total > 1 {
                notes.push(of_several(number, total, &run));
                number += 1;
            }
            if repeated > 0 {
                notes.push(format!("{repeated} rows repeat a number with another loss: the last was used"));
            }
            let superseded = run.superseded;
            curve(run, index, unit, Curve { notes, others, superseded, ..empty.clone() })
        });
        Ok(curves.collect())
    }
}

/// Whether steps number the rows: of those that repeat one another, most would be lost.
fn has_numbers(runs: &[Run], index: Index) -> bool {
    let (mut rows, mut repeated) = (0, 0);
    for run in runs {
        let mut met = HashSet::new();
        for row in run.rows.iter().filter(|row| index.is_primary(row) && !row.below) {
            let number = row.get(index.main.quantity()).unwrap_or(0.0);
            (rows, repeated) = (rows + 1, repeated + usize::from(!met.insert(number.to_bits())));
        }
    }
    repeated * 2 <= rows
}

/// The other losses of a run, by the numbers of its rows.
fn others(run: &Run, index: Index, parts: &[Part]) -> Vec<Other> {
    let number = |row: &Row| row.get(index.main.quantity()).unwrap_or(0.0) as u64;
    let numbers: HashMap<usize, u64> = match parts {
        [] => HashMap::new(),
        _ => run.rows.iter().map(|row| (row.id, number(row))).collect(),
    };
    let other = |part: &Part| {
        let placed = part.values.iter().filter_map(|(row, value)| Some((*numbers.get(row)?, *value)));
        let mut values: Vec<(u64, f64)> = placed.collect();
        values.sort_by_key(|value| value.0);
        let of_tests = part.quantity == Quantity::TestLoss;
        Other { name: part.text.clone(), of_tests, measure: part.measure, values }
    };
    parts.iter().map(other).collect()
}

/// Sorts rows whose numbers are all different and go back again and again: of a table that was sorted, or of workers.
fn put_in_order(rows: &mut [Row], index: Index) -> Option<String> {
    let number = |row: &Row| row.get(index.main.quantity());
    let numbers: Vec<f64> = rows.iter().filter(|row| index.is_primary(row)).filter_map(number).collect();
    let backs = numbers.windows(2).filter(|pair| pair[1] < pair[0]).count();
    let distinct: HashSet<u64> = numbers.iter().map(|number| number.to_bits()).collect();
    if index.main == Main::Nothing || backs < 3 || backs * 20 < numbers.len() || distinct.len() < numbers.len() {
        return None;
    }
    let mut last = f64::NEG_INFINITY;
    let mut keyed: Vec<(f64, Row)> = Vec::with_capacity(rows.len());
    for row in rows.iter() {
        last = number(row).unwrap_or(last);
        keyed.push((last, *row));
    }
    keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
    rows.iter_mut().zip(keyed).for_each(|(row, (_, sorted))| *row = sorted);
    Some("the rows are not in the order of their numbers: they were sorted".into())
}

/// The rows of each process, where several write a row for each step. `None` if they do not.
fn by_process(rows: &[Row], index: Index) -> Option<Vec<Vec<Row>>> {
    if index.main != Main::Step {
        return None;
    }
    let mut met: HashMap<u64, Met> = HashMap::new();
    let mut place = 0;
    for row in rows.iter().filter(|row| index.is_primary(row) && !row.below) {
        let Some(step) = row.get(Quantity::Step) else { continue };
        let loss = row.get(Quantity::Loss).unwrap_or(0.0);
        let met =
            met.entry(step.to_bits()).or_insert(Met { first: place, last: place, count: 0, loss, differs: false });
        *met = Met { last: place, count: met.count + 1, differs: met.differs || met.loss != loss, ..*met };
        place += 1;
    }
    let processes = met.values().map(|met| met.count).max().filter(|count| (2..=MOST_PROCESSES).contains(count))?;
    let together = |met: &&Met| met.count == processes && met.last - met.first <= 3 * processes;
    let (usual, differ) = (met.values().filter(together).count(), met.values().filter(|met| met.differs).count());
    if met.len() < FEWEST_STEPS || usual * 10 < met.len() * 9 || differ * 3 < met.len() {
        return None;
    }
    let mut of_process = vec![Vec::new(); processes];
    let (mut seen, mut last): (HashMap<u64, usize>, usize) = (HashMap::new(), 0);
    for row in rows {
        if let Some(step) = row.get(Quantity::Step).filter(|_| index.is_primary(row) && !row.below) {
            let count = seen.entry(step.to_bits()).or_insert(0);
            (last, *count) = ((*count).min(processes - 1), *count + 1);
        }
        of_process[last].push(*row);
    }
    Some(of_process)
}

/// A step's rows.
#[derive(Clone, Copy)]
struct Met {
    first: usize,
    last: usize,
    count: usize,
    loss: f64,
    differs: bool,
}

/// Makes a loss not finite from the row on from which its cells are empty, while the other loss goes on: pandas writes NaN so.
fn tell_empty_ends(rows: &mut [Row]) -> Option<String> {
    for (gone, other) in [(Quantity::Loss, Quantity::TestLoss), (Quantity::TestLoss, Quantity::Loss)] {
        let both = |row: &Row| row.get(gone).is_some() && row.get(other).is_some();
        let Some(last) = rows.iter().rposition(|row| row.get(gone).is_some()) else { continue };
        let (known, end) = rows.split_at_mut(last + 1);
        let together = known.iter().filter(|row| both(row)).count();
        if end.len() < EMPTY_END || end.iter().any(|row| row.get(other).is_none()) || together * 10 < known.len() * 9 {
            continue;
        }
        let (what, line) = (if gone == Quantity::Loss { "training" } else { "validation" }, end[0].line);
        end.iter_mut().for_each(|row| row.values[gone as usize] = Some(f64::NAN));
        return Some(format!(
            "line {line}: the {what} loss has no value from here on, as where pandas writes NaN: it is taken as not finite"
        ));
    }
    None
}

fn of_several(number: usize, total: usize, run: &Run) -> String {
    let lines = if run.first_line == 0 {
        format!("{} rows", run.count)
    } else {
        format!("lines {} to {}", run.first_line, run.last_line)
    };
    format!("the log holds {total} runs; this is number {}, {lines}", number + 1)
}

/// Makes one row of rows with the same number, and puts them in order. Returns how many losses were lost by it.
fn merge(rows: &mut Vec<Row>, index: Index) -> usize {
    let number = |row: &Row| row.get(index.main.quantity()).unwrap_or(0.0);
    if !rows.is_sorted_by(|one, next| number(one) <= number(next)) {
        rows.sort_by(|one, next| number(one).total_cmp(&number(next)));
    }
    let mut repeated = 0;
    rows.dedup_by(|next, kept| {
        let same = number(next) == number(kept);
        if same && next.below && index.main == Main::Step {
            // It says once more what was said above it.
            let said = *kept;
            kept.update(next);
            kept.update(&said);
        } else if same {
            let losses = (kept.get(Quantity::Loss), next.get(Quantity::Loss));
            repeated += usize::from(matches!(losses, (Some(one), Some(other)) if one != other && !other.is_nan()));
            kept.update(next);
        }
        same
    });
    repeated
}

impl Unit {
    /// What a row is, by the evidence: its column; else whether rows follow each other as epochs do.
    fn of(rows: &[Row], index: Index) -> Self {
        let has = |quantity: Quantity| rows.iter().any(|row| row.get(quantity).is_some());
        if index.main == Main::Epoch {
            return Self::Epoch;
        }
        if has(Quantity::Epoch) || !follow(rows) {
            return Self::Step;
        }
        let points = rows.iter().filter(|row| index.is_primary(row)).count();
        let tested = rows.iter().filter(|row| row.is_test()).count();
        let trained = index.figure != Figure::Tests;
        let tested_each = trained && tested > 0 && tested * 10 >= points * 9;
        let norms = has(Quantity::GradientNorm) || has(Quantity::UpdateNorm);
        let plain = points <= EPOCHS && !norms && !(trained && tested > 0);
        if tested_each || plain { Self::Epoch } else { Self::Step }
    }
}

/// Whether rows are numbered from 0 or 1 without gaps.
fn follow(rows: &[Row]) -> bool {
    let number = |row: &Row| row.get(Quantity::Step).unwrap_or(0.0);
    rows.first().is_some_and(|row| number(row) <= 1.0)
        && rows.windows(2).all(|pair| number(&pair[1]) == number(&pair[0]) + 1.0)
}

fn numbering_note(index: Index, unit: Unit, rows: usize, of_epochs: bool) -> Option<String> {
    let numbered = match of_epochs {
        true => "the log has several rows in an epoch, and no steps that tell them apart: they were numbered from 0",
        false => "the log numbers no rows: they were numbered from 0",
    };
    match (index.main, unit) {
        (Main::Epoch, _) | (Main::Step, Unit::Step) => None,
        (Main::Step, Unit::Epoch) if rows == 1 => Some("the log has no epochs: its only row was taken as one".into()),
        (Main::Step, Unit::Epoch) => Some(format!(
            "the log has no epochs: each of its {rows} rows, which follow each other without gaps, was taken as one"
        )),
        (Main::Nothing, Unit::Epoch) => Some(format!("{numbered}, and each was taken as an epoch")),
        (Main::Nothing, Unit::Step) => Some(numbered.into()),
    }
}

fn curve(run: Run, index: Index, unit: Unit, empty: Curve) -> Curve {
    let main = index.main.quantity();
    let number = |row: &Row| row.get(main).unwrap_or(0.0) as u64;
    let mut epochs: Vec<EpochPoint> = Vec::new();
    for row in run.rows.iter().filter(|row| row.is_test()) {
        let step = number(row);
        let of_log = row.get(Quantity::Epoch).map(|epoch| epoch as u64);
        let epoch = if unit == Unit::Epoch { step } else { of_log.unwrap_or(epochs.len() as u64 + 1) };
        epochs.push(EpochPoint {
            epoch,
            step: Some(step),
            test_loss: row.get(Quantity::TestLoss),
            test_accuracy: row.get(Quantity::TestAccuracy),
            ..EpochPoint::default()
        });
    }
    let (epoch_starts, steps_per_epoch) = match unit {
        Unit::Epoch => (Vec::new(), Some(1)),
        Unit::Step => {
            let firsts = first_of_epochs(&run.rows, index);
            (firsts.iter().map(|first| first.1).collect(), steps_per_epoch(&firsts, &run.rows))
        }
    };
    let points = run.rows.iter().filter_map(|row| point(row, index, number(row))).collect();
    let mut notes = empty.notes;
    notes.extend(run.notes);
    Curve { points, epochs, unit, steps_per_epoch, epoch_starts, rows: run.count, notes, ..empty }
}

fn point(row: &Row, index: Index, step: u64) -> Option<Point> {
    let loss = row.get(Quantity::Loss);
    let of_accuracy = index.figure == Figure::Accuracy && row.get(Quantity::Accuracy).is_some();
    Some(Point {
        step,
        loss: loss.or(of_accuracy.then_some(f64::NAN))?,
        accuracy: row.get(Quantity::Accuracy),
        gradient_norm: row.get(Quantity::GradientNorm),
        update_norm: row.get(Quantity::UpdateNorm),
        learning_rate: row.get(Quantity::LearningRate),
    })
}

/// Each epoch and the number of its first row with a loss.
fn first_of_epochs(rows: &[Row], index: Index) -> Vec<(u64, u64)> {
    let mut firsts: Vec<(u64, u64)> = Vec::new();
    for row in rows.iter().filter(|row| index.is_primary(row)) {
        let (Some(epoch), Some(step)) = (row.get(Quantity::Epoch), row.get(Quantity::Step)) else { continue };
        let (epoch, step) = (epoch as u64, step as u64);
        if firsts.last().is_none_or(|&(last, _)| epoch > last) {
            firsts.push((epoch, step));
        }
    }
    firsts
}

/// The median distance of the first steps of epochs that follow each other; else what the shares of an epoch tell.
fn steps_per_epoch(firsts: &[(u64, u64)], rows: &[Row]) -> Option<u64> {
    let following = firsts.windows(2).filter(|pair| pair[1].0 == pair[0].0 + 1);
    let mut lengths: Vec<u64> = following.map(|pair| pair[1].1 - pair[0].1).collect();
    lengths.sort_unstable();
    if let Some(&length) = lengths.get(lengths.len() / 2) {
        return Some(length);
    }
    let share = |row: &Row| row.get(Quantity::Epoch).filter(|epoch| epoch % 1.0 != 0.0).zip(row.get(Quantity::Step));
    let (epoch, step) = rows.iter().rev().find_map(share)?;
    (epoch > 0.0 && step > 0.0).then_some((step / epoch).round() as u64)
}
