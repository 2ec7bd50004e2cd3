//! Matrix products with one order of accumulation.

use ndarray::{ArrayViewMut2, Axis};

use crate::microkernel::Panel;
use crate::packed::TILE_ROWS;
use crate::start::Start;
use crate::{PackedLeft, PackedRight, Path, Real, team};

/// Multiply-adds that a thread makes in a nanosecond, about.
const TERMS_A_NANOSECOND: usize = 32;

/// Bytes of the left operand that one thread works through before it goes on: they should stay in its second-level
/// cache while the panels of the right operand pass by. Fewer under Miri, so that its small products have several blocks.
const BLOCK_BYTES: usize = if cfg!(miri) { 1 << 8 } else { 1 << 19 };

/// Runs of neighbouring panels that a product is shared out in: while a thread works on a panel, it fetches the one that
/// lies behind it. More runs share the work more evenly, and begin more often with a panel that nobody has fetched.
const RUNS_PER_THREAD: usize = 2;

/// `out = left · right`, or `out += left · right`: `(rows, depth) · (depth, columns) -> (rows, columns)`.
///
/// Each element of `out` is one chain of fused multiply-adds over the inner index in rising order,
/// `acc ← left[i, k]·right[k, j] + acc`, begun as `start` says. That fixes its bits, however the work is spread
/// over lanes, tiles and threads. The columns of `out` must lie next to each other in memory (its rows need not).
///
/// # Panics
/// If the shapes do not fit, the columns of `out` are not contiguous, or its rows are reversed.
pub fn product<T: Real>(left: &PackedLeft<T>, right: &PackedRight<T>, out: ArrayViewMut2<'_, T>, start: Start) {
    product_on(Path::current(), left, right, out, start);
}

fn product_on<T: Real>(
    path: Path,
    left: &PackedLeft<T>,
    right: &PackedRight<T>,
    out: ArrayViewMut2<'_, T>,
    start: Start,
) {
    assert_eq!(left.depth(), right.depth(), "inner dimensions of a product");
    assert_eq!(out.dim(), (left.rows(), right.columns()), "shape of a product");
    if out.is_empty() {
        return;
    }
    // Here, not on the threads that share the work.
    assert!(out.ncols() == 1 || out.strides()[1] == 1, "columns of the output must be contiguous");
    assert!(out.nrows() == 1 || out.strides()[0] > 0, "rows of the output must be in rising order");
    let depth = left.depth();
    let panels = right.columns().div_ceil(T::PANEL);
    let runs = panels.min(RUNS_PER_THREAD * team::threads());
    let block_rows = TILE_ROWS * (BLOCK_BYTES / (size_of::<T>() * TILE_ROWS * depth.max(1))).max(1);
    let blocks = chunks(out, Axis(0), |_| block_rows).enumerate();
    let shares = blocks.flat_map(|(block, out)| {
        let first = block * block_rows / TILE_ROWS;
        let tiles = left.tiles(first..first + out.nrows().div_ceil(TILE_ROWS));
        let first_panel = move |run| run * panels / runs;
        let runs = chunks(out, Axis(1), move |run| (first_panel(run + 1) - first_panel(run)) * T::PANEL);
        runs.enumerate().map(move |(run, out)| (tiles, first_panel(run), out))
    });
    let run = |(tiles, first_panel, out): (&[T], usize, ArrayViewMut2<'_, T>)| {
        for (index, out) in (first_panel..).zip(chunks(out, Axis(1), |_| T::PANEL)) {
            T::run_panel(path, Panel::new(tiles, right.panel(index), depth, out, start));
        }
    };
    let work = left.rows() * depth * right.columns() / TERMS_A_NANOSECOND;
    team::for_each(work, shares.take(runs * left.rows().div_ceil(block_rows)), run);
}

