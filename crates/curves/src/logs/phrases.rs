//! Lines of names and numbers: which number belongs to which words.
//!
//! - A number belongs to the words before it. A number in brackets after another, such as a running mean, belongs to nothing.
//! - A word that tells the data, such as `valid`, holds for what follows it in the line.

use super::names::{Meaning, Pair, Quantity, Scope, is_cost, meaning, scope};
use super::number;
use super::rows::Log;
use super::unnamed::{batch_of_epoch, bracketed, counted, counter, darknet, index_word, score_listener, tutorial};

/// Words of a name.
const MOST_WORDS: usize = 4;
/// Numbers of a line that are looked at.
const MOST_NUMBERS: usize = 200;
/// Words that programs put before a message, which belong to no name.
const LEVELS: [&str; 5] = ["INFO", "DEBUG", "WARNING", "ERROR", "INFO:root"];

/// Values of a line with their names; those of indices may have none.
pub(super) fn line_pairs(text: &str, log: &Log) -> Vec<Pair> {
    if let Some(pairs) = darknet(text).or_else(|| tutorial(text)).or_else(|| score_listener(text)) {
        return pairs;
    }
    if let Some((step, rest)) = counted(text) {
        return [step].into_iter().chain(pairs(rest, log)).collect();
    }
    if let Some((indices, scope, rest)) = batch_of_epoch(text) {
        let of_data = |(name, own, value): Pair| (name, own.or(Some(scope)), value);
        return indices.into_iter().chain(pairs(rest, log).into_iter().map(of_data)).collect();
    }
    let Some((mut indices, rest)) = bracketed(text) else { return pairs(text, log) };
    let found = pairs(rest, log);
    if found.iter().any(|pair| is_index_name(&pair.0)) {
        return found;
    }
    indices.extend(found);
    indices
}

/// Values with the names before them.
pub(super) fn pairs(text: &str, log: &Log) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut phrase: Vec<&str> = Vec::new();
    let mut of_line: Option<Scope> = None;
    let mut open = true;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = word_length(rest);
        if let Some((value, length)) = number_at(rest, text.len() - rest.len(), text) {
            let index = name_of(&phrase, log).is_some_and(|name| is_index_name(&name));
            let (value, length) = log.commas.number(rest, index).unwrap_or((value, length));
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
            if let Some((name, about)) = index_at_end(&phrase, log)
                && unit == 0
                && !junk
            {
                // `Average loss at step 2000: 3.14`: the name's number comes next.
                pairs.push((name.into(), None, value));
                phrase.truncate(about);
                (rest, open) = (&rest[length..], true);
                continue;
            }
            if let Some((name, end)) = index_behind(&phrase, after, log).filter(|_| unit == 0 && !junk) {
                // `Loss after 5 epochs: 3.14`
                pairs.push((name.into(), None, value));
                phrase.pop();
                (rest, open) = (&after[end..], true);
                continue;
            }
            if counts_tests(&phrase) && pairs.iter().any(|pair| is_index_name(&pair.0)) {
                // `Train steps: 100 Val steps: 20`: how many there are, which says nothing of what follows.
                of_line = None;
            } else if &rest[length..length + unit] == "epoch" {
                pairs.push(("epoch".into(), None, value));
            } else if !junk
                && number::is_unit(rest[length..length + unit].trim_end_matches("Epoch"))
                && open
                && pairs.len() < MOST_NUMBERS
                && let Some(name) = name_of(&phrase, log)
                && !pairs.iter().any(|(known, scope, _)| *known == name && *scope == of_line)
                // `cost 12.3s`
                && !(number::is_time(&rest[length..]) && is_cost(&name))
            {
                if let Some((second, end)) = second_number(&name, value, after, &pairs) {
                    // `Train loss 100 0.512`: the first is the step.
                    pairs.push(("step".into(), None, value));
                    pairs.push((name, of_line, second));
                    (rest, open, phrase) = (&after[end..], false, Vec::new());
                    continue;
                }
                // Tesseract's `At iteration 97/200/200`: the second counts what was trained on.
                let second = after.strip_prefix('/').filter(|_| name.ends_with("iteration")).and_then(number::prefix);
                let triple = second.filter(|(_, length)| after[1 + length..].starts_with('/'));
                let last = triple
                    .map(|second| second.0)
                    .or_else(|| end_of_range(&name, after))
                    .or_else(|| end_of_arrow(after));
                pairs.push((name, of_line, last.unwrap_or(value)));
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
            if let Some((name, value)) = index_word(found).filter(|_| phrase.is_empty()) {
                pairs.push((name.into(), None, value));
            } else if LEVELS.contains(&found) {
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
                // `Training loss (for one batch) at step 10: 0.5`
                '(' if in_brackets(rest) > 0 => {
                    let inner = &rest[1..in_brackets(rest) - 1];
                    of_line = scope(inner).or(of_line);
                    rest = &rest[inner.len() + 2..];
                    continue;
                }
                // `loss: 2.303  [   64/60000]`, as in PyTorch's tutorial.
                '[' if !pairs.is_empty()
                    && !pairs.iter().any(|pair| is_step_name(&pair.0))
                    && counter(rest).is_some() =>
                {
                    let (batch, length) = counter(rest).unwrap_or_default();
                    pairs.push(("batch".into(), None, batch));
                    rest = &rest[length..];
                    phrase.clear();
                    continue;
                }
                '[' if list_at(rest) > 0 => {
                    rest = &rest[list_at(rest)..];
                    phrase.clear();
                    continue;
                }
                ' ' | '\t' | ':' | '=' | '\'' | '"' | '[' => {}
                // `Epoch #3`, `Epoch (3/30)`
                '#' | '(' if phrase.last().is_some_and(|word| is_index_name(word)) => {}
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

/// Words before a name that make it no figure of a row.
const LIMITS: [&str; 8] = ["best", "worst", "min", "max", "desired", "target", "goal", "lowest"];

/// Words between the name of a figure and its index.
const BETWEEN: [&str; 7] = ["at", "after", "in", "for", "of", "on", "by"];

/// The index behind its number, as in `loss after 5 epochs`, and where it ends.
fn index_behind<'a>(phrase: &[&str], after: &'a str, log: &Log) -> Option<(&'a str, usize)> {
    let [before @ .., between] = phrase else { return None };
    let end = word_length(after);
    let is_between = BETWEEN.contains(&between.to_lowercase().as_str()) && is_index_name(&after[..end]);
    (is_between && name_of(before, log).is_some()).then(|| (&after[..end], end))
}

/// The index that words end with, as `loss at step` does, and how many words before it name something else.
fn index_at_end<'a>(phrase: &[&'a str], log: &Log) -> Option<(&'a str, usize)> {
    let [before @ .., between, index] = phrase else { return None };
    let is_between = BETWEEN.contains(&between.to_lowercase().as_str()) && is_index_name(index);
    (is_between && name_of(before, log).is_some()).then_some((*index, before.len()))
}

