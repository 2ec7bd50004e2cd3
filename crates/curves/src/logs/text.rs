//! What programs print: Keras' progress bars, lines of `name: value`, `name=value` or `name value`, dictionaries of Python.
//!
//! - A line of an epoch or step alone holds for the lines below it.
//! - Of a progress bar that is printed again and again, the last state counts.

use std::borrow::Cow;
use std::path::Path;

use super::Names;
use super::boxes::{self, Boxes};
use super::commas::Commas;
use super::names::{Meaning, Pair, Quantity, Scope, meaning, scope};
use super::number;
use super::phrases::{is_index, line_pairs, list_at, pairs};
use super::rows::Log;
use super::unnamed::{Bar, bar};
use crate::curve::Format;
use crate::error::Error;
use crate::lines::Lines;

/// States of a bar that are kept; and those up to which they are not rows.
const MOST_STATES: usize = 100_000;
const FEW_STATES: usize = 3;

/// Reads a text; of its beginning it is told how it writes numbers.
pub(super) fn read(path: &Path, names: &Names, beginning: &str) -> Result<Log, Error> {
    let mut log = Log::new(Format::Text, path, names);
    log.commas = Commas::of(beginning);
    let mut reader = Reader::new(log);
    let mut boxes = boxes::recognise(beginning).then(Boxes::default);
    let mut lines = Lines::open_states(path)?;
    while let Some(line) = lines.next_line()? {
        let text = without_escapes(&String::from_utf8_lossy(line.bytes));
        let text = match boxes.as_mut().map_or(boxes::Line::Other, |boxes| boxes.line(&text)) {
            boxes::Line::Other => text,
            boxes::Line::Inside => continue,
            boxes::Line::Row(row) => row,
        };
        for state in text.split('\u{8}').map(str::trim).filter(|state| !state.is_empty()) {
            reader.line(line.number, &unwrapped(state));
        }
    }
    Ok(reader.finish())
}

/// The last state of a progress bar.
#[derive(Clone)]
struct Progress {
    line: u64,
    done: u64,
    total: u64,
    pairs: Vec<Pair>,
}

impl Progress {
    /// Whether this is the state of another bar than an earlier one.
    fn is_another(&self, earlier: &Self, numbered: bool) -> bool {
        let scope = |bar: &Self| bar.pairs.iter().find_map(|pair| pair.1);
        let epoch = |bar: &Self| bar.pairs.iter().find(|pair| is_epoch(&pair.0)).map(|pair| pair.2);
        let differs = scope(self) != scope(earlier) || epoch(self) != epoch(earlier);
        // A bar may be printed once more when it is full; with the same names on another line it is the next one.
        let full = |bar: &Self| bar.done == bar.total && bar.total > 0;
        let names = |bar: &Self| bar.pairs.iter().map(|pair| pair.0.clone()).collect::<Vec<_>>();
        let next = full(self) && full(earlier) && self.line != earlier.line && names(self) == names(earlier);
        self.total != earlier.total || self.done < earlier.done || differs || (next && !numbered)
    }
}

/// Whether a name is that of an epoch's number.
fn is_epoch(name: &str) -> bool {
    meaning(name).is_some_and(|meaning| meaning.quantity == Quantity::Epoch)
}

struct Reader {
    log: Log,
    epoch: Option<f64>,
    /// With its name's number.
    step: Option<(usize, f64)>,
    /// Whether the step is of a line with figures of its own.
    step_of_row: bool,
    /// Whether it was told since the epoch was.
    step_of_epoch: bool,
    /// What a line without numbers said of those that follow: `Validating`.
    announced: Option<Scope>,
    bar: Option<Progress>,
    /// Whether a bar has been written down since the last line of an epoch.
    bars: bool,
    /// The states of the only bar so far.
    states: Option<Vec<Progress>>,
}

impl Reader {
    fn new(log: Log) -> Self {
        let (epoch, step, announced, bar) = (None, None, None, None);
        Self {
            log,
            epoch,
            step,
            step_of_row: false,
            step_of_epoch: false,
            announced,
            bar,
            bars: false,
            states: Some(Vec::new()),
        }
    }

    fn line(&mut self, number: u64, text: &str) {
        let text = without_prefix(text);
        if let Some(bar) = bar(text) {
            self.progress(number, &bar);
            return;
        }
        // What Python warns of.
        if text.contains("Warning: ") {
            return;
        }
        self.log.lists += text.match_indices('[').filter(|(at, _)| list_at(&text[*at..]) > 0).count();
        if let Some(scope) = announcement(text) {
            self.flush();
            self.announced = Some(scope);
            return;
        }
        if let Some((epoch, total)) = epoch_line(text) {
            self.flush();
            // The only epoch of each of many fits numbers nothing; an iteration around it may.
            self.epoch = if total == Some(1.0) { self.step.map(|step| step.1) } else { Some(epoch) };
            self.step_of_epoch = false;
            (self.bars, self.announced) = (false, None);
            return;
        }
        let pairs = line_pairs(text, &self.log);
        if !pairs.is_empty() {
            self.row(number, &pairs);
        }
    }

