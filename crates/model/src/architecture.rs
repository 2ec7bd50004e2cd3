//! Which layers a network has, as plain data.

use std::fmt;

use flameout_cells::{Activation, Bidirectional, Dense, Gru, Initialisation, Inputs, LastStep, Layer, Lstm, Reset};
use flameout_kernels::Real;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A network from character indices to vectors: an alphabet and a stack of layers, each fed with the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// The number of different indices in the input.
    pub alphabet: usize,
    /// The layers, from input to output.
    pub layers: Vec<LayerKind>,
}

/// One layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum LayerKind {
    /// See [`Lstm`].
    Lstm {
        /// Length of the hidden state.
        units: usize,
        /// Activation of i, f and o.
        gate_activation: Activation,
        /// Every hidden state instead of the last.
        return_sequences: bool,
    },
    /// See [`Gru`].
    Gru {
        /// Length of the hidden state.
        units: usize,
        /// Activation of z and r.
        gate_activation: Activation,
        /// Where the reset gate acts.
        reset: Reset,
        /// Every hidden state instead of the last.
        return_sequences: bool,
    },
    /// Two recurrent layers, one from either end: see [`Bidirectional`].
    Bidirectional {
        /// Which kind of layer.
        cell: Cell,
        /// Length of each layer's hidden state; an output is twice as long.
        units: usize,
        /// Activation of the gates.
        gate_activation: Activation,
        /// Every hidden state instead of each layer's last.
        return_sequences: bool,
    },
    /// See [`Dense`].
    Dense {
        /// Number of outputs.
        units: usize,
        /// Activation of the outputs.
        activation: Activation,
    },
    /// As [`Dense`](LayerKind::Dense), by the name of Keras' wrapper.
    TimeDistributed {
        /// Number of outputs.
        units: usize,
        /// Activation of the outputs.
        activation: Activation,
    },
    /// See [`LastStep`].
    LastStep {
        /// Number of inputs, and of outputs.
        units: usize,
    },
}

/// A kind of recurrent layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Cell {
    /// See [`Lstm`].
    Lstm,
    /// See [`Gru`].
    Gru {
        /// Where the reset gate acts.
        reset: Reset,
    },
}

/// Whose conventions a network follows: gate activation, initial parameters, place of the reset gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Flavour {
    /// Keras 1.0.7, what the question ran: hard sigmoid, orthogonal × 1.1 gate by gate, reset before the product.
    #[serde(rename = "keras-1.0.7")]
    Keras1,
    /// Keras 2.0–2.2: hard sigmoid, orthogonal over all gates, reset before the product.
    #[serde(rename = "keras-2")]
    Keras2,
    /// Keras 3: sigmoid, orthogonal over all gates, reset after the product.
    #[serde(rename = "keras-3")]
    Keras3,
    /// PyTorch: sigmoid, uniform ± 1/√units, reset after the product. Where PyTorch keeps two biases that only ever
    /// act as their sum (in the LSTM, and in z and r), Adam moves that sum twice as far a step; here the LSTM has one.
    #[serde(rename = "pytorch")]
    PyTorch,
}

impl Flavour {
    /// The activation of the gates.
    #[must_use]
    pub fn gate_activation(self) -> Activation {
        match self {
            Self::Keras1 | Self::Keras2 => Activation::HardSigmoid,
            Self::Keras3 | Self::PyTorch => Activation::Sigmoid,
        }
    }

    /// Where a GRU's reset gate acts.
    #[must_use]
    pub fn reset(self) -> Reset {
        match self {
            Self::Keras1 | Self::Keras2 => Reset::Before,
            Self::Keras3 | Self::PyTorch => Reset::After,
        }
    }

    /// How parameters are drawn.
    #[must_use]
    pub fn initialisation(self) -> Initialisation {
        match self {
            Self::Keras1 => Initialisation::keras_1(),
            Self::Keras2 | Self::Keras3 => Initialisation::keras_2(),
            Self::PyTorch => Initialisation::pytorch(),
        }
    }
}