/// Whether words say how many steps of tests there are: `Val steps`.
fn counts_tests(phrase: &[&str]) -> bool {
    const COUNTED: [&str; 6] = ["steps", "batches", "iters", "iterations", "samples", "examples"];
    let [.., data, counted] = phrase else { return false };
    scope(data) == Some(Scope::Test) && COUNTED.contains(&counted.to_lowercase().as_str())
}

/// The loss in `Train loss 100 0.512` and `Validation loss 100: 0.5`, and where it ends, of what follows the first number.
fn second_number(name: &str, first: f64, after: &str, pairs: &[Pair]) -> Option<(f64, usize)> {
    let is_loss = meaning(name).is_some_and(Meaning::is_judged) && first % 1.0 == 0.0 && first >= 0.0;
    let begin = after.len() - after.trim_start_matches([' ', ':']).len();
    let (second, length) = number::prefix(&after[begin..]).filter(|_| is_loss)?;
    let ends = after[begin + length..].chars().next().is_none_or(|next| next.is_whitespace() || next == ',');
    let decimal = after[begin..begin + length].contains('.') || !second.is_finite();
    (ends && decimal && !pairs.iter().any(|pair| is_index_name(&pair.0))).then_some((second, begin + length))
}

/// The second number of `Minibatch[   1- 100]`: the rows up to there.
fn end_of_range(name: &str, after: &str) -> Option<f64> {
    let is_step = meaning(name).is_some_and(|meaning| meaning.quantity == Quantity::Step);
    let rest = after.strip_prefix('-').filter(|_| is_step)?.trim_start();
    let (end, length) = number::prefix(rest)?;
    rest[length..].trim_start().starts_with([']', ',']).then_some(end)
}

/// The second number of `loss 0.53 -> 0.51`: what the first one has become.
fn end_of_arrow(after: &str) -> Option<f64> {
    let rest = ["->", "→", "=>"].iter().find_map(|arrow| after.strip_prefix(arrow))?;
    number::prefix(rest.trim_start()).map(|(end, _)| end)
}

/// Bytes of the words in brackets that a text begins with; 0 if there is anything but words.
fn in_brackets(text: &str) -> usize {
    let words = text.find(')').map_or("", |end| &text[..=end]);
    let inner = words.trim_start_matches('(').trim_end_matches(')');
    let plain = !inner.is_empty() && inner.chars().all(|next| next.is_alphabetic() || next == ' ');
    if plain { words.len() } else { 0 }
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
    let count = (1..=longest).rev().find(|count| log.is_known(&phrase[phrase.len() - count..].join(" "), None))?;
    let (before, name) = phrase.split_at(phrase.len() - count);
    // `Desired error: 0.001` is none of a row.
    let is_limit = before.last().is_some_and(|word| LIMITS.contains(&word.to_lowercase().as_str()));
    // MXNet's `Time cost=10.1` is no loss.
    let is_time = before.last().is_some_and(|word| word.to_lowercase().ends_with("time")) && is_cost(name[0]);
    (!is_limit && !is_time).then(|| name.join(" "))
}

/// Bytes of a list of at least three numbers, in brackets, that a text begins with; 0 if there is none.
pub(super) fn list_at(text: &str) -> usize {
    let end = text.find(']').unwrap_or(text.len());
    let inner = text[..end].trim_start_matches('[');
    let items = || inner.split([',', ' ']).map(str::trim).filter(|item| !item.is_empty());
    let numbers = items().take(3).filter(|item| number::prefix(item).is_some_and(|(_, length)| length == item.len()));
    if numbers.count() == 3 { (end + 1).min(text.len()) } else { 0 }
}

/// Whether a name is that of a step's or an epoch's number.
fn is_index_name(name: &str) -> bool {
    meaning(name).is_some_and(|meaning| is_index(meaning.quantity))
}

fn is_step_name(name: &str) -> bool {
    meaning(name).is_some_and(|meaning| meaning.quantity == Quantity::Step)
}

pub(super) fn is_index(quantity: Quantity) -> bool {
    matches!(quantity, Quantity::Step | Quantity::Epoch)
}
