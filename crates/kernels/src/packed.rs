//! Operands in the order in which the micro-kernel reads them.
//!
//! A right operand `(depth, columns)` is cut into *panels* of [`Real::PANEL`] columns; a left
//! operand `(rows, depth)` into *tiles* of [`TILE_ROWS`] rows. Inside a panel or tile the elements of one inner index lie
//! together, so that the micro-kernel streams both. What is missing to a whole panel or tile is zero.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut3, Axis};

use crate::aligned::AlignedBuffer;
use crate::{Real, dispatch, team};

/// Rows of a tile of the left operand.
pub const TILE_ROWS: usize = 8;

/// Elements that a thread packs in a nanosecond, about.
const ELEMENTS_A_NANOSECOND: usize = 2;

/// Depths that are packed at a time: what is written in the meantime stays in the first-level cache.
const DEPTHS: usize = 64;

/// The left operand `(rows, depth)` of a [`product()`](crate::product()), in tiles of [`TILE_ROWS`] rows.
///
/// The buffer is kept: packing again allocates only if the operand has grown.
#[derive(Debug, Clone, Default)]
pub struct PackedLeft<T> {
    rows: usize,
    depth: usize,
    data: AlignedBuffer<T>,
}

/// The right operand `(depth, columns)` of a [`product()`](crate::product()), in panels of columns.
///
/// The buffer is kept: packing again allocates only if the operand has grown.
#[derive(Debug, Clone, Default)]
pub struct PackedRight<T> {
    depth: usize,
    columns: usize,
    data: AlignedBuffer<T>,
}

impl<T: Real> PackedLeft<T> {
    /// Packs a matrix `(rows, depth)` of any strides (a transposed view is as good).
    pub fn pack(&mut self, matrix: ArrayView2<'_, T>) {
        (self.rows, self.depth) = matrix.dim();
        pack_strips::<T, TILE_ROWS>(&mut self.data, matrix);
    }

    /// Rows of the operand.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The inner dimension.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// These tiles, each `depth` groups of [`TILE_ROWS`] elements.
    pub(crate) fn tiles(&self, range: Range<usize>) -> &[T] {
        let len = self.depth * TILE_ROWS;
        &self.data.as_slice()[range.start * len..range.end * len]
    }
}

impl<T: Real> PackedRight<T> {
    /// Packs a matrix `(depth, columns)` of any strides (a transposed view is as good).
    pub fn pack(&mut self, matrix: ArrayView2<'_, T>) {
        (self.depth, self.columns) = matrix.dim();
        T::pack_panels(&mut self.data, matrix.reversed_axes());
    }

    /// Packs a matrix, and its transpose into `transposed`: the same as [`pack`](Self::pack) of either, but the matrix comes
    /// from memory once.
    pub fn pack_with_transposed(&mut self, transposed: &mut Self, matrix: ArrayView2<'_, T>) {
        (self.depth, self.columns) = matrix.dim();
        (transposed.columns, transposed.depth) = matrix.dim();
        T::pack_both_ways(&mut self.data, &mut transposed.data, matrix);
    }

    /// Columns of the operand.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The inner dimension.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Panel `index`: `depth` groups of [`Real::PANEL`] elements.
    pub(crate) fn panel(&self, index: usize) -> &[T] {
        let len = self.depth * T::PANEL;
        &self.data.as_slice()[index * len..(index + 1) * len]
    }
}

impl<T: Real> From<ArrayView2<'_, T>> for PackedLeft<T> {
    fn from(matrix: ArrayView2<'_, T>) -> Self {
        let mut packed = Self { rows: 0, depth: 0, data: AlignedBuffer::default() };
        packed.pack(matrix);
        packed
    }
}

impl<T: Real> From<ArrayView2<'_, T>> for PackedRight<T> {
    fn from(matrix: ArrayView2<'_, T>) -> Self {
        let mut packed = Self { depth: 0, columns: 0, data: AlignedBuffer::default() };
        packed.pack(matrix);
        packed
    }
}

