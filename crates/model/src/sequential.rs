//! The layers of an [`Architecture`] at work.

use std::ops::Range;
use std::path::Path;

use flameout_cells::{Initialisation, Input, Layer, Sequence, Tensor};
use flameout_kernels::{Real, team};
use ndarray::{Array2, ArrayView2, Axis};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use crate::architecture::Architecture;
use crate::checkpoint;
use crate::error::Error;
use crate::loss::Loss;
use crate::prefix::{self, Level};

/// Words whose prefix tree is walked at once: enough to share beginnings and to fill the kernels' tiles, few enough for
/// their states to stay in the caches.
const WORDS_AT_ONCE: usize = 1024;

/// Version of the file that [`Sequential::save`] writes.
const VERSION: u32 = 1;

/// A network with its parameters and gradients, each in one flat buffer.
///
/// The buffers hold the layers one after the other, each laid out as its [`tensors`](Layer::tensors) say;
/// [`tensors`](Sequential::tensors) gives all of them, named `layer0/kernel` and so on.
pub struct Sequential<T> {
    architecture: Architecture,
    layers: Vec<Box<dyn Layer<T>>>,
    /// Each layer's part of the buffers.
    ranges: Vec<Range<usize>>,
    tensors: Vec<Tensor>,
    parameters: Vec<T>,
    gradients: Vec<T>,
    /// The gradient for each layer's output.
    output_gradients: Vec<Sequence<T>>,
    /// Whether the layers have the current parameters.
    loaded: bool,
}

impl<T> std::fmt::Debug for Sequential<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sequential").field("architecture", &self.architecture).finish_non_exhaustive()
    }
}

impl<T: Real> Sequential<T> {
    /// A network with all parameters zero.
    ///
    /// # Panics
    /// If [`Architecture::check`] refuses the architecture.
    #[must_use]
    #[inline(never)] // compiled once: see `instances`
    pub fn new(architecture: Architecture) -> Self {
        if let Err(error) = architecture.check() {
            panic!("{error}");
        }
        let layers = architecture.build::<T>();
        let mut ranges = Vec::new();
        let mut tensors = Vec::new();
        let mut offset = 0;
        for (index, layer) in layers.iter().enumerate() {
            tensors.extend(layer.tensors().iter().map(|tensor| Tensor {
                name: format!("layer{index}/{}", tensor.name),
                shape: tensor.shape.clone(),
                offset: offset + tensor.offset,
            }));
            ranges.push(offset..offset + layer.parameter_count());
            offset += layer.parameter_count();
        }
        let output_gradients = layers.iter().map(|_| Sequence::new()).collect();
        let parameters = vec![T::ZERO; offset];
        let gradients = parameters.clone();
        Self { architecture, layers, ranges, tensors, parameters, gradients, output_gradients, loaded: false }
    }

    /// Draws all parameters from a ChaCha8 stream, layer by layer.
    pub fn initialise(&mut self, initialisation: &Initialisation, seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for (layer, range) in self.layers.iter().zip(&self.ranges) {
            layer.initialise(initialisation, &mut self.parameters[range.clone()], &mut rng);
        }
        self.loaded = false;
    }

    /// What the network consists of.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Names, shapes and places of all parameters.
    #[must_use]
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// All parameters.
    #[must_use]
    pub fn parameters(&self) -> &[T] {
        &self.parameters
    }

    /// All parameters, to change.
    pub fn parameters_mut(&mut self) -> &mut [T] {
        self.loaded = false;
        &mut self.parameters
    }

    /// The gradients of the last backward pass.
    #[must_use]
    pub fn gradients(&self) -> &[T] {
        &self.gradients
    }

    /// Both buffers to change, for clipping and the optimiser's step.
    pub fn parameters_and_gradients(&mut self) -> (&mut [T], &mut [T]) {
        self.loaded = false;
        (&mut self.parameters, &mut self.gradients)
    }

    /// The layers, from input to output.
    #[must_use]
    pub fn layers(&self) -> &[Box<dyn Layer<T>>] {
        &self.layers
    }

