//! How far a run lies from a golden one, and how far it may.

use super::golden::{Golden, LayerTensors, Record};

/// What is compared; the order is that of the table's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    InitialPredictions,
    FirstBatchLoss,
    Gradients,
    EpochLosses,
    Accuracies,
    FinalWeights,
    FinalPredictions,
}

/// The type that a run computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    F64,
    F32,
}

/// One tensor of a run beside the golden one.
#[derive(Debug)]
pub struct Comparison {
    pub quantity: Quantity,
    /// The tensor's name in the file.
    pub tensor: String,
    /// Relative error; infinite if the run gave a number that is not finite.
    pub error: f64,
}

/// A gradient tensor smaller than this share of the whole gradient is measured as if it had this share: what is left of
/// sums that cancel is rounding noise.
const NEGLIGIBLE_GRADIENT: f64 = 1e-6;

/// An accuracy counts words: one word more or less changes it by far more than this, rounding of the mean by far less.
const EXACT: f64 = 1e-12;

impl Quantity {
    pub const ALL: [Self; 7] = [
        Self::InitialPredictions,
        Self::FirstBatchLoss,
        Self::Gradients,
        Self::EpochLosses,
        Self::Accuracies,
        Self::FinalWeights,
        Self::FinalPredictions,
    ];

    /// As the table's header has it.
    pub fn title(self) -> &'static str {
        match self {
            Self::InitialPredictions => "predictions\nbefore",
            Self::FirstBatchLoss => "first-batch\nloss",
            Self::Gradients => "first-batch\ngradients",
            Self::EpochLosses => "epoch\nlosses",
            Self::Accuracies => "epoch\naccuracies",
            Self::FinalWeights => "final\nweights",
            Self::FinalPredictions => "predictions\nafter",
        }
    }

    fn is_before_training(self) -> bool {
        matches!(self, Self::InitialPredictions | Self::FirstBatchLoss | Self::Gradients)
    }
}

impl Precision {
    pub fn name(self) -> &'static str {
        match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
        }
    }

    /// The largest error allowed; none for accuracies in `f32`, where rounding may decide between outputs that nearly tie.
    pub fn bound(self, quantity: Quantity) -> Option<f64> {
        match (self, quantity) {
            (Self::F64, Quantity::Accuracies) => Some(EXACT),
            (Self::F64, _) => Some(1e-9),
            (Self::F32, Quantity::Accuracies) => None,
            (Self::F32, _) if quantity.is_before_training() => Some(1e-4),
            (Self::F32, _) => Some(1e-3),
        }
    }
}

impl Comparison {
    /// `layer0/W_i` and the like, if the quantity has a tensor for each parameter.
    pub fn parameter(&self) -> Option<&str> {
        self.tensor.find("layer").map(|from| &self.tensor[from..])
    }

    pub fn is_within_bound(&self, precision: Precision) -> bool {
        precision.bound(self.quantity).is_none_or(|bound| self.error <= bound)
    }
}

/// Compares everything that a run left behind with what the file has.
pub fn compare(golden: &Golden, run: &Record) -> Vec<Comparison> {
    let expected = &golden.expected;
    let mut comparisons = Vec::new();
    let mut add = |quantity, tensor: &str, error| {
        comparisons.push(Comparison { quantity, tensor: tensor.to_owned(), error });
    };

    let error = relative_error(&run.initial_predictions, &expected.initial_predictions, 0.0);
    add(Quantity::InitialPredictions, "predictions/initial", error);
    let error = relative_error([&run.first_batch_loss], [&expected.first_batch_loss], 0.0);
    add(Quantity::FirstBatchLoss, "first_batch/loss", error);

    let gradients = &expected.first_batch_gradients;
    let negligible = NEGLIGIBLE_GRADIENT * norm(gradients.iter().flatten().flatten().copied());
    for (name, actual, expected) in pairs(golden, &run.first_batch_gradients, gradients) {
        let error = relative_error(actual, expected, negligible);
        add(Quantity::Gradients, &format!("first_batch/gradient/{name}"), error);
    }

    add(Quantity::EpochLosses, "history/loss", relative_error(&run.epoch_losses, &expected.epoch_losses, 0.0));
    let error = relative_error(&run.epoch_accuracies, &expected.epoch_accuracies, 0.0);
    add(Quantity::Accuracies, "history/accuracy", error);

    for (name, actual, expected) in pairs(golden, &run.final_weights, &expected.final_weights) {
        add(Quantity::FinalWeights, &format!("final/{name}"), relative_error(actual, expected, 0.0));
    }
    let error = relative_error(&run.final_predictions, &expected.final_predictions, 0.0);
    add(Quantity::FinalPredictions, "predictions/final", error);
    comparisons
}

/// The tensors of all layers, by name: `layer0/W_i`, what the run gave, what the file has.
fn pairs<'a>(
    golden: &'a Golden,
    actual: &'a [LayerTensors],
    expected: &'a [LayerTensors],
) -> impl Iterator<Item = (String, &'a ndarray::Array2<f64>, &'a ndarray::Array2<f64>)> {
    golden.layers.iter().zip(actual).zip(expected).enumerate().flat_map(|(index, ((layer, actual), expected))| {
        let names = layer.tensors().into_iter().map(move |(name, _)| format!("layer{index}/{name}"));
        names.zip(actual).zip(expected).map(|((name, actual), expected)| (name, actual, expected))
    })
}

/// ‖actual − expected‖ / max(‖expected‖, `least_norm`); the absolute error ‖actual − expected‖ where that norm is 0.
fn relative_error<'a>(
    actual: impl IntoIterator<Item = &'a f64>,
    expected: impl IntoIterator<Item = &'a f64> + Clone,
    least_norm: f64,
) -> f64 {
    let scale = norm(expected.clone().into_iter().copied()).max(least_norm);
    let distance = norm(actual.into_iter().zip(expected).map(|(a, b)| a - b));
    let error = if scale == 0.0 { distance } else { distance / scale };
    // An infinite scale would make every error 0.
    if error.is_finite() && scale.is_finite() { error } else { f64::INFINITY }
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|x| x * x).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_relative_to_the_expected_norm() {
        assert_eq!(relative_error(&[3.0, 4.5], &[3.0, 4.0], 0.0), 0.1);
        assert_eq!(relative_error(&[3.0, 4.5], &[3.0, 4.0], 50.0), 0.01);
        assert_eq!(relative_error(&[0.0, 0.25], &[0.0, 0.0], 0.0), 0.25);
        assert_eq!(relative_error(&[0.0], &[0.0], 0.0), 0.0);
        assert_eq!(relative_error(&[f64::NAN, 1.0], &[1.0, 1.0], 0.0), f64::INFINITY);
        assert_eq!(relative_error(&[0.0], &[1e300], 0.0), f64::INFINITY);
    }

    #[test]
    fn bounds_of_the_requirement() {
        let within = |precision, quantity, error| {
            Comparison { quantity, tensor: String::new(), error }.is_within_bound(precision)
        };
        for quantity in Quantity::ALL {
            assert!(within(Precision::F64, quantity, 0.0));
            assert!(!within(Precision::F64, quantity, 1.01e-9));
            let f32_bound = if quantity.is_before_training() { 1e-4 } else { 1e-3 };
            let judged = quantity != Quantity::Accuracies;
            assert!(within(Precision::F32, quantity, f32_bound));
            assert_eq!(within(Precision::F32, quantity, 1.01 * f32_bound), !judged);
            assert_eq!(within(Precision::F32, quantity, f64::INFINITY), !judged);
        }
        assert!(!within(Precision::F64, Quantity::Accuracies, 1e-11));
    }
}