/// Packs `matrix (lanes, depth)` into strips of `WIDTH` lanes; within a strip, the lanes of one depth lie together.
pub(crate) fn pack_strips<T: Real, const WIDTH: usize>(data: &mut AlignedBuffer<T>, matrix: ArrayView2<'_, T>) {
    let (lanes, depth) = matrix.dim();
    let strip_len = depth * WIDTH;
    let strips = lanes.div_ceil(WIDTH);
    data.resize(strips * strip_len);
    if strip_len == 0 {
        return;
    }
    let pack = |(strip, lanes): (&mut [T], ArrayView2<'_, T>)| pack_strip::<T, WIDTH>(strip, lanes);
    let strips = data.as_mut_slice().chunks_mut(strip_len).zip(matrix.axis_chunks_iter(Axis(0), WIDTH));
    team::for_each(matrix.len() / ELEMENTS_A_NANOSECOND, strips, pack);
}

/// Packs `matrix (depth, columns)` into panels of `WIDTH` columns, and its transpose into panels of `WIDTH` depths: a square
/// at a time, which is still in the cache when it is read again.
pub(crate) fn pack_both_ways<T: Real, const WIDTH: usize>(
    data: &mut AlignedBuffer<T>,
    transposed: &mut AlignedBuffer<T>,
    matrix: ArrayView2<'_, T>,
) {
    let (depth, columns) = matrix.dim();
    let panels = columns.div_ceil(WIDTH);
    data.resize(panels * depth * WIDTH);
    transposed.resize(depth.div_ceil(WIDTH) * columns * WIDTH);
    if matrix.is_empty() {
        return;
    }
    let mut panels = ArrayViewMut3::from_shape((panels, depth, WIDTH), data.as_mut_slice()).expect("the size above");
    let bands = panels
        .axis_chunks_iter_mut(Axis(1), WIDTH)
        .zip(transposed.as_mut_slice().chunks_mut(columns * WIDTH))
        .zip(matrix.axis_chunks_iter(Axis(0), WIDTH));
    let pack = |((mut panels, transposed), rows): ((ArrayViewMut3<'_, T>, &mut [T]), ArrayView2<'_, T>)| {
        let blocks = panels.outer_iter_mut().zip(transposed.chunks_mut(WIDTH * WIDTH));
        for ((panel, block), square) in blocks.zip(rows.axis_chunks_iter(Axis(1), WIDTH)) {
            let panel = panel.into_slice().expect("depths of a panel lie together");
            dispatch(
                #[inline(always)]
                || {
                    pack_block::<T, WIDTH>(panel, square.reversed_axes());
                    pack_block::<T, WIDTH>(block, square);
                },
            );
        }
    };
    team::for_each(matrix.len() / ELEMENTS_A_NANOSECOND, bands, pack);
}

fn pack_strip<T: Real, const WIDTH: usize>(strip: &mut [T], lanes: ArrayView2<'_, T>) {
    let blocks = strip.chunks_mut(DEPTHS * WIDTH);
    for (block, lanes) in blocks.zip(lanes.axis_chunks_iter(Axis(1), DEPTHS)) {
        dispatch(
            #[inline(always)]
            || pack_block::<T, WIDTH>(block, lanes),
        );
    }
}

#[inline(always)]
fn pack_block<T: Real, const WIDTH: usize>(block: &mut [T], lanes: ArrayView2<'_, T>) {
    let groups = block.as_chunks_mut::<WIDTH>().0;
    if lanes.strides()[0] == 1 {
        // The lanes of one depth are neighbours in memory: copy a group at a time.
        for (group, column) in groups.iter_mut().zip(lanes.columns()) {
            let column = column.to_slice().expect("the stride is 1");
            match <&[T; WIDTH]>::try_from(column) {
                Ok(whole) => *group = *whole,
                Err(_) => {
                    group[..column.len()].copy_from_slice(column);
                    group[column.len()..].fill(T::ZERO);
                }
            }
        }
    } else if lanes.strides()[1] == 1 {
        transpose_block(groups, lanes);
    } else {
        for (group, column) in groups.iter_mut().zip(lanes.columns()) {
            copy_padded(group, column.iter().copied());
        }
    }
}

/// Packs lanes whose depths are neighbours in memory. Four lanes are interleaved at a time, a loop that compiles to vector
/// instructions, and then written four to a group.
#[inline(always)]
fn transpose_block<T: Real, const WIDTH: usize>(groups: &mut [[T; WIDTH]], lanes: ArrayView2<'_, T>) {
    debug_assert!(groups.len() <= DEPTHS, "what is interleaved at a time");
    let lane = |index| lanes.row(index).to_slice().expect("the stride is 1");
    let whole = lanes.nrows() / 4 * 4;
    for first in (0..whole).step_by(4) {
        let [a, b, c, d] = [0, 1, 2, 3].map(|i| lane(first + i));
        let mut fours = [[T::ZERO; 4]; DEPTHS];
        for ((((four, a), b), c), d) in fours.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *four = [*a, *b, *c, *d];
        }
        for (group, four) in groups.iter_mut().zip(&fours) {
            group[first..first + 4].copy_from_slice(four);
        }
    }
    for index in whole..lanes.nrows() {
        for (group, x) in groups.iter_mut().zip(lane(index)) {
            group[index] = *x;
        }
    }
    groups.iter_mut().for_each(|group| group[lanes.nrows()..].fill(T::ZERO));
}

fn copy_padded<T: Real>(group: &mut [T], values: impl Iterator<Item = T>) {
    for (to, value) in group.iter_mut().zip(values.chain(std::iter::repeat(T::ZERO))) {
        *to = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn counted(rows: usize, columns: usize) -> Array2<f32> {
        Array2::from_shape_fn((rows, columns), |(i, j)| (1 + i * columns + j) as f32)
    }

    #[test]
    fn every_element_is_in_its_place_and_the_rest_is_zero() {
        let matrix = counted(11, 5);
        let packed = PackedLeft::from(matrix.view());
        for tile in 0..2 {
            for k in 0..5 {
                for lane in 0..TILE_ROWS {
                    let row = tile * TILE_ROWS + lane;
                    let expected = if row < 11 { matrix[(row, k)] } else { 0.0 };
                    assert_eq!(packed.tiles(tile..tile + 1)[k * TILE_ROWS + lane], expected);
                }
            }
        }
    }

    #[test]
    fn a_transposed_view_packs_the_same() {
        let large = [(100, 400), (400, 100)].into_iter().filter(|_| !cfg!(miri));
        for (rows, columns) in [(3, 7), (48, 9)].into_iter().chain(large) {
            let matrix = counted(rows, columns);
            let transposed = matrix.t().as_standard_layout().to_owned();
            assert_eq!(
                PackedLeft::from(matrix.view()).data.as_slice(),
                PackedLeft::from(transposed.t()).data.as_slice()
            );
            assert_eq!(
                PackedRight::from(matrix.view()).data.as_slice(),
                PackedRight::from(transposed.t()).data.as_slice()
            );
        }
    }

    fn check_both_ways<T: Real>(depth: usize, columns: usize) {
        let matrix = counted(depth, columns).mapv(|x| T::from_f64(f64::from(x)));
        // What lay there before has another shape.
        let mut right = PackedRight::from(matrix.view());
        let mut transposed = PackedRight::from(matrix.slice(ndarray::s![..depth / 2, ..]));
        for matrix in [matrix.view(), matrix.t()] {
            right.pack_with_transposed(&mut transposed, matrix);
            for (packed, alone) in [(&right, PackedRight::from(matrix)), (&transposed, PackedRight::from(matrix.t()))] {
                assert_eq!((packed.depth, packed.columns), (alone.depth, alone.columns));
                assert!(packed.data.as_slice() == alone.data.as_slice(), "{depth} x {columns}");
            }
        }
    }

    #[test]
    fn packing_both_ways_is_packing_twice() {
        let large = [(200, 300)].into_iter().filter(|_| !cfg!(miri));
        for (depth, columns) in [(0, 3), (3, 0), (1, 1), (5, 2), (48, 9), (50, 49)].into_iter().chain(large) {
            check_both_ways::<f32>(depth, columns);
            check_both_ways::<f64>(depth, columns);
        }
    }

    #[test]
    fn packing_again_leaves_nothing_of_the_old() {
        let mut packed = PackedRight::from(counted(6, 60).view());
        packed.pack(counted(2, 50).view());
        assert_eq!(packed.data.as_slice(), PackedRight::from(counted(2, 50).view()).data.as_slice());
    }
}
