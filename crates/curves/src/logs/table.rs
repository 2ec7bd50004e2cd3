//! Tables of values with a line of names: Keras' `CSVLogger`, Lightning, exports of Weights & Biases, TensorBoard's
//! "download as CSV", what notebooks and model cards show, columns by spaces, numbers alone.

use std::io::BufRead;
use std::path::Path;

use csv::ByteRecord;

use super::Names;
use super::cells::{SEPARATORS, builder, cells, row_cells, text};
use super::names::{Meaning, Quantity, Scope, TIER, meaning, scope, tells_name, tells_scope, tells_value};
use super::number;
use super::rows::{Log, printable};
use super::text::without_escapes;
use crate::curve::Format;
use crate::error::Error;
use crate::lines::Lines;
use crate::source;

/// Between a run's name and the metric's, in exports of Weights & Biases.
const OF_RUN: &str = " - ";
/// Runs in one table beyond which it is none.
const MOST_RUNS: usize = 1000;

/// How a text is a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    separator: u8,
    /// Lines before the rows.
    skip: u64,
    /// The names, if there are any.
    names: Vec<String>,
}

/// How the text is a table with names that are known, if it is one. The last line may be cut off.
pub(super) fn recognise(text: &str, names: &Names) -> Option<Shape> {
    let wanted = [&names.loss, &names.validation_loss, &names.accuracy, &names.step];
    let known = |cell: &str| {
        (meaning(cell).is_some() && !has_value(cell)) || wanted.iter().any(|name| name.as_deref() == Some(cell))
    };
    shape(text, |cells| cells.iter().filter(|cell| known(cell) || of_run(cell).is_some()).count())
}

/// Whether a cell is no name, but a name and its number: `loss=0.5]`, `Epoch 3 loss: 0.5`, `loss 0.5`.
fn has_value(cell: &str) -> bool {
    let number = |(at, mark): (usize, &str)| number::prefix(cell[at + mark.len()..].trim_start()).is_some();
    let last = cell.rsplit_once(' ').map_or("", |(_, last)| last);
    cell.match_indices(['=', ':']).any(number) || (last.contains('.') && number::cell(last).is_ok())
}

/// How the text is a table whose names are not known, or of numbers without names.
pub(super) fn recognise_unnamed(text: &str) -> Option<Shape> {
    let lines: Vec<&str> = lines(text).map(|(_, line)| line).take(20).collect();
    for separator in SEPARATORS {
        let counts: Vec<usize> = lines.iter().map(|line| cells(line, separator).len()).collect();
        let numeric = |line: &&str| cells(line, separator).iter().all(|cell| number::cell(cell).is_ok());
        let same = counts.iter().all(|&count| count == counts[0]) && (counts.first() == Some(&1) || separator != b' ');
        let timed =
            || lines.iter().all(|line| is_timed(&cells(line, separator).iter().map(String::as_bytes).collect()));
        let same = same || (counts.first() == Some(&3) && timed());
        if same && (separator == b',' || counts[0] > 1) && lines.iter().all(numeric) {
            return Some(Shape { separator, skip: 0, names: Vec::new() });
        }
    }
    shape(text, |cells| usize::from(cells.len() > 1))
}

fn shape(text: &str, known: impl Fn(&[String]) -> usize) -> Option<Shape> {
    let named = behind_a_hash(text);
    let mut lines: Vec<(u64, &str)> = lines(text).take(200).collect();
    if let Some(names) = named {
        lines.insert(0, (0, names));
    }
    for (at, &(before, line)) in lines.iter().enumerate() {
        let mut below = lines[at + 1..].iter().filter(|(_, next)| !is_rule(next) && *next != line);
        let first = below.next();
        let third = below.find(|(_, next)| next.contains(|digit: char| digit.is_ascii_digit()));
        let mut best = (0, 0);
        for separator in SEPARATORS {
            let (names, next) = match first.and_then(|(_, first)| both(line, first, separator)) {
                Some(names) => (names, third),
                None => (cells(line, separator), first),
            };
            let next = next.map(|next| next.1);
            let wanted = if at == 0 { 1 } else { 2 };
            let found = known(&names);
            let numbers = names.iter().any(|cell| matches!(number::cell(cell), Ok(Some(_))));
            if found >= wanted
                && found > best.0
                && !numbers
                && next.map_or(separator != b' ', |next| follows(&names, next, separator, at))
            {
                best = (found, separator);
            }
        }
        if best.0 > 0 && (at == 0 || first.is_some()) {
            if let Some((before, second)) = first
                && let Some(names) = both(line, second, best.1)
            {
                return Some(Shape { separator: best.1, skip: before + 1, names });
            }
            let mut names = cells(line, best.1);
            if first.is_some_and(|(_, next)| has_index(&names, next, best.1)) {
                names.insert(0, String::new());
            }
            return Some(Shape { separator: best.1, skip: before + 1, names });
        }
    }
    None
}

