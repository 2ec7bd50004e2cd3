//! Layers at work, one fed with the other's output.

use std::ops::Range;
use std::path::Path;

use flameout_cells::{Initialisation, Input, Inputs, Layer, Pass, Sequence, Tensor};
use flameout_files::checkpoint;
use flameout_kernels::Real;
use flameout_optim::{Tensors, Trainable};
use ndarray::{Array2, ArrayView2, Axis, Slice};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use crate::architecture::Architecture;
use crate::error::Error;
use crate::examples::{Content, Examples};
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
/// [`tensors`](Sequential::tensors) gives all of them, named `layer0/kernel` and so on. Layers never see old parameters:
/// whoever takes them to write makes the next pass load them.
///
/// `D` describes the layers. A network of an [`Architecture`] ([`of`](Sequential::of)) can be saved and read back. One of
/// layers of any make ([`new`](Sequential::new)) has no description, `()`.
#[derive(Debug)]
pub struct Sequential<T, D = Architecture> {
    description: D,
    inputs: Inputs,
    layers: Vec<Box<dyn Layer<T>>>,
    /// Each layer's part of the buffers.
    ranges: Vec<Range<usize>>,
    tensors: Vec<Tensor>,
    parameters: Vec<T>,
    gradients: Vec<T>,
    /// The features that the network was fed with.
    features: Sequence<T>,
    /// The gradient for each layer's output.
    output_gradients: Vec<Sequence<T>>,
    /// The layers, from the input on, that compute something at each time step.
    sequence_layers: usize,
    /// Whether the layers have the current parameters.
    loaded: bool,
    /// What dropout is drawn from, and the number of the next pass of training.
    dropout_seed: u64,
    passes: u64,
    /// Rows of the last forward pass, and of the initial state.
    batch: Option<usize>,
    initial_batch: Option<usize>,
}

/// The states of all layers after the last time step of a forward pass.
#[derive(Debug, Clone, PartialEq)]
pub struct State<T> {
    batch: usize,
    layers: Vec<Vec<Array2<T>>>,
}

impl<T: Real> Sequential<T> {
    /// A network of this architecture, with all parameters zero.
    ///
    /// # Panics
    /// If [`Architecture::check`] refuses the architecture.
    #[must_use]
    #[inline(never)] // compiled once: see `instances`
    pub fn of(architecture: Architecture) -> Self {
        if let Err(error) = architecture.check() {
            panic!("{error}");
        }
        let (inputs, layers) = (Inputs::Indices(architecture.alphabet), architecture.build::<T>());
        Self::of_layers(architecture, inputs, layers)
    }

    /// What the network consists of.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.description
    }
}

impl<T: Real, D: Send + Sync> Sequential<T, D> {
    /// A network of layers whose inputs are set, with all parameters zero.
    pub(crate) fn of_layers(description: D, inputs: Inputs, layers: Vec<Box<dyn Layer<T>>>) -> Self {
        let mut ranges = Vec::new();
        let mut tensors = Vec::new();
        let mut offset = 0;
        for (index, layer) in layers.iter().enumerate() {
            let name = format!("layer{index}");
            tensors.extend(layer.tensors().iter().map(|tensor| tensor.within(&name, offset)));
            ranges.push(offset..offset + layer.parameter_count());
            offset += layer.parameter_count();
        }
        let output_gradients = layers.iter().map(|_| Sequence::new()).collect();
        let sequence_layers =
            layers.iter().position(|layer| layer.ends_sequence()).map_or(layers.len(), |last| last + 1);
        let parameters = vec![T::ZERO; offset];
        let gradients = parameters.clone();
        Self {
            description,
            inputs,
            layers,
            ranges,
            tensors,
            parameters,
            gradients,
            features: Sequence::new(),
            output_gradients,
            sequence_layers,
            loaded: false,
            dropout_seed: 0,
            passes: 0,
            batch: None,
            initial_batch: None,
        }
    }

    /// Draws all parameters from a ChaCha8 stream, layer by layer.
    pub fn initialise(&mut self, initialisation: &Initialisation, seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for (layer, range) in self.layers.iter().zip(&self.ranges) {
            layer.initialise(initialisation, &mut self.parameters[range.clone()], &mut rng);
        }
        self.loaded = false;
    }

    /// What the network is fed with.
    #[must_use]
    pub fn inputs(&self) -> Inputs {
        self.inputs
    }

    /// Length of the output vectors.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.last_layer().units()
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

