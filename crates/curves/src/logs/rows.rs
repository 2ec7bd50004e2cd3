//! Named numbers, row by row, and how they become a [`Curve`]. Every format is first read into this.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::names::{Meaning, QUANTITIES, Quantity, meaning};
use crate::curve::{Curve, EpochPoint, Format, LARGEST_STEP, Point, Source, Unit};
use crate::error::Error;

/// The largest index, as a number that may be none.
const LARGEST_INDEX: f64 = LARGEST_STEP as f64;
/// Names that mean nothing to us and are told to the user.
const UNKNOWN_TOLD: usize = 12;

/// A log as it was read.
pub(crate) struct Log {
    format: Format,
    path: PathBuf,
    names: Vec<Name>,
    /// Where in `names` a name is; `None` if it means nothing.
    known: HashMap<String, Option<usize>>,
    unknown: BTreeSet<String>,
    /// The line of each row, from 1; 0 where there are no lines.
    lines: Vec<u64>,
    cells: Vec<Cell>,
    notes: Vec<String>,
}

struct Name {
    text: String,
    meaning: Meaning,
    /// How often it has a value.
    values: usize,
}

struct Cell {
    row: usize,
    name: usize,
    value: f64,
}

/// A row's numbers, once each quantity has its name.
#[derive(Clone, Copy)]
struct Row {
    line: u64,
    values: [Option<f64>; QUANTITIES],
}

impl Row {
    fn get(&self, quantity: Quantity) -> Option<f64> {
        self.values[quantity as usize]
    }

    fn index(&self, quantity: Quantity) -> Option<u64> {
        self.get(quantity).map(|index| index as u64)
    }

    fn is_test(&self) -> bool {
        self.get(Quantity::TestLoss).is_some() || self.get(Quantity::TestAccuracy).is_some()
    }

    /// Takes over what the other one knows.
    fn update(&mut self, other: &Self) {
        for (mine, theirs) in self.values.iter_mut().zip(other.values) {
            *mine = theirs.or(*mine);
        }
    }
}

