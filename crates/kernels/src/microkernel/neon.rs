//! AArch64: NEON, part of the base architecture. It keeps denormal numbers, unlike that of 32-bit Arm.
//!
//! Tested under QEMU's user-mode emulation (this crate's tests, and the training runs with pinned hashes in
//! `xtask/tests/bits.rs`), not yet on a processor: the bits are known to be right, the speed is not known.

use std::arch::aarch64::*;

use super::Panel;
use super::tile::panel;
use super::vector::Vector;

macro_rules! neon_vector {
    ($vector:ty, $scalar:ident, $lanes:literal, $load:ident, $store:ident, $splat:ident, $mul_add:ident) => {
        // SAFETY: the intrinsics work lane by lane with IEEE rounding.
        unsafe impl Vector for $vector {
            type Scalar = $scalar;
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn load(from: *const $scalar) -> Self {
                // SAFETY: the caller guarantees that `from` is readable.
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $scalar) {
                // SAFETY: the caller guarantees that `to` is writable.
                unsafe { $store(to, self) }
            }
            #[inline(always)]
            unsafe fn splat(value: $scalar) -> Self {
                // SAFETY: NEON is part of the base architecture.
                unsafe { $splat(value) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, a: Self, b: Self) -> Self {
                // SAFETY: as above. The addend comes first here.
                unsafe { $mul_add(b, self, a) }
            }
        }

        /// Runs one panel: eight rows of three vectors, 24 accumulators of 32 registers.
        pub(crate) fn $scalar(work: Panel<'_, $scalar>) {
            // SAFETY: NEON is part of the base architecture.
            unsafe { panel::<$vector, 8>(work) }
        }
    };
}

neon_vector!(float32x4_t, f32, 4, vld1q_f32, vst1q_f32, vdupq_n_f32, vfmaq_f32);
neon_vector!(float64x2_t, f64, 2, vld1q_f64, vst1q_f64, vdupq_n_f64, vfmaq_f64);