    /// Sets the seed that dropout is drawn from; the builder takes that of the parameters.
    pub fn set_dropout_seed(&mut self, seed: u64) {
        self.dropout_seed = seed;
    }

    /// Passes of training so far, [`forward_backward`](Self::forward_backward). What dropout chooses depends on their number.
    #[must_use]
    pub fn passes(&self) -> u64 {
        self.passes
    }

    /// Sets the number of passes, for a training that goes on where another stopped.
    pub fn set_passes(&mut self, passes: u64) {
        self.passes = passes;
    }

    /// The states of all layers after the last time step of the last forward pass, for a sequence that goes on.
    ///
    /// # Errors
    /// [`Error::State`] if there was no forward pass (a [`prediction`](Self::predict) may take another way), or a layer cannot go
    /// on from a state.
    pub fn final_state(&self) -> Result<State<T>, Error> {
        let refuse = |what: String| Error::State { what };
        let batch = self.batch.ok_or_else(|| refuse("there has been no forward pass over all rows".into()))?;
        let layers = self.layers.iter().enumerate().map(|(index, layer)| {
            layer.state_count().ok_or_else(|| refuse(format!("layer {index} cannot go on from a state")))?;
            Ok(layer.final_state().iter().map(ArrayView2::to_owned).collect())
        });
        Ok(State { batch, layers: layers.collect::<Result<_, Error>>()? })
    }

    /// Sets the states that every forward pass starts from, until they are set again; zero if None. A sequence cut in two
    /// gives the same bits as the whole. No gradient flows into the states: training by them is truncated backpropagation
    /// through time.
    ///
    /// # Errors
    /// [`Error::State`] if the state is of another network.
    pub fn set_initial_state(&mut self, state: Option<&State<T>>) -> Result<(), Error> {
        if let Some(state) = state {
            let fit = self.layers.iter().zip(&state.layers).all(|(layer, states)| {
                layer.state_count() == Some(states.len())
                    && states.iter().all(|x| x.dim() == (state.batch, layer.units()))
            });
            if !fit || state.layers.len() != self.layers.len() {
                return Err(Error::State { what: "it is of another network".into() });
            }
        }
        for (index, layer) in self.layers.iter_mut().enumerate() {
            layer.set_initial_state(state.map(|state| &state.layers[index][..]));
        }
        self.initial_batch = state.map(|state| state.batch);
        Ok(())
    }

    fn load_parameters(&mut self) {
        if !self.loaded {
            for (layer, range) in self.layers.iter_mut().zip(&self.ranges) {
                layer.load(&self.parameters[range.clone()]);
            }
            self.loaded = true;
        }
    }

    fn last_layer(&self) -> &dyn Layer<T> {
        self.layers.last().expect("there is a layer").as_ref()
    }

