//! Rows of a log as runs: where steps or epochs go back, a run was resumed, or another one begins.
//!
//! - Steps that begin anew in the next epoch are counted through.
//! - A log that goes back part of the way is of a run resumed from a checkpoint: later rows replace earlier ones.
//! - A log that begins again is of another run if its loss is back at the start's level; else of a resumed run, which is
//!   numbered through.

use super::names::Quantity;
use super::rows::Row;

/// Rows of a run below which only its first number is its beginning.
const SHORT: usize = 20;
/// Rows at the end whose median is the level there.
const LEVEL: usize = 5;
/// Rows at the beginning that tell whether the loss falls again.
const FALL: usize = 10;
/// Share of the losses' range within which the end is at the start's level.
const NEAR: f64 = 0.25;
/// Rows whose loss from a run is worth a judgement of what it had been.
const WORTH_JUDGING: usize = 4;
/// Notes of a kind; the others are counted.
const NOTES: usize = 3;

/// What numbers the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Main {
    Step,
    Epoch,
    /// Nothing that can serve: rows are numbered from 0, as steps.
    Nothing,
}

impl Main {
    /// Where a row's number is, once it has one.
    pub(super) fn quantity(self) -> Quantity {
        if self == Self::Epoch { Quantity::Epoch } else { Quantity::Step }
    }
}

/// How rows are told apart and numbered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Index {
    pub(super) main: Main,
    /// What the rows have that make the points.
    pub(super) figure: Figure,
}

/// The figure by which a run is told apart and numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figure {
    /// The training loss.
    Loss,
    /// The training accuracy, where there is no such loss.
    Accuracy,
    /// Those of tests, where nothing is told of training.
    Tests,
}

impl Figure {
    /// Of rows; `None` if they have nothing that can be judged.
    pub(super) fn of(rows: &[Row]) -> Option<Self> {
        let has = |quantity: Quantity| rows.iter().any(|row| row.get(quantity).is_some());
        match (has(Quantity::Loss), has(Quantity::Accuracy)) {
            (true, _) => Some(Self::Loss),
            (false, true) => Some(Self::Accuracy),
            (false, false) => rows.iter().any(Row::is_test).then_some(Self::Tests),
        }
    }
}

/// The rows of a run, numbered.
#[derive(Default, Clone)]
pub(super) struct Run {
    pub(super) rows: Vec<Row>,
    /// Rows of the log, with those that were replaced.
    pub(super) count: usize,
    pub(super) first_line: u64,
    pub(super) last_line: u64,
    pub(super) notes: Vec<String>,
    /// Whether it is what a run was before it went back.
    pub(super) superseded: bool,
}

impl Index {
    /// By what the rows have: steps; else epochs, one each; else nothing.
    pub(super) fn of(rows: &[Row], figure: Figure, step_is_wanted: bool) -> Self {
        let mut index = Self { main: Main::Nothing, figure };
        let (mut count, mut steps, mut below, mut whole, mut equal, mut next) = (0_usize, 0, 0, 0, 0, 0);
        let mut last = None;
        for row in rows.iter().filter(|row| index.is_primary(row)) {
            let epoch = row.get(Quantity::Epoch);
            count += 1;
            steps += usize::from(row.get(Quantity::Step).is_some());
            below += usize::from(row.below);
            whole += usize::from(epoch.is_some_and(|epoch| epoch % 1.0 == 0.0));
            equal += usize::from(epoch.is_some() && epoch == last);
            next += usize::from(epoch.is_some() && epoch == last.map(|last| last + 1.0));
            last = epoch;
        }
        // A few lines with a step number no others.
        let has_steps = steps * 2 > count && below * 3 <= count * 2;
        let one_each = whole == count && equal == 0;
        let follow = count > 1 && next * 10 >= (count - 1) * 9;
        index.main = match (has_steps, one_each) {
            (true, _) if step_is_wanted => Main::Step,
            (true, true) if follow => Main::Epoch,
            (true, _) => Main::Step,
            (false, true) => Main::Epoch,
            (false, false) => Main::Nothing,
        };
        index
    }

    pub(super) fn is_primary(self, row: &Row) -> bool {
        match self.figure {
            Figure::Loss => row.get(Quantity::Loss).is_some(),
            Figure::Accuracy => row.get(Quantity::Accuracy).is_some(),
            Figure::Tests => row.is_test(),
        }
    }

    /// What the level of a run is told by.
    fn value(self, row: &Row) -> Option<f64> {
        let better_if_high = |quantity: Quantity| row.get(quantity).map(|accuracy| -accuracy);
        let value = match self.figure {
            Figure::Loss => row.get(Quantity::Loss),
            Figure::Accuracy => better_if_high(Quantity::Accuracy),
            Figure::Tests => row.get(Quantity::TestLoss).or_else(|| better_if_high(Quantity::TestAccuracy)),
        };
        value.filter(|value| value.is_finite())
    }

