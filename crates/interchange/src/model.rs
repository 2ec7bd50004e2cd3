//! What travels: a network, and what its inputs mean.

use flameout_model::{Architecture, Sequential};
use ndarray::Array2;

use crate::metadata::Metadata;
use crate::parameters;

/// A network from character indices to vectors, with what a reader needs to know to use it.
#[derive(Debug)]
pub struct Model {
    /// The network with its parameters.
    pub network: Sequential<f32>,
    /// Which character has which index, and how long a word is.
    pub metadata: Metadata,
}

impl Model {
    /// The same network with one more character, at index 0, whose input is the zero vector; the others move up by one.
    ///
    /// Frameworks that feed one-hot vectors pad words, and replace characters they do not know, by vectors of zeros. Here
    /// inputs are indices, so such a vector needs one of its own. In the alphabet, if there is one, it is the `$`.
    ///
    /// # Errors
    /// [`Error::Metadata`](crate::Error::Metadata) if the alphabet is as large as it can be.
    pub fn with_blank(&self) -> Result<Self, crate::Error> {
        let old = self.network.architecture();
        let architecture = Architecture { alphabet: old.alphabet + 1, layers: old.layers.clone() };
        architecture.check().map_err(|error| crate::Error::Metadata { what: error.to_string() })?;
        let mut network = Sequential::of(architecture);
        for index in 0..old.layers.len() {
            for tensor in parameters::of_layer(&self.network, index) {
                let values = tensor.view(self.network.parameters());
                let blank = usize::from(index == 0 && parameters::is_kernel(parameters::short_name(tensor)));
                let mut all = Array2::zeros((values.nrows() + blank, values.ncols()));
                all.rows_mut().into_iter().skip(blank).zip(values.rows()).for_each(|(mut to, from)| to.assign(&from));
                parameters::set(&mut network, index, parameters::short_name(tensor), all.view());
            }
        }
        let alphabet = self.metadata.alphabet.as_ref().map(|characters| format!("${characters}"));
        Ok(Self { network, metadata: Metadata { alphabet, ..self.metadata.clone() } })
    }
}

#[cfg(test)]
mod tests {
    use flameout_model::Flavour;
    use ndarray::array;

    use super::*;

    #[test]
    fn old_characters_move_up_and_give_the_same_vectors() {
        for (preset, kernels) in [
            (Architecture::lstm_double as fn(_, _, _, _) -> _, &["kernel"][..]),
            (Architecture::lstm_bidirectional, &["forward/kernel", "backward/kernel"]),
        ] {
            let mut network = Sequential::of(preset(5, 4, 3, Flavour::Keras1));
            network.initialise(&Flavour::Keras1.initialisation(), 3);
            let mut model = Model { network, metadata: Metadata::default() };
            let mut blank = model.with_blank().unwrap();
            let words = array![[0_u16, 4, 2], [1, 1, 3]];
            let expected = model.network.predict(&words).unwrap();
            assert_eq!(blank.network.predict(&(&words + 1)).unwrap(), expected);
            // The blank adds nothing to the gates: its row is zero.
            for kernel in kernels {
                let kernel = parameters::get(&blank.network, 0, kernel);
                assert!(kernel.row(0).iter().all(|&x| x == 0.0) && kernel.row(1).iter().any(|&x| x != 0.0));
            }
        }
    }
}
