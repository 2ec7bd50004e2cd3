//! What a diagnosis may cost.

use crate::snapshots::DEFAULT_LIMIT;

/// Steps before what went wrong from which replays begin, at least, unless the options say otherwise: a state must be kept.
pub(crate) const LEAD: u64 = 100;

/// How much a diagnosis may cost; the default is what was measured on the zoo.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Memory for snapshots, in bytes.
    pub snapshot_bytes: usize,
    /// Steps before the onset from which replays begin, at least.
    pub lead: u64,
    /// Steps after the onset for which a replay must hold.
    pub hold: u64,
    /// Orders of the words, besides the run's own, that each change is replayed in.
    pub orders: u64,
    /// Replays end when they have taken so many times the run's own steps together: causes that have not been replayed
    /// by then stay unconfirmed, and a dip whose replays would take more is not replayed.
    pub budget: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { snapshot_bytes: DEFAULT_LIMIT, lead: LEAD, hold: 300, orders: 2, budget: 1.0 }
    }
}