    fn load_parameters(&mut self) {
        if !self.loaded {
            for (layer, range) in self.layers.iter_mut().zip(&self.ranges) {
                layer.load(&self.parameters[range.clone()]);
            }
            self.loaded = true;
        }
    }

    /// Predictions `(batch, outputs)` for character indices `(batch, time)`.
    ///
    /// # Panics
    /// If an index lies outside the alphabet, or there is no time step.
    #[inline(never)] // compiled once: see `instances`
    pub fn forward(&mut self, indices: ArrayView2<'_, u16>) -> ArrayView2<'_, T> {
        team::awake(|| self.forward_layers(indices));
        self.predictions()
    }

    /// A forward and a backward pass over one batch; returns the loss and leaves the [`gradients`](Self::gradients).
    ///
    /// # Panics
    /// If the shapes do not fit: `indices (batch, time)`, `targets (batch, outputs)`.
    #[inline(never)] // compiled once: see `instances`
    pub fn forward_backward(&mut self, indices: ArrayView2<'_, u16>, targets: ArrayView2<'_, T>, loss: Loss) -> f64 {
        team::awake(|| {
            self.forward_layers(indices);
            self.backward_layers(indices, targets, loss)
        })
    }

    fn forward_layers(&mut self, indices: ArrayView2<'_, u16>) {
        self.load_parameters();
        for index in 0..self.layers.len() {
            let (done, rest) = self.layers.split_at_mut(index);
            rest[0].forward(input(done, indices));
        }
    }

    fn backward_layers(&mut self, indices: ArrayView2<'_, u16>, targets: ArrayView2<'_, T>, loss: Loss) -> f64 {
        let predictions = self.layers.last().expect("there is a layer").output();
        let last = self.output_gradients.last_mut().expect("there is a layer");
        let value = loss.evaluate(predictions.step(0), targets, last);
        for index in (0..self.layers.len()).rev() {
            let (done, rest) = self.layers.split_at_mut(index);
            let (before, output_gradient) = self.output_gradients.split_at_mut(index);
            let gradients = &mut self.gradients[self.ranges[index].clone()];
            rest[0].backward(input(done, indices), &output_gradient[0], gradients, before.last_mut());
        }
        value
    }

    /// The predictions of the last forward pass, `(batch, outputs)`.
    #[must_use]
    pub fn predictions(&self) -> ArrayView2<'_, T> {
        self.layers.last().expect("there is a layer").output().step(0)
    }

    /// Predictions `(words, outputs)` for any number of words `(words, time)`: the same bits as
    /// [`forward`](Self::forward) gives, sooner, because words that begin alike share the states of their beginning (where
    /// no layer is bidirectional).
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    #[must_use]
    #[inline(never)] // compiled once: see `instances`
    pub fn predict(&mut self, indices: ArrayView2<'_, u16>) -> Array2<T> {
        self.load_parameters();
        let mut predictions = Array2::from_elem((indices.nrows(), self.architecture.outputs()), T::ZERO);
        let mut order: Vec<usize> = (0..indices.nrows()).collect();
        order.sort_by(|&a, &b| indices.row(a).iter().cmp(indices.row(b)));
        for words in order.chunks(WORDS_AT_ONCE) {
            if !self.architecture.is_causal() {
                let outputs = self.forward(indices.select(Axis(0), words).view());
                words.iter().zip(outputs.rows()).for_each(|(&word, row)| predictions.row_mut(word).assign(&row));
                continue;
            }
            let (levels, places) = prefix::levels(indices, words);
            team::awake(|| self.walk(&levels));
            let outputs = self.layers.last().expect("there is a layer").step_output().step(0);
            for (&word, &place) in words.iter().zip(&places) {
                predictions.row_mut(word).assign(&outputs.row(place));
            }
        }
        predictions
    }