/// The names that two lines make together, as pandas writes columns of two levels: `loss,loss` above `train,val`, or the other
/// way round.
fn both(line: &str, next: &str, separator: u8) -> Option<Vec<String>> {
    let (one, two) = (cells(line, separator), cells(next, separator));
    let scopes = |cells: &[String]| cells.iter().filter(|cell| scope(cell).is_some()).count();
    let numbers = two.iter().any(|cell| matches!(number::cell(cell), Ok(Some(_))));
    let fits = separator != b' ' && one.len() == two.len() && !numbers && (scopes(&one) > 1) != (scopes(&two) > 1);
    fits.then(|| one.iter().zip(two).map(|(one, two)| format!("{one} {two}").trim().to_owned()).collect())
}

/// Whether a line can be the first row below these names.
fn follows(names: &[String], line: &str, separator: u8, at: usize) -> bool {
    let cells = row_cells(line, separator);
    let numbers = cells.iter().filter(|cell| number::cell(cell).is_ok_and(|value| value.is_some())).count();
    let any = numbers > 0 || cells.iter().any(|cell| decimal_comma(cell).is_some());
    match separator {
        b' ' => (cells.len() == names.len() || has_index(names, line, b' ')) && numbers * 2 > cells.len(),
        _ if at > 0 => cells.len() == names.len() && any,
        // What follows may be damaged, and is told then.
        _ => any || cells.iter().all(|cell| number::cell(cell).is_ok()),
    }
}

/// Whether rows begin with a number that has no name, as pandas and R print them.
fn has_index(names: &[String], row: &str, separator: u8) -> bool {
    let cells = row_cells(row, separator);
    let whole = |cell: &String| !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
    separator == b' ' && cells.len() == names.len() + 1 && cells.first().is_some_and(whole)
}

/// The names in a first line that is a comment, as `numpy.savetxt` writes them.
fn behind_a_hash(text: &str) -> Option<&str> {
    text.lines().next()?.trim().strip_prefix('#').map(str::trim).filter(|names| !names.is_empty())
}

/// Lines with something in them, and how many lines are before each.
fn lines(text: &str) -> impl Iterator<Item = (u64, &str)> {
    let numbered = (0..).zip(text.lines());
    numbered.map(|(number, line)| (number, line.trim())).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Whether a line only separates the names from the rows.
fn is_rule(line: &str) -> bool {
    line.chars().all(|character| "-=+:| \t".contains(character) || is_of_box(character))
}

/// A character of those that frame a table on a terminal.
fn is_of_box(character: char) -> bool {
    ('\u{2500}'..='\u{257f}').contains(&character)
}

/// Whether a rule has something that is drawn.
fn is_drawn(line: &str) -> bool {
    line.contains(['-', '=']) || line.contains(is_of_box)
}

pub(super) fn read(path: &Path, names: &Names, shape: Shape) -> Result<Vec<Log>, Error> {
    let (separator, skip) = (shape.separator, shape.skip);
    let twice = |(at, name): (usize, &String)| {
        meaning(name).is_some_and(Meaning::is_judged) && shape.names[..at].contains(name)
    };
    if let Some((_, name)) = shape.names.iter().enumerate().find(|found| twice(*found)) {
        let problem = format!("has two columns named `{}`: give each a name of its own", printable(name));
        return Err(Error::Line { path: path.into(), line: skip, problem });
    }
    let mut table = Table::new(path, names, shape);
    if separator == b' ' {
        let mut lines = Lines::open(path)?;
        while let Some(line) = lines.next_line()? {
            let content = without_escapes(&String::from_utf8_lossy(line.bytes));
            if line.number > skip && !content.starts_with('#') {
                let record: ByteRecord = content.split_whitespace().map(str::as_bytes).collect();
                table.spaced(line.number, &record)?;
            }
        }
        return Ok(table.finish());
    }
    if separator == b'|' {
        let mut lines = Lines::open(path)?;
        while let Some(line) = lines.next_line()? {
            let content = without_escapes(&String::from_utf8_lossy(line.bytes));
            if line.number > skip && !content.starts_with('#') {
                let record: ByteRecord = cells(content.trim(), b'|').iter().map(String::as_bytes).collect();
                table.separated(line.number, &record)?;
            }
        }
        return Ok(table.finish());
    }
    let mut file = source::open(path)?;
    for _ in 0..skip {
        file.skip_until(b'\n').map_err(Error::io(path))?;
    }
    let mut reader = builder(separator).from_reader(file);
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(|error| failure(path, skip, error))? {
        let line = skip + record.position().map_or(0, csv::Position::line);
        table.separated(line, &record)?;
    }
    Ok(table.finish())
}

struct Table<'a> {
    path: &'a Path,
    names: &'a Names,
    shape: Shape,
    /// One for each run.
    logs: Vec<Log>,
    header: Vec<Vec<u8>>,
    columns: Vec<Column>,
    /// The column that tells what data a row is of.
    scope: Option<usize>,
    /// In a long table, the columns of the names and of their values.
    long: Option<(Vec<usize>, usize)>,
    commas: bool,
    left_out: usize,
    /// The line of the record before this one, and its cells, if they are too few.
    short: Option<(u64, usize)>,
}

