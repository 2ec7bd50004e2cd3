//! JSON: an object a line, or one text of objects, of lists by name, or of both, such as Hugging Face's
//! `trainer_state.json` and Keras' `History.history`. Objects within are taken apart: `{"train": {"loss": 1}}` is `train/loss`.

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};

use super::Names;
use super::names::{Quantity, Scope, meaning, scope, tells_name, tells_scope, tells_value};
use super::number;
use super::python::{self, Literals};
use super::rows::Log;
use super::xy;
use crate::curve::Format;
use crate::error::Error;
use crate::lines::Lines;
use crate::source;

/// Numbers as Python's `json` writes them, which JSON does not know; the longest first.
const NOT_FINITE: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
/// Bytes in a name beyond which it is none that means anything.
const LONGEST_NAME: usize = 200;
/// Bytes of a text that is read as a whole.
const LARGEST: u64 = 64 << 20;
/// Lists of objects that are looked into for losses, from the outermost on.
const DEEPEST: usize = 4;

/// Reads an object a line.
pub(super) fn read_lines(path: &Path, names: &Names) -> Result<Vec<Log>, Error> {
    let mut log = Log::new(Format::JsonLines, path, names);
    let mut lines = Lines::open(path)?;
    while let Some(line) = lines.next_line()? {
        match serde_json::from_slice(&quoted(line.bytes)) {
            Ok(Value::Object(object)) => push(&mut log, line.number, &object),
            Ok(_) => return Err(line.error(path, "is no JSON object".into())),
            Err(_) if line.torn => log.note(format!("line {} is torn and was left out", line.number)),
            Err(error) => {
                let problem = format!("is no JSON object on one line ({error}); `jq -c .` makes one of it");
                return Err(line.error(path, problem));
            }
        }
    }
    Ok(vec![log])
}

/// Whether a line is a JSON object with numbers of its own, not lists of them, and no rows.
pub(super) fn is_row(line: &[u8]) -> bool {
    let Ok(Value::Object(object)) = serde_json::from_slice(&quoted(line)) else { return false };
    let is_figure = |(name, _): &(String, Option<f64>)| meaning(name).is_some_and(|meaning| meaning.is_judged());
    let mut own = Vec::new();
    flatten("", &Value::Object(object.clone()), &mut own);
    if has_lists(&object) || numbered(&object) {
        return false;
    }
    own.iter().any(is_figure) || !rows_within(&object)
}

/// Whether an object has lists of numbers.
pub(super) fn has_lists(object: &Map<String, Value>) -> bool {
    let mut lists = Vec::new();
    lists_of("", &Value::Object(object.clone()), &mut lists);
    !lists.is_empty()
}

/// Whether an object is one of rows by their number.
fn numbered(object: &Map<String, Value>) -> bool {
    object.len() > 1 && object.iter().all(|(key, value)| key.parse::<u64>().is_ok() && value.is_object())
}

/// Whether an object holds a list of objects.
fn rows_within(object: &Map<String, Value>) -> bool {
    object.values().any(|value| value.as_array().is_some_and(|items| items.len() > 1 && items[0].is_object()))
}