    /// Steps through the levels of a prefix tree; the outputs for the last level are then the last layer's step output.
    fn walk(&mut self, levels: &[Level]) {
        let (stepped, rest) = self.layers.split_at_mut(self.architecture.sequence_layers());
        for level in levels {
            let column = ArrayView2::from_shape((level.characters.len(), 1), &level.characters).expect("one column");
            let parents = (!level.parents.is_empty()).then_some(&level.parents[..]);
            for index in 0..stepped.len() {
                let (done, rest) = stepped.split_at_mut(index);
                match done.last() {
                    Some(previous) => rest[0].step(Input::Sequence(previous.step_output()), parents),
                    None => rest[0].step(Input::Indices(column), parents),
                }
            }
        }
        let mut previous = &stepped[stepped.len() - 1];
        for layer in rest {
            layer.step(Input::Sequence(previous.step_output()), None);
            previous = layer;
        }
    }

    /// BLAKE3 of all parameters' little-endian bytes, in hexadecimal: two networks with the same hash are the same to the bit,
    /// but that one NaN counts as any other: which bits a computed NaN has, the processor decides.
    #[must_use]
    #[inline(never)] // compiled once: see `instances`
    pub fn weights_blake3(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut bytes = Vec::new();
        for chunk in self.parameters.chunks(1 << 14) {
            bytes.clear();
            chunk.iter().for_each(|x| x.extend_le_bytes(&mut bytes));
            hasher.update(&bytes);
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// What a model file holds.
#[derive(Serialize, Deserialize)]
struct Saved {
    architecture: Architecture,
    parameters: SavedParameters,
}

#[derive(Serialize, Deserialize)]
enum SavedParameters {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl<T: Real> Sequential<T> {
    /// Writes architecture and parameters to a file, atomically.
    ///
    /// # Errors
    /// [`Error::Io`] if writing fails.
    #[inline(never)] // compiled once: see `instances`
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let wide = self.parameters.iter().map(|x| x.to_f64());
        let parameters = match T::NAME {
            "f32" => SavedParameters::F32(wide.map(|x| x as f32).collect()),
            _ => SavedParameters::F64(wide.collect()),
        };
        checkpoint::write(path, VERSION, &Saved { architecture: self.architecture.clone(), parameters })
    }

    /// Reads what [`save`](Self::save) wrote, in either precision; double-precision parameters are rounded to `f32` if `T` is.
    ///
    /// # Errors
    /// [`Error::Io`] if reading fails, or there is not memory enough; [`Error::Format`] if the file is no sound model, or a
    /// parameter is not finite.
    #[inline(never)] // compiled once: see `instances`
    pub fn load(path: &Path) -> Result<Self, Error> {
        let format = |what: String| Error::Format { path: path.into(), what };
        let saved: Saved = checkpoint::read(path, VERSION)?;
        saved.architecture.check().map_err(|error| format(error.to_string()))?;
        let parameters: Vec<T> = match saved.parameters {
            SavedParameters::F32(values) => values.into_iter().map(|x| T::from_f64(x.into())).collect(),
            SavedParameters::F64(values) => values.into_iter().map(T::from_f64).collect(),
        };
        let wanted = saved.architecture.parameter_count();
        if parameters.len() != wanted {
            return Err(format(format!("holds {} parameters where its architecture has {wanted}", parameters.len())));
        }
        let mut model = Self::new(saved.architecture);
        model.parameters = parameters;
        match model.first_non_finite() {
            Some((tensor, index)) => Err(format(format!(
                "the parameter {tensor} is no finite number at index {index}: every prediction would be wrong"
            ))),
            None => Ok(model),
        }
    }

    /// The first parameter that is not finite: the tensor's name, and the position in it.
    fn first_non_finite(&self) -> Option<(&str, usize)> {
        self.tensors.iter().find_map(|tensor| {
            let index = self.parameters[tensor.range()].iter().position(|x| !x.to_f64().is_finite())?;
            Some((tensor.name.as_str(), index))
        })
    }
}

/// What the layer after `done` is fed with.
fn input<'a, T: Real>(done: &'a [Box<dyn Layer<T>>], indices: ArrayView2<'a, u16>) -> Input<'a, T> {
    match done.last() {
        Some(previous) => Input::Sequence(previous.output()),
        None => Input::Indices(indices),
    }
}
