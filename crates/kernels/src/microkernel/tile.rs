//! The loop over the inner index, generic over vector type and tile size.

use super::Panel;
use super::vector::Vector;
use crate::Real;
use crate::packed::TILE_ROWS;
use crate::start::Start;

/// Vectors side by side in a tile: with [`TILE_ROWS`] rows they fill 24 of AVX-512's 32 registers.
const VECTORS: usize = 3;

/// Numbers in a scratch tile, enough for any path and type.
const SCRATCH: usize = TILE_ROWS * 48;

/// Inner indices that are accumulated at a time: this much of a panel stays in the second-level cache while every tile
/// of the left operand passes by, and this much of a tile in the first. The sums pause in `out`, which changes no bit.
const DEPTH_BLOCK: usize = 640;

/// Inner indices in a round of the innermost loop: counting and branching take their turn from the multiply-adds.
const ROUND: usize = 4;

/// Runs a whole panel with `ROWS` rows of accumulators at a time (a divisor of [`TILE_ROWS`]).
///
/// # Safety
/// The processor has `V`'s instruction set, and this is inlined into a function compiled for it.
#[inline(always)]
pub(crate) unsafe fn panel<V: Vector, const ROWS: usize>(panel: Panel<'_, V::Scalar>) {
    debug_assert!(TILE_ROWS.is_multiple_of(ROWS) && V::Scalar::PANEL.is_multiple_of(V::LANES));
    // Blocks of one size: a short one would load and store its sums for little. Without a first block, an inner dimension
    // of 0 would leave `out` as it is.
    let block = panel.depth.div_ceil(panel.depth.div_ceil(DEPTH_BLOCK).max(1)).max(1);
    for first in (0..panel.depth.max(1)).step_by(block) {
        let depth = block.min(panel.depth - first);
        let start = if first == 0 { panel.start } else { Start::Out };
        // The next block comes from memory while this one is at work, the same share of it with every tile, a line at most
        // with every inner index: one tile would have to wait for what four can fetch at leisure.
        let next = panel.right.as_ptr().wrapping_add((first + depth) * V::Scalar::PANEL);
        let fetch_step = V::Scalar::PANEL.div_ceil(panel.rows.div_ceil(TILE_ROWS));
        for (index, tile_row) in (0..panel.rows).step_by(TILE_ROWS).enumerate() {
            let tile_rows = TILE_ROWS.min(panel.rows - tile_row);
            // SAFETY: tile_row < rows and first < depth (or both operands are empty), so that all pointers stay inside
            // what `Panel` guarantees; what is told of rows, columns and depths is what is left there.
            unsafe {
                let tile = Tile {
                    depth,
                    left: panel.left.as_ptr().add(tile_row * panel.depth + first * TILE_ROWS),
                    right: panel.right.as_ptr().add(first * V::Scalar::PANEL),
                    out: panel.out.add(tile_row * panel.stride),
                    stride: panel.stride,
                    start,
                    fetch: next.wrapping_add(index * depth * fetch_step),
                    fetch_step,
                };
                whole_tile::<V, ROWS>(tile, tile_rows, panel.columns);
            }
        }
    }
}

/// A tile of [`TILE_ROWS`] rows over the panel's columns, in pieces of `ROWS` rows and [`VECTORS`] vectors.
///
/// # Safety
/// As [`panel`]; `tile.out` has `rows ≤ TILE_ROWS` rows of `columns ≤ PANEL` elements.
#[inline(always)]
unsafe fn whole_tile<V: Vector, const ROWS: usize>(tile: Tile<V::Scalar>, rows: usize, columns: usize) {
    for row in (0..rows).step_by(ROWS) {
        for column in (0..columns).step_by(VECTORS * V::LANES) {
            // SAFETY: row < rows and column < columns: inside the tile's output, and inside each group of its operands.
            unsafe {
                let piece = Tile {
                    // Not `add`: operands without depth have no elements to point to.
                    left: tile.left.wrapping_add(row),
                    right: tile.right.wrapping_add(column),
                    out: tile.out.add(row * tile.stride + column),
                    fetch: tile.fetch.wrapping_add(column),
                    ..tile
                };
                tile_at::<V, ROWS>(piece, (rows - row).min(ROWS), (columns - column).min(VECTORS * V::LANES));
            }
        }
    }
}

/// Pointers to the corner of one tile of output and to what it is made of. `fetch` is never read through.
#[derive(Clone, Copy)]
struct Tile<T> {
    depth: usize,
    left: *const T,
    right: *const T,
    out: *mut T,
    stride: usize,
    start: Start,
    /// What to fetch into the cache meanwhile, and how far that moves on with each inner index.
    fetch: *const T,
    fetch_step: usize,
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
        let mut at = tile;
        for _ in 0..tile.depth / ROUND {
            for _ in 0..ROUND {
                add_one_index(&mut acc, &mut at);
            }
        }
        for _ in 0..tile.depth % ROUND {
            add_one_index(&mut acc, &mut at);
        }
        for (row, acc) in acc.iter().enumerate() {
            for (v, acc) in acc.iter().enumerate() {
                acc.store(tile.out.add(row * tile.stride + v * V::LANES));
            }
        }
    }
}

/// Adds one inner index' products to all accumulators, and moves on to the next index.
///
/// # Safety
/// As [`accumulate`], with `at.left` and `at.right` at one of the `depth` groups.
#[inline(always)]
unsafe fn add_one_index<V: Vector, const HEIGHT: usize, const WIDTH: usize>(
    acc: &mut [[V; WIDTH]; HEIGHT],
    at: &mut Tile<V::Scalar>,
) {
    // SAFETY: a group has TILE_ROWS ≥ HEIGHT and PANEL ≥ WIDTH · LANES elements.
    unsafe {
        let mut b = [V::splat(V::Scalar::ZERO); WIDTH];
        for (v, b) in b.iter_mut().enumerate() {
            *b = V::load(at.right.add(v * V::LANES));
        }
        V::prefetch(at.fetch);
        for (row, acc) in acc.iter_mut().enumerate() {
            let a = V::splat(*at.left.add(row));
            for (acc, b) in acc.iter_mut().zip(b) {
                *acc = a.mul_add(b, *acc);
            }
        }
    }
    // After the last group these lie past the end, where `add` may not go.
    at.left = at.left.wrapping_add(TILE_ROWS);
    at.right = at.right.wrapping_add(V::Scalar::PANEL);
    at.fetch = at.fetch.wrapping_add(at.fetch_step);
}