impl Log {
    pub(crate) fn new(format: Format, path: &Path) -> Self {
        Self {
            format,
            path: path.into(),
            names: Vec::new(),
            known: HashMap::new(),
            unknown: BTreeSet::new(),
            lines: Vec::new(),
            cells: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The number of a name, to be given to [`value`](Self::value), and what it means; `None` if it means nothing.
    pub(crate) fn name(&mut self, text: &str) -> Option<(usize, Quantity)> {
        if !self.known.contains_key(text) {
            let found = meaning(text);
            let number = found.map(|meaning| {
                self.names.push(Name { text: text.into(), meaning, values: 0 });
                self.names.len() - 1
            });
            if number.is_none() && self.unknown.len() < UNKNOWN_TOLD && !text.is_empty() {
                self.unknown.insert(text.chars().take(60).collect());
            }
            self.known.insert(text.into(), number);
        }
        self.known[text].map(|number| (number, self.names[number].meaning.quantity))
    }

    /// Begins a row, which was read from this line (0: not from lines).
    pub(crate) fn row(&mut self, line: u64) {
        self.lines.push(line);
    }

    /// A value in the row begun last.
    pub(crate) fn value(&mut self, name: usize, value: f64) {
        self.names[name].values += 1;
        self.cells.push(Cell { row: self.lines.len() - 1, name, value });
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// # Errors
    /// If there is no training loss, or an index is no index.
    pub(crate) fn into_curve(mut self) -> Result<Curve, Error> {
        let mut rows = self.rows()?;
        let unit = self.number(&mut rows);
        let (main, side) = match unit {
            Unit::Step => (Quantity::Step, Quantity::Epoch),
            Unit::Epoch => (Quantity::Epoch, Quantity::Step),
        };
        let (indexed, others): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.get(main).is_some());
        let indexed = self.in_order(indexed, main);
        let points: Vec<Point> = indexed.iter().filter_map(|row| point(row, main)).collect();
        let mut epochs: Vec<EpochPoint> = Vec::new();
        for row in indexed.iter().filter(|row| row.is_test()) {
            epochs.push(test(row, row.index(main), epochs.len()));
        }
        for row in others.iter().filter(|row| unit == Unit::Step && row.is_test() && row.get(side).is_some()) {
            epochs.push(test(row, None, epochs.len()));
        }
        epochs.sort_by_key(|test| test.epoch);
        if points.is_empty() {
            return Err(Error::Log { path: self.path.clone(), problem: self.no_loss() });
        }
        let steps_per_epoch = match unit {
            Unit::Step => steps_per_epoch(&indexed),
            Unit::Epoch => Some(1),
        };
        let source = Source { format: self.format, path: Some(self.path) };
        let rows = self.lines.len();
        Ok(Curve {
            points,
            epochs,
            unit,
            steps_per_epoch,
            source,
            rows,
            notes: self.notes,
            ..Curve::empty(self.format)
        })
    }

    /// Of the names that mean the same, one is chosen: that with the most values, then the plainest, then the first.
    fn chosen(&mut self) -> [Option<usize>; QUANTITIES] {
        let mut chosen: [Option<usize>; QUANTITIES] = [None; QUANTITIES];
        let better = |a: &Name, b: &Name| (b.values, a.meaning.rank) < (a.values, b.meaning.rank);
        for (number, name) in self.names.iter().enumerate().filter(|(_, name)| name.values > 0) {
            let best = &mut chosen[name.meaning.quantity as usize];
            if best.is_none_or(|best| better(name, &self.names[best])) {
                *best = Some(number);
            }
        }
        for (number, name) in self.names.iter().enumerate() {
            let best = chosen[name.meaning.quantity as usize];
            if let Some(best) = best.filter(|&best| best != number && name.values > 0) {
                self.notes.push(format!("`{}` was left out in favour of `{}`", name.text, self.names[best].text));
            }
        }
        chosen
    }

    fn rows(&mut self) -> Result<Vec<Row>, Error> {
        let chosen = self.chosen();
        let mut rows: Vec<Row> = self.lines.iter().map(|&line| Row { line, values: [None; QUANTITIES] }).collect();
        for &Cell { row, name, value } in &self.cells {
            let Name { text, meaning, .. } = &self.names[name];
            if chosen[meaning.quantity as usize] != Some(name) {
                continue;
            }
            let whole = meaning.quantity != Quantity::Step || value % 1.0 == 0.0;
            let is_index = matches!(meaning.quantity, Quantity::Step | Quantity::Epoch);
            if is_index && !(whole && (0.0..=LARGEST_INDEX).contains(&value)) {
                let problem = format!("`{text}` is {value}; it must be a whole number, at least 0");
                return Err(Error::Line { path: self.path.clone(), line: rows[row].line, problem });
            }
            rows[row].values[meaning.quantity as usize] = Some(value);
        }
        Ok(rows)
    }

    /// Gives every row with a loss an index, if the log gives none that can serve.
    fn number(&mut self, rows: &mut [Row]) -> Unit {
        let losses = || rows.iter().filter(|row| row.get(Quantity::Loss).is_some());
        if losses().any(|row| row.get(Quantity::Step).is_some()) {
            self.count_through(rows);
            return Unit::Step;
        }
        let epochs: Vec<Option<f64>> = losses().map(|row| row.get(Quantity::Epoch)).collect();
        let one_each = epochs.windows(2).all(|pair| pair[0] != pair[1]);
        if one_each && epochs.iter().all(|epoch| epoch.is_some_and(|epoch| epoch % 1.0 == 0.0)) {
            return Unit::Epoch;
        }
        self.notes.push("the log numbers no steps: its rows were numbered from 1".into());
        for (number, row) in (1..).zip(rows.iter_mut().filter(|row| row.get(Quantity::Loss).is_some())) {
            row.values[Quantity::Step as usize] = Some(f64::from(number));
        }
        Unit::Step
    }

    /// Where steps are counted anew in each epoch, counts them through.
    fn count_through(&mut self, rows: &mut [Row]) {
        if !rows.windows(2).any(|pair| restarts(&pair[0], &pair[1])) {
            return;
        }
        self.notes.push("steps were counted anew in each epoch: they were counted through".into());
        let (mut offset, mut before): (f64, Option<Row>) = (0.0, None);
        for row in rows.iter_mut() {
            let as_read = *row;
            if let Some(before) = before.filter(|before| restarts(before, &as_read)) {
                // An epoch that counts from 0 had one step more than its last number.
                let first = as_read.get(Quantity::Step).unwrap_or(0.0);
                offset += before.get(Quantity::Step).unwrap_or(0.0) + if first == 0.0 { 1.0 } else { 0.0 };
            }
            if let Some(step) = &mut row.values[Quantity::Step as usize] {
                *step = (*step + offset).min(LARGEST_INDEX);
                before = Some(as_read);
            }
        }
    }

    /// In strictly increasing order: rows of the same index are one, and where a log goes back, a run was resumed from
    /// an earlier point, and what it had logged beyond is replaced.
    fn in_order(&mut self, rows: Vec<Row>, main: Quantity) -> Vec<Row> {
        let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
        let (mut times, mut replaced) = (0, 0);
        for row in rows {
            let index = row.get(main);
            match kept.last_mut() {
                Some(last) if last.get(main) == index => last.update(&row),
                Some(last) if last.get(main) > index => {
                    let end = kept.partition_point(|earlier| earlier.get(main) < index);
                    times += 1;
                    replaced += kept.len() - end;
                    kept.truncate(end);
                    kept.push(row);
                }
                _ => kept.push(row),
            }
        }
        if times > 0 {
            let note = format!(
                "the log goes back {times} times, as resumed runs do: {replaced} rows were replaced by later ones"
            );
            self.notes.push(note);
        }
        kept
    }

    fn no_loss(&self) -> String {
        let mut found: Vec<&str> = self.names.iter().map(|name| name.text.as_str()).collect();
        found.extend(self.unknown.iter().map(String::as_str));
        let found = if found.is_empty() { "none".into() } else { format!("`{}`", found.join("`, `")) };
        format!(
            "holds no training loss under a known name (`loss`, `train_loss`, `train/loss`, …); names in it: {found}"
        )
    }
}

/// Whether steps begin anew with the epoch of this row.
fn restarts(before: &Row, row: &Row) -> bool {
    let of = |row: &Row| Some((row.get(Quantity::Epoch)?, row.get(Quantity::Step)?));
    let (Some((epoch_before, step_before)), Some((epoch, step))) = (of(before), of(row)) else { return false };
    // The same step once more may also be its test.
    let both_train = [before, row].iter().all(|row| row.get(Quantity::Loss).is_some());
    epoch > epoch_before && (step < step_before || (step == step_before && both_train))
}

fn point(row: &Row, main: Quantity) -> Option<Point> {
    Some(Point {
        step: row.index(main)?,
        loss: row.get(Quantity::Loss)?,
        accuracy: row.get(Quantity::Accuracy),
        gradient_norm: row.get(Quantity::GradientNorm),
        update_norm: row.get(Quantity::UpdateNorm),
        learning_rate: row.get(Quantity::LearningRate),
    })
}

fn test(row: &Row, step: Option<u64>, before: usize) -> EpochPoint {
    EpochPoint {
        epoch: row.index(Quantity::Epoch).unwrap_or(before as u64 + 1),
        step,
        test_loss: row.get(Quantity::TestLoss),
        test_accuracy: row.get(Quantity::TestAccuracy),
        ..EpochPoint::default()
    }
}

/// The median distance of the first steps of epochs that follow each other.
fn steps_per_epoch(rows: &[Row]) -> Option<u64> {
    let mut firsts: Vec<(u64, u64)> = Vec::new();
    for row in rows {
        if let (Some(epoch), Some(step)) = (row.index(Quantity::Epoch), row.index(Quantity::Step))
            && firsts.last().is_none_or(|&(last, _)| epoch > last)
        {
            firsts.push((epoch, step));
        }
    }
    let following = firsts.windows(2).filter(|pair| pair[1].0 == pair[0].0 + 1);
    let mut lengths: Vec<u64> = following.map(|pair| pair[1].1 - pair[0].1).collect();
    lengths.sort_unstable();
    lengths.get(lengths.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of rows given as (name, value).
    fn curve(rows: &[&[(&str, f64)]]) -> Result<Curve, Error> {
        let mut log = Log::new(Format::Csv, Path::new("log"));
        for (line, row) in (1..).zip(rows) {
            log.row(line);
            for (name, value) in *row {
                if let Some((name, _)) = log.name(name) {
                    log.value(name, *value);
                }
            }
        }
        log.into_curve()
    }

    fn steps(curve: &Curve) -> Vec<u64> {
        curve.points.iter().map(|point| point.step).collect()
    }

    #[test]
    fn training_and_test_at_the_same_step_are_one_row() {
        let curve = curve(&[
            &[("step", 10.0), ("loss", 0.5)],
            &[("step", 10.0), ("eval_loss", 0.6)],
            &[("step", 20.0), ("loss", 0.4)],
        ])
        .unwrap();
        assert_eq!(steps(&curve), [10, 20]);
        assert_eq!((curve.epochs[0].step, curve.epochs[0].test_loss), (Some(10), Some(0.6)));
    }

    #[test]
    fn a_resumed_run_replaces_what_lay_beyond() {
        let row = |step, loss| [("step", step), ("loss", loss)];
        let rows = [row(1.0, 0.9), row(2.0, 0.8), row(3.0, 0.7), row(2.0, 0.6), row(3.0, 0.5)];
        let curve = curve(&rows.each_ref().map(|row| row.as_slice())).unwrap();
        assert_eq!(steps(&curve), [1, 2, 3]);
        assert_eq!(curve.points[1].loss, 0.6);
        assert_eq!(curve.notes.len(), 1);
    }

    #[test]
    fn steps_that_begin_anew_are_counted_through() {
        for first in [0.0, 1.0] {
            let row = |epoch, step| [("epoch", epoch), ("batch", first + step), ("loss", 1.0)];
            let rows = [row(0.0, 0.0), row(0.0, 1.0), row(1.0, 0.0), row(1.0, 1.0), row(2.0, 0.0)];
            let curve = curve(&rows.each_ref().map(|row| row.as_slice())).unwrap();
            let first = first as u64;
            assert_eq!(steps(&curve), [first, first + 1, first + 2, first + 3, first + 4]);
            assert_eq!(curve.steps_per_epoch, Some(2));
        }
    }

    #[test]
    fn rows_without_an_index_are_numbered() {
        let alone = curve(&[&[("loss", 1.0)], &[("loss", 0.5)]]).unwrap();
        assert_eq!((steps(&alone), alone.unit), (vec![1, 2], Unit::Step));
        let of_one_epoch = curve(&[&[("epoch", 0.0), ("loss", 1.0)], &[("epoch", 0.0), ("loss", 0.5)]]).unwrap();
        assert_eq!((steps(&of_one_epoch), of_one_epoch.unit), (vec![1, 2], Unit::Step));
        let epochs = curve(&[&[("epoch", 0.0), ("loss", 1.0)], &[("epoch", 1.0), ("loss", 0.5)]]).unwrap();
        assert_eq!((steps(&epochs), epochs.unit), (vec![0, 1], Unit::Epoch));
    }

    #[test]
    fn the_name_with_the_most_values_is_chosen() {
        let curve = curve(&[
            &[("step", 1.0), ("loss_step", 0.9)],
            &[("step", 2.0), ("loss_step", 0.8)],
            &[("step", 2.0), ("loss", 7.0)],
        ])
        .unwrap();
        assert_eq!(curve.points[1].loss, 0.8);
        assert!(curve.notes[0].contains("`loss` was left out in favour of `loss_step`"), "{:?}", curve.notes);
    }

    #[test]
    fn mistakes_are_named() {
        let message = |rows: &[&[(&str, f64)]]| curve(rows).unwrap_err().to_string();
        let no_loss = message(&[&[("step", 1.0), ("perplexity", 3.0)]]);
        assert!(no_loss.contains("no training loss") && no_loss.contains("`perplexity`"), "{no_loss}");
        for step in [-1.0, 0.5, f64::NAN, 1e300] {
            let text = message(&[&[("step", 1.0), ("loss", 1.0)], &[("step", step), ("loss", 1.0)]]);
            assert!(text.contains("line 2") && text.contains("whole number"), "{text}");
        }
    }
}