/// A matrix in pieces of `len(0)`, `len(1)` … rows or columns, as long as there are any.
fn chunks<T>(
    matrix: ArrayViewMut2<'_, T>,
    axis: Axis,
    len: impl Fn(usize) -> usize,
) -> impl Iterator<Item = ArrayViewMut2<'_, T>> {
    let mut rest = Some(matrix);
    (0..).map_while(move |index| {
        let matrix = rest.take()?;
        let len = len(index);
        if matrix.len_of(axis) <= len {
            return Some(matrix);
        }
        let (chunk, others) = matrix.split_at(axis, len);
        rest = Some(others);
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, ArrayView2};
    use proptest::prelude::*;

    /// The definition, written down.
    fn oracle<T: Real>(left: ArrayView2<'_, T>, right: ArrayView2<'_, T>, out: &mut Array2<T>, start: Start) {
        for ((i, j), element) in out.indexed_iter_mut() {
            let first = if start == Start::Zero { T::ZERO } else { *element };
            *element = (0..left.ncols()).fold(first, |acc, k| left[(i, k)].mul_add(right[(k, j)], acc));
        }
    }

    /// Numbers of mixed size and sign from a small generator, so that a wrong order shows in the bits.
    fn noise<T: Real>(rows: usize, columns: usize, seed: u64) -> Array2<T> {
        let mut state = seed.wrapping_mul(2_654_435_769).wrapping_add(1);
        Array2::from_shape_fn((rows, columns), |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let unit = (state >> 11) as f64 / (1_u64 << 53) as f64;
            T::from_f64((unit - 0.5) * if state & 1 == 0 { 1.0 } else { 1e-3 })
        })
    }

    fn check<T: Real>(rows: usize, depth: usize, columns: usize, start: Start) {
        check_operands(&noise::<T>(rows, depth, 1), &noise(depth, columns, 2), &noise(rows, columns, 3), start);
    }

    fn check_operands<T: Real>(left: &Array2<T>, right: &Array2<T>, initial: &Array2<T>, start: Start) {
        let mut expected = initial.clone();
        oracle(left.view(), right.view(), &mut expected, start);
        for path in Path::available() {
            let mut out = initial.clone();
            product_on(path, &left.view().into(), &right.view().into(), out.view_mut(), start);
            assert!(out == expected, "{path:?} differs at {:?} x {:?}", left.dim(), right.dim());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 64 }))]
        #[test]
        fn every_path_gives_the_bits_of_the_definition(
            rows in 0_usize..20,
            depth in 0_usize..if cfg!(miri) { 5 } else { 40 },
            columns in 0_usize..110,
            add in any::<bool>()
        ) {
            let start = if add { Start::Out } else { Start::Zero };
            check::<f32>(rows, depth, columns, start);
            check::<f64>(rows, depth, columns, start);
        }
    }

    #[test]
    fn large_products_agree_on_any_number_of_threads() {
        let (depth, columns) = if cfg!(miri) { (2, 98) } else { (130, 500) };
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                check::<f32>(33, depth, columns, Start::Out);
                check::<f64>(33, depth, columns, Start::Zero);
                // So deep that each tile of the left operand is a block.
                if !cfg!(miri) {
                    check::<f32>(17, 20_000, 3, Start::Out);
                }
            });
        }
    }

    /// Deeper than the micro-kernel accumulates at a time, with blocks that end evenly and not.
    #[test]
    fn sums_that_pause_in_the_output_keep_their_bits() {
        if cfg!(miri) {
            return check::<f32>(2, 1300, 3, Start::Out);
        }
        for depth in [511, 512, 513, 1024, 1100] {
            check::<f32>(9, depth, 50, Start::Zero);
            check::<f64>(9, depth, 26, Start::Out);
        }
    }

    /// Numbers below the smallest normal one are kept, as operands, in the sums and in the results.
    #[test]
    fn denormal_numbers_keep_their_bits() {
        let noise =
            |rows, columns, seed, size: f64| noise::<f32>(rows, columns, seed).mapv(|x| (f64::from(x) * size) as f32);
        let (depth, columns) = if cfg!(miri) { (3, 20) } else { (30, 50) };
        for (left, right) in [(1e-40, 1.0), (1.0, 1e-40), (1e-20, 1e-20)] {
            let (left, right) = (noise(9, depth, 1, left), noise(depth, columns, 2, right));
            let initial = noise(9, columns, 3, 1e-40);
            check_operands(&left, &right, &initial, Start::Out);
            let mut results = initial;
            oracle(left.view(), right.view(), &mut results, Start::Out);
            assert!(results.iter().filter(|x| x.is_subnormal()).count() > 8 * columns);
        }
    }

    /// Large enough to be shared out.
    #[test]
    #[should_panic(expected = "columns of the output must be contiguous")]
    fn an_output_whose_columns_lie_apart_is_refused() {
        let (left, right) = (noise::<f32>(80, 80, 1), noise::<f32>(80, 500, 2));
        let mut out = Array2::zeros((500, 80));
        product(&left.view().into(), &right.view().into(), out.view_mut().reversed_axes(), Start::Zero);
    }

    #[test]
    #[should_panic(expected = "rows of the output must be in rising order")]
    fn an_output_whose_rows_are_reversed_is_refused() {
        let (left, right) = (noise::<f32>(8, 8, 1), noise::<f32>(8, 50, 2));
        let mut out = Array2::zeros((8, 50));
        out.invert_axis(Axis(0));
        product(&left.view().into(), &right.view().into(), out.view_mut(), Start::Zero);
    }

    #[test]
    fn rows_of_the_output_may_lie_apart() {
        let left = noise::<f32>(9, 17, 1);
        let right = noise::<f32>(17, 50, 2);
        let mut expected = Array2::zeros((9, 50));
        oracle(left.view(), right.view(), &mut expected, Start::Zero);
        let mut wide = Array2::zeros((9, 120));
        let slot = wide.slice_mut(ndarray::s![.., 30..80]);
        product(&PackedLeft::from(left.view()), &PackedRight::from(right.view()), slot, Start::Zero);
        assert_eq!(wide.slice(ndarray::s![.., 30..80]), expected);
        assert!(wide.slice(ndarray::s![.., ..30]).iter().chain(wide.slice(ndarray::s![.., 80..])).all(|&x| x == 0.0));
    }
}
