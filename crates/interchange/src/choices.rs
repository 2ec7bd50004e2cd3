//! What a file may leave open, and who decides it.

use flameout_cells::{Activation, Reset};

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

/// Which states of the last bidirectional layer the rest of the network is fed with: PyTorch has these two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastStates {
    /// Each direction's own last state: PyTorch's `h_n`, Keras' `return_sequences=False`.
    Ends,
    /// Both directions' states at the last time step: `output[:, -1]`. The second direction has read one step by then.
    Last,
}

/// One of the [`Choices`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
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

impl Choice {
    /// Names the choice, with hyphens: `gate-activation`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::GateActivation => "gate-activation",
            Self::HiddenActivation => "hidden-activation",
            Self::LastActivation => "last-activation",
            Self::Order => "order",
            Self::Bidirectional => "bidirectional",
        }
    }
}

/// Something that a file does not tell and that was assumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumption {
    /// What was assumed.
    pub what: String,
    /// Which choice changes it, if any can.
    pub choice: Option<Choice>,
}
