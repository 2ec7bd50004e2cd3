//! Training a golden run's network anew, as Keras 1.0.7 does: batches in order, a smaller one at the end, Adam.

use anyhow::Result;
use flameout_kernels::Real;
use flameout_model::metrics::keras_accuracy;
use flameout_model::{LossKind, Sequential};
use flameout_optim::{AnyOptimizer, Optimizer, OptimizerSettings};
use ndarray::{Array2, ArrayView2, Axis};

use super::golden::{Golden, LayerTensors, Record};
use super::keras_layer::KerasLayer;

/// Adam's default in Keras.
const LEARNING_RATE: f64 = 0.001;

/// Trains the network of a golden run in the precision `T`.
pub fn train<T: Real>(golden: &Golden) -> Result<Record> {
    let targets = golden.targets.mapv(T::from_f64);
    let data = Data { indices: golden.indices.view(), targets: targets.view(), batch: golden.batch };
    let mut model = build::<T>(golden);
    let initial_predictions = predict(&mut model, data)?;
    let (indices, first_targets) = data.batches().next().expect("there is a word");
    let first_batch_loss = model.forward_backward(indices, first_targets, LossKind::Mse)?;
    let first_batch_gradients = tensors(&golden.layers, model.gradients());

    let mut optimizer = AnyOptimizer::new(OptimizerSettings::default(), model.parameters().len())?;
    let mut epoch = || run_epoch(&mut model, &mut optimizer, data);
    let history = (0..golden.epochs).map(|_| epoch()).collect::<Result<Vec<_>>>()?;
    let (epoch_losses, epoch_accuracies) = history.into_iter().unzip();
    Ok(Record {
        initial_predictions,
        first_batch_loss,
        first_batch_gradients,
        epoch_losses,
        epoch_accuracies,
        final_weights: tensors(&golden.layers, model.parameters()),
        final_predictions: predict(&mut model, data)?,
    })
}

/// The words and their vectors, in the order of training.
#[derive(Clone, Copy)]
struct Data<'a, T> {
    indices: ArrayView2<'a, u16>,
    targets: ArrayView2<'a, T>,
    batch: usize,
}

impl<'a, T: Real> Data<'a, T> {
    /// In order; the last batch is smaller where the size does not divide the words.
    fn batches(self) -> impl Iterator<Item = (ArrayView2<'a, u16>, ArrayView2<'a, T>)> {
        let words = self.indices.nrows();
        (0..words).step_by(self.batch).map(move |from| {
            let range = from..words.min(from.saturating_add(self.batch));
            (
                self.indices.slice_axis_move(Axis(0), range.clone().into()),
                self.targets.slice_axis_move(Axis(0), range.into()),
            )
        })
    }
}

fn build<T: Real>(golden: &Golden) -> Sequential<T> {
    let mut model = Sequential::of(golden.architecture.clone());
    let mut rest = model.parameters_mut();
    for (layer, tensors) in golden.layers.iter().zip(&golden.initial) {
        let (parameters, after) = rest.split_at_mut(layer.parameter_count());
        layer.assign(tensors, parameters);
        rest = after;
    }
    model
}

/// Loss and accuracy of one epoch: means over the words of what each batch gave before its update.
fn run_epoch<T: Real>(
    model: &mut Sequential<T>,
    optimizer: &mut AnyOptimizer<T>,
    data: Data<'_, T>,
) -> Result<(f64, f64)> {
    let (mut loss_sum, mut accuracy_sum) = (0.0, 0.0);
    for (indices, targets) in data.batches() {
        let size = indices.nrows() as f64;
        loss_sum += size * model.forward_backward(indices, targets, LossKind::Mse)?;
        accuracy_sum += size * keras_accuracy(model.predictions(), targets);
        let (parameters, gradients) = model.parameters_and_gradients();
        optimizer.update(parameters, gradients, LEARNING_RATE)?;
    }
    let words = data.indices.nrows() as f64;
    Ok((loss_sum / words, accuracy_sum / words))
}

fn predict<T: Real>(model: &mut Sequential<T>, data: Data<'_, T>) -> Result<Array2<f64>> {
    Ok(model.predict(data.indices)?.mapv(T::to_f64))
}

/// A buffer of parameters or gradients, cut into Keras' tensors.
fn tensors<T: Real>(layers: &[KerasLayer], mut buffer: &[T]) -> Vec<LayerTensors> {
    let mut of_layer = |layer: &KerasLayer| {
        let (parameters, after) = buffer.split_at(layer.parameter_count());
        buffer = after;
        layer.views(parameters).iter().map(|view| view.mapv(T::to_f64)).collect()
    };
    layers.iter().map(&mut of_layer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_batch_ends_the_epoch() {
        let indices = Array2::from_shape_fn((5, 1), |(word, _)| word as u16);
        let targets = Array2::from_shape_fn((5, 1), |(word, _)| word as f64);
        let sizes = |batch| {
            let data = Data { indices: indices.view(), targets: targets.view(), batch };
            let mut words = Vec::new();
            let sizes: Vec<_> = data
                .batches()
                .map(|(indices, targets)| {
                    assert_eq!(indices.mapv(f64::from), targets);
                    words.extend(indices.iter().copied());
                    indices.nrows()
                })
                .collect();
            assert_eq!(words, [0, 1, 2, 3, 4]);
            sizes
        };
        assert_eq!(sizes(2), [2, 2, 1]);
        assert_eq!(sizes(5), [5]);
        assert_eq!(sizes(usize::MAX), [5]);
    }
}
