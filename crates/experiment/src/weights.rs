//! What a training changes of a network.

use flameout_kernels::Real;
use flameout_optim::AnyOptimizer;
use serde::{Deserialize, Serialize};

use crate::guard::Guard;

/// A network's parameters and its optimiser.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Weights<T> {
    pub(crate) parameters: Vec<T>,
    pub(crate) optimizer: AnyOptimizer<T>,
    /// What the guard remembers, if there is one; see `Serialize` of [`Snapshot`](crate::Snapshot).
    #[serde(skip)]
    pub(crate) guard: Option<Guard<T>>,
}

/// In the precision of the network, one of the two of [`Real`]. A file does not say which: the settings do.
#[derive(Debug, Clone)]
pub enum AnyWeights {
    /// Of single precision.
    F32(Weights<f32>),
    /// Of double precision.
    F64(Weights<f64>),
}

impl<T: Real> Weights<T> {
    /// How many numbers they are.
    pub(crate) fn len(&self) -> usize {
        self.parameters.len() + self.optimizer.state_len() + self.guard.as_ref().map_or(0, Guard::len)
    }
}
