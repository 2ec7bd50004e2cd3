//! Layers of which a file tells the tensors only: what they are, and in which order.

use std::path::Path;

use flameout_cells::Activation;
use flameout_model::LayerKind;

use crate::choices::{Choice, LastStates};
use crate::error::Error;
use crate::open::Open;
use crate::recurrent::Recurrent;
use crate::shown;

/// Attempts at an order after which none is looked for any more.
const ATTEMPTS: usize = 10_000;

/// One layer, or layers that are known to follow each other.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) kind: PartKind,
    pub(crate) inputs: usize,
    /// Parts of the same class come in the order of these numbers.
    pub(crate) rank: Option<(String, usize)>,
}

#[derive(Debug, Clone)]
pub(crate) enum PartKind {
    /// What `return_sequences` are is not yet known.
    Recurrent(Vec<Recurrent>),
    Dense {
        units: usize,
    },
    Embedding {
        width: usize,
    },
}

/// A layer of the network, and where its tensors are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// None for an embedding, which becomes part of the next layer's kernel.
    pub(crate) kind: Option<LayerKind>,
    /// Which of the parts.
    pub(crate) part: usize,
    /// Which of the part's layers.
    pub(crate) place: usize,
}

impl Part {
    fn outputs(&self) -> usize {
        match &self.kind {
            PartKind::Recurrent(layers) => layers.last().map_or(0, |layer| layer.kind().units()),
            PartKind::Dense { units } => *units,
            PartKind::Embedding { width } => *width,
        }
    }

    fn is_embedding(&self) -> bool {
        matches!(self.kind, PartKind::Embedding { .. })
    }

    fn shown(&self) -> String {
        format!("{} ({} → {})", shown::name(&self.name), self.inputs, self.outputs())
    }
}

/// The order in which the parts are one chain: the chosen one, else the one in which they are given, else the only one
/// that is possible.
pub(crate) fn order(path: &Path, parts: &[Part], open: &mut Open<'_>) -> Result<Vec<usize>, Error> {
    let chosen = open.order();
    if let Some(names) = chosen {
        let order = by_names(path, parts, names)?;
        return fits(path, parts, &order).map(|()| order);
    }
    let given: Vec<usize> = (0..parts.len()).collect();
    let possible = possible(parts);
    if fits(path, parts, &given).is_ok() {
        let other = if possible.len() == 1 { "" } else { "; their shapes allow other orders, too" };
        open.assume(format!("the layers are one chain, {}{other}", chain(parts, &given)), Some(Choice::Order));
        return Ok(given);
    }
    match &possible[..] {
        [] => {
            let all: Vec<String> = parts.iter().take(8).map(Part::shown).collect();
            let what = format!("has layers that are no chain in any order: {}", all.join(", "));
            Err(Error::format(path, what + ". Only networks of which each layer feeds the next can be read"))
        }
        [only] => {
            open.assume(format!("the layers are one chain, {}", chain(parts, only)), Some(Choice::Order));
            Ok(only.clone())
        }
        [one, other, ..] => {
            let (one, other) = (chain(parts, one), chain(parts, other));
            let what = format!("does not tell the order of its layers: {one}, or {other}, or another");
            Err(Error::undetermined(path, what, Choice::Order))
        }
    }
}

fn chain(parts: &[Part], order: &[usize]) -> String {
    let names: Vec<String> = order.iter().take(20).map(|&index| shown::name(&parts[index].name)).collect();
    names.join(" → ")
}

fn by_names(path: &Path, parts: &[Part], names: &[String]) -> Result<Vec<usize>, Error> {
    let all = || shown::names(parts.iter().map(|part| part.name.as_str()));
    let place = |name: &String| parts.iter().position(|part| part.name == *name);
    let order: Option<Vec<usize>> = names.iter().map(place).collect();
    let order =
        order.filter(|order| (0..parts.len()).all(|index| order.contains(&index)) && order.len() == parts.len());
    order.ok_or_else(|| {
        let given = shown::names(names.iter().map(String::as_str));
        Error::format(path, format!("has the layers {}, each to be named once in the order; given were {given}", all()))
    })
}

/// Whether each part takes as many numbers as the one before gives.
pub(crate) fn fits(path: &Path, parts: &[Part], order: &[usize]) -> Result<(), Error> {
    for (place, &index) in order.iter().enumerate() {
        let part = &parts[index];
        if place > 0 && part.is_embedding() {
            return Err(Error::format(path, format!("has an embedding {} that is not the first layer", part.shown())));
        }
        if let Some(&next) = order.get(place + 1)
            && parts[next].inputs != part.outputs()
        {
            let what = format!("has layers that do not fit each other: {} → {}", part.shown(), parts[next].shown());
            return Err(Error::format(path, what));
        }
    }
    Ok(())
}

