//! What the versions of Keras mean by the same words.

use std::path::Path;

use flameout_cells::{Activation, Reset};

use crate::error::Error;
use crate::shown;

/// The version of Keras that wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    major: u32,
    minor: u32,
    /// The Keras inside of TensorFlow, which counts its own way.
    tensorflow: bool,
}

impl Version {
    /// Early versions of Keras 1 do not write theirs.
    pub(super) fn parse(path: &Path, text: Option<&str>) -> Result<Self, Error> {
        let Some(text) = text else { return Ok(Self { major: 1, minor: 0, tensorflow: false }) };
        let mut numbers = text.split(['.', '-']).map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok(Self { major, minor, tensorflow: text.ends_with("-tf") }),
            _ => Err(Error::format(path, format!("`keras_version` is {}, which is no version", shown::name(text)))),
        }
    }

    /// The version of files that do not tell it and are of the form which Keras 3 has, and late versions of Keras 2.
    pub(super) fn of_numbered_files() -> Self {
        Self { major: 3, minor: 0, tensorflow: false }
    }

    /// An activation by its name in a configuration.
    pub(super) fn activation(self, path: &Path, name: &str) -> Result<Activation, Error> {
        match name {
            "linear" => Ok(Activation::Linear),
            "sigmoid" => Ok(Activation::Sigmoid),
            "tanh" => Ok(Activation::Tanh),
            "relu" => Ok(Activation::Relu),
            "hard_sigmoid" if self.major < 3 => Ok(Activation::HardSigmoid),
            "hard_sigmoid" => Ok(Activation::HardSigmoidSixth),
            _ => {
                let what = format!("has a layer with the activation {}, which is unknown here", shown::name(name));
                Err(Error::format(path, what))
            }
        }
    }

    /// The activation of gates when a program does not choose one; none if versions of this number differ.
    pub(super) fn gate_activation(self) -> Option<Activation> {
        match (self.major, self.minor, self.tensorflow) {
            (2, 3.., _) => Some(Activation::Sigmoid),
            // TensorFlow 1 and 2 both have this version, and differ.
            (2, _, true) => None,
            (..3, ..) => Some(Activation::HardSigmoid),
            _ => Some(Activation::Sigmoid),
        }
    }

    /// Where a GRU's reset gate acts when a program does not choose; none if versions of this number differ.
    pub(super) fn reset(self) -> Option<Reset> {
        match (self.major, self.minor, self.tensorflow) {
            // Keras 2.4 is TensorFlow's, as 2.3.0-tf.
            (2, 4.., _) | (2, 3, true) => Some(Reset::After),
            (2, _, true) => None,
            (..3, ..) => Some(Reset::Before),
            _ => Some(Reset::After),
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { major, minor, tensorflow } = self;
        write!(f, "Keras {major}.{minor}{}", if *tensorflow { "-tf" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: Option<&str>) -> Version {
        Version::parse(Path::new("x"), text).unwrap()
    }

    #[test]
    fn gates_changed_with_keras_2_3() {
        let gates = |text| version(text).gate_activation();
        for old in [None, Some("1.2.2"), Some("2.2.4")] {
            assert_eq!(gates(old), Some(Activation::HardSigmoid));
        }
        for new in ["2.3.1", "2.13.1", "3.15.1"] {
            assert_eq!(gates(Some(new)), Some(Activation::Sigmoid));
        }
        assert_eq!(gates(Some("2.2.4-tf")), None);
    }

    #[test]
    fn the_reset_gate_moved_with_tensorflow_2() {
        let reset = |text| version(text).reset();
        for old in [None, Some("2.2.4"), Some("2.3.1")] {
            assert_eq!(reset(old), Some(Reset::Before));
        }
        for new in ["2.3.0-tf", "2.4.0", "2.21.0", "3.0.0"] {
            assert_eq!(reset(Some(new)), Some(Reset::After));
        }
        assert_eq!(reset(Some("2.2.4-tf")), None);
    }

    #[test]
    fn the_hard_sigmoid_changed_with_keras_3() {
        let hard = |text| {
            let path = Path::new("x");
            Version::parse(path, Some(text)).unwrap().activation(path, "hard_sigmoid").unwrap()
        };
        assert_eq!(hard("2.13.1"), Activation::HardSigmoid);
        assert_eq!(hard("3.0.0"), Activation::HardSigmoidSixth);
    }

    #[test]
    fn what_is_no_version_is_shown() {
        let message = Version::parse(Path::new("x"), Some("new")).unwrap_err().to_string();
        assert!(message.contains("`new`"), "{message}");
    }
}
