//! A batch of sequences, stored so that one time step of the whole batch is one matrix.

use ndarray::{ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3, Axis};

/// Why the buffer always has the shape.
const SIZE: &str = "the buffer has the shape's size";

/// Numbers of shape `(batch, time, units)`, stored time step by time step.
///
/// A recurrent layer works on one time step of every sequence at once; in this order that is one contiguous matrix
/// `(batch, units)`, and all steps together are one matrix `(time · batch, units)`. A vector that is no sequence has
/// `time = 1`. Resizing keeps the buffer, so a reused `Sequence` allocates only when it grows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sequence<T> {
    batch: usize,
    time: usize,
    units: usize,
    data: Vec<T>,
}

impl<T: Copy> Sequence<T> {
    /// Nothing: shape `(0, 0, 0)`.
    #[must_use]
    pub fn new() -> Self {
        Self { batch: 0, time: 0, units: 0, data: Vec::new() }
    }

    /// Every element the same.
    #[must_use]
    pub fn filled(batch: usize, time: usize, units: usize, value: T) -> Self {
        Self { batch, time, units, data: vec![value; batch * time * units] }
    }

    /// A copy of an array `(batch, time, units)`.
    #[must_use]
    pub fn from_array(array: ArrayView3<'_, T>) -> Self {
        let (batch, time, units) = array.dim();
        Self { batch, time, units, data: array.permuted_axes([1, 0, 2]).iter().copied().collect() }
    }

    /// Becomes a copy of an array `(batch, time, units)`.
    pub fn assign(&mut self, array: ArrayView3<'_, T>) {
        (self.batch, self.time, self.units) = array.dim();
        self.data.clear();
        self.data.extend(array.permuted_axes([1, 0, 2]).iter().copied());
    }

    /// `(batch, time, units)`.
    #[must_use]
    pub fn dim(&self) -> (usize, usize, usize) {
        (self.batch, self.time, self.units)
    }

    /// Changes the shape. What the elements are afterwards is unspecified; new ones are `value`.
    pub fn resize(&mut self, batch: usize, time: usize, units: usize, value: T) {
        (self.batch, self.time, self.units) = (batch, time, units);
        self.data.resize(batch * time * units, value);
    }

    /// Sets every element.
    pub fn fill(&mut self, value: T) {
        self.data.fill(value);
    }

    /// All elements, `(batch, time, units)`.
    #[must_use]
    pub fn view(&self) -> ArrayView3<'_, T> {
        self.by_time().permuted_axes([1, 0, 2])
    }

    /// All elements as they lie, `(time, batch, units)`.
    pub(crate) fn by_time(&self) -> ArrayView3<'_, T> {
        ArrayView3::from_shape((self.time, self.batch, self.units), &self.data).expect(SIZE)
    }

    /// All elements as they lie, `(time, batch, units)`.
    pub(crate) fn by_time_mut(&mut self) -> ArrayViewMut3<'_, T> {
        ArrayViewMut3::from_shape((self.time, self.batch, self.units), &mut self.data).expect(SIZE)
    }

    /// Time step `t`: `(batch, units)`.
    #[must_use]
    pub fn step(&self, t: usize) -> ArrayView2<'_, T> {
        matrix(&self.data[self.span(t, t + 1)], self.batch, self.units)
    }

    /// Time step `t`: `(batch, units)`.
    pub fn step_mut(&mut self, t: usize) -> ArrayViewMut2<'_, T> {
        let span = self.span(t, t + 1);
        matrix_mut(&mut self.data[span], self.batch, self.units)
    }

    /// Time steps `from..to`, one after the other: `((to − from) · batch, units)`.
    #[must_use]
    pub fn steps(&self, from: usize, to: usize) -> ArrayView2<'_, T> {
        matrix(&self.data[self.span(from, to)], (to - from) * self.batch, self.units)
    }

    /// The last time step, `(batch, units)`; None if there is none.
    #[must_use]
    pub fn last_step(&self) -> Option<ArrayView2<'_, T>> {
        self.time.checked_sub(1).map(|last| self.step(last))
    }

    /// The step before `t`, which there is none of before the first, and step `t` to write, each `(batch, units)`.
    pub fn step_and_previous_mut(&mut self, t: usize) -> (Option<ArrayView2<'_, T>>, ArrayViewMut2<'_, T>) {
        let step = self.batch * self.units;
        let (before, rest) = self.data.split_at_mut(t * step);
        let previous = (t > 0).then(|| matrix(&before[(t - 1) * step..], self.batch, self.units));
        (previous, matrix_mut(&mut rest[..step], self.batch, self.units))
    }

    /// Becomes the last time step of `other`, `(batch, 1, units)`.
    pub(crate) fn assign_last_step(&mut self, other: &Self) {
        (self.batch, self.time, self.units) = (other.batch, 1, other.units);
        self.data.clear();
        self.data.extend_from_slice(&other.data[other.span(other.time - 1, other.time)]);
    }

    /// All steps, one after the other: `(time · batch, units)`.
    #[must_use]
    pub fn rows(&self) -> ArrayView2<'_, T> {
        self.steps(0, self.time)
    }

    /// All steps, one after the other: `(time · batch, units)`.
    pub fn rows_mut(&mut self) -> ArrayViewMut2<'_, T> {
        matrix_mut(&mut self.data, self.time * self.batch, self.units)
    }

    /// All elements, time step by time step.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.data
    }

    /// All elements, time step by time step.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.data
    }

    fn span(&self, from: usize, to: usize) -> std::ops::Range<usize> {
        let step = self.batch * self.units;
        from * step..to * step
    }
}

