//! A model's layers in the order in which they feed each other.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::error::Error;
use crate::shown;

/// A layer of a chain, and how the model uses it.
pub(super) struct Link<'a> {
    pub(super) json: &'a Value,
    /// Which of its outputs goes on: 1 is a recurrent layer's state.
    pub(super) output: usize,
    /// What it is called with, beside its input.
    pub(super) arguments: Vec<&'a Value>,
    /// Whether it is called as in training, always.
    pub(super) training: bool,
    /// Its group in files that number layers by class.
    pub(super) group: String,
}

/// One output of one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edge<'a> {
    layer: &'a str,
    node: u64,
    output: u64,
}

/// How a layer is called.
#[derive(Default)]
struct Call<'a> {
    inputs: Vec<Edge<'a>>,
    arguments: Vec<&'a Value>,
    training: bool,
}

/// The chain from input to output; an error if the layers are none.
pub(super) fn chain<'a>(path: &Path, config: &'a Value, layers: &'a [Value]) -> Result<Vec<Link<'a>>, Error> {
    let groups = groups(layers);
    if !layers.iter().any(|layer| layer["inbound_nodes"].is_array()) {
        let links = layers.iter().zip(groups);
        let link = |(json, group)| Link { json, output: 0, arguments: Vec::new(), training: false, group };
        return Ok(links.map(link).collect());
    }
    let named: BTreeMap<&str, (&Value, &String)> =
        layers.iter().zip(&groups).map(|(layer, group)| (name(layer), (layer, group))).collect();
    let mut next = Some(model_output(path, config, layers)?);
    let mut links = Vec::new();
    while let Some(edge) = next {
        let shown = shown::name(edge.layer);
        let Some(&(json, group)) = named.get(edge.layer) else {
            return Err(Error::format(path, format!("layer {shown} feeds another one, but is not there")));
        };
        if links.len() == layers.len() {
            return Err(Error::format(path, format!("layer {shown} feeds itself")));
        }
        if edge.node != 0 {
            return Err(Error::format(path, format!("layer {shown} is used more than once, which cannot be read")));
        }
        let Call { inputs, arguments, training } = call(path, json)?;
        if inputs.len() > 1 {
            let sources = shown::names(inputs.iter().map(|edge| edge.layer));
            let what =
                format!("layer {shown} is fed with {sources}: only models of which each layer feeds the next can");
            return Err(Error::format(path, what + " be read"));
        }
        let output = usize::try_from(edge.output).unwrap_or(usize::MAX);
        links.push(Link { json, output, arguments, training, group: group.clone() });
        next = inputs.first().copied();
    }
    links.reverse();
    if let Some(left) = layers.iter().find(|layer| !links.iter().any(|link| std::ptr::eq(link.json, *layer))) {
        let what = format!("layer {} is not between the input and the output", shown::name(name(left)));
        return Err(Error::format(path, what + ": only models of which each layer feeds the next can be read"));
    }
    Ok(links)
}

fn name(layer: &Value) -> &str {
    layer["name"].as_str().or(layer["config"]["name"].as_str()).unwrap_or_default()
}

/// The one output of the model; the last layer's if none is listed.
fn model_output<'a>(path: &Path, config: &'a Value, layers: &'a [Value]) -> Result<Edge<'a>, Error> {
    let mut edges = Vec::new();
    listed(&config["output_layers"], &mut edges);
    match (&edges[..], layers.last()) {
        (&[edge], _) => Ok(edge),
        ([], Some(last)) => Ok(Edge { layer: name(last), node: 0, output: 0 }),
        _ => {
            let what = format!("has {} outputs: {}", edges.len(), shown::names(edges.iter().map(|edge| edge.layer)));
            Err(Error::format(path, what + ". A network here has one"))
        }
    }
}

/// `["name", node, output, …]`, also in lists.
fn listed<'a>(value: &'a Value, edges: &mut Vec<Edge<'a>>) {
    match value {
        Value::Array(items) => match edge(items) {
            Some(edge) => edges.push(edge),
            None => items.iter().for_each(|item| listed(item, edges)),
        },
        Value::Object(members) => members.values().for_each(|member| listed(member, edges)),
        _ => {}
    }
}

