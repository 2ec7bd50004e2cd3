//! Faults of a program: what reaches into the steps of a run.

use flameout_cells::Tensor;
use flameout_experiment::Batch;
use flameout_experiment::{FloatsMut, Intervention};
use ndarray::Axis;

/// The numbers of a specimen.
///
/// # Panics
/// If they are of double precision.
pub fn single(floats: FloatsMut<'_>) -> &mut [f32] {
    match floats {
        FloatsMut::F32(numbers) => numbers,
        FloatsMut::F64(_) => panic!("specimens compute in single precision"),
    }
}

/// A target that is NaN in the batch of one step, as after a failed read; the data set itself is sound.
#[derive(Debug, Clone)]
pub struct NanInBatch {
    /// The step.
    pub step: u64,
}

impl Intervention for NanInBatch {
    fn batch(&mut self, step: u64, batch: &mut Batch) {
        if step == self.step {
            batch.targets_mut()[[0, 0]] = f32::NAN;
        }
    }
}

/// Batches whose targets are multiplied by a factor.
#[derive(Debug, Clone)]
pub struct WildBatches {
    /// The steps that they come at.
    pub steps: Vec<u64>,
    /// The factor.
    pub factor: f32,
}

impl Intervention for WildBatches {
    fn batch(&mut self, step: u64, batch: &mut Batch) {
        if self.steps.contains(&step) {
            batch.targets_mut().mapv_inplace(|x| self.factor * x);
        }
    }
}

/// One gate's part of the gradient has the wrong sign, in every tensor of its layer.
#[derive(Debug, Clone)]
pub struct WrongSign {
    /// What the names of the layer's tensors begin with.
    pub layer: String,
    /// The gate's place among the layer's gates.
    pub gate: usize,
    /// How many gates it has.
    pub gates: usize,
}

impl Intervention for WrongSign {
    fn gradients(&mut self, _: u64, tensors: &[Tensor], gradients: FloatsMut<'_>) {
        let gradients = single(gradients);
        for tensor in tensors.iter().filter(|tensor| tensor.name.starts_with(&self.layer)) {
            let mut gradient = tensor.view_mut(gradients);
            let width = gradient.ncols() / self.gates;
            let of_gate = gradient.axis_chunks_iter_mut(Axis(1), width).nth(self.gate);
            of_gate.expect("the layer has this gate").mapv_inplace(|x| -x);
        }
    }
}

/// Layers that the optimiser was never told of: their parameters stay as they are.
#[derive(Debug, Clone)]
pub struct FrozenLayers {
    /// What the names of their tensors begin with.
    pub layers: Vec<String>,
    /// All parameters of the network as they are before the first step.
    pub start: Vec<f64>,
}

impl Intervention for FrozenLayers {
    fn parameters(&mut self, _: u64, tensors: &[Tensor], mut parameters: FloatsMut<'_>) {
        let frozen = |tensor: &&Tensor| self.layers.iter().any(|layer| tensor.name.starts_with(layer));
        for tensor in tensors.iter().filter(frozen) {
            parameters.range(tensor.range()).assign(self.start[tensor.range()].iter().copied());
        }
    }
}