/// Reads a text that is JSON as a whole: one value, or several, one after the other. `None`: it is no JSON.
pub(super) fn read_whole(path: &Path, names: &Names) -> Result<Option<Vec<Log>>, Error> {
    let Some(text) = whole(path)? else {
        let problem = format!("is JSON in one piece of more than {} MiB; write an object a line", LARGEST >> 20);
        return Err(Error::Log { path: path.into(), problem });
    };
    let text = quoted(&text);
    let mut values = Vec::new();
    for value in serde_json::Deserializer::from_slice(&text).into_iter::<Value>() {
        match value {
            Ok(value) => values.push(value),
            Err(error) if error.is_eof() => {
                let line = error.line() as u64;
                let problem = "JSON ends before it is complete: was the file cut off? Name the whole one".into();
                return Err(Error::Line { path: path.into(), line, problem });
            }
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(of_values(Log::new(Format::Json, path, names), &values)))
}

/// Reads a text that is nothing but lists or rows as Python prints them. `None`: it is another.
pub(super) fn read_literals(path: &Path, names: &Names) -> Result<Option<Vec<Log>>, Error> {
    let Some(text) = whole(path)? else { return Ok(None) };
    match python::read(&String::from_utf8_lossy(&text)) {
        Some(Literals::Abridged) => {
            let problem = "has lists of which Python left out the middle (`...`); print all of it: \
                           `numpy.set_printoptions(threshold=sys.maxsize)`, or write the numbers to a file";
            Err(Error::Log { path: path.into(), problem: problem.into() })
        }
        Some(Literals::Whole(value))
            if value.as_object().is_none_or(|object| has_lists(object) || numbered(object)) =>
        {
            Ok(Some(of_values(Log::new(Format::Text, path, names), &[value])))
        }
        _ => Ok(None),
    }
}

/// The bytes of a text that is read as a whole; `None` if there are too many.
fn whole(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let mut text = Vec::new();
    source::open(path)?.take(LARGEST + 1).read_to_end(&mut text).map_err(Error::io(path))?;
    if text.len() as u64 > LARGEST {
        return Ok(None);
    }
    if text.starts_with(b"\xef\xbb\xbf") {
        text.drain(..3);
    }
    Ok(Some(text))
}

fn of_values(mut log: Log, values: &[Value]) -> Vec<Log> {
    if xy::read(&mut log, values) {
        return vec![log];
    }
    match values {
        [Value::Array(items)] => list(&mut log, items),
        [Value::Object(object)] => match list_of_objects(object, &log, 0) {
            Some(items) => list(&mut log, items),
            None => one_object(&mut log, object),
        },
        several => several.iter().filter_map(Value::as_object).for_each(|object| push(&mut log, 0, object)),
    }
    vec![log]
}

/// Objects, a row each; TensorBoard's `[wall time, step, value]`; or losses alone.
fn list(log: &mut Log, items: &[Value]) {
    let numbers = |item: &Value| {
        item.as_array().filter(|triple| triple.len() == 3 && triple.iter().all(Value::is_number)).cloned()
    };
    if items.iter().all(|item| item.is_number() || item.is_string() || item.is_null()) {
        let name = log.name_as("(list)", Quantity::Loss, 0);
        for item in items {
            log.row(0);
            if let Some(value) = of_number(item) {
                log.value(name, value);
            }
        }
        log.note("the numbers have no name: they were taken as the loss");
        return;
    }
    for item in items {
        match item {
            Value::Object(object) => push(log, 0, object),
            _ => {
                let Some(triple) = numbers(item) else { continue };
                let (step, value) = (log.name_as("step", Quantity::Step, 0), log.name_as("value", Quantity::Loss, 0));
                log.row(0);
                for (name, number) in [(step, &triple[1]), (value, &triple[2])] {
                    if let Some(number) = number.as_f64() {
                        log.value(name, number);
                    }
                }
            }
        }
    }
}

/// The first list of objects with a loss in it, such as `log_history`.
fn list_of_objects<'a>(object: &'a Map<String, Value>, log: &Log, depth: usize) -> Option<&'a [Value]> {
    let has_loss = |item: &Value| {
        let mut values = Vec::new();
        flatten("", item, &mut values);
        let single = item.as_object().is_some_and(|object| figure(log, object).is_some());
        single || values.iter().any(|(name, _)| log.is_known(name, None))
    };
    for value in object.values() {
        match value {
            Value::Array(items) if items.iter().any(|item| item.is_object() && has_loss(item)) => return Some(items),
            Value::Object(inner) if depth < DEEPEST => {
                if let Some(items) = list_of_objects(inner, log, depth + 1) {
                    return Some(items);
                }
            }
            _ => {}
        }
    }
    None
}

/// A name that is known, its quantity, and its values.
type Known = ((usize, Quantity), Vec<Option<f64>>);

/// Lists by name; rows by number; or a single row.
fn one_object(log: &mut Log, object: &Map<String, Value>) {
    if numbered(object) {
        let mut rows: Vec<(u64, &Map<String, Value>)> =
            object.iter().filter_map(|(key, value)| Some((key.parse().ok()?, value.as_object()?))).collect();
        rows.sort_by_key(|row| row.0);
        let name = log.name_as("(key)", Quantity::Epoch, 50);
        for (number, row) in rows {
            push(log, 0, row);
            log.value(name, number as f64);
        }
        return;
    }
    let mut lists = Vec::new();
    lists_of("", &Value::Object(object.clone()), &mut lists);
    let known: Vec<Known> = lists.into_iter().filter_map(|(name, values)| Some((log.name(&name)?, values))).collect();
    if known.is_empty() {
        push(log, 0, object);
        return;
    }
    let rows = known.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    let shorter: Vec<usize> = known.iter().map(|(_, values)| values.len()).filter(|&length| length < rows).collect();
    for row in 0..rows {
        log.row(0);
        for ((name, quantity), values) in &known {
            // A list that is shorter was written every so many rows, at their end.
            let every = if values.is_empty() || rows % values.len() > 0 { 1 } else { rows / values.len() };
            let value = if (row + 1) % every == 0 { values.get((row + 1) / every - 1) } else { None };
            // As in lines: `null` is a loss that is not finite, and else no value.
            let null = (value.is_some() && *quantity == Quantity::Loss).then_some(f64::NAN);
            if let Some(value) = value.copied().flatten().or(null) {
                log.value(*name, value);
            }
        }
    }
    if !shorter.is_empty() {
        log.note(format!(
            "lists differ in length, {rows} and {}: a shorter one was taken as written at even distances if it divides \
             the longest, else from the first row on",
            shorter[0]
        ));
    }
}

