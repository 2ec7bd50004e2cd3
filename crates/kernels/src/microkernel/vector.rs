//! What the micro-kernel needs of a vector register.

use crate::Real;

/// A register of `LANES` numbers.
///
/// # Safety
/// Implementations do lane by lane exactly what the scalar operation does. Callers of any method run on a processor that
/// has the type's instruction set, inside a function compiled for it.
pub(crate) unsafe trait Vector: Copy {
    /// The number in a lane.
    type Scalar: Real;
    /// How many.
    const LANES: usize;

    /// Reads `LANES` numbers.
    ///
    /// # Safety
    /// `from` is valid for reading `LANES` numbers (no alignment needed).
    unsafe fn load(from: *const Self::Scalar) -> Self;

    /// Writes `LANES` numbers.
    ///
    /// # Safety
    /// `to` is valid for writing `LANES` numbers (no alignment needed).
    unsafe fn store(self, to: *mut Self::Scalar);

    /// The same number in each lane.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn splat(value: Self::Scalar) -> Self;

    /// `self · a + b`, rounded once.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn mul_add(self, a: Self, b: Self) -> Self;

    /// A hint that the cache line at `at` will be read soon; `at` may lie outside of any object.
    #[inline(always)]
    fn prefetch(at: *const Self::Scalar) {
        let _ = at;
    }
}
