//! How many floating-point operations a network's definition asks for.

use flameout_model::{Architecture, LayerKind};

/// Multiply-adds of a forward pass over `batch` words of `time` characters, each counted as 2 operations.
///
/// Counted are the matrix products: for a recurrent layer of G gates and H units `2·batch·H·G·H` a time step but the first,
/// where h = 0; for inputs that are no characters also `2·batch·inputs·G·H` a step; for a dense layer `2·batch·inputs·H`.
/// Characters cost nothing: their one-hot product is a row of the kernel.
pub fn forward(architecture: &Architecture, batch: usize, time: usize) -> f64 {
    let (mut inputs, mut steps) = (0, time);
    let mut multiply_adds = 0;
    for layer in &architecture.layers {
        let units = layer.units();
        multiply_adds += match *layer {
            LayerKind::Lstm { .. } => batch * (steps * inputs + (steps - 1) * units) * 4 * units,
            LayerKind::Gru { .. } => batch * (steps * inputs + (steps - 1) * units) * 3 * units,
            LayerKind::Dense { .. } | LayerKind::TimeDistributed { .. } => batch * steps * inputs * units,
            ref other => unreachable!("no benchmark has a layer like {other:?}"),
        };
        if let LayerKind::Lstm { return_sequences: false, .. } | LayerKind::Gru { return_sequences: false, .. } = layer
        {
            steps = 1;
        }
        inputs = units;
    }
    2.0 * multiply_adds as f64
}

/// A forward and a backward pass: each product has two gradients, which cost as much as itself.
pub fn train_step(architecture: &Architecture, batch: usize, time: usize) -> f64 {
    3.0 * forward(architecture, batch, time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_model::Flavour;

    #[test]
    fn a_step_of_the_lstm_with_1024_units_is_14_5_gflop() {
        let lstm = Architecture::lstm_single(27, 1024, 100, Flavour::Keras1);
        let recurrent = 2.0 * 32.0 * 1024.0 * 4096.0 * 18.0;
        let dense = 2.0 * 32.0 * 1024.0 * 100.0;
        assert_eq!(forward(&lstm, 32, 19), recurrent + dense);
        assert_eq!((train_step(&lstm, 32, 19) / 1e8).round(), 145.0);
    }

    #[test]
    fn a_gru_has_three_gates_and_a_second_layer_costs_its_inputs() {
        let gru = Architecture::gru_single(27, 8, 3, Flavour::Keras1);
        assert_eq!(forward(&gru, 2, 5), 2.0 * 2.0 * (4.0 * 8.0 * 24.0 + 8.0 * 3.0));
        let double = Architecture::lstm_double(27, 8, 3, Flavour::Keras1);
        let (first, between, second) = (4.0 * 8.0 * 32.0, 5.0 * 8.0 * 8.0, 5.0 * 8.0 * 32.0 + 4.0 * 8.0 * 32.0);
        let dense = 8.0 * 4.0 + 4.0 * 3.0;
        assert_eq!(forward(&double, 2, 5), 2.0 * 2.0 * (first + between + second + dense));
    }
}
