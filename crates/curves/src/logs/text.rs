//! What programs print: Keras' progress bars, lines of `name: value`, `name=value` or `name value`, dictionaries of Python.
//!
//! - A number belongs to the words before it. A number in brackets after another, such as a running mean, belongs to nothing.
//! - A line of an epoch or step alone holds for the lines below it.
//! - Of a progress bar that is printed again and again, the last state counts.

use std::path::Path;

use super::Names;
use super::names::{Quantity, Scope, scope};
use super::number;
use super::rows::Log;
use crate::curve::Format;
use crate::error::Error;
use crate::lines::Lines;

/// Words of a name.
const MOST_WORDS: usize = 4;
/// Numbers of a line that are looked at.
const MOST_NUMBERS: usize = 200;
/// Words that programs put before a message, which belong to no name.
const LEVELS: [&str; 5] = ["INFO", "DEBUG", "WARNING", "ERROR", "INFO:root"];

pub(super) fn read(path: &Path, names: &Names) -> Result<Log, Error> {
    let mut reader =
        Reader { log: Log::new(Format::Text, path, names), epoch: None, step: None, bar: None, bars: false };
    let mut lines = Lines::open(path)?;
    while let Some(line) = lines.next_line()? {
        let text = without_escapes(&String::from_utf8_lossy(line.bytes));
        for state in text.split(['\r', '\u{8}']).map(str::trim).filter(|state| !state.is_empty()) {
            reader.line(line.number, state);
        }
    }
    reader.flush();
    Ok(reader.log)
}

/// A value and the name before it.
type Pair = (String, Option<Scope>, f64);

struct Reader {
    log: Log,
    epoch: Option<f64>,
    step: Option<f64>,
    /// The line, the done and the total of the present bar, and what it says.
    bar: Option<(u64, u64, u64, Vec<Pair>)>,
    /// Whether a bar has been written down since the last line of an epoch.
    bars: bool,
}

impl Reader {
    fn line(&mut self, number: u64, text: &str) {
        if let Some((done, total, rest)) = bar(text) {
            let pairs = pairs(rest, &self.log);
            if pairs.is_empty() {
                return;
            }
            if self.bar.as_ref().is_some_and(|bar| bar.2 != total || bar.1 > done) {
                self.flush();
            }
            // A second bar of an epoch is of an evaluation.
            if !(self.bars && self.epoch.is_some()) {
                self.bar = Some((number, done, total, pairs));
            }
            return;
        }
        if let Some((epoch, total)) = epoch_line(text) {
            self.flush();
            // The only epoch of each of many fits numbers nothing; an iteration around it may.
            self.epoch = if total == Some(1.0) { self.step } else { Some(epoch) };
            self.bars = false;
            return;
        }
        let pairs = pairs(text, &self.log);
        if !pairs.is_empty() {
            self.row(number, &pairs);
        }
    }

    fn flush(&mut self) {
        if let Some((line, _, _, pairs)) = self.bar.take() {
            self.row(line, &pairs);
            self.bars = true;
        }
    }

    fn row(&mut self, line: u64, pairs: &[Pair]) {
        let mut known: Vec<(usize, Quantity, f64)> = Vec::new();
        for (name, scope, value) in pairs {
            if let Some((name, quantity)) = self.log.name_in(name, *scope)
                && !known.iter().any(|(_, other, _)| *other == quantity && is_index(quantity))
            {
                known.push((name, quantity, *value));
            }
        }
        let of = |quantity: Quantity| known.iter().find(|found| found.1 == quantity).map(|found| found.2);
        let (epoch, step) = (of(Quantity::Epoch), of(Quantity::Step));
        let valid = |value: f64| (0.0..9e15).contains(&value) && value % 1.0 == 0.0;
        if known.iter().all(|found| is_index(found.1)) {
            // What was printed above it belongs to what was said before.
            self.flush();
            self.epoch = epoch.or(self.epoch);
            self.step = step.filter(|&step| valid(step)).or(self.step);
            return;
        }
        self.log.row(line);
        let trained = of(Quantity::Loss).is_some();
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
        if step.is_none()
            && trained
            && let Some(step) = self.step.filter(|_| self.epoch.is_none())
            && let Some((name, _)) = self.log.name("step")
        {
            self.log.value(name, step);
        }
    }
}

fn is_index(quantity: Quantity) -> bool {
    matches!(quantity, Quantity::Step | Quantity::Epoch)
}

/// The text without the sequences that colour a terminal.
fn without_escapes(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\u{1b}' {
            result.push(character);
        } else if characters.next_if_eq(&'[').is_some() {
            while characters.next_if(|next| !('@'..='~').contains(next)).is_some() {}
            characters.next();
        }
    }
    result
}