impl Architecture {
    /// The question's first network: LSTM(`units`) → Dense(`outputs`, linear). The question has 1024 units, 100 outputs.
    #[must_use]
    pub fn lstm_single(alphabet: usize, units: usize, outputs: usize, flavour: Flavour) -> Self {
        Self { alphabet, layers: vec![lstm(units, flavour, false), linear(outputs)] }
    }

    /// The question's second network: GRU(`units`) → Dense(`outputs`, linear). The question has 1024 units, 100 outputs.
    #[must_use]
    pub fn gru_single(alphabet: usize, units: usize, outputs: usize, flavour: Flavour) -> Self {
        let gate_activation = flavour.gate_activation();
        let gru = LayerKind::Gru { units, gate_activation, reset: flavour.reset(), return_sequences: false };
        Self { alphabet, layers: vec![gru, linear(outputs)] }
    }

    /// The question's third network: LSTM(`units`, every step) → TimeDistributed(Dense(`units`, sigmoid)) → LSTM(`units`) →
    /// Dense(`units`/2, tanh) → Dense(`outputs`, linear). The question has 512 units, 100 outputs.
    #[must_use]
    pub fn lstm_double(alphabet: usize, units: usize, outputs: usize, flavour: Flavour) -> Self {
        let layers = vec![
            lstm(units, flavour, true),
            LayerKind::TimeDistributed { units, activation: Activation::Sigmoid },
            lstm(units, flavour, false),
            LayerKind::Dense { units: (units / 2).max(1), activation: Activation::Tanh },
            linear(outputs),
        ];
        Self { alphabet, layers }
    }

    /// An LSTM of `units` from either end → Dense(`outputs`, linear).
    #[must_use]
    pub fn lstm_bidirectional(alphabet: usize, units: usize, outputs: usize, flavour: Flavour) -> Self {
        let gate_activation = flavour.gate_activation();
        let both = LayerKind::Bidirectional { cell: Cell::Lstm, units, gate_activation, return_sequences: false };
        Self { alphabet, layers: vec![both, linear(outputs)] }
    }

    /// These layers, and a linear one to the outputs.
    #[must_use]
    pub fn of_layers(alphabet: usize, layers: &[LayerKind], outputs: usize) -> Self {
        Self { alphabet, layers: layers.iter().copied().chain([linear(outputs)]).collect() }
    }

    /// Gives the gates of all recurrent layers this activation.
    pub fn set_gate_activation(&mut self, activation: Activation) {
        for layer in &mut self.layers {
            if let LayerKind::Lstm { gate_activation, .. }
            | LayerKind::Gru { gate_activation, .. }
            | LayerKind::Bidirectional { gate_activation, .. } = layer
            {
                *gate_activation = activation;
            }
        }
    }

