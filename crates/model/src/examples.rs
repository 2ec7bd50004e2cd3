//! What a network is fed with.

use flameout_cells::Inputs;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, Slice};

use crate::error::Error;

/// A batch on its way into a network: indices `(batch, time)` or features `(batch, time, features)`, from ndarray's views,
/// and how long each row is.
#[derive(Debug, Clone, Copy)]
pub struct Examples<'a, T> {
    pub(crate) content: Content<'a, T>,
    pub(crate) lengths: Option<&'a [usize]>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Content<'a, T> {
    Indices(ArrayView2<'a, u16>),
    Features(ArrayView3<'a, T>),
}

impl<'a, T> From<ArrayView2<'a, u16>> for Examples<'a, T> {
    fn from(indices: ArrayView2<'a, u16>) -> Self {
        Self { content: Content::Indices(indices), lengths: None }
    }
}

impl<'a, T> From<&'a Array2<u16>> for Examples<'a, T> {
    fn from(indices: &'a Array2<u16>) -> Self {
        indices.view().into()
    }
}

impl<'a, T> From<ArrayView3<'a, T>> for Examples<'a, T> {
    fn from(features: ArrayView3<'a, T>) -> Self {
        Self { content: Content::Features(features), lengths: None }
    }
}

impl<'a, T> From<&'a Array3<T>> for Examples<'a, T> {
    fn from(features: &'a Array3<T>) -> Self {
        features.view().into()
    }
}

impl<'a, T> Examples<'a, T> {
    /// The same batch, of which row i ends after `lengths[i]` time steps (at least 1). What follows is padding: it changes
    /// neither the outputs nor the gradients, as with Keras' `Masking` and PyTorch's packed sequences. (Padding indices must
    /// lie in the alphabet.)
    #[must_use]
    pub fn with_lengths(self, lengths: &'a [usize]) -> Self {
        Self { lengths: Some(lengths), ..self }
    }

    /// `(batch, time)`.
    pub(crate) fn batch_and_time(&self) -> (usize, usize) {
        match &self.content {
            Content::Indices(indices) => indices.dim(),
            Content::Features(features) => (features.dim().0, features.dim().1),
        }
    }

    /// Some of the rows.
    pub(crate) fn rows(&self, rows: Slice) -> Examples<'_, T> {
        let content = match &self.content {
            Content::Indices(indices) => Content::Indices(indices.slice_axis(Axis(0), rows)),
            Content::Features(features) => Content::Features(features.slice_axis(Axis(0), rows)),
        };
        let range = rows.start as usize..rows.end.map_or(self.batch_and_time().0, |end| end as usize);
        Examples { content, lengths: self.lengths.map(|lengths| &lengths[range]) }
    }

    /// Whether a network of such inputs can be fed with this batch.
    pub(crate) fn check(&self, inputs: Inputs) -> Result<(), Error> {
        let refuse = |what: String| Err(Error::Input { what });
        let (batch, time) = self.batch_and_time();
        if batch == 0 || time == 0 {
            return refuse(format!("{batch} rows of {time} time steps (at least one of either is needed)"));
        }
        if let Some(lengths) = self.lengths {
            if lengths.len() != batch {
                return refuse(format!("{} lengths for {batch} rows", lengths.len()));
            }
            if let Some(row) = lengths.iter().position(|length| !(1..=time).contains(length)) {
                return refuse(format!("row {row} has the length {} (1 to {time} are possible)", lengths[row]));
            }
        }
        match (&self.content, inputs) {
            (Content::Indices(indices), Inputs::Indices(size)) => {
                match indices.indexed_iter().find(|(_, index)| usize::from(**index) >= size) {
                    Some(((row, t), index)) => {
                        refuse(format!("index {index} in row {row}, step {t} (the network knows 0 to {})", size - 1))
                    }
                    None => Ok(()),
                }
            }
            (Content::Features(features), Inputs::Features(size)) if features.dim().2 == size => Ok(()),
            (Content::Features(features), Inputs::Features(size)) => {
                refuse(format!("{} features at each time step, where the network takes {size}", features.dim().2))
            }
            (Content::Indices(_), Inputs::Features(size)) => {
                refuse(format!("indices, where the network takes {size} features at each time step"))
            }
            (Content::Features(_), Inputs::Indices(size)) => {
                refuse(format!("features, where the network takes indices below {size}"))
            }
        }
    }
}
