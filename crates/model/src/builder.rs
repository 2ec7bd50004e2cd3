//! Networks from layers of any make.

use flameout_cells::{Initialisation, Inputs, Layer};
use flameout_kernels::Real;

use crate::error::Error;
use crate::sequential::Sequential;

/// The largest alphabet: an index has 16 bits.
const LARGEST_ALPHABET: usize = 1 << 16;

/// The layers of a [`Sequential`] to be.
#[must_use = "a builder makes a network by `build`"]
#[derive(Debug)]
pub struct Builder<T> {
    inputs: Inputs,
    layers: Vec<Box<dyn Layer<T>>>,
}

impl<T: Real> Sequential<T, ()> {
    /// Begins a network of layers of any make, ours or yours, that is fed with these inputs.
    ///
    /// ```
    /// use flameout_cells::{Dense, Initialisation, Inputs, Lstm};
    /// use flameout_model::{LossKind, Sequential};
    /// use flameout_optim::{Adam, AdamSettings, Optimizer};
    ///
    /// let mut network = Sequential::new(Inputs::Features(3))
    ///     .push(Lstm::new(8))
    ///     .push(Dense::new(1))
    ///     .build(&Initialisation::keras_2(), 42)?;
    /// let mut adam = Adam::new(AdamSettings::default(), &network)?;
    ///
    /// let x = ndarray::Array3::from_shape_fn((4, 5, 3), |(b, t, f)| (b + t * f) as f32 / 10.0); // (batch, time, features)
    /// let y = ndarray::array![[0.1], [0.2], [0.3], [0.4_f32]]; // (batch, outputs)
    /// let before = network.forward_backward(&x, y.view(), LossKind::Mse)?;
    /// for _ in 0..100 {
    ///     network.forward_backward(&x, y.view(), LossKind::Mse)?;
    ///     adam.step(&mut network, 1e-2)?;
    /// }
    /// assert!(network.forward_backward(&x, y.view(), LossKind::Mse)? < before / 10.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[allow(clippy::new_ret_no_self)] // `Sequential::new(inputs).push(…).build(…)` reads as it does elsewhere
    pub fn new(inputs: Inputs) -> Builder<T> {
        Builder { inputs, layers: Vec::new() }
    }
}

impl<T: Real> Builder<T> {
    /// Adds a layer, which is fed with what the one before it puts out.
    pub fn push(mut self, layer: impl Layer<T> + 'static) -> Self {
        self.layers.push(Box::new(layer));
        self
    }

    /// Makes the network, with parameters drawn from this seed. Of the layers that end the sequence, such as an LSTM, all
    /// but the last return every time step.
    ///
    /// # Errors
    /// [`Error::Architecture`] if there is no layer, a size is 0, an alphabet is beyond 65,536, or a layer before the last of
    /// those that end the sequence cannot return every time step.
    pub fn build(mut self, initialisation: &Initialisation, seed: u64) -> Result<Sequential<T, ()>, Error> {
        let refuse = |what: String| Err(Error::Architecture { what });
        match self.inputs {
            Inputs::Indices(size) if size == 0 || size > LARGEST_ALPHABET => {
                return refuse(format!("an alphabet of {size} (1 to {LARGEST_ALPHABET} are possible)"));
            }
            Inputs::Features(0) => return refuse("no features at the input".into()),
            Inputs::Indices(_) | Inputs::Features(_) => {}
        }
        if self.layers.is_empty() {
            return refuse("no layer was pushed".into());
        }
        let last = self.layers.iter().rposition(|layer| layer.ends_sequence());
        let mut inputs = self.inputs;
        for (index, layer) in self.layers.iter_mut().enumerate() {
            if last.is_some_and(|last| index < last) && layer.ends_sequence() {
                layer.return_every_step();
                if layer.ends_sequence() {
                    return refuse(format!("layer {index} ends the sequence that a later layer reads"));
                }
            }
            layer.set_inputs(inputs);
            if layer.units() == 0 {
                return refuse(format!("layer {index} has no units"));
            }
            inputs = Inputs::Features(layer.units());
        }
        let mut network = Sequential::of_layers((), self.inputs, self.layers);
        network.initialise(initialisation, seed);
        network.set_dropout_seed(seed);
        Ok(network)
    }
}
