//! How often and how much is probed.

use flameout_experiment::Error;
use serde::{Deserialize, Serialize};

/// What the [`Probes`](super::Probes) measure and keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct ProbeSettings {
    /// Steps between two measurements of the whole network ([`NetworkReading`](super::NetworkReading)), each about a
    /// third as dear as a step of training. At least 1; default 100.
    pub every: u64,
    /// Training words in the fixed reference batch, spread evenly over the file. 1 to 4,096 (or all, if there are fewer);
    /// default 32.
    pub reference_words: usize,
    /// Steps of the power iteration that estimates spectral radii, 2 to 1,000. Default 20.
    pub power_iterations: u32,
    /// Readings kept in memory (about half a kilobyte each); beyond, the oldest are dropped. At least 1; default 65,536.
    pub kept: usize,
}

impl Default for ProbeSettings {
    fn default() -> Self {
        Self { every: 100, reference_words: 32, power_iterations: 20, kept: 65_536 }
    }
}

impl ProbeSettings {
    /// Whether every value is in its range.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first that is not.
    pub fn check(&self) -> Result<(), Error> {
        require(self.every >= 1, "every", "must be at least 1")?;
        require((1..=4096).contains(&self.reference_words), "reference-words", "must be between 1 and 4096")?;
        require((2..=1000).contains(&self.power_iterations), "power-iterations", "must be between 2 and 1000")?;
        require(self.kept >= 1, "kept", "must be at least 1")
    }
}

fn require(holds: bool, name: &str, problem: &str) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::Setting { key: format!("probes.{name}"), problem: problem.into() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_range_and_what_is_not_is_named() {
        let sound = ProbeSettings::default();
        sound.check().unwrap();
        for (wrong, name) in [
            (ProbeSettings { every: 0, ..sound.clone() }, "probes.every"),
            (ProbeSettings { reference_words: 0, ..sound.clone() }, "probes.reference-words"),
            (ProbeSettings { reference_words: 4097, ..sound.clone() }, "probes.reference-words"),
            (ProbeSettings { power_iterations: 1, ..sound.clone() }, "probes.power-iterations"),
            (ProbeSettings { kept: 0, ..sound.clone() }, "probes.kept"),
        ] {
            let message = wrong.check().unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        let read: ProbeSettings = serde_json::from_str(r#"{"every":7}"#).unwrap();
        assert_eq!(read, ProbeSettings { every: 7, ..ProbeSettings::default() });
        assert!(serde_json::from_str::<ProbeSettings>(r#"{"evry":7}"#).is_err());
    }
}