/// Names and lists of numbers, as they are or by their number (`{"loss": {"0": 0.5, "1": 0.4}}`, as pandas writes it).
fn lists_of(name: &str, value: &Value, lists: &mut Vec<(String, Vec<Option<f64>>)>) {
    if name.len() > LONGEST_NAME {
        return;
    }
    match value {
        Value::Array(items)
            if items.iter().all(|item| item.is_number() || item.is_null() || item.is_string())
            // `[]` and lists of words are settings.
            && items.iter().any(|item| of_number(item).is_some()) =>
        {
            lists.push((name.into(), items.iter().map(of_number).collect()));
        }
        Value::Object(object) if object.len() > 1 && object.keys().all(|key| key.parse::<u64>().is_ok()) => {
            let mut items: Vec<(u64, Option<f64>)> =
                object.iter().filter_map(|(key, value)| Some((key.parse().ok()?, of_number(value)))).collect();
            items.sort_by_key(|item| item.0);
            if items.iter().any(|item| item.1.is_some()) {
                lists.push((name.into(), items.into_iter().map(|item| item.1).collect()));
            }
        }
        Value::Object(object) => {
            for (key, value) in object {
                let name = if name.is_empty() { key.clone() } else { format!("{name}/{key}") };
                lists_of(&name, value, lists);
            }
        }
        _ => {}
    }
}

fn of_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => number::cell(text).ok().flatten(),
        _ => None,
    }
}

fn push(log: &mut Log, line: u64, object: &Map<String, Value>) {
    let mut values = Vec::new();
    let of_row = object.iter().find(|(key, _)| tells_scope(key)).and_then(|(_, value)| scope(value.as_str()?));
    match figure(log, object) {
        Some((name, of_value)) => {
            for (key, value) in object {
                flatten(if key == of_value { name } else { key }, value, &mut values);
            }
        }
        None => object.iter().for_each(|(key, value)| flatten(key, value, &mut values)),
    }
    let known: Vec<(usize, Quantity, Option<f64>)> = values
        .iter()
        .filter_map(|(name, value)| log.name_in(name, of_row).map(|(name, quantity)| (name, quantity, *value)))
        .collect();
    let is_test = of_row == Some(Scope::Test)
        || known.iter().any(|(_, quantity, value)| {
            matches!(quantity, Quantity::TestLoss | Quantity::TestAccuracy) && value.is_some()
        });
    log.row(line);
    for (name, quantity, value) in known {
        // A writer of strict JSON has only `null` for a loss that is not finite; elsewhere it means that there is none.
        let null = (quantity == Quantity::Loss && !is_test).then_some(f64::NAN);
        if let Some(value) = value.or(null) {
            log.value(name, value);
        }
    }
}

/// Of an object that is a single figure, `{"metricName": "loss", "metricValue": 0.5}`, its name and the key of its value.
fn figure<'a>(log: &Log, object: &'a Map<String, Value>) -> Option<(&'a str, &'a str)> {
    let name = object.iter().find_map(|(key, value)| value.as_str().filter(|_| tells_name(key)))?;
    let value = object.keys().find(|key| tells_value(key))?;
    log.is_known(name, None).then_some((name, value))
}

/// Names and numbers; `None` is a `null`. What is neither is passed over.
fn flatten(name: &str, value: &Value, values: &mut Vec<(String, Option<f64>)>) {
    // Else a long key with many values below would need many times the line's memory.
    if name.len() > LONGEST_NAME {
        return;
    }
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let name = if name.is_empty() { key.clone() } else { format!("{name}/{key}") };
                flatten(&name, value, values);
            }
        }
        Value::Number(value) => values.push((name.into(), value.as_f64())),
        Value::String(text) => {
            if let Ok(Some(value)) = number::cell_of(name, text) {
                values.push((name.into(), Some(value)));
            }
        }
        Value::Null => values.push((name.into(), None)),
        Value::Bool(_) | Value::Array(_) => {}
    }
}

/// The line with bare `NaN`, `Infinity` and `-Infinity` made strings.
fn quoted(line: &[u8]) -> Cow<'_, [u8]> {
    if !NOT_FINITE.iter().any(|word| line.windows(word.len()).any(|window| window == *word)) {
        return Cow::Borrowed(line);
    }
    let mut result = Vec::with_capacity(line.len() + 16);
    let (mut at, mut in_string) = (0, false);
    while at < line.len() {
        let word = NOT_FINITE.iter().find(|word| !in_string && line[at..].starts_with(word));
        if let Some(word) = word {
            result.push(b'"');
            result.extend_from_slice(word);
            result.push(b'"');
            at += word.len();
            continue;
        }
        if in_string && line[at] == b'\\' && at + 1 < line.len() {
            result.push(line[at]);
            at += 1;
        } else if line[at] == b'"' {
            in_string = !in_string;
        }
        result.push(line[at]);
        at += 1;
    }
    Cow::Owned(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_numbers_that_are_not_finite_are_quoted_outside_strings_only() {
        let line = br#"{"loss": NaN, "a \" NaN": "Infinity", "b": -Infinity, "c": [Infinity]}"#;
        let expected = br#"{"loss": "NaN", "a \" NaN": "Infinity", "b": "-Infinity", "c": ["Infinity"]}"#;
        assert_eq!(quoted(line).as_ref(), expected);
        assert!(matches!(quoted(br#"{"loss": 1}"#), Cow::Borrowed(_)));
    }
}
