//! A JSON object a line. Objects within are taken apart: `{"train": {"loss": 1}}` is `train/loss`.

use std::borrow::Cow;
use std::path::Path;

use serde_json::Value;

use super::csv::number;
use super::names::Quantity;
use super::rows::Log;
use crate::curve::{Curve, Format};
use crate::error::Error;
use crate::lines::Lines;

/// Numbers as Python's `json` writes them, which JSON does not know; the longest first.
const NOT_FINITE: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
/// Bytes in a name beyond which it is none that means anything.
const LONGEST_NAME: usize = 200;

pub(crate) fn read(path: &Path) -> Result<Curve, Error> {
    let mut log = Log::new(Format::JsonLines, path);
    let mut lines = Lines::open(path)?;
    while let Some(line) = lines.next_line()? {
        match serde_json::from_slice(&quoted(line.bytes)) {
            Ok(Value::Object(object)) => push(&mut log, line.number, &Value::Object(object)),
            Ok(_) => return Err(line.error(path, "is no JSON object".into())),
            Err(_) if line.torn => log.note(format!("line {} is torn and was left out", line.number)),
            Err(error) => {
                let problem = format!("is no JSON object on one line ({error}); `jq -c .` makes one of it");
                return Err(line.error(path, problem));
            }
        }
    }
    log.into_curve()
}

fn push(log: &mut Log, line: u64, object: &Value) {
    let mut values = Vec::new();
    flatten("", object, &mut values);
    let known: Vec<(usize, Quantity, Option<f64>)> = values
        .iter()
        .filter_map(|(name, value)| log.name(name).map(|(name, quantity)| (name, quantity, *value)))
        .collect();
    let is_test = known
        .iter()
        .any(|(_, quantity, value)| matches!(quantity, Quantity::TestLoss | Quantity::TestAccuracy) && value.is_some());
    log.row(line);
    for (name, quantity, value) in known {
        // A writer of strict JSON has only `null` for a loss that is not finite; elsewhere it means that there is none.
        let null = (quantity == Quantity::Loss && !is_test).then_some(f64::NAN);
        if let Some(value) = value.or(null) {
            log.value(name, value);
        }
    }
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
            if let Ok(Some(value)) = number(text) {
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
