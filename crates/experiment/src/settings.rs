//! Everything that decides a run's numbers.

mod data;

use std::collections::BTreeMap;
use std::path::Path;

use flameout_cells::{Activation, Distribution, Initialisation};
use flameout_model::{Architecture, Constraint, Flavour, LayerKind, LossKind};
use flameout_optim::{Clipping, Constant, OptimizerSettings, Schedule};
use flameout_word2vec::NonFinitePolicy;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::guard::GuardSettings;
pub use data::DataSettings;

/// The settings of a run, as `settings.toml` holds them. Every default is the question's.
///
/// Two runs with equal settings end with equal weights, to the bit. What cannot change the numbers (threads, where
/// results go) is not here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
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

fn default_schedule() -> Schedule {
    Schedule::Constant(Constant { learning_rate: 0.001 })
}

fn default_clipping() -> Clipping {
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

impl Settings {
    /// The question's settings for one of its networks.
    #[must_use]
    pub fn for_case(case: Case) -> Self {
        Self {
            case,
            seed: 0,
            data: DataSettings::default(),
            model: ModelSettings::default(),
            training: TrainingSettings::default(),
            optimizer: OptimizerSettings::default(),
            schedule: default_schedule(),
            clipping: default_clipping(),
            constraint: None,
            guard: None,
        }
    }

    /// Reads settings from TOML text; what is not given is as in the question.
    ///
    /// # Errors
    /// [`Error::Settings`] names the line of a mistake or an unknown key; [`Error::Setting`] a value out of range.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let settings: Self =
            toml::from_str(text).map_err(|error| Error::Settings { origin: None, problem: error.to_string() })?;
        settings.check()?;
        Ok(settings)
    }

    /// Reads settings from a TOML file.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read; [`Error::Settings`], which names it, if there is a mistake in it.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = flameout_files::read_text(path, flameout_files::TOML).map_err(Error::io(path))?;
        Self::from_toml(&text).map_err(|error| {
            let problem = match error {
                Error::Settings { problem, .. } => problem,
                other => other.to_string(),
            };
            Error::Settings { origin: Some(path.into()), problem }
        })
    }

    /// The settings as TOML, complete: no default is left out.
    ///
    /// # Panics
    /// If a whole number is too large for TOML: [`check`](Self::check) refuses it.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("checked settings can be written")
    }

    /// Changes one setting by its dotted name, such as `training.batch` to `128`. The value is TOML, or a bare string.
    ///
    /// # Errors
    /// [`Error::Setting`] if there is no such setting, or it cannot have this value, or another one is out of its range.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        self.check()?;
        let mut root = toml::Table::try_from(&*self).expect("checked settings can be written");
        let mut table = &mut root;
        let mut path: Vec<&str> = key.split('.').collect();
        let last = path.pop().expect("a split has at least one part");
        for part in path {
            table =
                table.entry(part).or_insert_with(|| toml::Table::new().into()).as_table_mut().ok_or_else(|| {
                    Error::setting(key, format!("`{part}` is a single value, not a group of settings"))
                })?;
        }
        table.insert(last.to_owned(), parse_value(value));
        let changed: Self = root.try_into().map_err(|error: toml::de::Error| Error::setting(key, error.message()))?;
        changed.check()?;
        *self = changed;
        Ok(())
    }

    /// Every setting that has a value, by its dotted name (`training.batch`), as TOML text (`32`).
    ///
    /// # Panics
    /// As [`to_toml`](Self::to_toml).
    #[must_use]
    pub fn entries(&self) -> BTreeMap<String, String> {
        let table = toml::Table::try_from(self).expect("checked settings can be written");
        let mut entries = BTreeMap::new();
        flatten("", &toml::Value::Table(table), &mut entries);
        entries
    }

    /// Whether every value is in its range.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first that is not.
    pub fn check(&self) -> Result<(), Error> {
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

    /// BLAKE3 of the complete settings, in hexadecimal: the name of the run's numbers.
    #[must_use]
    pub fn hash(&self) -> String {
        blake3::hash(self.to_toml().as_bytes()).to_hex().to_string()
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

fn flatten(prefix: &str, value: &toml::Value, entries: &mut BTreeMap<String, String>) {
    let toml::Value::Table(table) = value else {
        entries.insert(prefix.to_owned(), value.to_string());
        return;
    };
    for (key, value) in table {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        flatten(&name, value, entries);
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

/// A TOML value, or, where it is none, the text itself: `--set model.flavour=keras-2` needs no quotes.
fn parse_value(text: &str) -> toml::Value {
    let document: Result<toml::Table, _> = toml::from_str(&format!("value = {text}"));
    match document {
        Ok(mut table) if table.len() == 1 => table.remove("value").expect("the only key"),
        _ => toml::Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_but_for_the_case_is_the_question() {
        let settings = Settings::from_toml("case = \"lstm-double\"").unwrap();
        assert_eq!(settings, Settings::for_case(Case::LstmDouble));
        assert_eq!(settings.training.batch, 32);
        assert_eq!(settings.schedule, Schedule::Constant(Constant { learning_rate: 0.001 }));
    }

    #[test]
    fn complete_settings_are_read_back() {
        for case in Case::ALL {
            let mut settings = Settings::for_case(case);
            settings.set("model.units", "64").unwrap();
            settings.set("clipping", "{ kind = \"global-norm\", limit = 1.0 }").unwrap();
            settings.set("model.gate-activation", "sigmoid").unwrap();
            assert_eq!(Settings::from_toml(&settings.to_toml()).unwrap(), settings);
        }
    }

    #[test]
    fn layers_take_the_place_of_the_cases_own() {
        let both =
            "{ bidirectional = { cell = 'lstm', units = 8, gate_activation = 'sigmoid', return_sequences = false } }";
        let mut settings = Settings::for_case(Case::LstmSingle);
        settings.set("model.layers", &format!("[{both}]")).unwrap();
        assert_eq!(settings.architecture(5, 3), Architecture::lstm_bidirectional(5, 8, 3, Flavour::Keras3));
        assert_eq!(Settings::from_toml(&settings.to_toml()).unwrap(), settings);
        let message = settings.set("model.units", "9").unwrap_err().to_string();
        assert!(message.contains("model.layers"), "{message}");
    }

    #[test]
    fn unknown_keys_are_refused_with_their_line() {
        let message = Settings::from_toml("case = \"gru-single\"\n[training]\nbath = 3\n").unwrap_err().to_string();
        assert!(message.contains("bath") && message.contains("line 3"), "{message}");
    }

    #[test]
    fn whole_numbers_that_toml_cannot_hold_are_refused() {
        let steps =
            "{ kind = 'warm-up', steps = 9223372036854775808, then = { kind = 'constant', learning-rate = 0.1 } }";
        let message = Settings::from_toml(&format!("case = 'gru-single'\nschedule = {steps}")).unwrap_err().to_string();
        assert!(message.contains("too large"), "{message}");
    }

    #[test]
    fn set_changes_one_value_or_says_why_not() {
        let mut settings = Settings::for_case(Case::LstmSingle);
        settings.set("training.batch", "128").unwrap();
        settings.set("model.flavour", "keras-3").unwrap();
        settings.set("schedule.learning-rate", "0.01").unwrap();
        assert_eq!((settings.training.batch, settings.model.flavour), (128, Flavour::Keras3));
        let before = settings.clone();
        for (key, value, expected) in [
            ("training.bath", "3", "bath"),
            ("training.batch", "0", "at least 1"),
            ("training.batch", "many", "invalid type"),
            ("data.test-share", "1.0", "below 1"),
            ("case.x", "1", "single value"),
            ("model.units", "0", "0 units"),
            ("data.length", "1", "between 2 and 65535"),
            ("data.alphabet", "$aba", "twice"),
            ("schedule.learning-rate", "-1.0", "at least 0"),
        ] {
            let message = settings.set(key, value).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains(key), "{message}");
        }
        assert_eq!(settings, before, "a refused change leaves nothing behind");
    }

    #[test]
    fn entries_have_the_names_that_set_takes() {
        let mut settings = Settings::for_case(Case::GruSingle);
        settings.set("model.forget-bias", "0.5").unwrap();
        let mut again = Settings::for_case(Case::GruSingle);
        for (key, value) in settings.entries() {
            again.set(&key, &value).unwrap();
        }
        assert_eq!(again, settings);
        assert_eq!(settings.entries()["training.batch"], "32");
        assert_eq!(settings.entries()["case"], "\"gru-single\"");
    }

    #[test]
    fn what_becomes_of_faulty_words_changes_the_hash_only_if_given() {
        let mut settings = Settings::for_case(Case::LstmSingle);
        let (toml, hash) = (settings.to_toml(), settings.hash());
        assert!(!toml.contains("invalid-utf8") && !toml.contains("non-finite"));
        settings.set("data.invalid-utf8", "lossy").unwrap();
        settings.set("data.non-finite", "drop").unwrap();
        assert_ne!(settings.hash(), hash);
        assert_eq!(Settings::from_toml(&settings.to_toml()).unwrap(), settings);
        assert!(settings.set("data.non-finite", "keep").is_err());
        settings.set("data.invalid-utf8", "error").unwrap();
        settings.set("data.non-finite", "error").unwrap();
        assert_eq!((settings.to_toml(), settings.hash()), (toml, hash));
    }

    #[test]
    fn the_hash_follows_the_numbers() {
        let settings = Settings::for_case(Case::LstmSingle);
        let mut other = settings.clone();
        assert_eq!(settings.hash(), other.hash());
        other.seed = 1;
        assert_ne!(settings.hash(), other.hash());
    }
}
