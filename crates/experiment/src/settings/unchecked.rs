//! The values of settings, and their ranges.

use flameout_cells::{Activation, Distribution, Initialisation};
use flameout_model::{Architecture, Constraint, Flavour, LayerKind, LossKind};
use flameout_optim::{Clipping, Constant, OptimizerSettings, Schedule};
use flameout_word2vec::NonFinitePolicy;
use serde::{Deserialize, Serialize};

use super::DataSettings;
use crate::error::Error;
use crate::guard::GuardSettings;

/// Holds the values of [`Settings`](super::Settings), which may be out of their ranges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UncheckedSettings {
    /// Which of the question's three networks.
    pub case: Case,
    /// Decides initial weights, the split and the order of training words.
    #[serde(default)]
    pub seed: u64,
    /// Which words and vectors.
    #[serde(default)]
    pub data: DataSettings,
    /// The network.
    #[serde(default)]
    pub model: ModelSettings,
    /// How it is trained.
    #[serde(default)]
    pub training: TrainingSettings,
    /// The optimiser; Keras 1.0.7's Adam by default.
    #[serde(default)]
    pub optimizer: OptimizerSettings,
    /// The learning rate over time; constant 0.001 by default.
    #[serde(default = "default_schedule")]
    pub schedule: Schedule,
    /// Gradient clipping; none by default.
    #[serde(default = "default_clipping")]
    pub clipping: Clipping,
    /// What kernels are held to after each update; nothing if not given.
    pub constraint: Option<Constraint>,
    /// What keeps the run from collapsing while it goes on; nothing if not given.
    pub guard: Option<GuardSettings>,
}

/// The question's networks: it has three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Case {
    /// LSTM(1024) → Dense(100).
    LstmSingle,
    /// GRU(1024) → Dense(100).
    GruSingle,
    /// LSTM(512) → TimeDistributed(Dense(512, sigmoid)) → LSTM(512) → Dense(256, tanh) → Dense(100).
    LstmDouble,
}

/// The network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ModelSettings {
    /// Length of the hidden state; the question's (1024, 1024, 512) if not given.
    pub units: Option<usize>,
    /// Layers in place of the case's own, from the input on. A linear layer to the vectors' length follows them.
    pub layers: Option<Vec<LayerKind>>,
    /// Whose conventions the layers follow.
    pub flavour: Flavour,
    /// The arithmetic's precision.
    pub precision: Precision,
    /// The gates' activation, if not the flavour's.
    pub gate_activation: Option<Activation>,
    /// The gain of the orthogonal recurrent kernels, if not the flavour's.
    pub recurrent_gain: Option<f64>,
    /// The initial forget bias of an LSTM, if not the flavour's.
    pub forget_bias: Option<f64>,
}

/// The arithmetic's precision, one of the two of the kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// Single.
    F32,
    /// Double.
    F64,
}

impl Precision {
    /// Bytes of a number.
    pub(crate) fn bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// How the network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TrainingSettings {
    /// What is minimised.
    pub loss: LossKind,
    /// Words a step; the last batch of an epoch may be smaller. Larger than the training set: the whole set.
    pub batch: usize,
    /// What becomes of the smaller batch at the end of an epoch; it is trained on like any other if not given.
    pub remainder: Option<Remainder>,
    /// Passes over the training words.
    pub epochs: u64,
    /// Whether each epoch has an order of its own (Keras' `shuffle`).
    pub shuffle: bool,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// End the run, once it has certainly collapsed, so many steps after the collapse's onset; to its last epoch if not given.
    pub stop_after_collapse: Option<u64>,
    /// End the run after so many epochs without a lower loss on the test words, and keep the network of the lowest as well;
    /// not if not given.
    pub patience: Option<u64>,
}