    /// Predictions `(batch, outputs)` for indices `(batch, time)` or features `(batch, time, features)`.
    ///
    /// # Errors
    /// [`Error::Input`] if the network takes other inputs, an index lies outside the alphabet, there is nothing to read, or the
    /// rows have lengths and a layer does not mind them.
    pub fn forward<'a>(&mut self, examples: impl Into<Examples<'a, T>>) -> Result<ArrayView2<'_, T>, Error>
    where
        T: 'a,
    {
        self.forward_examples(examples.into())?;
        Ok(self.predictions())
    }

    /// A forward and a backward pass over one batch; returns the loss and leaves the [`gradients`](Self::gradients).
    ///
    /// # Errors
    /// As [`forward`](Self::forward), and [`Error::Targets`] if the targets are not `(batch, outputs)`.
    pub fn forward_backward<'a>(
        &mut self,
        examples: impl Into<Examples<'a, T>>,
        targets: ArrayView2<'_, T>,
        loss: impl Loss<T>,
    ) -> Result<f64, Error>
    where
        T: 'a,
    {
        self.train_on(examples.into(), targets, &loss)
    }

    #[inline(never)] // compiled once: see `instances`
    pub(crate) fn forward_examples(&mut self, examples: Examples<'_, T>) -> Result<(), Error> {
        self.check(&examples)?;
        self.forward_layers(&examples, false);
        Ok(())
    }

    #[inline(never)] // compiled once: see `instances`
    pub(crate) fn train_on(
        &mut self,
        examples: Examples<'_, T>,
        targets: ArrayView2<'_, T>,
        loss: &dyn Loss<T>,
    ) -> Result<f64, Error> {
        self.check(&examples)?;
        let expected = (examples.batch_and_time().0, self.outputs());
        if targets.dim() != expected {
            return Err(Error::Targets { found: targets.dim(), expected });
        }
        self.forward_layers(&examples, true);
        let value = self.backward_layers(&examples, targets, loss);
        self.passes += 1;
        Ok(value)
    }

    /// Whether the network can be fed with this.
    fn check(&self, examples: &Examples<'_, T>) -> Result<(), Error> {
        let refuse = |what: String| Err(Error::Input { what });
        examples.check(self.inputs)?;
        let (batch, time) = examples.batch_and_time();
        if let Some(rows) = self.initial_batch.filter(|rows| *rows != batch) {
            return refuse(format!("{batch} rows, where the initial state has {rows}"));
        }
        if time > 1 && !self.layers.iter().any(|layer| layer.ends_sequence()) {
            return refuse(format!("{time} time steps, where no layer ends the sequence in one vector"));
        }
        if examples.lengths.is_some()
            && let Some(index) = self.layers[..self.sequence_layers].iter().position(|layer| !layer.minds_lengths())
        {
            return refuse(format!("rows of different lengths, which layer {index} does not mind"));
        }
        Ok(())
    }

    fn forward_layers(&mut self, examples: &Examples<'_, T>, training: bool) {
        self.load_parameters();
        if let Content::Features(features) = &examples.content {
            self.features.assign(features.view());
        }
        self.batch = Some(examples.batch_and_time().0);
        for index in 0..self.layers.len() {
            let pass = training.then_some(self.pass());
            let (done, rest) = self.layers.split_at_mut(index);
            rest[0].forward(input(done, &self.features, examples, pass, self.sequence_layers));
        }
    }

    fn backward_layers(&mut self, examples: &Examples<'_, T>, targets: ArrayView2<'_, T>, loss: &dyn Loss<T>) -> f64 {
        let pass = self.pass();
        let predictions = self.layers.last().expect("there is a layer").output();
        let last = self.output_gradients.last_mut().expect("there is a layer");
        let (batch, time, units) = predictions.dim();
        last.resize(batch, time, units, T::ZERO);
        let value = loss.evaluate(predictions.step(0), targets, last.step_mut(0));
        for index in (0..self.layers.len()).rev() {
            let (done, rest) = self.layers.split_at_mut(index);
            let (before, output_gradient) = self.output_gradients.split_at_mut(index);
            let gradients = &mut self.gradients[self.ranges[index].clone()];
            let input = input(done, &self.features, examples, Some(pass), self.sequence_layers);
            rest[0].backward(input, &output_gradient[0], gradients, before.last_mut());
        }
        value
    }

    /// The next pass of training, as the first layer sees it.
    fn pass(&self) -> Pass {
        Pass { seed: self.dropout_seed, number: self.passes, layer: 0 }
    }

    /// The predictions of the last forward pass, `(batch, outputs)`.
    ///
    /// # Panics
    /// If there was none.
    #[must_use]
    pub fn predictions(&self) -> ArrayView2<'_, T> {
        self.last_layer().output().step(0)
    }

    /// Predictions `(rows, outputs)` for any number of rows: the same bits as [`forward`](Self::forward) gives, sooner for
    /// indices, because words that begin alike share the states of their beginning (where every layer is a
    /// [`StepLayer`](flameout_cells::StepLayer)).
    ///
    /// # Errors
    /// As [`forward`](Self::forward), but that there may be no row.
    pub fn predict<'a>(&mut self, examples: impl Into<Examples<'a, T>>) -> Result<Array2<T>, Error>
    where
        T: 'a,
    {
        self.predict_examples(examples.into())
    }

    #[inline(never)] // compiled once: see `instances`
    pub(crate) fn predict_examples(&mut self, examples: Examples<'_, T>) -> Result<Array2<T>, Error> {
        let (rows, _) = examples.batch_and_time();
        let mut predictions = Array2::from_elem((rows, self.outputs()), T::ZERO);
        if rows == 0 {
            return Ok(predictions);
        }
        self.check(&examples)?;
        let from_zero = self.initial_batch.is_none();
        if let (Content::Indices(indices), None, true) = (&examples.content, examples.lengths, from_zero)
            && self.layers.iter().all(|layer| layer.as_step_layer().is_some())
        {
            self.predict_words(indices.view(), &mut predictions);
            return Ok(predictions);
        }
        let at_once = if from_zero { WORDS_AT_ONCE } else { rows };
        for (index, mut part) in predictions.axis_chunks_iter_mut(Axis(0), at_once).enumerate() {
            let from = index * at_once;
            let examples = examples.rows(Slice::from(from..from + part.nrows()));
            self.forward_layers(&examples, false);
            part.assign(&self.predictions());
        }
        // The layers' states are those of some of the rows.
        self.batch = self.batch.filter(|batch| *batch == rows);
        Ok(predictions)
    }

    fn predict_words(&mut self, indices: ArrayView2<'_, u16>, predictions: &mut Array2<T>) {
        self.load_parameters();
        self.batch = None;
        let mut order: Vec<usize> = (0..indices.nrows()).collect();
        order.sort_by(|&a, &b| indices.row(a).iter().cmp(indices.row(b)));
        for words in order.chunks(WORDS_AT_ONCE) {
            let (levels, places) = prefix::levels(indices, words);
            self.walk(&levels);
            let outputs = step_output(self.last_layer()).step(0);
            for (&word, &place) in words.iter().zip(&places) {
                predictions.row_mut(word).assign(&outputs.row(place));
            }
        }
    }

    /// Steps through the levels of a prefix tree; the outputs for the last level are then the last layer's step output.
    fn walk(&mut self, levels: &[Level]) {
        for (at, level) in levels.iter().enumerate() {
            let column = ArrayView2::from_shape((level.characters.len(), 1), &level.characters).expect("one column");
            let parents = (!level.parents.is_empty()).then_some(&level.parents[..]);
            // What follows the end of the sequence is computed for the last level alone.
            let layers = if at + 1 == levels.len() { self.layers.len() } else { self.sequence_layers };
            for index in 0..layers {
                let (done, rest) = self.layers.split_at_mut(index);
                let input = done
                    .last()
                    .map_or_else(|| Input::indices(column), |previous| Input::sequence(step_output(previous.as_ref())));
                let parents = parents.filter(|_| index < self.sequence_layers);
                rest[0].as_step_layer_mut().expect(STEPS).step(input, parents);
            }
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
    /// [`Error::File`] if writing fails.
    #[inline(never)] // compiled once: see `instances`
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let wide = self.parameters.iter().map(|x| x.to_f64());
        let parameters = match T::NAME {
            "f32" => SavedParameters::F32(wide.map(|x| x as f32).collect()),
            _ => SavedParameters::F64(wide.collect()),
        };
        Ok(checkpoint::write(path, VERSION, &Saved { architecture: self.description.clone(), parameters })?)
    }

    /// Reads what [`save`](Self::save) wrote, in either precision; double-precision parameters are rounded to `f32` if `T` is.
    ///
    /// # Errors
    /// [`Error::File`] if reading fails, there is not memory enough, the file is no sound model, or a parameter is not finite.
    #[inline(never)] // compiled once: see `instances`
    pub fn load(path: &Path) -> Result<Self, Error> {
        let format = |what: String| Error::File(flameout_files::Error::format(path, what));
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
        let mut model = Self::of(saved.architecture);
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

impl<T: Real, D> Tensors for Sequential<T, D> {
    fn ranges(&self) -> Vec<Range<usize>> {
        self.tensors.iter().map(Tensor::range).collect()
    }
}

impl<T: Real, D: Send + Sync> Trainable<T> for Sequential<T, D> {
    fn parameters_and_gradients(&mut self) -> (&mut [T], &[T]) {
        let (parameters, gradients) = self.parameters_and_gradients();
        (parameters, gradients)
    }
}

/// Why a layer is one: it was asked before.
const STEPS: &str = "every layer computes step by step";

fn step_output<T: Real>(layer: &dyn Layer<T>) -> &Sequence<T> {
    layer.as_step_layer().expect(STEPS).step_output()
}

/// What the layer after `done` is fed with. Rows have lengths up to the layer that ends the sequence.
fn input<'a, T: Real>(
    done: &'a [Box<dyn Layer<T>>],
    features: &'a Sequence<T>,
    examples: &'a Examples<'_, T>,
    pass: Option<Pass>,
    sequence_layers: usize,
) -> Input<'a, T> {
    let input = match (done.last(), &examples.content) {
        (Some(previous), _) => Input::sequence(previous.output()),
        (None, Content::Indices(indices)) => Input::indices(indices.view()),
        (None, Content::Features(_)) => Input::sequence(features),
    };
    let pass = pass.map(|pass| Pass { layer: done.len() as u64, ..pass });
    input.with_lengths(examples.lengths.filter(|_| done.len() < sequence_layers)).in_pass(pass)
}