    /// Length of the output vectors.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, LayerKind::units)
    }

    /// Whether a network can be built of it.
    ///
    /// # Errors
    /// [`Error::Architecture`] if there is no layer or more than 1,024, a size is zero or beyond 65,536, a last step is of
    /// another size than the layer before, or the last layer returns a sequence.
    pub fn check(&self) -> Result<(), Error> {
        let refuse = |what: String| Err(Error::Architecture { what });
        const LARGEST: usize = 1 << 16;
        /// A layer takes a few bytes in a file and a thousand times as many in memory.
        const MOST_LAYERS: usize = 1 << 10;
        if self.layers.len() > MOST_LAYERS {
            return refuse(format!("{} layers (at most {MOST_LAYERS} are possible)", self.layers.len()));
        }
        if self.alphabet == 0 || self.alphabet > LARGEST {
            return refuse(format!("an alphabet of {} characters (1 to {LARGEST} are possible)", self.alphabet));
        }
        if let Some((index, layer)) =
            self.layers.iter().enumerate().find(|(_, layer)| !(1..=LARGEST).contains(&layer.units()))
        {
            return refuse(format!("layer {index} has {} units (1 to {LARGEST} are possible)", layer.units()));
        }
        let (mut sequence, mut inputs) = (true, None);
        for (index, layer) in self.layers.iter().enumerate() {
            if matches!(layer, LayerKind::LastStep { .. }) && inputs != Some(layer.units()) {
                return refuse(format!(
                    "layer {index} is the last step of {} units, and is not fed with so many",
                    layer.units()
                ));
            }
            sequence = layer.returns_sequence(sequence);
            inputs = Some(layer.units());
        }
        if sequence {
            return refuse(
                "the output is one vector for each time step: a recurrent layer must end the sequence".into(),
            );
        }
        Ok(())
    }

    /// The number of parameters of a network of this architecture.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.build::<f32>().iter().map(|layer| layer.parameter_count()).sum()
    }

    #[inline(never)] // compiled once: see `instances`
    pub(crate) fn build<T: Real>(&self) -> Vec<Box<dyn Layer<T>>> {
        let mut inputs = Inputs::Indices(self.alphabet);
        self.layers
            .iter()
            .map(|layer| {
                let built = layer.build(inputs);
                inputs = Inputs::Features(layer.units());
                built
            })
            .collect()
    }
}

impl LayerKind {
    /// The layer's name in parameter names: `lstm`, `gru`, `bidirectional`, `dense`, `time_distributed`, `last_step`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Lstm { .. } => "lstm",
            Self::Gru { .. } => "gru",
            Self::Bidirectional { .. } => "bidirectional",
            Self::Dense { .. } => "dense",
            Self::TimeDistributed { .. } => "time_distributed",
            Self::LastStep { .. } => "last_step",
        }
    }

    /// Length of the layer's output vectors.
    #[must_use]
    pub fn units(&self) -> usize {
        match *self {
            Self::Lstm { units, .. }
            | Self::Gru { units, .. }
            | Self::Dense { units, .. }
            | Self::TimeDistributed { units, .. }
            | Self::LastStep { units } => units,
            Self::Bidirectional { units, .. } => units.saturating_mul(2),
        }
    }

    fn returns_sequence(&self, input_is_sequence: bool) -> bool {
        match *self {
            Self::Lstm { return_sequences, .. }
            | Self::Gru { return_sequences, .. }
            | Self::Bidirectional { return_sequences, .. } => return_sequences,
            Self::Dense { .. } | Self::TimeDistributed { .. } => input_is_sequence,
            Self::LastStep { .. } => false,
        }
    }

    fn build<T: Real>(&self, inputs: Inputs) -> Box<dyn Layer<T>> {
        let mut layer: Box<dyn Layer<T>> = match *self {
            Self::Lstm { units, gate_activation, return_sequences } => {
                Box::new(Lstm::new(units).gate_activation(gate_activation).return_sequences(return_sequences))
            }
            Self::Gru { units, gate_activation, reset, return_sequences } => {
                Box::new(Gru::new(units, reset).gate_activation(gate_activation).return_sequences(return_sequences))
            }
            Self::Bidirectional { cell: Cell::Lstm, units, gate_activation, return_sequences } => {
                let one = Lstm::new(units).gate_activation(gate_activation).return_sequences(return_sequences);
                Box::new(Bidirectional::new(one.clone(), one))
            }
            Self::Bidirectional { cell: Cell::Gru { reset }, units, gate_activation, return_sequences } => {
                let one = Gru::new(units, reset).gate_activation(gate_activation).return_sequences(return_sequences);
                Box::new(Bidirectional::new(one.clone(), one))
            }
            Self::Dense { units, activation } | Self::TimeDistributed { units, activation } => {
                Box::new(Dense::new(units).activation(activation))
            }
            Self::LastStep { .. } => Box::new(LastStep::new()),
        };
        layer.set_inputs(inputs);
        layer
    }
}