    fn number(self, row: &Row) -> f64 {
        row.get(self.main.quantity()).unwrap_or(0.0)
    }

    /// Whether, and how, the log goes back from one row to another.
    fn goes_back(self, before: &Row, row: &Row) -> Option<Back> {
        let epochs = before.get(Quantity::Epoch).zip(row.get(Quantity::Epoch));
        if self.main != Main::Step {
            return epochs.filter(|(before, now)| now < before).map(|_| Back::Again);
        }
        let (step_before, step) = before.get(Quantity::Step).zip(row.get(Quantity::Step))?;
        match epochs {
            _ if step > step_before => None,
            Some((before, now)) if now > before => Some(Back::NextEpoch),
            Some((before, now)) if now < before => Some(Back::Again),
            _ => (step < step_before).then_some(Back::Again),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Back {
    /// The steps only: they are counted anew in each epoch.
    NextEpoch,
    Again,
}

/// Takes the rows apart, in the order of the log. `begins` are rows before which the log has a second line of names.
pub(super) fn split(rows: &[Row], index: Index, begins: &[usize]) -> Vec<Run> {
    let bounds = bounds(rows, index, begins);
    let mut splitter = Splitter::new(index);
    let mut from = 0;
    for (number, &(start, back)) in bounds.iter().enumerate() {
        splitter.take(&rows[from..start]);
        let end = bounds.get(number + 1).map_or(rows.len(), |bound| bound.0);
        splitter.turn(&rows[start..end], back);
        from = start;
    }
    splitter.take(&rows[from..]);
    splitter.finish()
}

/// Where the log goes back.
fn bounds(rows: &[Row], index: Index, begins: &[usize]) -> Vec<(usize, Back)> {
    let mut bounds = Vec::new();
    let mut last: Option<usize> = None;
    let mut begins = begins.iter().peekable();
    for (at, row) in rows.iter().enumerate().filter(|(_, row)| index.is_primary(row)) {
        let named_anew = begins.next_if(|&&begin| begin <= at).is_some();
        if let Some(last) = last {
            let unnumbered = index.main == Main::Nothing && row.get(Quantity::Epoch).is_none();
            let back = index.goes_back(&rows[last], row).or((named_anew && unnumbered).then_some(Back::Again));
            if let Some(back) = back {
                // Rows without a loss just before belong to what begins here, if they have gone back, too.
                let belongs = |&at: &usize| index.goes_back(&rows[last], &rows[at]).is_some();
                let start = (last + 1..at).rev().take_while(belongs).last().unwrap_or(at);
                bounds.push((start, back));
            }
        }
        // A summary of an epoch may have no step.
        if index.main != Main::Step || row.get(Quantity::Step).is_some() || last.is_none() {
            last = Some(at);
        }
    }
    bounds
}

struct Splitter {
    index: Index,
    runs: Vec<Run>,
    run: Run,
    /// What was added to steps (or epochs, or rows) of the present count, and to epochs.
    offset: f64,
    epoch_offset: f64,
    /// What was added in each epoch, where steps begin anew.
    laps: Vec<(f64, f64)>,
    /// The first row, as read, of the present count, and where it is in the run.
    first: Option<(Row, usize)>,
    last: f64,
    last_epoch: f64,
    stride: Option<f64>,
    start: Option<f64>,
    best: f64,
    unplaced: usize,
    laps_told: bool,
    resumed: usize,
    replaced: (usize, usize),
}

impl Splitter {
    fn new(index: Index) -> Self {
        Self {
            index,
            runs: Vec::new(),
            run: Run::default(),
            offset: 0.0,
            epoch_offset: 0.0,
            laps: Vec::new(),
            first: None,
            last: -1.0,
            last_epoch: -1.0,
            stride: None,
            start: None,
            best: f64::INFINITY,
            unplaced: 0,
            laps_told: false,
            resumed: 0,
            replaced: (0, 0),
        }
    }

    /// Numbers rows in which the log does not go back.
    fn take(&mut self, rows: &[Row]) {
        for row in rows {
            let primary = self.index.is_primary(row);
            self.run.count += 1;
            if self.run.first_line == 0 {
                self.run.first_line = row.line;
            }
            self.run.last_line = row.line;
            let mut placed = *row;
            if let Some(epoch) = row.get(Quantity::Epoch) {
                placed.set(Quantity::Epoch, epoch + self.epoch_offset);
                self.last_epoch = epoch + self.epoch_offset;
            }
            let number = match self.index.main {
                Main::Step => row.get(Quantity::Step).map(|step| step + self.offset),
                Main::Epoch => row.get(Quantity::Epoch).map(|epoch| epoch + self.epoch_offset),
                Main::Nothing => primary.then_some(self.last + 1.0),
            };
            let Some(number) = number.or((!primary).then_some(self.last.max(0.0))) else {
                self.unplaced += 1;
                continue;
            };
            placed.set(self.index.main.quantity(), number);
            if primary {
                self.meet(row, number);
            }
            self.run.rows.push(placed);
        }
    }

    fn meet(&mut self, row: &Row, number: f64) {
        if self.first.is_none() {
            self.first = Some((*row, self.run.rows.len()));
            self.laps.push((row.get(Quantity::Epoch).unwrap_or(0.0), self.offset));
        } else if self.stride.is_none() && number > self.last {
            self.stride = Some(number - self.last);
        }
        self.last = number;
        if let Some(value) = self.index.value(row) {
            self.start.get_or_insert(value);
            self.best = self.best.min(value);
        }
    }

    /// Decides what the rows are at which the log goes back.
    fn turn(&mut self, rows: &[Row], back: Back) {
        let Some(row) = rows.iter().find(|row| self.index.is_primary(row)) else { return };
        if back == Back::NextEpoch {
            let step = row.get(Quantity::Step).unwrap_or(0.0);
            self.offset = self.last + self.stride.unwrap_or(1.0) - step;
            self.laps.push((row.get(Quantity::Epoch).unwrap_or(0.0), self.offset));
            if !std::mem::replace(&mut self.laps_told, true) {
                self.run.notes.push("steps begin anew in each epoch: they were counted through".into());
            }
        } else if !self.is_beginning(row) {
            self.replace(row);
        } else if self.is_another(rows) {
            self.another(row);
        } else {
            self.resume(row);
        }
    }

    /// The number that the row would have if it goes back within the present count.
    fn target(&self, row: &Row) -> f64 {
        match self.index.main {
            Main::Step => {
                let epoch = row.get(Quantity::Epoch).unwrap_or(0.0);
                let lap = self.laps.iter().rev().find(|lap| lap.0 <= epoch).map_or(self.offset, |lap| lap.1);
                row.get(Quantity::Step).unwrap_or(0.0) + lap
            }
            Main::Epoch | Main::Nothing => row.get(Quantity::Epoch).unwrap_or(0.0) + self.epoch_offset,
        }
    }

    fn key(&self, row: &Row) -> f64 {
        match self.index.main {
            Main::Nothing => row.get(Quantity::Epoch).unwrap_or(0.0),
            _ => self.index.number(row),
        }
    }

    /// Whether a row is where the present count began.
    fn is_beginning(&self, row: &Row) -> bool {
        let Some((first, at)) = &self.first else { return true };
        let quantity = if self.index.main == Main::Step { Quantity::Step } else { Quantity::Epoch };
        let (Some(first), Some(now)) = (first.get(quantity), row.get(quantity)) else { return true };
        let earlier_epoch = |laps: &[(f64, f64)]| match (laps.first(), row.get(Quantity::Epoch)) {
            (Some(lap), Some(epoch)) => epoch <= lap.0,
            _ => true,
        };
        if now <= first && (self.index.main != Main::Step || earlier_epoch(&self.laps)) {
            return true;
        }
        let count = &self.run.rows[(*at).min(self.run.rows.len())..];
        let target = self.target(row);
        let kept = count.partition_point(|earlier| self.key(earlier) < target);
        count.len() >= SHORT && kept <= 1 + count.len() / 50
    }

    /// Whether the loss is back at the level of the run's start, rather than where it stood or at its best.
    fn is_another(&self, rows: &[Row]) -> bool {
        let values = || rows.iter().filter(|row| self.index.is_primary(row)).filter_map(|row| self.index.value(row));
        let (Some(start), Some(value), Some(end)) = (self.start, values().next(), self.end()) else { return false };
        let range = (start - self.best).abs();
        if (start - end).abs() > NEAR * range {
            let of_this = (value - end).abs().min((value - self.best).abs());
            return (value - start).abs() < of_this;
        }
        // It had lost what it had learnt, or learnt nothing: does it learn from the start once more?
        let lowest = values().take(FALL).fold(f64::INFINITY, f64::min);
        value - lowest > NEAR * range
    }

    /// The level at which the run stands.
    fn end(&self) -> Option<f64> {
        let recent = self.run.rows.iter().rev().take(200).filter(|row| self.index.is_primary(row));
        let mut values: Vec<f64> = recent.filter_map(|row| self.index.value(row)).take(LEVEL).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    fn replace(&mut self, row: &Row) {
        let target = self.target(row);
        let (mut count, mut first) = (0, 0.0);
        let last = self.last;
        let lost = self.run.rows.iter().rev().take_while(|earlier| self.key(earlier) >= target);
        if lost.filter(|row| self.index.is_primary(row)).count() >= WORTH_JUDGING && self.replaced.0 < NOTES {
            self.runs.push(Run { superseded: true, ..self.run.clone() });
        }
        while let Some(earlier) = self.run.rows.last() {
            if self.key(earlier) < target {
                break;
            }
            count += usize::from(self.index.is_primary(earlier));
            first = self.index.number(earlier);
            self.run.rows.pop();
        }
        self.last = self.run.rows.last().map_or(-1.0, |row| self.index.number(row));
        if self.index.main == Main::Step {
            self.offset = target - row.get(Quantity::Step).unwrap_or(0.0);
            let epoch = row.get(Quantity::Epoch).unwrap_or(0.0);
            while self.laps.len() > 1 && self.laps.last().is_some_and(|lap| lap.0 > epoch) {
                self.laps.pop();
            }
        }
        self.replaced = (self.replaced.0 + 1, self.replaced.1 + count);
        if self.replaced.0 <= NOTES {
            let (what, place) = (self.what(), place(row));
            self.run.notes.push(format!(
                "{place}the log goes back to {what} {}, as resumed runs do: {count} rows, {what}s {first} to {last}, \
                 were superseded by those that follow",
                self.target(row)
            ));
        }
    }

    fn another(&mut self, row: &Row) {
        let again = self.again(row);
        let run = std::mem::take(&mut self.run);
        let index = self.index;
        let closed = self.closed(run);
        self.runs.push(closed);
        let runs = std::mem::take(&mut self.runs);
        *self = Self::new(index);
        self.runs = runs;
        self.run.notes.push(format!("{again}, as at the start: another run"));
    }

    fn resume(&mut self, row: &Row) {
        let again = self.again(row);
        let stride = self.stride.unwrap_or(1.0);
        let whole = row.get(Quantity::Epoch).is_none_or(|epoch| epoch % 1.0 == 0.0);
        if let Some(epoch) = row.get(Quantity::Epoch) {
            let next = if self.index.main == Main::Epoch { self.last + stride } else { self.last_epoch + 1.0 };
            self.epoch_offset = if whole { next - epoch } else { self.last_epoch.max(0.0).ceil() };
        }
        if self.index.main == Main::Step {
            self.offset = self.last + stride - row.get(Quantity::Step).unwrap_or(0.0);
        }
        self.first = None;
        self.laps.clear();
        self.resumed += 1;
        if self.resumed <= NOTES {
            let added = match self.index.main {
                Main::Step => format!("{} was added to its steps", self.offset),
                Main::Epoch => format!("{} was added to its epochs", self.epoch_offset),
                Main::Nothing => "its rows were numbered through".into(),
            };
            let sign = if self.index.figure == Figure::Accuracy { -1.0 } else { 1.0 };
            let stood =
                self.end().map(|end| sign * end).map_or_else(String::new, |end| format!(" (where it stood: {end})"));
            self.run.notes.push(format!("{again}{stood}: a resumed run; {added}"));
        }
    }

    /// "line 32: epochs begin again at 0, the loss at 0.41"
    fn again(&self, row: &Row) -> String {
        let quantity = if self.index.main == Main::Step { Quantity::Step } else { Quantity::Epoch };
        let begin = match row.get(quantity) {
            Some(number) if quantity == Quantity::Step => format!("steps begin again at {number}"),
            Some(number) => format!("epochs begin again at {number}"),
            None => "the log begins again".into(),
        };
        let (figure, value) = match self.index.figure {
            Figure::Loss => ("loss", row.get(Quantity::Loss)),
            Figure::Accuracy => ("accuracy", row.get(Quantity::Accuracy)),
            Figure::Tests => ("loss", row.get(Quantity::TestLoss)),
        };
        let value = value.map_or_else(String::new, |value| format!(", the {figure} at {value}"));
        format!("{}{begin}{value}", place(row))
    }

    fn what(&self) -> &'static str {
        match self.index.main {
            Main::Step => "step",
            Main::Epoch => "epoch",
            Main::Nothing => "row",
        }
    }

    fn closed(&mut self, mut run: Run) -> Run {
        if self.replaced.0 > NOTES {
            let (times, rows) = self.replaced;
            run.notes.push(format!("it goes back {times} times in all, and {rows} rows were superseded"));
        }
        if self.resumed > NOTES {
            run.notes.push(format!("it begins again {} times in all, and was numbered through", self.resumed));
        }
        if self.unplaced > 0 {
            let (count, what) = (self.unplaced, self.what());
            run.notes.push(format!("{count} rows with a loss have no {what} and were left out"));
        }
        run
    }

    fn finish(mut self) -> Vec<Run> {
        let run = std::mem::take(&mut self.run);
        let run = self.closed(run);
        self.runs.push(run);
        self.runs
    }
}

/// "line 32: ", where there are lines.
fn place(row: &Row) -> String {
    if row.line == 0 { String::new() } else { format!("line {}: ", row.line) }
}
