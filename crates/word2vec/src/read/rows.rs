//! The matrix while it grows.

use ndarray::Array2;

use crate::Error;
use crate::vocabulary::Repeat;

/// Rows of equal length. A block's records are parsed in place behind the kept rows, then those to be kept close up.
pub(crate) struct Rows {
    data: Vec<f32>,
    dim: usize,
    kept: usize,
    /// The row that slot 0 of the open block is.
    base: usize,
}

impl Rows {
    /// Rows of `dim` numbers, with room for `expected` of them.
    pub(crate) fn new(dim: usize, expected: usize) -> Result<Self, Error> {
        // Zeroed by the system, page by page as they are written: costs nothing now. That cannot fail but by an abort,
        // so the same memory is asked for and given back first.
        let numbers = dim.saturating_mul(expected);
        reserve(&mut Vec::new(), numbers)?;
        Ok(Rows { data: vec![0.0; numbers], dim, kept: 0, base: 0 })
    }

    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// `slots` rows to write to.
    pub(crate) fn open(&mut self, slots: usize) -> Result<&mut [f32], Error> {
        self.base = self.kept;
        let (start, end) = (self.base * self.dim, (self.base + slots) * self.dim);
        if end > self.data.capacity() {
            // By half, not double: the bytes read bound it either way, but not all systems move pages on growing.
            let more = (end - self.data.len()).max(self.data.len() / 2);
            reserve(&mut self.data, more)?;
        }
        if end > self.data.len() {
            self.data.resize(end, 0.0);
        }
        Ok(&mut self.data[start..end])
    }

    /// Keeps the row in `slot`, which is not before the last one kept.
    pub(crate) fn keep(&mut self, slot: usize) {
        let from = self.base + slot;
        if from != self.kept {
            self.copy(from, self.kept);
        }
        self.kept += 1;
    }

    pub(crate) fn copy(&mut self, from: usize, to: usize) {
        self.data.copy_within(from * self.dim..(from + 1) * self.dim, to * self.dim);
    }

    /// A kept row.
    pub(crate) fn row(&self, index: usize) -> &[f32] {
        &self.data[index * self.dim..(index + 1) * self.dim]
    }

    /// Removes the rows of repeated words.
    pub(crate) fn remove(&mut self, repeats: &[Repeat]) {
        let mut repeats = repeats.iter().peekable();
        let rows = std::mem::take(&mut self.kept);
        self.base = 0;
        for row in 0..rows {
            if repeats.next_if(|repeat| repeat.at == row).is_none() {
                self.keep(row);
            }
        }
    }

    /// The kept rows.
    pub(crate) fn into_matrix(mut self) -> Array2<f32> {
        self.data.truncate(self.kept * self.dim);
        self.data.shrink_to_fit();
        Array2::from_shape_vec((self.kept, self.dim), self.data).expect("rows * dim numbers")
    }
}

fn reserve(data: &mut Vec<f32>, more: usize) -> Result<(), Error> {
    let bytes = (data.len() as u64).saturating_add(more as u64).saturating_mul(4);
    data.try_reserve_exact(more).map_err(|_| Error::NoMemory { bytes })
}