    fn progress(&mut self, line: u64, bar: &Bar<'_>) {
        let mut pairs = pairs(&format!("{} | {}", bar.before, bar.after), &self.log);
        if pairs.is_empty() {
            return;
        }
        pairs.iter_mut().for_each(|pair| pair.1 = pair.1.or(self.announced));
        let told = pairs.iter().any(|pair| pair.1.is_some() || is_epoch(&pair.0));
        let progress = Progress { line, done: bar.done, total: bar.total, pairs };
        if self.bar.as_ref().is_some_and(|earlier| progress.is_another(earlier, self.epoch.is_some() && !told)) {
            self.flush();
            self.states = None;
        }
        if let Some(states) = self.states.as_mut().filter(|states| states.len() < MOST_STATES) {
            states.pop_if(|last| last.done == progress.done);
            states.push(progress.clone());
        }
        // A second bar of an epoch is of an evaluation.
        if told || !(self.bars && self.epoch.is_some()) {
            self.bar = Some(progress);
        }
    }

    fn flush(&mut self) {
        if let Some(Progress { line, pairs, .. }) = self.bar.take() {
            self.bars = pairs.iter().any(|pair| !is_epoch(&pair.0));
            self.row(line, &pairs);
        }
    }

    /// Of a single bar over all of the training, every state is a row.
    fn finish(mut self) -> Log {
        let states = self.states.take().filter(|states| states.len() > FEW_STATES && self.log.judged() == 0);
        match states.filter(|_| self.bar.is_some()) {
            Some(states) => {
                self.log.note("the only progress bar is one over all of the training: each of its states is a row");
                for Progress { line, done, mut pairs, .. } in states {
                    pairs.insert(0, ("step".into(), None, done as f64));
                    self.row(line, &pairs);
                }
            }
            None => self.flush(),
        }
        if self.log.lists > 0 {
            self.log.note(format!("{} lists of numbers within lines were left out", self.log.lists));
        }
        if let Some(note) = self.log.commas.note() {
            self.log.note(note);
        }
        self.log
    }

    fn row(&mut self, line: u64, pairs: &[Pair]) {
        let mut known: Vec<(usize, Quantity, f64)> = Vec::new();
        // Of two steps, the one that goes on from epoch to epoch.
        let is_global = |pair: &&Pair| pair.0.to_lowercase().contains("global");
        let pairs = || pairs.iter().filter(is_global).chain(pairs.iter().filter(|pair| !is_global(pair)));
        let announced = self.announced.filter(|_| !pairs().any(|pair| meaning(&pair.0).is_some_and(tells_all)));
        for (name, scope, value) in pairs() {
            if let Some((name, quantity)) = self.log.name_in(name, scope.or(announced))
                && !known.iter().any(|(other, ..)| *other == name && is_index(quantity))
            {
                known.push((name, quantity, *value));
            }
        }
        let index = |quantity: Quantity| known.iter().find(|found| found.1 == quantity).map(|found| (found.0, found.2));
        let valid = |value: f64| (0.0..9e15).contains(&value) && value % 1.0 == 0.0;
        let epoch = index(Quantity::Epoch).map(|epoch| epoch.1);
        let step = index(Quantity::Step).filter(|step| valid(step.1));
        if known.iter().all(|found| is_index(found.1)) {
            // What was printed above it belongs to what was said before. Below the only bar, a step says nothing of it; and
            // of its own epoch, a message may stand between two states of a bar: `Epoch 3: val_loss improved …`.
            let of_another = epoch.is_some_and(|epoch| self.epoch != Some(epoch));
            let few_states = self.states.as_ref().is_none_or(|states| states.len() <= FEW_STATES);
            if of_another || (epoch.is_none() && few_states) {
                self.flush();
            }
            self.step_of_epoch = step.is_some() || (self.step_of_epoch && epoch.is_none());
            self.announced = None;
            if of_another {
                (self.bars, self.announced) = (false, None);
            }
            self.epoch = epoch.or(self.epoch);
            if step.is_some() {
                (self.step, self.step_of_row) = (step, false);
            }
            return;
        }
        self.log.row(line);
        let trained = known.iter().any(|found| matches!(found.1, Quantity::Loss | Quantity::Accuracy));
        let numbered = index(Quantity::Step).is_some();
        for (name, quantity, value) in known {
            if !is_index(quantity) || (valid(value) || (quantity == Quantity::Epoch && value >= 0.0)) {
                self.log.value(name, value);
            }
        }
        if let Some(epoch) = epoch {
            self.epoch = Some(epoch);
        } else if let Some((name, _)) = self.epoch.and_then(|_| self.log.name("epoch")) {
            self.log.value(name, self.epoch.unwrap_or(0.0));
        }
        if !numbered
            && trained
            && (self.epoch.is_none() || (self.step_of_epoch && !self.step_of_row))
            && let Some((name, step)) = self.step
        {
            self.log.value(name, step);
            if self.step_of_row {
                self.log.is_below_another();
            }
        }
        if trained && step.is_some() {
            (self.step, self.step_of_row) = (step, true);
        }
    }
}