/// A column that is read.
struct Column {
    column: usize,
    log: usize,
    /// The name's number, in rows of training and in those of tests.
    name: [usize; 2],
    /// Whether a cell without a number is no mistake.
    lenient: bool,
}

impl<'a> Table<'a> {
    fn new(path: &'a Path, names: &'a Names, shape: Shape) -> Self {
        let logs = vec![Log::new(Format::Csv, path, names)];
        let (header, columns) = (Vec::new(), Vec::new());
        let named: ByteRecord = shape.names.iter().map(String::as_bytes).collect();
        let mut table = Self {
            path,
            names,
            shape,
            logs,
            header,
            columns,
            scope: None,
            long: None,
            commas: false,
            left_out: 0,
            short: None,
        };
        if !named.is_empty() {
            table.name(&named);
        }
        table
    }

    /// Whether a record is text around the table: it has too few cells, or too many, and no number.
    fn is_around(&mut self, record: &ByteRecord) -> bool {
        let number = |cell: &[u8]| number::cell(&text(cell)).is_ok_and(|value| value.is_some());
        let rule = record.iter().all(|cell| is_rule(&text(cell)));
        let other = !self.header.is_empty() && record.len() != self.header.len();
        let words = record.iter().any(|cell| !cell.is_empty()) && !record.iter().any(number);
        let bars = self.shape.separator == b'|' && record.len() == 1;
        let around = other && !rule && !self.renames(record) && (bars || words);
        self.left_out += usize::from(around);
        around
    }

    /// Returns whether the record has a value for every column.
    fn record(&mut self, line: u64, record: &ByteRecord) -> Result<bool, Error> {
        if self.header.is_empty() {
            self.name_by_place(record);
        }
        if record.iter().eq(self.header.iter().map(Vec::as_slice)) {
            self.logs[0].note(format!("line {line} repeats the names"));
            self.logs.iter_mut().for_each(Log::begins_anew);
            return Ok(true);
        }
        if record.iter().all(|cell| is_rule(&text(cell))) && record.iter().any(|cell| is_drawn(&text(cell))) {
            return Ok(true);
        }
        if self.renames(record) {
            self.logs[0].note(format!("line {line} has other names, which hold from there on"));
            self.logs.iter_mut().for_each(Log::begins_anew);
            self.name(record);
            return Ok(true);
        }
        if record.iter().skip(self.header.len()).any(|cell| !cell.is_empty()) {
            return Err(self.wrong_length(line, record.len()));
        }
        if record.len() < self.header.len() {
            return Ok(false);
        }
        self.row(line, record)?;
        Ok(true)
    }

    /// A line by separators: the last one may be torn.
    fn separated(&mut self, line: u64, record: &ByteRecord) -> Result<(), Error> {
        if let Some((line, found)) = self.short {
            return Err(self.wrong_length(line, found));
        }
        let complete = self.is_around(record) || self.record(line, record)?;
        self.short = (!complete).then_some((line, record.len()));
        Ok(())
    }

    /// A line by spaces: what is no row of the table is text around it.
    fn spaced(&mut self, line: u64, record: &ByteRecord) -> Result<(), Error> {
        let numbers = record.iter().any(|cell| number::cell(&text(cell)).is_ok_and(|value| value.is_some()));
        let is_row = numbers && record.len() == self.header.len();
        let again = record.iter().eq(self.header.iter().map(Vec::as_slice).filter(|name| !name.is_empty()));
        if again && !self.header.is_empty() {
            return Ok(());
        }
        if self.header.is_empty() || is_row || self.renames(record) {
            self.record(line, record)?;
        } else if !record.iter().all(|cell| is_rule(&text(cell))) {
            self.left_out += 1;
        }
        Ok(())
    }

