//! Everything that decides a run's numbers.

mod data;
mod unchecked;

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::Path;

use flameout_optim::OptimizerSettings;
use serde::{Deserialize, Serialize};

use crate::error::Error;
pub use data::DataSettings;
pub use unchecked::{Case, ModelSettings, Precision, Remainder, TrainingSettings, UncheckedSettings};
use unchecked::{default_clipping, default_schedule};

/// The settings of a run, as `settings.toml` holds them. Every value is in its range. Every default is the question's.
///
/// Two runs with equal settings end with equal weights, to the bit. What cannot change the numbers (threads, where
/// results go) is not here. Values are read as fields; [`with`](Self::with) changes them by name, [`set`](Self::set) by text.
///
/// ```
/// use flameout_experiment::{Case, Settings};
///
/// let settings = Settings::for_case(Case::GruSingle).with(|settings| settings.training.batch = 128)?;
/// assert_eq!(settings.training.batch, 128);
/// assert!(settings.with(|settings| settings.training.batch = 0).is_err());
/// # Ok::<(), flameout_experiment::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedSettings")]
pub struct Settings(UncheckedSettings);

impl Deref for Settings {
    type Target = UncheckedSettings;

    fn deref(&self) -> &UncheckedSettings {
        &self.0
    }
}

impl TryFrom<UncheckedSettings> for Settings {
    type Error = Error;

    fn try_from(settings: UncheckedSettings) -> Result<Self, Error> {
        settings.check()?;
        Ok(Self(settings))
    }
}

impl Settings {
    /// The question's settings for one of its networks.
    #[must_use]
    pub fn for_case(case: Case) -> Self {
        Self(UncheckedSettings {
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
        })
    }

    /// Changes values, and checks all of them.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first that is out of its range.
    pub fn with(&self, change: impl FnOnce(&mut UncheckedSettings)) -> Result<Self, Error> {
        let mut changed = self.0.clone();
        change(&mut changed);
        changed.try_into()
    }

    /// Reads settings from TOML text; what is not given is as in the question.
    ///
    /// # Errors
    /// [`Error::Settings`] names the line of a mistake or an unknown key; [`Error::Setting`] a value out of range.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let settings: UncheckedSettings =
            toml::from_str(text).map_err(|error| Error::Settings { origin: None, problem: error.to_string() })?;
        settings.try_into()
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
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(&self.0).expect("checked settings can be written")
    }

    /// Changes one setting by its dotted name, such as `training.batch` to `128`. The value is TOML, or a bare string.
    ///
    /// # Errors
    /// [`Error::Setting`] if there is no such setting, or it cannot have this value, or another one is out of its range.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        let mut root = toml::Table::try_from(&self.0).expect("checked settings can be written");
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
        let changed: UncheckedSettings =
            root.try_into().map_err(|error: toml::de::Error| Error::setting(key, error.message()))?;
        *self = changed.try_into()?;
        Ok(())
    }

    /// Every setting that has a value, by its dotted name (`training.batch`), as TOML text (`32`).
    #[must_use]
    pub fn entries(&self) -> BTreeMap<String, String> {
        let table = toml::Table::try_from(&self.0).expect("checked settings can be written");
        let mut entries = BTreeMap::new();
        flatten("", &toml::Value::Table(table), &mut entries);
        entries
    }

    /// BLAKE3 of the complete settings, in hexadecimal: the name of the run's numbers.
    #[must_use]
    pub fn hash(&self) -> String {
        blake3::hash(self.to_toml().as_bytes()).to_hex().to_string()
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
    use flameout_model::{Architecture, Flavour};
    use flameout_optim::{Constant, Schedule};

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
        assert_eq!(settings.hash(), settings.clone().hash());
        assert_ne!(settings.hash(), settings.with(|settings| settings.seed = 1).unwrap().hash());
    }
}
