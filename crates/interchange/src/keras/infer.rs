//! Layers of files that hold weights only.

use std::collections::BTreeSet;

use flameout_cells::{Activation, Reset};

use super::keras_file::{KerasFile, Layout, variables_of_class};
use super::layer::LayerWeights;
use crate::choices::Choice;
use crate::error::Error;
use crate::open::Open;
use crate::parts::{self, Part, PartKind};
use crate::recurrent::{Cell, Recurrent};
use crate::shown;

/// Layers that do nothing when a network predicts, by the first part of the names that Keras gives them. All versions'
/// names without underscores.
const NOTHING: [&str; 10] = [
    "input",
    "inputlayer",
    "dropout",
    "spatialdropout1d",
    "spatialdropout2d",
    "gaussiannoise",
    "gaussiandropout",
    "alphadropout",
    "activityregularization",
    "identity",
];

/// Layers without weights that do something.
const SOMETHING: [&str; 36] = [
    "masking",
    "flatten",
    "reshape",
    "permute",
    "repeatvector",
    "lambda",
    "add",
    "subtract",
    "multiply",
    "average",
    "maximum",
    "minimum",
    "concatenate",
    "merge",
    "dot",
    "attention",
    "additiveattention",
    "softmax",
    "elu",
    "leakyrelu",
    "thresholdedrelu",
    "unitnormalization",
    "rescaling",
    "globalmaxpooling1d",
    "globalmaxpool1d",
    "globalaveragepooling1d",
    "maxpooling1d",
    "averagepooling1d",
    "cropping1d",
    "zeropadding1d",
    "upsampling1d",
    "categoryencoding",
    "stringlookup",
    "textvectorization",
    "tfoplambda",
    "slicingoplambda",
];

const ACTIVATIONS: [&str; 2] = ["activation", "relu"];

/// Layers, and the weights of each.
type PartsAndWeights = (Vec<Part>, Vec<LayerWeights>, Vec<usize>);

/// What the layers are, if they have the defaults of the file's version of Keras. The numbers are their order.
pub(super) fn parts(file: &KerasFile<'_>, open: &mut Open<'_>) -> Result<(PartsAndWeights, bool), Error> {
    let mut finder = Finder { file, open, parts: Vec::new(), weights: Vec::new(), has_activations: false };
    let order = match &file.layout {
        Layout::Listed { all, weighted, .. } => {
            finder.listed(all, weighted)?;
            let order: Vec<usize> = (0..finder.parts.len()).collect();
            parts::fits(file.path, &finder.parts, &order)?;
            order
        }
        Layout::Numbered { root } => {
            file.refuse_weights_beside(root)?;
            finder.numbered(root)?;
            finder.parts.sort_by_key(|part| matches!(part.kind, PartKind::Dense { .. }));
            finder.weights =
                finder.parts.iter().map(|part| file.numbered_weights(&part.name)).collect::<Result<_, _>>()?;
            parts::order(file.path, &finder.parts, finder.open)?
        }
    };
    let Finder { parts, weights, has_activations, .. } = finder;
    Ok(((parts, weights, order), has_activations))
}

struct Finder<'a, 'b, 'o> {
    file: &'a KerasFile<'b>,
    open: &'a mut Open<'o>,
    parts: Vec<Part>,
    weights: Vec<LayerWeights>,
    has_activations: bool,
}

