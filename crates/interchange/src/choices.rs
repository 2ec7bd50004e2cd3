//! What a file may leave open, and who decides it.

use std::collections::BTreeSet;
use std::path::Path;

use flameout_cells::{Activation, Reset};

use crate::error::Error;
use crate::model::Model;

/// What the reader knows of a network and the file may not tell. Where a file tells it, no choice is possible.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// Where the reset gate of a GRU acts.
    pub reset: Option<Reset>,
    /// Activation of the gates.
    pub gate_activation: Option<Activation>,
    /// Activation of the dense layers that are not the last layer.
    pub hidden_activation: Option<Activation>,
    /// Activation of the dense layer that is the last layer.
    pub last_activation: Option<Activation>,
    /// The layers' names from input to output.
    pub order: Option<Vec<String>>,
    /// Which states of the last bidirectional layer go on.
    pub bidirectional: Option<LastStates>,
}

/// Which states of the last bidirectional layer the rest of the network is fed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastStates {
    /// Each direction's own last state: PyTorch's `h_n`, Keras' `return_sequences=False`.
    Ends,
    /// Both directions' states at the last time step: `output[:, -1]`. The second direction has read one step by then.
    Last,
}

/// One of the [`Choices`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Choice {
    /// [`Choices::reset`].
    Reset,
    /// [`Choices::gate_activation`].
    GateActivation,
    /// [`Choices::hidden_activation`].
    HiddenActivation,
    /// [`Choices::last_activation`].
    LastActivation,
    /// [`Choices::order`].
    Order,
    /// [`Choices::bidirectional`].
    Bidirectional,
}

/// Something that a file does not tell and that was assumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumption {
    /// What was assumed.
    pub what: String,
    /// Which choice changes it, if any can.
    pub choice: Option<Choice>,
}

/// A model that was read, and what it owes to others than the file.
#[derive(Debug)]
pub struct Imported {
    /// The network, and what the file tells of its inputs.
    pub model: Model,
    /// What the file does not tell, and neither do the choices.
    pub assumed: Vec<Assumption>,
    /// Choices of what the file does tell, or has not.
    pub unused: Vec<Choice>,
}

/// Keeps account of what a file leaves open while it is read.
pub(crate) struct Open<'a> {
    choices: &'a Choices,
    used: BTreeSet<Choice>,
    assumed: Vec<Assumption>,
}

impl<'a> Open<'a> {
    pub(crate) fn new(choices: &'a Choices) -> Self {
        Self { choices, used: BTreeSet::new(), assumed: Vec::new() }
    }

    /// What was chosen, else the default, and a line that says so.
    pub(crate) fn choose<T: Copy>(
        &mut self,
        choice: Choice,
        of: fn(&Choices) -> Option<T>,
        default: T,
        what: impl FnOnce() -> String,
    ) -> T {
        self.used.insert(choice);
        of(self.choices).unwrap_or_else(|| {
            self.assume(what(), Some(choice));
            default
        })
    }

    /// What was chosen, else an error that says what is open.
    pub(crate) fn require<T: Copy>(
        &mut self,
        path: &Path,
        choice: Choice,
        of: fn(&Choices) -> Option<T>,
        what: impl FnOnce() -> String,
    ) -> Result<T, Error> {
        self.used.insert(choice);
        of(self.choices).ok_or_else(|| Error::undetermined(path, what(), choice))
    }

    /// The chosen order of the layers.
    pub(crate) fn order(&mut self) -> Option<&'a [String]> {
        self.used.insert(Choice::Order);
        self.choices.order.as_deref()
    }

    /// Says once what is assumed.
    pub(crate) fn assume(&mut self, what: String, choice: Option<Choice>) {
        let assumption = Assumption { what, choice };
        if !self.assumed.contains(&assumption) {
            self.assumed.push(assumption);
        }
    }

    pub(crate) fn finish(self, model: Model) -> Imported {
        let Choices { reset, gate_activation, hidden_activation, last_activation, order, bidirectional } = self.choices;
        let made = [
            (Choice::Reset, reset.is_some()),
            (Choice::GateActivation, gate_activation.is_some()),
            (Choice::HiddenActivation, hidden_activation.is_some()),
            (Choice::LastActivation, last_activation.is_some()),
            (Choice::Order, order.is_some()),
            (Choice::Bidirectional, bidirectional.is_some()),
        ];
        let unused = made.into_iter().filter(|(choice, made)| *made && !self.used.contains(choice));
        Imported { model, assumed: self.assumed, unused: unused.map(|(choice, _)| choice).collect() }
    }
}