/// At most two of the orders in which the parts are a chain.
pub(crate) fn possible(parts: &[Part]) -> Vec<Vec<usize>> {
    let mut search = Search { parts, attempts: ATTEMPTS, order: Vec::new(), found: Vec::new() };
    search.extend();
    search.found
}

struct Search<'a> {
    parts: &'a [Part],
    attempts: usize,
    order: Vec<usize>,
    found: Vec<Vec<usize>>,
}

impl Search<'_> {
    fn extend(&mut self) {
        if self.order.len() == self.parts.len() {
            self.found.push(self.order.clone());
            return;
        }
        for next in 0..self.parts.len() {
            if self.found.len() == 2 || self.attempts == 0 {
                return;
            }
            self.attempts -= 1;
            if self.may_follow(next) {
                self.order.push(next);
                self.extend();
                self.order.pop();
            }
        }
    }

    fn may_follow(&self, next: usize) -> bool {
        let part = &self.parts[next];
        let joins = match self.order.last() {
            Some(&last) => self.parts[last].outputs() == part.inputs && !part.is_embedding(),
            None => true,
        };
        let earlier = |other: &Part| match (&other.rank, &part.rank) {
            (Some((class, number)), Some((own_class, own_number))) => class == own_class && number < own_number,
            _ => false,
        };
        let waits = |(index, other): (usize, &Part)| earlier(other) && !self.order.contains(&index);
        joins && !self.order.contains(&next) && !self.parts.iter().enumerate().any(waits)
    }
}

/// What the layers are in this order. `has_activations` if layers of activations stand somewhere.
pub(crate) fn slots(
    path: &Path,
    parts: &[Part],
    order: &[usize],
    has_activations: bool,
    open: &mut Open<'_>,
) -> Result<Vec<Slot>, Error> {
    let places = |&index: &usize| match &parts[index].kind {
        PartKind::Recurrent(layers) => (0..layers.len()).map(|place| (index, place)).collect(),
        _ => vec![(index, 0)],
    };
    let all: Vec<(usize, usize)> = order.iter().flat_map(places).collect();
    let recurrent = |&(index, _): &(usize, usize)| matches!(parts[index].kind, PartKind::Recurrent(_));
    let Some(last_recurrent) = all.iter().rposition(recurrent) else {
        return Err(Error::format(path, "has no LSTM and no GRU to read a word with"));
    };
    let mut slots = Vec::new();
    for (number, &(part, place)) in all.iter().enumerate() {
        let is_last = number + 1 == all.len();
        let name = &parts[part].name;
        match &parts[part].kind {
            PartKind::Embedding { .. } => slots.push(Slot { kind: None, part, place }),
            PartKind::Dense { units } => {
                let activation = dense_activation(path, name, is_last, has_activations, open)?;
                slots.push(Slot { kind: Some(LayerKind::Dense { units: *units, activation }), part, place });
            }
            PartKind::Recurrent(layers) => {
                let layer = layers[place];
                if number != last_recurrent {
                    let kind = Some(Recurrent { return_sequences: true, ..layer }.kind());
                    slots.push(Slot { kind, part, place });
                    continue;
                }
                let kinds = last_states(layer, name, open);
                slots.extend(kinds.into_iter().map(|kind| Slot { kind: Some(kind), part, place }));
            }
        }
    }
    Ok(slots)
}

/// The last recurrent layer, and the layer that takes the last step of it if that is another thing.
fn last_states(layer: Recurrent, name: &str, open: &mut Open<'_>) -> Vec<LayerKind> {
    let shown = shown::name(name);
    open.assume(format!("all time steps are read, padding too, and the last state of {shown} goes on"), None);
    if !layer.bidirectional {
        return vec![Recurrent { return_sequences: false, ..layer }.kind()];
    }
    let of = |choices: &crate::Choices| choices.bidirectional;
    let states = open.choose(Choice::Bidirectional, of, LastStates::Ends, || {
        format!("of {shown}, each direction's own last state goes on (`ends`: `h_n`), not `output[:, -1]` (`last`)")
    });
    match states {
        LastStates::Ends => vec![Recurrent { return_sequences: false, ..layer }.kind()],
        LastStates::Last => {
            let all = Recurrent { return_sequences: true, ..layer }.kind();
            vec![all, LayerKind::LastStep { units: all.units() }]
        }
    }
}

