//! A network's tensors, layer by layer: taken out to be written, put together from what was read.

use std::path::Path;

use flameout_cells::Tensor;
use flameout_model::{Architecture, Sequential};
use ndarray::{Array2, ArrayView2};

use crate::error::Error;

pub(crate) const KERNEL: &str = "kernel";
pub(crate) const RECURRENT_KERNEL: &str = "recurrent_kernel";
pub(crate) const BIAS: &str = "bias";
pub(crate) const RECURRENT_BIAS: &str = "recurrent_bias";

/// A tensor read from a file, brought into the layout of [`Tensor`].
#[derive(Debug)]
pub(crate) struct Found {
    /// Its name in a layer of ours.
    pub(crate) name: String,
    /// Its name in the file.
    pub(crate) source: String,
    /// A bias is one row.
    pub(crate) values: Array2<f32>,
}

/// The name in its layer: without the layer, with the direction if there are two.
pub(crate) fn short_name(tensor: &Tensor) -> &str {
    tensor.name.split_once('/').map_or(&tensor.name, |(_, name)| name)
}

/// Whether a tensor, by its name in its layer, is what the layer's input is multiplied by.
pub(crate) fn is_kernel(short_name: &str) -> bool {
    short_name.rsplit('/').next() == Some(KERNEL)
}

/// The tensors of a layer.
pub(crate) fn of_layer(network: &Sequential<f32>, layer: usize) -> impl Iterator<Item = &Tensor> {
    let prefix = format!("layer{layer}/");
    network.tensors().iter().filter(move |tensor| tensor.name.starts_with(&prefix))
}

fn place(network: &Sequential<f32>, layer: usize, name: &str) -> Option<Tensor> {
    of_layer(network, layer).find(|tensor| short_name(tensor) == name).cloned()
}

/// One tensor of a layer that has it.
pub(crate) fn get<'a>(network: &'a Sequential<f32>, layer: usize, name: &str) -> ArrayView2<'a, f32> {
    place(network, layer, name).expect("the layer has this tensor").view(network.parameters())
}

/// Overwrites one tensor of a layer that has it, with values of its shape.
pub(crate) fn set(network: &mut Sequential<f32>, layer: usize, name: &str, values: ArrayView2<'_, f32>) {
    let tensor = place(network, layer, name).expect("the layer has this tensor");
    tensor.view_mut(network.parameters_mut()).assign(&values);
}

/// A network of what was found for each of its layers.
///
/// The network is allocated only once as many numbers were found as it has parameters: what a file claims costs nothing.
pub(crate) fn build(path: &Path, architecture: Architecture, layers: &[Vec<Found>]) -> Result<Sequential<f32>, Error> {
    architecture.check().map_err(|error| Error::format(path, error.to_string()))?;
    check_rows(path, &architecture, layers)?;
    for tensor in layers.iter().flatten() {
        check_finite(path, &tensor.source, &tensor.values)?;
    }
    let (found, wanted) =
        (layers.iter().flatten().map(|tensor| tensor.values.len()).sum::<usize>(), architecture.parameter_count());
    if found != wanted {
        return Err(Error::format(path, format!("holds {found} parameters where its architecture has {wanted}")));
    }
    let mut network = Sequential::of(architecture);
    for (index, tensors) in layers.iter().enumerate() {
        for place in of_layer(&network, index).cloned().collect::<Vec<_>>() {
            let name = short_name(&place);
            let Some(found) = tensors.iter().find(|found| found.name == name) else {
                return Err(Error::tensor(path, format!("{name} of layer {index}"), "is missing"));
            };
            check_shape(path, found, place.matrix_shape())?;
            place.view_mut(network.parameters_mut()).assign(&found.values);
        }
    }
    Ok(network)
}

/// Whether each kernel has a row for each number that its layer is fed with: the mistake that a tensor's name explains.
fn check_rows(path: &Path, architecture: &Architecture, layers: &[Vec<Found>]) -> Result<(), Error> {
    let mut inputs = architecture.alphabet;
    for (layer, tensors) in architecture.layers.iter().zip(layers) {
        let mut kernels = tensors.iter().filter(|found| is_kernel(&found.name));
        if let Some(kernel) = kernels.find(|kernel| kernel.values.nrows() != inputs) {
            let what = format!("is for {} inputs, but the layer before has {inputs} outputs", kernel.values.nrows());
            return Err(Error::tensor(path, &kernel.source, what));
        }
        inputs = layer.units();
    }
    Ok(())
}

/// Whether all numbers of a tensor are numbers: a network with others predicts none.
pub(crate) fn check_finite(path: &Path, name: &str, values: &Array2<f32>) -> Result<(), Error> {
    let bad = values.iter().filter(|value| !value.is_finite()).count();
    let Some(((row, column), first)) = values.indexed_iter().find(|(_, value)| !value.is_finite()) else {
        return Ok(());
    };
    let what = format!(
        "{bad} of its {} numbers are NaN or infinite, the first is {first} in row {row}, column {column}: the training has \
         failed. Take weights that were saved before",
        values.len()
    );
    Err(Error::tensor(path, name, what))
}

/// Makes an embedding part of the layer that it feeds: (one-hot · E) · W is one-hot · (E · W).
pub(crate) fn fold(path: &Path, embedding: &Array2<f32>, layer: &mut [Found]) -> Result<(), Error> {
    for tensor in layer.iter_mut().filter(|tensor| is_kernel(&tensor.name)) {
        if tensor.values.nrows() != embedding.ncols() {
            let (rows, width) = (tensor.values.nrows(), embedding.ncols());
            return Err(Error::tensor(
                path,
                &tensor.source,
                format!("is for {rows} inputs, the embedding gives {width}"),
            ));
        }
        tensor.values = embedding.mapv(f64::from).dot(&tensor.values.mapv(f64::from)).mapv(|x| x as f32);
    }
    Ok(())
}

fn check_shape(path: &Path, found: &Found, (rows, columns): (usize, usize)) -> Result<(), Error> {
    if found.values.dim() == (rows, columns) {
        return Ok(());
    }
    let (found_rows, found_columns) = found.values.dim();
    let what = format!("gives {found_rows} × {found_columns} numbers where the network has {rows} × {columns}");
    Err(Error::tensor(path, &found.source, what))
}
