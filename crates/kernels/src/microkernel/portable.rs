//! One number at a time, in plain Rust: runs everywhere, and is what the other paths are compared with.

use super::Panel;
use super::tile::panel;
use super::vector::Vector;
use crate::Real;

macro_rules! scalar_vector {
    ($type:ident) => {
        // SAFETY: a vector of one lane is the scalar itself.
        unsafe impl Vector for $type {
            type Scalar = $type;
            const LANES: usize = 1;

            #[inline(always)]
            unsafe fn load(from: *const $type) -> Self {
                // SAFETY: the caller guarantees that `from` is readable.
                unsafe { from.read() }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $type) {
                // SAFETY: the caller guarantees that `to` is writable.
                unsafe { to.write(self) }
            }
            #[inline(always)]
            unsafe fn splat(value: $type) -> Self {
                value
            }
            #[inline(always)]
            unsafe fn mul_add(self, a: Self, b: Self) -> Self {
                Real::mul_add(self, a, b)
            }
        }

        /// Runs one panel.
        pub(crate) fn $type(work: Panel<'_, $type>) {
            // SAFETY: needs no instruction set beyond the base one.
            unsafe { panel::<$type, 4>(work) }
        }
    };
}

scalar_vector!(f32);
scalar_vector!(f64);