    /// Whether a line in the midst of a table is one of names.
    fn renames(&self, record: &ByteRecord) -> bool {
        let cells = || record.iter().map(text);
        !self.shape.names.is_empty()
            && cells().all(|cell| number::cell(&cell).is_err() || cell.is_empty())
            && cells().filter(|cell| self.logs[0].is_known(cell, None) || of_run(cell).is_some()).count() > 0
    }

    fn name(&mut self, record: &ByteRecord) {
        self.header = record.iter().map(<[u8]>::to_vec).collect();
        self.columns.clear();
        let cells: Vec<String> = record.iter().map(text).collect();
        self.scope = cells.iter().position(|cell| tells_scope(cell));
        self.long = long(&cells);
        if self.long.is_some() {
            // R's `data`, and `run` in a table of TensorBoard's scalars.
            let tells = |cell: &String| matches!(cell.as_str(), "data" | "run");
            self.scope = self.scope.or_else(|| cells.iter().position(tells));
        }
        let mut runs: Vec<&str> = cells.iter().filter_map(|cell| of_run(cell)).map(|(run, _)| run).collect();
        runs.dedup();
        let mut distinct: Vec<&str> = Vec::new();
        for run in runs {
            if !distinct.contains(&run) && distinct.len() < MOST_RUNS {
                distinct.push(run);
            }
        }
        while self.logs.len() < distinct.len() {
            self.logs.push(Log::new(Format::Csv, self.path, self.names));
        }
        for (log, run) in self.logs.iter_mut().zip(&distinct) {
            log.run = Some(printable(run));
        }
        for (column, cell) in cells.iter().enumerate() {
            self.column(column, cell, &distinct);
        }
    }

    fn column(&mut self, column: usize, cell: &str, runs: &[&str]) {
        let lenient = false;
        if self.long.as_ref().is_some_and(|(_, value)| *value == column) {
            return;
        }
        if let Some((run, metric)) = of_run(cell) {
            let Some(log) = runs.iter().position(|known| *known == run) else { return };
            // Those are of the same number, for points that were thinned out.
            if metric.ends_with("__MIN") || metric.ends_with("__MAX") {
                return;
            }
            let wanted = self.logs[log].is_wanted(cell);
            if let Some((name, _)) = self.logs[log].name(if wanted { cell } else { metric }) {
                self.columns.push(Column { column, log, name: [name; 2], lenient });
            }
            return;
        }
        for log in 0..self.logs.len() {
            let nameless = column == 0 && (cell.is_empty() || cell.starts_with("Unnamed: "));
            if nameless && self.shape.separator != b'|' {
                let name = self.logs[log].name_as("(no name)", Quantity::Step, TIER * TIER);
                self.columns.push(Column { column, log, name: [name; 2], lenient: true });
                continue;
            }
            if cell == "#" {
                // spaCy's steps.
                let name = self.logs[log].name_as(cell, Quantity::Step, 2);
                self.columns.push(Column { column, log, name: [name; 2], lenient: true });
                continue;
            }
            let Some((of_train, _)) = self.logs[log].name(cell) else { continue };
            let of_test = if self.scope.is_some() { self.logs[log].name_in(cell, Some(Scope::Test)) } else { None };
            let of_test = of_test.map_or(of_train, |(name, _)| name);
            self.columns.push(Column { column, log, name: [of_train, of_test], lenient });
        }
    }

    /// A table without names: one column is the loss; of two, a first one of whole numbers is the step.
    fn name_by_place(&mut self, record: &ByteRecord) {
        self.header = vec![Vec::new(); record.len()];
        let column = |column, name, lenient| Column { column, log: 0, name: [name; 2], lenient };
        let log = &mut self.logs[0];
        let first: Option<f64> = number::cell(&text(&record[0])).ok().flatten();
        match record.len() {
            1 => {
                let name = log.name_as("column 1", Quantity::Loss, 0);
                self.columns.push(column(0, name, false));
                log.note("the columns have no names: the only one was taken as the loss");
            }
            2 if first.is_some_and(|first| first % 1.0 == 0.0 && first >= 0.0) => {
                let step = log.name_as("column 1", Quantity::Step, 0);
                let loss = log.name_as("column 2", Quantity::Loss, 0);
                self.columns.extend([column(0, step, false), column(1, loss, false)]);
                log.note("the columns have no names: the first was taken as the step, the second as the loss");
            }
            3 if is_timed(record) => {
                // MLflow's files of metrics.
                let loss = log.name_as("column 2", Quantity::Loss, 0);
                let step = log.name_as("column 3", Quantity::Step, 0);
                self.columns.extend([column(1, loss, false), column(2, step, false)]);
                log.note("the columns have no names: they were taken as time, loss and step, as MLflow writes them");
            }
            _ => {}
        }
    }

