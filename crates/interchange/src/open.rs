//! The account of what a file leaves open while it is read.

use std::collections::BTreeSet;
use std::path::Path;

use crate::choices::{Assumption, Choice, Choices};
use crate::error::Error;
use crate::model::Model;

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
