//! Lists of `x` and `y`, as ClearML and Plotly write curves: `{"loss": {"train": {"x": [10, 20], "y": [0.5, 0.4]}}}`; or, as Sacred
//! does, of `steps` and `values`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::names::Quantity;
use super::rows::Log;

/// Objects within each other that are looked into.
const DEEPEST: usize = 12;

/// A name, and its steps and values.
type Curve = (String, Vec<(u64, Option<f64>)>);

/// Reads such curves, if there are any with a known name. Returns whether there are.
pub(super) fn read(log: &mut Log, values: &[Value]) -> bool {
    let mut curves = Vec::new();
    values.iter().for_each(|value| find("", value, log, &mut curves, 0));
    if curves.is_empty() {
        return false;
    }
    let step = log.name_as("x", Quantity::Step, 0);
    let mut rows: BTreeMap<u64, Vec<(usize, f64)>> = BTreeMap::new();
    for (name, points) in curves {
        let Some((name, quantity)) = log.name(&name) else { continue };
        for (x, y) in points {
            // As in other JSON, `null` is a loss that is not finite, and else no value.
            let value = y.or((quantity == Quantity::Loss).then_some(f64::NAN));
            rows.entry(x).or_default().extend(value.map(|value| (name, value)));
        }
    }
    for (x, values) in rows {
        log.row(0);
        log.value(step, x as f64);
        values.into_iter().for_each(|(name, value)| log.value(name, value));
    }
    true
}

fn find(path: &str, value: &Value, log: &Log, curves: &mut Vec<Curve>, depth: usize) {
    match value {
        Value::Array(items) if depth < DEEPEST => {
            items.iter().for_each(|item| find(path, item, log, curves, depth + 1));
        }
        Value::Object(object) if depth < DEEPEST => {
            let lists = |[x, y]: [&str; 2]| Some((object.get(x)?.as_array()?, object.get(y)?.as_array()?));
            if let Some((x, y)) = [["x", "y"], ["steps", "values"], ["step", "value"]].into_iter().find_map(lists) {
                let name = object.get("name").and_then(Value::as_str).unwrap_or_default();
                let names = [path.to_owned(), name.to_owned(), format!("{path}/{name}")];
                let known = names.into_iter().find(|name| log.is_known(name, None));
                let steps: Option<Vec<u64>> = x.iter().map(whole).collect();
                if let (Some(name), Some(steps)) = (known, steps.filter(|steps| steps.len() == y.len())) {
                    curves.push((name, steps.into_iter().zip(y.iter().map(Value::as_f64)).collect()));
                }
                return;
            }
            for (key, value) in object {
                let path = if path.is_empty() { key.clone() } else { format!("{path}/{key}") };
                find(&path, value, log, curves, depth + 1);
            }
        }
        _ => {}
    }
}

fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_f64().filter(|x| *x >= 0.0 && x % 1.0 == 0.0 && *x < 9e15).map(|x| x as u64))
}
