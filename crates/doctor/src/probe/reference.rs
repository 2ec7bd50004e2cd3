//! The whole network, measured on a fixed batch of words.

use std::ops::Range;

use flameout_cells::{Activation, Tensor};
use flameout_experiment::Batch;
use flameout_experiment::Dataset;
use flameout_kernels::Real;
use flameout_model::{Architecture, Cell as RecurrentCell, LayerKind, Loss, LossKind, Sequential};
use ndarray::{Array2, ArrayView2, Axis, Slice};

use super::curvature::scratch;
use super::saturation::{Saturation, middle};
use super::spectral::spectral_radius;

/// Measures networks of one architecture, always on the same words.
///
/// It keeps a copy of the network (parameters, gradients, and what the layers make of them: about four times the parameters'
/// size, and the activations of the batch), because a network in training can only be looked at. A measurement costs a
/// packing of the weights, a forward pass over the batch, and the power iterations.
#[derive(Debug)]
pub struct Reference<T> {
    scratch: Sequential<T>,
    batch: Batch,
    targets: Array2<T>,
    loss: LossKind,
    power_iterations: u32,
    activations: Vec<Activations>,
    blocks: Vec<RecurrentBlock>,
}

/// A network on the reference words, and by its weights alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Loss on the reference words: the run's loss without the noise of which words a batch holds.
    pub loss: f64,
    /// The share of an activation's values, over words, time steps and units, whose slope is exactly 0: no gradient passes.
    /// One entry an activation.
    pub zero_slope: Vec<f64>,
    /// The share whose slope is below 1 % of the activation's largest, at the lower end (those of slope 0 among them).
    pub saturated_low: Vec<f64>,
    /// The same at the upper end.
    pub saturated_high: Vec<f64>,
    /// Spectral radius, one a recurrent block (see [`spectral_radius`](super::spectral_radius())).
    pub spectral_radius: Vec<f64>,
}

/// Activations of one kind: a gate of a recurrent layer, or a dense layer's output.
#[derive(Debug)]
struct Activations {
    name: String,
    layer: usize,
    activation: Activation,
    middle: f64,
    /// The columns of a gate among the layer's gates; None for the layer's output.
    gate: Option<Range<usize>>,
}

/// A gate's columns of a recurrent kernel.
#[derive(Debug)]
struct RecurrentBlock {
    name: String,
    kernel: Tensor,
    columns: Range<usize>,
}

impl<T: Real> Reference<T> {
    /// For networks of the model's architecture, on `words` training words that lie evenly spread in the data set (a file of
    /// word vectors is commonly in the order of frequency, so that every band of it is there).
    #[must_use]
    pub fn new(model: &Sequential<T>, loss: LossKind, dataset: &Dataset, words: usize, power_iterations: u32) -> Self {
        let batch = dataset.batch(&dataset.spread_rows(words));
        let activations = activations(model.architecture());
        let blocks = recurrent_blocks(model.architecture(), model.tensors());
        Self {
            scratch: scratch(model),
            targets: batch.targets_in(),
            batch,
            loss,
            power_iterations,
            activations,
            blocks,
        }
    }

    /// The words.
    #[must_use]
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// What the entries of a reading's vectors about activations stand for.
    #[must_use]
    pub fn activation_names(&self) -> Vec<String> {
        self.activations.iter().map(|activations| activations.name.clone()).collect()
    }

    /// What the entries of [`Measured::spectral_radius`] stand for.
    #[must_use]
    pub fn recurrent_names(&self) -> Vec<String> {
        self.blocks.iter().map(|block| block.name.clone()).collect()
    }

    /// Measures a network as it is.
    ///
    /// # Panics
    /// If it is of another architecture.
    #[must_use]
    pub fn measure(&mut self, model: &Sequential<T>) -> Measured {
        self.scratch.parameters_mut().copy_from_slice(model.parameters());
        self.scratch.forward(self.batch.examples()).expect("a batch fits its network");
        let saturation: Vec<Saturation> = self.activations.iter().map(|of| of.saturation(&self.scratch)).collect();
        let (predictions, targets) = (self.scratch.predictions(), self.targets.view());
        let parameters = model.parameters();
        Measured {
            loss: self.loss.value(predictions, targets),
            zero_slope: saturation.iter().map(|saturation| saturation.zero_slope).collect(),
            saturated_low: saturation.iter().map(|saturation| saturation.low).collect(),
            saturated_high: saturation.iter().map(|saturation| saturation.high).collect(),
            spectral_radius: self
                .blocks
                .iter()
                .map(|block| spectral_radius(block.view(parameters), self.power_iterations))
                .collect(),
        }
    }
}

