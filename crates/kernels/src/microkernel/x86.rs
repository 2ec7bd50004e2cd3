//! x86-64: AVX2 + FMA and AVX-512.

use std::arch::x86_64::*;

use super::vector::Vector;

macro_rules! x86_vector {
    ($vector:ty, $scalar:ty, $lanes:literal, $load:ident, $store:ident, $splat:ident, $mul_add:ident) => {
        // SAFETY: the intrinsics work lane by lane with IEEE rounding.
        unsafe impl Vector for $vector {
            type Scalar = $scalar;
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn load(from: *const $scalar) -> Self {
                // SAFETY: the caller guarantees the instruction set and that `from` is readable.
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $scalar) {
                // SAFETY: the caller guarantees the instruction set and that `to` is writable.
                unsafe { $store(to, self) }
            }
            #[inline(always)]
            unsafe fn splat(value: $scalar) -> Self {
                // SAFETY: the caller guarantees the instruction set.
                unsafe { $splat(value) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, a: Self, b: Self) -> Self {
                // SAFETY: the caller guarantees the instruction set.
                unsafe { $mul_add(self, a, b) }
            }
            #[inline(always)]
            fn prefetch(at: *const $scalar) {
                // SAFETY: a prefetch reads nothing and faults on no address.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
            }
        }
    };
}

x86_vector!(__m512, f32, 16, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps, _mm512_fmadd_ps);
x86_vector!(__m512d, f64, 8, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_set1_pd, _mm512_fmadd_pd);
x86_vector!(__m256, f32, 8, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_fmadd_ps);
x86_vector!(__m256d, f64, 4, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_set1_pd, _mm256_fmadd_pd);

macro_rules! panel_on {
    ($name:ident, $features:literal, $vector:ty, $rows:literal) => {
        /// Runs one panel.
        #[target_feature(enable = $features)]
        pub(crate) fn $name(work: Panel<'_, $name>) {
            // SAFETY: this function is compiled for the vector's instruction set, so its caller has checked for it.
            unsafe { panel::<$vector, $rows>(work) }
        }
    };
}

/// Eight rows of three vectors: 24 accumulators of 32 registers.
pub(crate) mod avx512 {
    use super::super::Panel;
    use super::super::tile::panel;
    use super::*;
    panel_on!(f32, "avx512f", __m512, 8);
    panel_on!(f64, "avx512f", __m512d, 8);
}

/// Four rows of three vectors: 12 accumulators of 16 registers.
pub(crate) mod avx2 {
    use super::super::Panel;
    use super::super::tile::panel;
    use super::*;
    panel_on!(f32, "avx2,fma", __m256, 4);
    panel_on!(f64, "avx2,fma", __m256d, 4);
}