fn edge(items: &[Value]) -> Option<Edge<'_>> {
    let layer = items.first()?.as_str()?;
    Some(Edge { layer, node: items.get(1)?.as_u64()?, output: items.get(2)?.as_u64()? })
}

/// How a layer is called: never for an input, once for all others.
fn call<'a>(path: &Path, layer: &'a Value) -> Result<Call<'a>, Error> {
    let nodes = layer["inbound_nodes"].as_array().map_or(&[][..], Vec::as_slice);
    let shown = || shown::name(name(layer));
    let node = match nodes {
        [] => return Ok(Call::default()),
        [node] => node,
        _ => {
            let what = format!("layer {} is used {} times, which cannot be read", shown(), nodes.len());
            return Err(Error::format(path, what));
        }
    };
    let mut call = Call::default();
    let mut named = Vec::new();
    match node {
        // Keras 3.
        Value::Object(_) => {
            for argument in node["args"].as_array().into_iter().flatten() {
                let before = call.inputs.len();
                tensors(argument, &mut call.inputs);
                if call.inputs.len() == before && !argument.is_null() {
                    call.arguments.push(argument);
                }
            }
            named.extend(node["kwargs"].as_object().into_iter().flatten());
        }
        // Keras 1 and 2: one edge, or a list of edges.
        Value::Array(items) => {
            let one = [node];
            let edges: Vec<&Value> = if edge(items).is_some() { one.to_vec() } else { items.iter().collect() };
            for value in edges {
                listed(value, &mut call.inputs);
                named.extend(value[3].as_object().into_iter().flatten());
            }
        }
        _ => {}
    }
    for (key, value) in named {
        match (key.as_str(), value) {
            (_, Value::Null) => {}
            ("training", value) => call.training = value != &Value::Bool(false),
            ("slice_spec", value) => call.arguments.push(value),
            _ => {
                let what = format!("layer {} is called with the argument {}", shown(), shown::name(key));
                return Err(Error::format(path, what + ", which cannot be read"));
            }
        }
    }
    Ok(call)
}

/// Keras 3's edges in a piece of JSON.
fn tensors<'a>(value: &'a Value, edges: &mut Vec<Edge<'a>>) {
    if value["class_name"] == "__keras_tensor__" {
        edges.extend(value["config"]["keras_history"].as_array().and_then(|items| edge(items)));
    } else if let Value::Array(items) = value {
        items.iter().for_each(|item| tensors(item, edges));
    }
}

/// Keras 3's names of layers in files: by class, the second of a class with `_1` and so on.
fn groups(layers: &[Value]) -> Vec<String> {
    let mut counts = BTreeMap::new();
    let name = |layer: &Value| numbered(&mut counts, &snake_case(layer["class_name"].as_str().unwrap_or_default()));
    layers.iter().map(name).collect()
}

/// The name of the next layer of a class.
pub(super) fn numbered(counts: &mut BTreeMap<String, usize>, class: &str) -> String {
    let count = counts.entry(class.to_owned()).or_insert(0);
    *count += 1;
    if *count == 1 { class.to_owned() } else { format!("{class}_{}", *count - 1) }
}

/// `TimeDistributed` as `time_distributed`, `LSTM` as `lstm`: as Keras does it.
fn snake_case(class: &str) -> String {
    let letters: Vec<char> = class.chars().collect();
    let mut snake = String::new();
    for (index, &letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| letters[before]);
        let begins = before.is_some_and(char::is_lowercase) || letters.get(index + 1).is_some_and(|c| c.is_lowercase());
        if index > 0 && letter.is_uppercase() && begins {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_named_as_keras_names_them() {
        for (class, group) in [
            ("LSTM", "lstm"),
            ("TimeDistributed", "time_distributed"),
            ("SpatialDropout1D", "spatial_dropout1d"),
            ("InputLayer", "input_layer"),
            ("CuDNNLSTM", "cu_dnnlstm"),
        ] {
            assert_eq!(snake_case(class), group);
        }
    }
}