/// Of states `(time, rows, units)`, those after step `t − 1` and after step `t`; before the first step there are none.
pub(crate) fn step_and_previous<'a, T>(
    states: &'a mut ArrayViewMut3<'_, T>,
    t: usize,
) -> (Option<ArrayView2<'a, T>>, ArrayViewMut2<'a, T>) {
    let (before, rest) = states.view_mut().split_at(Axis(0), t);
    let previous = (t > 0).then(|| read_only(before.index_axis_move(Axis(0), t - 1)));
    (previous, rest.index_axis_move(Axis(0), 0))
}

/// The same elements, for as long as they were borrowed to write.
fn read_only<T>(matrix: ArrayViewMut2<'_, T>) -> ArrayView2<'_, T> {
    let shape = matrix.raw_dim();
    let data = matrix.into_slice().expect("a time step is contiguous");
    ArrayView2::from_shape(shape, data).expect(SIZE)
}

fn matrix<T>(data: &[T], rows: usize, columns: usize) -> ArrayView2<'_, T> {
    ArrayView2::from_shape((rows, columns), data).expect(SIZE)
}

fn matrix_mut<T>(data: &mut [T], rows: usize, columns: usize) -> ArrayViewMut2<'_, T> {
    ArrayViewMut2::from_shape((rows, columns), data).expect(SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn every_view_shows_the_same_elements() {
        let array = Array3::from_shape_fn((2, 3, 4), |(b, t, u)| (100 * b + 10 * t + u) as i32);
        let mut sequence = Sequence::from_array(array.view());
        assert_eq!(sequence.view(), array);
        for t in 0..3 {
            assert_eq!(sequence.step(t), array.index_axis(Axis(1), t));
        }
        assert_eq!(sequence.steps(1, 3).row(2), array.index_axis(Axis(0), 0).row(2));
        assert_eq!(sequence.rows().dim(), (6, 4));
        let mut by_time = sequence.by_time_mut();
        let (previous, step) = step_and_previous(&mut by_time, 2);
        assert_eq!(previous.unwrap(), array.index_axis(Axis(1), 1));
        assert_eq!(step, array.index_axis(Axis(1), 2));
        assert!(step_and_previous(&mut by_time, 0).0.is_none());
        let mut last = Sequence::filled(5, 5, 5, 0);
        last.assign_last_step(&sequence);
        assert_eq!(last.view(), array.slice_axis(Axis(1), (2..3).into()));
    }
}