fn dense_activation(
    path: &Path,
    name: &str,
    is_last: bool,
    has_activations: bool,
    open: &mut Open<'_>,
) -> Result<Activation, Error> {
    let shown = shown::name(name);
    if !is_last {
        let what = || format!("does not tell the activation of the layer {shown}, which is not the last one");
        return open.require(path, Choice::HiddenActivation, |choices| choices.hidden_activation, what);
    }
    if has_activations {
        let what = || format!("has a layer of activations and does not tell which; the last layer is {shown}");
        return open.require(path, Choice::LastActivation, |choices| choices.last_activation, what);
    }
    let of = |choices: &crate::Choices| choices.last_activation;
    Ok(open.choose(Choice::LastActivation, of, Activation::Linear, || format!("the last layer, {shown}, is linear")))
}

#[cfg(test)]
mod tests {
    use crate::recurrent::Cell;

    use super::*;
    use crate::Choices;

    fn part(name: &str, inputs: usize, kind: PartKind) -> Part {
        Part { name: name.into(), kind, inputs, rank: None }
    }

    fn dense(name: &str, inputs: usize, units: usize) -> Part {
        part(name, inputs, PartKind::Dense { units })
    }

    fn lstm(name: &str, inputs: usize, units: usize) -> Part {
        let gate_activation = Activation::Sigmoid;
        let layer =
            Recurrent { cell: Cell::Lstm, units, gate_activation, return_sequences: false, bidirectional: false };
        part(name, inputs, PartKind::Recurrent(vec![layer]))
    }

    fn ordered(parts: &[Part], choices: &Choices) -> Result<(Vec<usize>, String), String> {
        let mut open = Open::new(choices);
        let order = order(Path::new("x"), parts, &mut open).map_err(|error| error.to_string())?;
        let model = crate::Model {
            network: flameout_model::Sequential::of(flameout_model::Architecture::lstm_single(
                2,
                1,
                1,
                flameout_model::Flavour::Keras3,
            )),
            metadata: crate::Metadata::default(),
        };
        Ok((order, open.finish(model).assumed.iter().map(|one| one.what.clone()).collect()))
    }

    #[test]
    fn shapes_tell_the_order_or_names_do() {
        let free = Choices::default();
        let (order, said) = ordered(&[dense("a", 4, 3), lstm("b", 6, 4)], &free).unwrap();
        assert_eq!((order, said.as_str()), (vec![1, 0], "the layers are one chain, `b` → `a`"));
        let square = [lstm("a", 4, 4), lstm("b", 4, 4)];
        let (order, said) = ordered(&square, &free).unwrap();
        assert!(order == [0, 1] && said.contains("other orders"), "{said}");
        let choices = Choices { order: Some(vec!["b".into(), "a".into()]), ..Choices::default() };
        assert_eq!(ordered(&square, &choices).unwrap(), (vec![1, 0], String::new()));
        let wrong = Choices { order: Some(vec!["b".into(), "c".into()]), ..Choices::default() };
        assert!(ordered(&square, &wrong).unwrap_err().contains("given were `b`, `c`"));
    }

    #[test]
    fn what_is_no_chain_is_refused() {
        let heads = [lstm("rnn", 6, 4), dense("mean", 4, 3), dense("variance", 4, 3)];
        let message = ordered(&heads, &Choices::default()).unwrap_err();
        assert!(message.contains("no chain") && message.contains("`mean` (4 → 3)"), "{message}");
        let open = [dense("a", 3, 4), lstm("b", 4, 4), lstm("c", 4, 3)];
        assert_eq!(ordered(&open, &Choices::default()).unwrap().0, [0, 1, 2]);
        let either = [dense("z", 4, 3), lstm("b", 4, 4), lstm("c", 4, 4)];
        assert!(ordered(&either, &Choices::default()).unwrap_err().contains("does not tell the order"));
        // As many as make the search give up.
        let many: Vec<Part> = (0..40).map(|number| dense(&number.to_string(), 8 + number % 2, 8)).collect();
        assert!(ordered(&many, &Choices::default()).unwrap_err().contains("no chain"));
    }

    #[test]
    fn numbers_of_a_class_are_an_order() {
        let ranked = |number, inputs, units| Part { rank: Some(("lstm".into(), number)), ..lstm("x", inputs, units) };
        assert_eq!(possible(&[ranked(1, 4, 4), ranked(0, 4, 4)]), [[1, 0]]);
        assert_eq!(possible(&[ranked(1, 4, 3), ranked(0, 3, 4)]), [[1, 0]]);
        assert!(possible(&[ranked(0, 4, 3), ranked(1, 2, 4)]).is_empty());
    }
}
