//! What the probes write down.

use serde::{Deserialize, Deserializer, Serialize};

/// What the entries of the readings' vectors stand for, said once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Parameter tensors, `layer0/kernel` and so on: the entries of [`Reading`]'s vectors, and of
    /// [`NetworkReading::parameter_norm`].
    pub tensors: Vec<String>,
    /// Saturating activations, `layer0/forget` for a gate, `layer1/activation` for a dense layer.
    pub activations: Vec<String>,
    /// Blocks `(units, units)` of recurrent kernels, `layer0/forget`.
    pub recurrent: Vec<String>,
}

/// What the probes saw of a step: gradients and moments as the step used them (gradients after clipping), one entry a
/// tensor. In JSON a number that is not finite is `null`, and is read back as NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The number of the step, from 1.
    pub step: u64,
    /// ‖g‖₂, the gradient's Euclidean norm.
    #[serde(deserialize_with = "nan_if_null_each")]
    pub gradient_norm: Vec<f64>,
    /// ‖θ_new − θ_old‖₂, told from the optimiser's state (see [`last_update`](super::last_update)).
    #[serde(deserialize_with = "nan_if_null_each")]
    pub update_norm: Vec<f64>,
    /// The mean of |g|/(√v̂ + ε), the gradient over what Adam or RMSProp divides by. Far below 1 the gradient has fallen and
    /// v has not followed: the state in which spikes begin (Bai et al. 2025, arXiv 2506.04805, section 4). Empty for SGD.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "nan_if_null_each")]
    pub ratio_mean: Vec<f64>,
    /// The root mean square of the same. Above 2.3 a spike is likely to follow (Wortsman et al. 2023, *Stable and
    /// low-precision training for large-scale vision-language models*, section 3.4). Empty for SGD.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "nan_if_null_each")]
    pub ratio_rms: Vec<f64>,
    /// The largest of the same (NaN not counted), at most √(1/(1 − β2)), 31.6 for β2 = 0.999. Empty for SGD.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "nan_if_null_each")]
    pub ratio_max: Vec<f64>,
    /// Tensors with numbers that are not finite.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub non_finite: Vec<NonFinite>,
    /// The whole network, every K steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkReading>,
}

/// Infinities and NaNs in a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonFinite {
    /// Which tensor, by its place in [`Names::tensors`].
    pub tensor: usize,
    /// In what.
    pub of: Quantity,
    /// How many.
    pub count: u64,
    /// The place of the first in the tensor's elements, row by row.
    pub first: u64,
}

/// A number that every parameter has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// Its value after the step.
    Parameter,
    /// Its gradient.
    Gradient,
}

/// The network after a step, on a fixed batch of training words and by its weights alone.
///
/// A step's own activations are used up by backpropagation before anyone can look, so this comes from a forward pass of a
/// copy of the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkReading {
    /// Loss on the reference batch: the run's loss without the noise of which words a batch holds.
    #[serde(deserialize_with = "nan_if_null")]
    pub loss: f64,
    /// Keras' accuracy on it.
    pub accuracy: f64,
    /// How much predictions differ between its words (see `flameout_model::metrics::spread`).
    #[serde(deserialize_with = "nan_if_null")]
    pub spread: f64,
    /// The share of its words that get the most common prediction.
    pub identical: f64,
    /// ‖θ‖₂, one a tensor.
    #[serde(deserialize_with = "nan_if_null_each")]
    pub parameter_norm: Vec<f64>,
    /// The share of an activation's values, over words, time steps and units, whose slope is exactly 0: no gradient passes.
    /// One entry an activation.
    pub zero_slope: Vec<f64>,
    /// The share whose slope is below 1 % of the activation's largest, at the lower end (those of slope 0 among them).
    pub saturated_low: Vec<f64>,
    /// The same at the upper end.
    pub saturated_high: Vec<f64>,
    /// Spectral radius, one a recurrent block (see [`spectral_radius`](super::spectral_radius)).
    #[serde(deserialize_with = "nan_if_null_each")]
    pub spectral_radius: Vec<f64>,
}

/// JSON has no NaN and infinity; `serde_json` writes `null`.
fn nan_if_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

fn nan_if_null_each<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let values: Vec<Option<f64>> = Vec::deserialize(deserializer)?;
    Ok(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_read_back_even_when_not_finite() {
        let reading = Reading {
            step: 3,
            gradient_norm: vec![0.1, f64::NAN],
            update_norm: vec![f64::INFINITY, 0.3],
            ratio_mean: vec![],
            ratio_rms: vec![],
            ratio_max: vec![],
            non_finite: vec![NonFinite { tensor: 1, of: Quantity::Gradient, count: 2, first: 7 }],
            network: None,
        };
        let line = serde_json::to_string(&reading).unwrap();
        assert!(!line.contains("ratio") && !line.contains("network"), "{line}");
        let read: Reading = serde_json::from_str(&line).unwrap();
        assert!(read.gradient_norm[1].is_nan() && read.update_norm[0].is_nan());
        assert_eq!((read.gradient_norm[0], read.update_norm[1]), (0.1, 0.3));
        assert_eq!(read.non_finite, reading.non_finite);
    }
}