impl Activations {
    fn saturation<T: Real>(&self, model: &Sequential<T>) -> Saturation {
        let layer = &model.layers()[self.layer];
        let outputs = match &self.gate {
            Some(columns) => {
                let gates = layer.gates().expect("there has been a forward pass, and none back");
                columns_of(gates.rows(), columns)
            }
            None => layer.output().rows(),
        };
        Saturation::of(self.activation, self.middle, outputs)
    }
}

impl RecurrentBlock {
    fn view<'a, T>(&self, parameters: &'a [T]) -> ArrayView2<'a, T> {
        columns_of(self.kernel.view(parameters), &self.columns)
    }
}

fn columns_of<'a, T>(matrix: ArrayView2<'a, T>, columns: &Range<usize>) -> ArrayView2<'a, T> {
    matrix.slice_axis_move(Axis(1), Slice::from(columns.clone()))
}

/// The gates of a layer, in the order of their columns, with their activations; none for other layers.
fn gates(layer: &LayerKind) -> Vec<(&'static str, Activation)> {
    match *layer {
        LayerKind::Lstm { gate_activation, .. }
        | LayerKind::Bidirectional { cell: RecurrentCell::Lstm, gate_activation, .. } => vec![
            ("input", gate_activation),
            ("forget", gate_activation),
            ("candidate", Activation::Tanh),
            ("output", gate_activation),
        ],
        LayerKind::Gru { gate_activation, .. }
        | LayerKind::Bidirectional { cell: RecurrentCell::Gru { .. }, gate_activation, .. } => {
            vec![("update", gate_activation), ("reset", gate_activation), ("candidate", Activation::Tanh)]
        }
        _ => Vec::new(),
    }
}

fn activations(architecture: &Architecture) -> Vec<Activations> {
    let mut found = Vec::new();
    for (layer, kind) in architecture.layers.iter().enumerate() {
        let mut add = |name: &str, activation: Activation, gate: Option<Range<usize>>| {
            if let Some(middle) = middle(activation) {
                found.push(Activations { name: format!("layer{layer}/{name}"), layer, activation, middle, gate });
            }
        };
        let units = kind.units();
        // A bidirectional layer does not show its gates.
        let shown = if matches!(kind, LayerKind::Bidirectional { .. }) { Vec::new() } else { gates(kind) };
        for (index, (name, activation)) in shown.into_iter().enumerate() {
            add(name, activation, Some(index * units..(index + 1) * units));
        }
        if let LayerKind::Dense { activation, .. } | LayerKind::TimeDistributed { activation, .. } = *kind {
            add("activation", activation, None);
        }
    }
    found
}

fn recurrent_blocks(architecture: &Architecture, tensors: &[Tensor]) -> Vec<RecurrentBlock> {
    let mut found = Vec::new();
    for (layer, kind) in architecture.layers.iter().enumerate() {
        let of_layer = format!("layer{layer}/");
        for kernel in tensors.iter().filter(|tensor| tensor.name.starts_with(&of_layer)) {
            // One, or one for each direction: `layer0/forward/recurrent_kernel`.
            let Some(place) = kernel.name.strip_suffix("recurrent_kernel") else { continue };
            let (units, _) = kernel.matrix_shape();
            found.extend(gates(kind).into_iter().enumerate().map(|(index, (gate, _))| RecurrentBlock {
                name: format!("{place}{gate}"),
                kernel: kernel.clone(),
                columns: index * units..(index + 1) * units,
            }));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_model::Flavour;

    #[test]
    fn both_directions_have_a_block_for_each_gate() {
        let names = |architecture: Architecture| -> Vec<String> {
            let tensors = Sequential::<f32>::of(architecture.clone()).tensors().to_vec();
            recurrent_blocks(&architecture, &tensors).into_iter().map(|block| block.name).collect()
        };
        let one = names(Architecture::gru_single(5, 3, 2, Flavour::PyTorch));
        assert_eq!(one, ["layer0/update", "layer0/reset", "layer0/candidate"]);
        let both = names(Architecture::lstm_bidirectional(5, 3, 2, Flavour::Keras3));
        assert_eq!(both.len(), 8);
        assert_eq!((both[1].as_str(), both[4].as_str()), ("layer0/forward/forget", "layer0/backward/input"));
    }
}