/// `12/100 [=====>…] - ETA: 2s - loss: 0.5`: what is done, of how many, and what follows.
fn bar(text: &str) -> Option<(u64, u64, &str)> {
    let (position, rest) = if let Some((before, after)) = text.split_once("%|") {
        let after = after.rsplit_once('|').map_or(after, |(_, after)| after);
        (after, if before.is_empty() { "" } else { after })
    } else {
        (text, text)
    };
    let position = position.trim_start();
    let digits = position.bytes().take_while(u8::is_ascii_digit).count();
    let done = position[..digits].parse().ok()?;
    let after = position[digits..].strip_prefix('/')?;
    let digits = after.bytes().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let total =
        after[..digits].parse().or_else(|_| if &after[..digits] == "Unknown" { Ok(0) } else { Err(()) }).ok()?;
    let tail = after[digits..].trim_start();
    let is_bar = tail.starts_with("[=")
        || tail.starts_with("[>")
        || tail.starts_with("[.")
        || tail.starts_with('━')
        || tail.starts_with("- ")
        || rest.len() < text.len();
    is_bar.then_some((done, total, tail))
}

/// `Epoch 3/30` and nothing else.
fn epoch_line(text: &str) -> Option<(f64, Option<f64>)> {
    let rest = text.strip_prefix("Epoch").or_else(|| text.strip_prefix("epoch"))?.trim_start_matches([':', ' ']);
    let (epoch, length) = number::prefix(rest)?;
    let tail = rest[length..].trim();
    match tail.strip_prefix('/') {
        Some(total) => number::prefix(total)
            .filter(|(_, length)| total[*length..].trim().is_empty())
            .map(|(total, _)| (epoch, Some(total))),
        None => tail.is_empty().then_some((epoch, None)),
    }
}

/// Values with the names before them.
fn pairs(text: &str, log: &Log) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut phrase: Vec<&str> = Vec::new();
    let mut of_line: Option<Scope> = None;
    let mut open = true;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = word_length(rest);
        if let Some((value, length)) = number_at(rest, text.len() - rest.len(), text) {
            let unit = rest[length..]
                .chars()
                .take_while(|next| next.is_alphanumeric() || *next == '%')
                .map(char::len_utf8)
                .sum::<usize>();
            let junk = rest[length + unit..].starts_with([':', '-', '.'])
                && rest[length + unit + 1..].starts_with(|next: char| next.is_ascii_digit());
            let after = rest[length..].trim_start();
            if phrase.is_empty()
                && unit == 0
                && after.starts_with('/')
                && pairs.len() == 1
                && pairs[0].0.to_lowercase().ends_with("epoch")
            {
                // `Epoch: [0][10/190]`, `Epoch  2,    50/733817;`
                pairs.push(("batch".into(), None, value));
                rest = after.trim_start_matches('/').trim_start();
                rest = &rest[rest.bytes().take_while(u8::is_ascii_digit).count()..];
                continue;
            }
            if &rest[length..length + unit] == "epoch" {
                pairs.push(("epoch".into(), None, value));
            } else if !junk
                && number::is_unit(rest[length..length + unit].trim_end_matches("Epoch"))
                && open
                && pairs.len() < MOST_NUMBERS
                && let Some(name) = name_of(&phrase, log)
                && !pairs.iter().any(|(known, ..)| *known == name)
            {
                // Tesseract's `At iteration 97/200/200`: the second counts what was trained on.
                let second = after.strip_prefix('/').filter(|_| name.ends_with("iteration")).and_then(number::prefix);
                let triple = second.filter(|(_, length)| after[1 + length..].starts_with('/'));
                pairs.push((name, of_line, triple.map_or(value, |second| second.0)));
            }
            let mut skip = length + unit;
            if junk {
                skip += rest[skip..].bytes().take_while(|byte| byte.is_ascii_digit() || b":-.,".contains(byte)).count();
            }
            rest = &rest[skip..];
            (open, phrase) = (false, Vec::new());
        } else if word > 0 {
            let found = &rest[..word];
            rest = &rest[word..];
            if LEVELS.contains(&found) {
                phrase.clear();
            } else {
                if let Some(scope) = scope(found) {
                    of_line = Some(scope);
                }
                phrase.push(found);
            }
            open = true;
        } else {
            match first {
                ' ' | '\t' | ':' | '=' | '\'' | '"' | '[' => {}
                _ => {
                    phrase.clear();
                    open = false;
                }
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    pairs
}

/// Bytes of the word that a text begins with.
fn word_length(text: &str) -> usize {
    if !text.starts_with(|first: char| first.is_alphabetic() || first == '_') {
        return 0;
    }
    let part = |next: &char| next.is_alphanumeric() || "_/@.-".contains(*next);
    text.chars().take_while(part).map(char::len_utf8).sum()
}

/// A number that does not lie within a word.
fn number_at(rest: &str, at: usize, text: &str) -> Option<(f64, usize)> {
    let inside = text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
    if inside { None } else { number::prefix(rest) }
}

/// The longest end of the words that is a name.
fn name_of(phrase: &[&str], log: &Log) -> Option<String> {
    let longest = phrase.len().min(MOST_WORDS);
    let names = (1..=longest).rev().map(|count| phrase[phrase.len() - count..].join(" "));
    names.into_iter().find(|name| log.is_known(name, None))
}
