//! The loop over the inner index, generic over vector type and tile size.

use super::Panel;
use super::vector::Vector;
use crate::Real;
use crate::packed::TILE_ROWS;
use crate::product::Start;

/// Vectors side by side in a tile: with [`TILE_ROWS`] rows they fill 24 of AVX-512's 32 registers.
const VECTORS: usize = 3;

/// Numbers in a scratch tile, enough for any path and type.
const SCRATCH: usize = TILE_ROWS * 48;

/// Runs a whole panel with `ROWS` rows of accumulators at a time (a divisor of [`TILE_ROWS`]).
///
/// # Safety
/// The processor has `V`'s instruction set, and this is inlined into a function compiled for it.
#[inline(always)]
pub(crate) unsafe fn panel<V: Vector, const ROWS: usize>(panel: Panel<'_, V::Scalar>) {
    debug_assert!(TILE_ROWS.is_multiple_of(ROWS) && V::Scalar::PANEL.is_multiple_of(V::LANES));
    for tile_index in 0..panel.tiles() {
        let left = panel.left.tile(tile_index);
        let first_row = tile_index * TILE_ROWS;
        let tile_rows = TILE_ROWS.min(panel.left.rows() - first_row);
        for row in (0..tile_rows).step_by(ROWS) {
            for column in (0..panel.columns).step_by(VECTORS * V::LANES) {
                // SAFETY: row < tile_rows and column < panel.columns, so all three pointers stay inside what `Panel`
                // guarantees; `tile_at` gets the number of rows and columns that are left there.
                unsafe {
                    let tile = Tile {
                        depth: panel.left.depth(),
                        left: left.as_ptr().add(row),
                        right: panel.right.as_ptr().add(column),
                        out: panel.out.add((first_row + row) * panel.stride + column),
                        stride: panel.stride,
                        start: panel.start,
                    };
                    let columns = (panel.columns - column).min(VECTORS * V::LANES);
                    tile_at::<V, ROWS>(tile, (tile_rows - row).min(ROWS), columns);
                }
            }
        }
    }
}

/// Pointers to the corner of one tile of output and to what it is made of.
#[derive(Clone, Copy)]
struct Tile<T> {
    depth: usize,
    left: *const T,
    right: *const T,
    out: *mut T,
    stride: usize,
    start: Start,
}

/// A tile of any size up to `ROWS` × (`VECTORS` vectors). Where the last vector is not whole, the tile is computed in a
/// scratch buffer, so that nothing outside `out` is touched.
///
/// # Safety
/// As [`panel`]; `tile.out` has `rows ≤ ROWS` rows of `columns ≤ VECTORS · LANES` elements.
#[inline(always)]
unsafe fn tile_at<V: Vector, const ROWS: usize>(tile: Tile<V::Scalar>, rows: usize, columns: usize) {
    let vectors = columns.div_ceil(V::LANES);
    if columns == vectors * V::LANES {
        // SAFETY: `out` holds whole vectors.
        unsafe { tile_sized::<V, ROWS>(tile, rows, vectors) };
        return;
    }
    let mut scratch = [V::Scalar::ZERO; SCRATCH];
    let stride = vectors * V::LANES;
    for row in 0..rows {
        for column in 0..columns {
            // SAFETY: inside `out` by this function's contract.
            scratch[row * stride + column] = unsafe { *tile.out.add(row * tile.stride + column) };
        }
    }
    let inner = Tile { out: scratch.as_mut_ptr(), stride, ..tile };
    // SAFETY: the scratch tile has `rows` rows of `vectors` whole vectors: rows · stride ≤ SCRATCH, and a packed panel
    // is padded with zeros to whole vectors.
    unsafe { tile_sized::<V, ROWS>(inner, rows, vectors) };
    for row in 0..rows {
        for column in 0..columns {
            // SAFETY: as above.
            unsafe { *tile.out.add(row * tile.stride + column) = scratch[row * stride + column] };
        }
    }
}

/// Chooses the instance for this many rows and vectors.
///
/// # Safety
/// As [`tile_at`], with `columns = vectors · LANES`.
#[inline(always)]
unsafe fn tile_sized<V: Vector, const ROWS: usize>(tile: Tile<V::Scalar>, rows: usize, vectors: usize) {
    // SAFETY: each arm runs the instance of the size that the caller vouched for.
    unsafe {
        match vectors {
            1 => tile_rows::<V, ROWS, 1>(tile, rows),
            2 => tile_rows::<V, ROWS, 2>(tile, rows),
            _ => tile_rows::<V, ROWS, 3>(tile, rows),
        }
    }
}

/// # Safety
/// As [`tile_at`], with `columns = WIDTH · LANES`.
#[inline(always)]
unsafe fn tile_rows<V: Vector, const ROWS: usize, const WIDTH: usize>(tile: Tile<V::Scalar>, rows: usize) {
    // SAFETY: each arm runs the instance of the size that the caller vouched for.
    unsafe {
        match rows {
            1 => accumulate::<V, 1, WIDTH>(tile),
            2 => accumulate::<V, 2, WIDTH>(tile),
            3 => accumulate::<V, 3, WIDTH>(tile),
            4 => accumulate::<V, 4, WIDTH>(tile),
            5 if ROWS > 4 => accumulate::<V, 5, WIDTH>(tile),
            6 if ROWS > 4 => accumulate::<V, 6, WIDTH>(tile),
            7 if ROWS > 4 => accumulate::<V, 7, WIDTH>(tile),
            8 if ROWS > 4 => accumulate::<V, 8, WIDTH>(tile),
            _ => unreachable!("a tile has at most {ROWS} rows"),
        }
    }
}

/// `HEIGHT` × `WIDTH` accumulators over the whole inner dimension.
///
/// # Safety
/// As [`tile_at`], with `rows = HEIGHT` and `columns = WIDTH · LANES`.
#[inline(always)]
unsafe fn accumulate<V: Vector, const HEIGHT: usize, const WIDTH: usize>(tile: Tile<V::Scalar>) {
    // SAFETY: rows < HEIGHT and vectors < WIDTH of `out` are inside it by contract; the packed operands hold `depth`
    // groups of TILE_ROWS and PANEL elements from the pointers' groups on.
    unsafe {
        let mut acc = [[V::splat(V::Scalar::ZERO); WIDTH]; HEIGHT];
        if tile.start == Start::Out {
            for (row, acc) in acc.iter_mut().enumerate() {
                for (v, acc) in acc.iter_mut().enumerate() {
                    *acc = V::load(tile.out.add(row * tile.stride + v * V::LANES));
                }
            }
        }
        let (mut left, mut right) = (tile.left, tile.right);
        for _ in 0..tile.depth {
            let mut b = [V::splat(V::Scalar::ZERO); WIDTH];
            for (v, b) in b.iter_mut().enumerate() {
                *b = V::load(right.add(v * V::LANES));
            }
            for (row, acc) in acc.iter_mut().enumerate() {
                let a = V::splat(*left.add(row));
                for (acc, b) in acc.iter_mut().zip(b) {
                    *acc = a.mul_add(b, *acc);
                }
            }
            left = left.add(TILE_ROWS);
            right = right.add(V::Scalar::PANEL);
        }
        for (row, acc) in acc.iter().enumerate() {
            for (v, acc) in acc.iter().enumerate() {
                acc.store(tile.out.add(row * tile.stride + v * V::LANES));
            }
        }
    }
}