/// Whether a name tells by itself to which row it belongs, or of which data it is.
fn tells_all(meaning: Meaning) -> bool {
    is_index(meaning.quantity) || matches!(meaning.quantity, Quantity::TestLoss | Quantity::TestAccuracy)
}

/// The text without what Google's loggers put before a message: `I1129 12:00:00.123456 140737 train.py:48] `.
fn without_prefix(text: &str) -> &str {
    let bytes = text.as_bytes();
    let is_one = matches!(bytes, [b'I' | b'W' | b'E' | b'F', rest @ ..] if rest.len() > 5 && rest[..4].iter().all(u8::is_ascii_digit) && rest[4] == b' ');
    match text.split_once("] ") {
        Some((prefix, message)) if is_one && !prefix.contains('[') && prefix.contains(':') => message.trim_start(),
        _ => text,
    }
}

/// What a line of words says of the data of those that follow: `Validating`, `Eval begin...`, `- Training`.
fn announcement(text: &str) -> Option<Scope> {
    const ABOUT: [&str; 20] = [
        "begin",
        "begins",
        "start",
        "started",
        "starting",
        "running",
        "epoch",
        "model",
        "on",
        "the",
        "set",
        "phase",
        "error",
        "errors",
        "result",
        "results",
        "metrics",
        "performance",
        "data",
        "summary",
    ];
    let message = text.rsplit(" - ").next().unwrap_or(text).trim_matches(|edge: char| !edge.is_alphanumeric());
    let mut words = message.split_whitespace().map(|word| word.trim_matches(|edge: char| !edge.is_alphanumeric()));
    let others = |word: &&str| scope(word).is_none();
    let told = words.clone().find_map(scope)?;
    (words.clone().count() <= 4 && words.all(|word| !others(&word) || ABOUT.contains(&word.to_lowercase().as_str())))
        .then_some(told)
}

/// The text with the numbers of `tensor(0.5, device='cuda:0')`, `np.float32(0.5)` and their like as they are.
fn unwrapped(text: &str) -> Cow<'_, str> {
    const WRAPPERS: [&str; 8] =
        ["tensor(", "Tensor(", "float16(", "float32(", "float64(", "array(", "Array(", "Decimal("];
    let mut result = String::new();
    let mut rest = text;
    while let Some((at, wrapper)) =
        WRAPPERS.iter().filter_map(|wrapper| Some((rest.find(wrapper)?, *wrapper))).min_by_key(|found| found.0)
    {
        let inner = &rest[at + wrapper.len()..];
        let number = inner.trim_start_matches(['[', '\'']);
        let (length, end) = (number::prefix(number).map(|(_, length)| length), end_of_brackets(inner));
        let (Some(length), Some(end)) = (length, end) else {
            result.push_str(&rest[..at + wrapper.len()]);
            rest = inner;
            continue;
        };
        // `np.`, `tf.`
        let before = rest[..at].trim_end_matches(|part: char| part.is_alphanumeric() || "._".contains(part));
        result.push_str(before);
        result.push_str(&number[..length]);
        rest = &inner[end..];
    }
    if result.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(result + rest) }
}

/// Bytes up to the end of brackets that are open.
fn end_of_brackets(text: &str) -> Option<usize> {
    let mut open = 1_u32;
    for (at, character) in text.char_indices() {
        match character {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at + 1);
        }
    }
    None
}

/// Returns the text without the sequences that colour a terminal. Two numbers with only a sequence between them stay two.
pub(super) fn without_escapes(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\u{1b}' {
            result.push(character);
        } else if characters.next_if_eq(&'[').is_some() {
            while characters.next_if(|next| !('@'..='~').contains(next)).is_some() {}
            characters.next();
            let digit = |character: &char| character.is_ascii_digit();
            if result.chars().next_back().as_ref().is_some_and(digit) && characters.peek().is_some_and(digit) {
                result.push(' ');
            }
        }
    }
    result
}

/// `Epoch 3/30` and nothing else.
fn epoch_line(text: &str) -> Option<(f64, Option<f64>)> {
    let (word, rest) = text.split_at_checked("epoch".len())?;
    let rest = rest.trim_start_matches([':', ' ', '#']);
    if !word.eq_ignore_ascii_case("epoch") {
        return None;
    }
    let (epoch, length) = number::prefix(rest)?;
    let tail = rest[length..].trim();
    match tail.strip_prefix('/') {
        Some(total) => number::prefix(total)
            .filter(|(_, length)| total[*length..].trim().is_empty())
            .map(|(total, _)| (epoch, Some(total))),
        None => tail.is_empty().then_some((epoch, None)),
    }
}
