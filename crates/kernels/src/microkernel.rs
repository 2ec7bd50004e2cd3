//! The innermost loop: one panel of the right operand against every tile of the left.
//!
//! One generic body ([`tile`]) over a [`Vector`] type; each instruction set is a file that names its vectors and how
//! many rows of accumulators fit its registers. A lane sees the same chain of fused multiply-adds whichever vector it sits in.

#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
mod tile;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::aligned::AlignedBuffer;
use crate::packed::{TILE_ROWS, pack_both_ways, pack_strips};
use crate::start::Start;
use crate::{Path, Real};

/// Some tiles of the left operand against one panel of the right, as the micro-kernels take it.
///
/// Invariants, checked by [`Panel::new`]: `left` has `rows.div_ceil(TILE_ROWS)` tiles of `depth` groups of `TILE_ROWS`
/// elements; `right` has `depth` groups of `T::PANEL` elements; `out` points to `rows` rows of `columns ≤ T::PANEL`
/// elements, `stride` apart, that nobody else refers to while `'a` lasts.
#[derive(Debug)]
pub struct Panel<'a, T> {
    left: &'a [T],
    right: &'a [T],
    depth: usize,
    out: *mut T,
    stride: usize,
    rows: usize,
    columns: usize,
    start: Start,
}

impl<'a, T: Real> Panel<'a, T> {
    /// `left` and `right` are whole tiles and one whole panel of operands of this inner dimension.
    pub(crate) fn new(
        left: &'a [T],
        right: &'a [T],
        depth: usize,
        mut out: ArrayViewMut2<'a, T>,
        start: Start,
    ) -> Self {
        let (rows, columns) = out.dim();
        assert_eq!(left.len(), rows.div_ceil(TILE_ROWS) * TILE_ROWS * depth);
        assert_eq!(right.len(), depth * T::PANEL);
        assert!((1..=T::PANEL).contains(&columns));
        assert!(columns == 1 || out.strides()[1] == 1);
        // A view of one row may carry any stride; it is never used then.
        let stride = if rows > 1 { usize::try_from(out.strides()[0]).expect("rows in rising order") } else { columns };
        Self { left, right, depth, out: out.as_mut_ptr(), stride, rows, columns, start }
    }
}

/// The kernels of one scalar type. Seals [`Real`].
pub trait Microkernels: Sized {
    /// Packs the transposed right operand `(columns, depth)` into panels.
    #[doc(hidden)]
    fn pack_panels(data: &mut AlignedBuffer<Self>, transposed: ArrayView2<'_, Self>);

    /// Packs a right operand `(depth, columns)` into panels, and its transpose into others.
    #[doc(hidden)]
    fn pack_both_ways(
        data: &mut AlignedBuffer<Self>,
        transposed: &mut AlignedBuffer<Self>,
        matrix: ArrayView2<'_, Self>,
    );

    /// Runs one panel on a path that this machine has.
    #[doc(hidden)]
    fn run_panel(path: Path, panel: Panel<'_, Self>);
}

macro_rules! impl_microkernels {
    ($type:ident) => {
        impl Microkernels for $type {
            fn pack_panels(data: &mut AlignedBuffer<Self>, transposed: ArrayView2<'_, Self>) {
                pack_strips::<Self, { Self::PANEL }>(data, transposed);
            }

            fn pack_both_ways(
                data: &mut AlignedBuffer<Self>,
                transposed: &mut AlignedBuffer<Self>,
                matrix: ArrayView2<'_, Self>,
            ) {
                pack_both_ways::<Self, { Self::PANEL }>(data, transposed, matrix);
            }

            fn run_panel(path: Path, panel: Panel<'_, Self>) {
                match path {
                    // SAFETY: `Path::available` and `Path::current` name a path only after detecting its features.
                    #[cfg(target_arch = "x86_64")]
                    Path::Avx512 => unsafe { x86::avx512::$type(panel) },
                    // SAFETY: as above.
                    #[cfg(target_arch = "x86_64")]
                    Path::Avx2 => unsafe { x86::avx2::$type(panel) },
                    #[cfg(target_arch = "aarch64")]
                    Path::Neon => neon::$type(panel),
                    _ => portable::$type(panel),
                }
            }
        }
    };
}

impl_microkernels!(f32);
impl_microkernels!(f64);