/// What becomes of the words of an epoch that are too few for a whole batch.
///
/// A loss that is a mean over the batch gives each of four words eight times the weight that it has among 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Remainder {
    /// They are left out of this epoch (Keras' `drop_remainder`, PyTorch's `drop_last`).
    Drop,
    /// Their gradient is multiplied by their share of a whole batch, so that each weighs as much as any other word.
    Weigh,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            units: None,
            layers: None,
            flavour: Flavour::Keras1,
            precision: Precision::F32,
            gate_activation: None,
            recurrent_gain: None,
            forget_bias: None,
        }
    }
}

impl Default for TrainingSettings {
    fn default() -> Self {
        Self {
            loss: LossKind::Mse,
            batch: 32,
            remainder: None,
            epochs: 50,
            shuffle: true,
            checkpoint_every: 500,
            stop_after_collapse: None,
            patience: None,
        }
    }
}

impl TrainingSettings {
    /// Of so many training words, how many an epoch uses.
    pub(crate) fn words_of_epoch(&self, words: usize) -> usize {
        match self.remainder {
            Some(Remainder::Drop) if words > self.batch => words - words % self.batch,
            _ => words,
        }
    }

    /// What the gradient of a batch of `size` words is multiplied by, in an epoch of so many.
    pub(crate) fn weight_of_batch(&self, size: usize, words: usize) -> f64 {
        match self.remainder {
            Some(Remainder::Weigh) => size as f64 / self.batch.min(words) as f64,
            _ => 1.0,
        }
    }
}

pub(super) fn default_schedule() -> Schedule {
    Schedule::Constant(Constant { learning_rate: 0.001 })
}

pub(super) fn default_clipping() -> Clipping {
    Clipping::None
}

impl Case {
    /// All three, in the question's order.
    pub const ALL: [Self; 3] = [Self::LstmSingle, Self::GruSingle, Self::LstmDouble];

    /// As commands and settings spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LstmSingle => "lstm-single",
            Self::GruSingle => "gru-single",
            Self::LstmDouble => "lstm-double",
        }
    }

    /// The question's layer size.
    #[must_use]
    pub fn units(self) -> usize {
        match self {
            Self::LstmSingle | Self::GruSingle => 1024,
            Self::LstmDouble => 512,
        }
    }
}