impl Finder<'_, '_, '_> {
    fn listed(&mut self, all: &[String], weighted: &[String]) -> Result<(), Error> {
        let weighted: BTreeSet<&String> = weighted.iter().collect();
        for name in all {
            if weighted.contains(name) {
                let mut weights = self.file.listed(std::slice::from_ref(name))?;
                let both = weights.is_of_both_directions();
                let class = if weights.is_embedding() { "embedding" } else { "" };
                let part = self.part(name, class, both, &mut weights)?;
                self.parts.push(part);
                self.weights.push(weights);
            } else {
                self.without_weights(name, false)?;
            }
        }
        Ok(())
    }

    /// The layers of a group, and of the models among them.
    fn numbered(&mut self, root: &str) -> Result<(), Error> {
        for name in self.file.groups(root)? {
            let place = format!("{root}/{name}");
            let (class, number) = class_and_number(&name);
            if matches!(class, "sequential" | "functional" | "model") {
                self.numbered(&format!("{place}/layers"))?;
            } else if variables_of_class(class).is_some() {
                let mut weights = self.file.numbered_weights(&place)?;
                let mut part = self.part(&place, class, class == "bidirectional", &mut weights)?;
                part.rank = Some((format!("{root}/{class}"), number));
                self.parts.push(part);
            } else {
                self.without_weights(&name, true)?;
            }
        }
        Ok(())
    }

    /// A layer that has no weights, or none that can be read. Its name is its class if Keras gave it.
    fn without_weights(&mut self, name: &str, is_class: bool) -> Result<(), Error> {
        let class = class_and_number(name).0.replace('_', "");
        let class = class.as_str();
        if ACTIVATIONS.contains(&class) {
            self.has_activations = true;
        } else if SOMETHING.contains(&class) || is_class && !NOTHING.contains(&class) {
            return Err(Error::format(
                self.file.path,
                format!("has a layer {}, which is unknown here", shown::name(name)),
            ));
        } else if !NOTHING.contains(&class) {
            let what = format!("layer {}, which has no weights, does nothing", shown::name(name));
            self.open.assume(what, None);
        }
        Ok(())
    }

    fn part(&mut self, name: &str, class: &str, both: bool, weights: &mut LayerWeights) -> Result<Part, Error> {
        let path = self.file.path;
        if class == "embedding" {
            let (inputs, width) = weights.only_matrix(path)?;
            self.open.assume(format!("layer {} skips no time steps (`mask_zero`)", shown::name(name)), None);
            return Ok(Part { name: name.into(), kind: PartKind::Embedding { width }, inputs, rank: None });
        }
        let (units, gates, inputs) = weights.units_gates_and_inputs(path, both)?;
        let wanted = match class {
            "lstm" => Some(4),
            "gru" => Some(3),
            "dense" | "time_distributed" => Some(1),
            _ => None,
        };
        if wanted.is_some_and(|wanted| wanted != gates) || both && gates == 1 {
            let what = format!("layer {} has not the weights of its class", shown::name(name));
            return Err(Error::format(path, what));
        }
        let cell = match gates {
            4 => Cell::Lstm,
            3 => Cell::Gru { reset: self.reset(name, weights.reset(both))? },
            _ => return Ok(Part { name: name.into(), kind: PartKind::Dense { units }, inputs, rank: None }),
        };
        let gate_activation =
            if weights.is_of_cudnn(path, both)? { Activation::Sigmoid } else { self.gate_activation()? };
        let layer = Recurrent { cell, units, gate_activation, return_sequences: false, bidirectional: both };
        Ok(Part { name: name.into(), kind: PartKind::Recurrent(vec![layer]), inputs, rank: None })
    }

    fn reset(&mut self, name: &str, told: Option<Reset>) -> Result<Reset, Error> {
        if let Some(told) = told {
            return Ok(told);
        }
        let version = self.file.version;
        let of = |choices: &crate::Choices| choices.reset;
        let Some(default) = version.reset() else {
            let what = || format!("does not tell where the reset gate of {} acts", shown::name(name));
            return self.open.require(self.file.path, Choice::Reset, of, what);
        };
        let place = if default == Reset::After { "after" } else { "before" };
        Ok(self.open.choose(Choice::Reset, of, default, || {
            format!(
                "the reset gate of {}, which has no biases, acts {place} the product ({version}'s default)",
                shown::name(name)
            )
        }))
    }

    fn gate_activation(&mut self) -> Result<Activation, Error> {
        let version = self.file.version;
        let of = |choices: &crate::Choices| choices.gate_activation;
        let Some(default) = version.gate_activation() else {
            let what =
                || format!("is of {version}, of which the gates may be sigmoid or hard sigmoid, and does not tell");
            return self.open.require(self.file.path, Choice::GateActivation, of, what);
        };
        let gates = shown::activation(default);
        Ok(self.open.choose(Choice::GateActivation, of, default, || {
            format!("the gates are {gates}, and the states tanh ({version}'s defaults)")
        }))
    }
}

/// `lstm_1` is the one after `lstm`.
fn class_and_number(name: &str) -> (&str, usize) {
    match name.rsplit_once('_') {
        Some((class, number)) if !class.is_empty() => match number.parse() {
            Ok(number) => (class, number),
            Err(_) => (name, 0),
        },
        _ => (name, 0),
    }
}
