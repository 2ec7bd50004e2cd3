//! What LSTM, GRU and bidirectional layers have in common.

use flameout_cells::{Activation, Reset};
use flameout_model::{self as model, LayerKind};

/// The kinds of recurrent layers that files have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    Lstm,
    Gru { reset: Reset },
}

/// A recurrent layer in one direction or in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recurrent {
    pub(crate) cell: Cell,
    /// Length of one direction's state.
    pub(crate) units: usize,
    pub(crate) gate_activation: Activation,
    pub(crate) return_sequences: bool,
    pub(crate) bidirectional: bool,
}

/// What the names of a direction's tensors begin with in a layer of ours.
pub(crate) const ONE_DIRECTION: [&str; 1] = [""];
pub(crate) const BOTH_DIRECTIONS: [&str; 2] = ["forward/", "backward/"];

impl Recurrent {
    /// The layer, if it is recurrent, and of a kind that files have.
    pub(crate) fn of(layer: &LayerKind) -> Option<Self> {
        match *layer {
            LayerKind::Lstm { units, gate_activation, return_sequences } => {
                Some(Self { cell: Cell::Lstm, units, gate_activation, return_sequences, bidirectional: false })
            }
            LayerKind::Gru { units, gate_activation, reset, return_sequences } => {
                Some(Self { cell: Cell::Gru { reset }, units, gate_activation, return_sequences, bidirectional: false })
            }
            LayerKind::Bidirectional { cell, units, gate_activation, return_sequences } => {
                let cell = match cell {
                    model::Cell::Lstm => Cell::Lstm,
                    model::Cell::Gru { reset } => Cell::Gru { reset },
                    _ => return None,
                };
                Some(Self { cell, units, gate_activation, return_sequences, bidirectional: true })
            }
            _ => None,
        }
    }

    /// The layer as an architecture has it.
    pub(crate) fn kind(self) -> LayerKind {
        let Self { cell, units, gate_activation, return_sequences, bidirectional } = self;
        let both = |cell| LayerKind::Bidirectional { cell, units, gate_activation, return_sequences };
        match cell {
            Cell::Lstm if bidirectional => both(model::Cell::Lstm),
            Cell::Gru { reset } if bidirectional => both(model::Cell::Gru { reset }),
            Cell::Lstm => LayerKind::Lstm { units, gate_activation, return_sequences },
            Cell::Gru { reset } => LayerKind::Gru { units, gate_activation, reset, return_sequences },
        }
    }

    /// The prefix of each direction's tensors.
    pub(crate) fn directions(self) -> &'static [&'static str] {
        if self.bidirectional { &BOTH_DIRECTIONS } else { &ONE_DIRECTION }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_taken_apart_and_put_together() {
        for cell in [Cell::Lstm, Cell::Gru { reset: Reset::Before }, Cell::Gru { reset: Reset::After }] {
            for (bidirectional, directions) in [(false, 1), (true, 2)] {
                let gate_activation = Activation::HardSigmoid;
                let layer = Recurrent { cell, units: 3, gate_activation, return_sequences: true, bidirectional };
                assert_eq!(Recurrent::of(&layer.kind()), Some(layer));
                assert_eq!(layer.directions().len(), directions);
                assert_eq!(layer.kind().units(), 3 * directions);
            }
        }
    }
}