impl UncheckedSettings {
    /// Whether every value is in its range.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first that is not.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.check_data()?;
        self.check_model()?;
        self.check_training()?;
        self.optimizer.check().map_err(|error| of_section("optimizer", error))?;
        self.schedule.check().map_err(|error| of_section("schedule", error))?;
        self.clipping.check().map_err(|error| of_section("clipping", error))?;
        let limit = self.constraint.as_ref().map_or(1.0, |constraint| constraint.max_norm);
        let possible = limit > 0.0 && limit.is_finite();
        require(possible, "constraint.max-norm", format!("is {limit}; must be above 0 and finite"))?;
        if let Some((key, value, rule)) = self.guard.as_ref().and_then(GuardSettings::out_of_range) {
            return Err(Error::setting(key, format!("is {value}; must be {rule}")));
        }
        // Stricter than text, which may hold whole numbers beyond what a table can.
        let written = toml::Table::try_from(self).map(drop);
        written
            .map_err(|error| Error::Settings { origin: None, problem: format!("cannot be written as TOML: {error}") })
    }

    fn check_data(&self) -> Result<(), Error> {
        let DataSettings { vectors, words, test_share, length, alphabet, .. } = &self.data;
        let problem =
            || format!("is {}, which is no UTF-8: give the file or its directory another name", vectors.display());
        require(vectors.to_str().is_some(), "data.vectors", problem())?;
        require_whole("seed", self.seed, 0)?;
        require_whole("data.words", *words, 0)?;
        let in_range = (0.0..1.0).contains(test_share);
        require(in_range, "data.test-share", format!("is {test_share}; must be at least 0 and below 1"))?;
        let trainable = self.data.non_finite != NonFinitePolicy::Keep;
        require(trainable, "data.non-finite", "is keep: nothing can be learnt from NaN; must be error or drop".into())?;
        self.data.encoder().check().map_err(|_| {
            let (least, most) = (flameout_encoder::MIN_LENGTH, flameout_encoder::MAX_LENGTH);
            Error::setting("data.length", format!("is {length}; must be between {least} and {most}"))
        })?;
        let built = alphabet.as_ref().map(|alphabet| self.data.encoder().build(alphabet)).transpose();
        built.map(drop).map_err(|error| Error::setting("data.alphabet", error.to_string()))
    }

    fn check_model(&self) -> Result<(), Error> {
        let ModelSettings { recurrent_gain, forget_bias, .. } = self.model;
        for (key, value) in [("model.recurrent-gain", recurrent_gain), ("model.forget-bias", forget_bias)] {
            require(value.is_none_or(f64::is_finite), key, "must be a finite number".into())?;
        }
        let built = self.architecture(2, 1).check();
        if self.model.layers.is_none() {
            return built.map_err(|error| Error::setting("model.units", error.to_string()));
        }
        built.map_err(|error| Error::setting("model.layers", error.to_string()))?;
        let alone = self.model.units.is_none() && self.model.gate_activation.is_none();
        require(alone, "model.layers", "say their own units and gate activations: leave those settings out".into())
    }

    fn check_training(&self) -> Result<(), Error> {
        let TrainingSettings { batch, epochs, checkpoint_every, patience, .. } = self.training;
        require_whole("training.batch", batch as u64, 1)?;
        require_whole("training.epochs", epochs, 1)?;
        require_whole("training.checkpoint-every", checkpoint_every, 1)?;
        require_whole("training.patience", patience.unwrap_or(1), 1)?;
        let watched = patience.is_none() || self.data.test_share > 0.0;
        require(watched, "training.patience", "watches the test words, and data.test-share leaves none".into())
    }

    /// The network for an alphabet of this size and targets of this length.
    #[must_use]
    pub fn architecture(&self, alphabet: usize, outputs: usize) -> Architecture {
        if let Some(layers) = &self.model.layers {
            return Architecture::of_layers(alphabet, layers, outputs);
        }
        let preset = match self.case {
            Case::LstmSingle => Architecture::lstm_single,
            Case::GruSingle => Architecture::gru_single,
            Case::LstmDouble => Architecture::lstm_double,
        };
        let units = self.model.units.unwrap_or(self.case.units());
        let mut architecture = preset(alphabet, units, outputs, self.model.flavour);
        if let Some(activation) = self.model.gate_activation {
            architecture.set_gate_activation(activation);
        }
        architecture
    }

    /// How the initial weights are drawn.
    #[must_use]
    pub fn initialisation(&self) -> Initialisation {
        let mut initialisation = self.model.flavour.initialisation();
        if let Some(gain) = self.model.recurrent_gain {
            initialisation.recurrent_kernel = Distribution::Orthogonal(gain);
        }
        if let Some(bias) = self.model.forget_bias {
            initialisation.forget_bias = Some(bias);
        }
        initialisation
    }
}

fn require(holds: bool, key: &str, problem: String) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::setting(key, problem)) }
}

/// The optimisers' errors name a setting without its section.
fn of_section(section: &str, error: flameout_optim::Error) -> Error {
    match error {
        flameout_optim::Error::Setting { name, value, rule } => {
            Error::setting(&format!("{section}.{name}"), format!("is {value}; must be {rule}"))
        }
        other => Error::setting(section, other.to_string()),
    }
}

/// Between `least` and what TOML can hold.
fn require_whole(key: &str, value: u64, least: u64) -> Result<(), Error> {
    require(value >= least, key, format!("is {value}; must be at least {least}"))?;
    require(i64::try_from(value).is_ok(), key, format!("is {value}; must be at most {}", i64::MAX))
}