/// Writes the layers from input to output: `Bidirectional(LSTM(256)) → Dense(100)`.
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, layer) in self.layers.iter().enumerate() {
            let arrow = if index > 0 { " → " } else { "" };
            write!(f, "{arrow}{layer}")?;
        }
        Ok(())
    }
}

/// Writes the layer as a user of Keras writes it: `LSTM(256)`. Gates are left out; an activation is written if it is not linear.
impl fmt::Display for LayerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dense = |units: usize, activation: Activation| match activation {
            Activation::Linear => format!("Dense({units})"),
            other => format!("Dense({units}, {})", other.name()),
        };
        match *self {
            Self::Lstm { units, .. } => write!(f, "LSTM({units})"),
            Self::Gru { units, .. } => write!(f, "GRU({units})"),
            Self::Bidirectional { cell: Cell::Lstm, units, .. } => write!(f, "Bidirectional(LSTM({units}))"),
            Self::Bidirectional { cell: Cell::Gru { .. }, units, .. } => write!(f, "Bidirectional(GRU({units}))"),
            Self::Dense { units, activation } => f.write_str(&dense(units, activation)),
            Self::TimeDistributed { units, activation } => write!(f, "TimeDistributed({})", dense(units, activation)),
            Self::LastStep { .. } => f.write_str("last step"),
        }
    }
}

fn lstm(units: usize, flavour: Flavour, return_sequences: bool) -> LayerKind {
    LayerKind::Lstm { units, gate_activation: flavour.gate_activation(), return_sequences }
}

fn linear(units: usize) -> LayerKind {
    LayerKind::Dense { units, activation: Activation::Linear }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_sound_and_end_in_the_outputs() {
        for preset in [
            Architecture::lstm_single,
            Architecture::gru_single,
            Architecture::lstm_double,
            Architecture::lstm_bidirectional,
        ] {
            for flavour in [Flavour::Keras1, Flavour::Keras2, Flavour::Keras3, Flavour::PyTorch] {
                let architecture = preset(27, 6, 4, flavour);
                architecture.check().unwrap();
                assert_eq!(architecture.outputs(), 4);
            }
        }
    }

    #[test]
    fn architectures_are_written_as_they_are_built() {
        let text =
            |preset: fn(usize, usize, usize, Flavour) -> Architecture| preset(27, 6, 4, Flavour::Keras3).to_string();
        assert_eq!(text(Architecture::lstm_single), "LSTM(6) → Dense(4)");
        assert_eq!(text(Architecture::gru_single), "GRU(6) → Dense(4)");
        assert_eq!(text(Architecture::lstm_bidirectional), "Bidirectional(LSTM(6)) → Dense(4)");
        assert_eq!(
            text(Architecture::lstm_double),
            "LSTM(6) → TimeDistributed(Dense(6, sigmoid)) → LSTM(6) → Dense(3, tanh) → Dense(4)"
        );
    }

    #[test]
    fn unsound_architectures_are_refused() {
        let sound = Architecture::lstm_double(27, 6, 4, Flavour::Keras1);
        let message = |change: fn(&mut Architecture)| {
            let mut unsound = sound.clone();
            change(&mut unsound);
            unsound.check().unwrap_err().to_string()
        };
        assert!(message(|a| a.layers.clear()).contains("time step"));
        assert!(message(|a| a.layers.truncate(2)).contains("time step"));
        assert!(message(|a| a.layers = vec![linear(1); 1025]).contains("1025 layers"));
        assert!(message(|a| a.alphabet = 0).contains("alphabet of 0"));
        assert!(message(|a| a.layers[3] = linear(0)).contains("layer 3 has 0 units"));
        assert!(message(|a| a.layers[1] = LayerKind::LastStep { units: 7 }).contains("last step of 7 units"));
        assert!(message(|a| a.layers[0] = LayerKind::LastStep { units: 27 }).contains("layer 0 is the last step"));
    }
}
