//! The network of a state dict: its modules' names and shapes are all that the file tells.

use std::collections::BTreeMap;

use flameout_cells::Reset;
use flameout_model::{Architecture, Flavour};
use ndarray::Array2;

use super::state_dict::{Parameters, StateDict, is_bidirectional};
use crate::error::Error;
use crate::metadata::Metadata;
use crate::model::Model;
use crate::open::Open;
use crate::parameters::{Found, build, fold, is_kernel};
use crate::parts::{self, Part, PartKind, Slot};
use crate::recurrent::{Cell, Recurrent};
use crate::shown;

/// A module with its tensors: one layer after the other.
struct Module<'a> {
    part: Part,
    layers: Vec<&'a Parameters>,
}

/// The network, in the order that shapes, names and choices give.
pub(super) fn model(dict: &StateDict<'_>, metadata: Metadata, open: &mut Open<'_>) -> Result<Model, Error> {
    if dict.recurrent.is_empty() {
        return Err(Error::format(dict.path, "has no `weight_ih_l0`: no LSTM or GRU to read a word with"));
    }
    let mut modules = modules(dict)?;
    find_embedding(dict, &mut modules, open)?;
    let parts: Vec<Part> = modules.iter().map(|module| module.part.clone()).collect();
    let order = parts::order(dict.path, &parts, open)?;
    let slots = parts::slots(dict.path, &parts, &order, false, open)?;
    assemble(dict, &modules, &slots, metadata)
}

/// Recurrent modules, then linear ones, each kind in the order of their names.
fn modules<'a>(dict: &'a StateDict<'_>) -> Result<Vec<Module<'a>>, Error> {
    let mut stacks: BTreeMap<_, Vec<&Parameters>> = BTreeMap::new();
    for ((module, place), parameters) in &dict.recurrent {
        let stack = stacks.entry(module).or_default();
        if *place != stack.len() {
            let name = parameters.values().next().map_or("", String::as_str);
            return Err(Error::tensor(dict.path, name, format!("is there, but layer {} is not", stack.len())));
        }
        stack.push(parameters);
    }
    let mut modules = Vec::new();
    for ((_, name), layers) in stacks {
        let inputs = dict.tensor(layers[0], "weight_ih")?.ncols();
        let kinds = layers.iter().map(|parameters| recurrent_kind(dict, parameters)).collect::<Result<_, _>>()?;
        let part = Part { name: name.clone(), kind: PartKind::Recurrent(kinds), inputs, rank: None };
        modules.push(Module { part, layers });
    }
    for ((_, name), parameters) in &dict.linear {
        let (units, inputs) = dict.tensor(parameters, "weight")?.dim();
        let part = Part { name: name.clone(), kind: PartKind::Dense { units }, inputs, rank: None };
        modules.push(Module { part, layers: vec![parameters] });
    }
    Ok(modules)
}

/// An LSTM has four rows a unit, a GRU three; a bidirectional layer has both directions' tensors.
fn recurrent_kind(dict: &StateDict<'_>, parameters: &Parameters) -> Result<Recurrent, Error> {
    let rows = dict.tensor(parameters, "weight_ih")?.nrows();
    let units = dict.tensor(parameters, "weight_hh")?.ncols();
    let cell = match rows.checked_div(units) {
        Some(4) if rows == 4 * units => Cell::Lstm,
        Some(3) if rows == 3 * units => Cell::Gru { reset: Reset::After },
        _ => {
            let what = format!("has {rows} rows for {units} units: neither an LSTM's 4 nor a GRU's 3 a unit");
            return Err(Error::tensor(dict.path, &parameters["weight_ih"], what));
        }
    };
    let (gate_activation, bidirectional) = (Flavour::PyTorch.gate_activation(), is_bidirectional(parameters));
    Ok(Recurrent { cell, units, gate_activation, return_sequences: false, bidirectional })
}

/// Makes the one weight that must be an embedding's, or is by its name, the first module. The file tells it apart from a
/// linear layer without a bias by nothing else.
fn find_embedding(dict: &StateDict<'_>, modules: &mut Vec<Module<'_>>, open: &mut Open<'_>) -> Result<(), Error> {
    let is_chain = |modules: &[&Part]| {
        let parts: Vec<Part> = modules.iter().map(|part| (*part).clone()).collect();
        !parts::possible(&parts).is_empty()
    };
    let linear = is_chain(&modules.iter().map(|module| &module.part).collect::<Vec<_>>());
    let may_be = |module: &Module<'_>| {
        matches!(module.part.kind, PartKind::Dense { .. }) && !module.layers[0].contains_key("bias")
    };
    let candidates: Vec<usize> = (0..modules.len()).filter(|&index| may_be(&modules[index])).collect();
    let fitting: Vec<(usize, Part)> = candidates
        .into_iter()
        .map(|index| (index, as_embedding(&modules[index].part)))
        .filter(|(index, embedding)| {
            let others = modules.iter().enumerate().filter(|(other, _)| other != index).map(|(_, other)| &other.part);
            is_chain(&std::iter::once(embedding).chain(others).collect::<Vec<_>>())
        })
        .collect();
    let named = fitting.iter().find(|(_, part)| part.name.to_lowercase().contains("emb"));
    let (index, part) = match (named, &fitting[..], linear) {
        (Some(named), _, _) => named.clone(),
        (None, [], _) => return Ok(()),
        (None, [only], false) => only.clone(),
        (None, [(index, _), ..], _) => {
            let name = modules[*index].layers[0]["weight"].clone();
            let what = "has no bias, and may be an embedding or a linear layer. Rename its module: with `emb` in its name \
                        it is read as an embedding; a linear layer may have a bias of zeros";
            return Err(Error::tensor(dict.path, name, what));
        }
    };
    let by = if named.is_some() { "name and shape" } else { "shape" };
    open.assume(
        format!("{} is an embedding, by its {by}, and feeds the layer after it", shown::name(&part.name)),
        None,
    );
    let layers = modules.remove(index).layers;
    modules.insert(0, Module { part, layers });
    Ok(())
}

/// `nn.Embedding` has a row for each index, `nn.Linear` a column.
fn as_embedding(linear: &Part) -> Part {
    let (width, inputs) = match linear.kind {
        PartKind::Dense { units } => (linear.inputs, units),
        _ => unreachable!("only linear layers may be embeddings"),
    };
    Part { kind: PartKind::Embedding { width }, inputs, ..linear.clone() }
}

fn assemble(dict: &StateDict<'_>, modules: &[Module<'_>], slots: &[Slot], metadata: Metadata) -> Result<Model, Error> {
    let mut embedding: Option<Array2<f32>> = None;
    let (mut kinds, mut layers) = (Vec::new(), Vec::new());
    for slot in slots {
        let parameters = modules[slot.part].layers[slot.place];
        let Some(kind) = slot.kind else {
            embedding = Some(dict.tensor(parameters, "weight")?);
            continue;
        };
        let mut found = dict.layer(parameters, kinds.len(), &kind)?;
        if let Some(embedding) = embedding.take() {
            fold(dict.path, &embedding, &mut found)?;
        }
        kinds.push(kind);
        layers.push(found);
    }
    let first = |found: &Found| is_kernel(&found.name).then(|| found.values.nrows());
    let alphabet = layers.first().and_then(|found: &Vec<Found>| found.iter().find_map(first)).unwrap_or(0);
    let architecture = Architecture { alphabet, layers: kinds };
    let network = build(dict.path, architecture, &layers)?;
    metadata.check(network.architecture()).map_err(|error| Error::format(dict.path, error.to_string()))?;
    Ok(Model { network, metadata })
}
