//! Gradients compared with finite differences: a test for a layer that somebody has written.

use flameout_kernels::reduce;

use crate::layer::{Input, Layer, Values};
use crate::sequence::Sequence;

/// ‖gradient − differences‖ / ‖differences‖ that rounding explains; a wrong gradient is some powers of ten above.
const TOLERANCE: f64 = 1e-7;

/// Below this size a gradient is none: the recurrent kernel of a single time step has no effect.
const SILENT: f64 = 1e-10;

/// A gradient that is not the derivative.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// The parameter's name, or `input`.
    pub tensor: String,
    /// ‖gradient − differences‖ / ‖differences‖.
    pub relative_error: f64,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the gradient for `{}` differs from finite differences by {:e}", self.tensor, self.relative_error)
    }
}

impl std::error::Error for Mismatch {}

/// Compares a layer's gradients, for its parameters and for its input if that is features, with central differences.
///
/// The loss is a sum of the outputs with weights that cancel nothing. Parameters of order 1 test more than initial ones,
/// which are small.
///
/// # Errors
/// The first gradient that differs.
///
/// # Panics
/// If `parameters` or `input` do not fit the layer.
pub fn check_layer(layer: &mut dyn Layer<f64>, parameters: &[f64], input: Input<'_, f64>) -> Result<(), Mismatch> {
    layer.load(parameters);
    layer.forward(input);
    let (batch, time, units) = layer.output().dim();
    let weights = Sequence::from_array(
        ndarray::Array3::from_shape_fn((batch, time, units), |(b, t, u)| weight(b * 7919 + t * 104_729 + u)).view(),
    );
    let mut gradients = vec![f64::NAN; parameters.len()];
    let mut input_gradient = matches!(input.values(), Values::Sequence(_)).then(Sequence::new);
    layer.backward(input, &weights, &mut gradients, input_gradient.as_mut());

    let numeric = differences(parameters, |parameters| {
        layer.load(parameters);
        layer.forward(input);
        weighted_sum(layer.output(), &weights)
    });
    for tensor in layer.tensors() {
        compare(&tensor.name, &gradients[tensor.range()], &numeric[tensor.range()])?;
    }
    layer.load(parameters);
    if let (Values::Sequence(sequence), Some(gradient)) = (input.values(), input_gradient) {
        let mut moved = sequence.clone();
        let numeric = differences(sequence.as_slice(), |values| {
            moved.as_mut_slice().copy_from_slice(values);
            let input = Input::sequence(&moved).with_lengths(input.lengths()).in_pass(input.pass());
            layer.forward(input);
            weighted_sum(layer.output(), &weights)
        });
        compare("input", gradient.as_slice(), &numeric)?;
    }
    Ok(())
}

/// The gradient of `function` at a point, by central differences.
pub fn differences(at: &[f64], mut function: impl FnMut(&[f64]) -> f64) -> Vec<f64> {
    /// Where what is cut off and what is rounded away are both far below the tolerance, and a kink is rarely within reach.
    const STEP: f64 = 1e-5;
    let mut point = at.to_vec();
    (0..at.len())
        .map(|i| {
            let mut moved = |step: f64| {
                point[i] = at[i] + step;
                let value = function(&point);
                point[i] = at[i];
                value
            };
            (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
        })
        .collect()
}

/// Compares a gradient with differences.
///
/// # Errors
/// If it differs by more than rounding explains.
///
/// # Panics
/// If they are not as many numbers.
pub fn compare(name: &str, gradient: &[f64], differences: &[f64]) -> Result<(), Mismatch> {
    assert_eq!(gradient.len(), differences.len(), "numbers of `{name}`");
    let off: Vec<f64> = gradient.iter().zip(differences).map(|(a, b)| a - b).collect();
    let norm = |values: &[f64]| reduce::sum_of_squares(values).sqrt();
    let relative_error = norm(&off) / norm(differences).max(f64::MIN_POSITIVE);
    let silent = gradient.iter().chain(differences).all(|x| x.abs() < SILENT);
    if silent || relative_error <= TOLERANCE {
        Ok(())
    } else {
        Err(Mismatch { tensor: name.to_owned(), relative_error })
    }
}

/// Numbers in (−1, 1) without a pattern.
fn weight(index: usize) -> f64 {
    let mixed = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

fn weighted_sum(outputs: &Sequence<f64>, weights: &Sequence<f64>) -> f64 {
    outputs.as_slice().iter().zip(weights.as_slice()).map(|(x, w)| x * w).sum()
}