    fn row(&mut self, line: u64, record: &ByteRecord) -> Result<(), Error> {
        let of_test = self.scope.and_then(|column| scope(&text(record.get(column)?))) == Some(Scope::Test);
        self.logs.iter_mut().for_each(|log| log.row(line));
        for at in 0..self.columns.len() {
            let Column { column, log, name, lenient } = self.columns[at];
            let cell = text(&record[column]);
            let comma = || decimal_comma(&cell).filter(|_| self.shape.separator != b',');
            let value = match number::cell_of(&text(&self.header[column]), &cell) {
                Ok(value) => value,
                Err(()) if lenient => None,
                Err(()) => {
                    let value = comma().ok_or_else(|| self.no_number(line, column, &cell))?;
                    self.commas = true;
                    Some(value)
                }
            };
            if let Some(value) = value {
                self.logs[log].value(name[usize::from(of_test)], value);
            }
        }
        if let Some((names, values)) = &self.long {
            let name = names.iter().map(|&name| text(&record[name])).collect::<Vec<_>>().join("/");
            let cell = text(&record[*values]);
            let of_test = if of_test { Some(Scope::Test) } else { None };
            if let (Some((name, _)), Ok(Some(value))) =
                (self.logs[0].name_in(&name, of_test), number::cell_of(&name, &cell))
            {
                self.logs[0].value(name, value);
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Vec<Log> {
        if let Some((line, _)) = self.short {
            self.logs[0].note(format!("line {line} is torn and was left out"));
        }
        if self.commas {
            self.logs.iter_mut().for_each(|log| log.note("decimal commas were read as points"));
        }
        if self.left_out > 0 {
            self.logs[0].note(format!("{} lines that are no rows of the table were left out", self.left_out));
        }
        self.logs
    }

    fn wrong_length(&self, line: u64, found: usize) -> Error {
        let problem = format!("has {found} values where the first line has {} names", self.header.len());
        Error::Line { path: self.path.into(), line, problem }
    }

    fn no_number(&self, line: u64, column: usize, cell: &str) -> Error {
        let problem =
            format!("`{}` in column `{}` is no number", printable(cell), printable(&text(&self.header[column])));
        Error::Line { path: self.path.into(), line, problem }
    }
}

/// Whether a record is a time in milliseconds, a number and a whole number.
fn is_timed(record: &ByteRecord) -> bool {
    let numbers: Vec<f64> = record.iter().filter_map(|cell| number::cell(&text(cell)).ok().flatten()).collect();
    matches!(numbers[..], [time, _, step] if (1e12..1e13).contains(&time) && time % 1.0 == 0.0 && step % 1.0 == 0.0)
}

/// The columns of names and values of a table that has a row for each figure.
fn long(cells: &[String]) -> Option<(Vec<usize>, usize)> {
    let place = |tells: fn(&str) -> bool| cells.iter().position(|cell| tells(cell));
    let named = |name: &str| cells.iter().position(|cell| cell.eq_ignore_ascii_case(name));
    // ClearML's `Title` and `Series`: of `loss` and `train`, or the other way round.
    let names = match (named("title"), named("series")) {
        (Some(title), Some(series)) => vec![title, series],
        _ => vec![place(tells_name)?],
    };
    Some((names, place(tells_value)?))
}

/// The run and the metric of a column of an export of Weights & Biases: `sunny-haze-12 - train/loss`.
fn of_run(cell: &str) -> Option<(&str, &str)> {
    let (run, metric) = cell.rsplit_once(OF_RUN)?;
    let plain = metric.trim_end_matches("__MIN").trim_end_matches("__MAX");
    (meaning(plain).is_some() && !has_value(plain)).then_some((run, metric))
}

/// `0,5`, as spreadsheets write it where the comma is the decimal point.
fn decimal_comma(cell: &str) -> Option<f64> {
    let (whole, fraction) = cell.split_once(',')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fraction_only = fraction.split(['e', 'E']).next().unwrap_or_default();
    (digits(whole.trim_start_matches(['-', '+'])) && digits(fraction_only))
        .then(|| format!("{whole}.{fraction}").parse().ok())
        .flatten()
}

fn failure(path: &Path, skip: u64, error: csv::Error) -> Error {
    let line = skip + error.position().map_or(0, csv::Position::line);
    match error.into_kind() {
        csv::ErrorKind::Io(reason) => Error::Io { path: path.into(), reason },
        other => Error::Line { path: path.into(), line, problem: format!("{other:?}") },
    }
}
