//! What the versions of Keras mean by the same words.

use std::path::Path;

use flameout_cells::Activation;

use crate::error::Error;

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
            _ => Err(Error::format(path, format!("`keras_version` is {text:?}, which is no version"))),
        }
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
            _ => Err(Error::format(path, format!("has a layer with the activation `{name}`, which is unknown here"))),
        }
    }

    /// The activation of gates when a program does not choose one.
    pub(super) fn gate_activation(self, path: &Path) -> Result<Activation, Error> {
        match (self.major, self.minor, self.tensorflow) {
            (..3, 3.., _) if self.major == 2 => Ok(Activation::Sigmoid),
            // TensorFlow 1 and 2 both have this version, and differ.
            (2, _, true) => Err(Error::undetermined(
                path,
                "comes from an early `tf.keras` and does not tell the activation of its gates",
            )),
            (..3, ..) => Ok(Activation::HardSigmoid),
            _ => Ok(Activation::Sigmoid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_changed_with_keras_2_3() {
        let gates = |text| Version::parse(Path::new("x"), text).unwrap().gate_activation(Path::new("x"));
        assert_eq!(gates(None).unwrap(), Activation::HardSigmoid);
        assert_eq!(gates(Some("1.2.2")).unwrap(), Activation::HardSigmoid);
        assert_eq!(gates(Some("2.2.4")).unwrap(), Activation::HardSigmoid);
        assert_eq!(gates(Some("2.3.1")).unwrap(), Activation::Sigmoid);
        assert_eq!(gates(Some("2.13.1")).unwrap(), Activation::Sigmoid);
        assert_eq!(gates(Some("3.15.1")).unwrap(), Activation::Sigmoid);
        assert!(gates(Some("2.2.4-tf")).unwrap_err().to_string().contains("read_weights"));
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
        assert!(message.contains("\"new\""), "{message}");
    }
}
