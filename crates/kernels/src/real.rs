//! The two floating-point types that every kernel is written for.

use std::fmt::{Debug, Display, LowerExp};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::elementary;
use crate::microkernel::Microkernels;

/// `f32` or `f64`: the arithmetic that has one right answer on every machine.
///
/// Only operations that IEEE 754 defines to the last bit are here (sums, products, quotients, square roots, fused
/// multiply-add, comparisons); `exp` and `tanh` are built from them, so that no result depends on a
/// platform's mathematical library.
///
/// The trait is sealed: the kernels are written for these two types.
pub trait Real:
    Microkernels
    + Copy
    + Default
    + PartialEq
    + PartialOrd
    + Debug
    + Display
    + LowerExp
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Sum
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The type's name as settings and files spell it: `"f32"` or `"f64"`.
    const NAME: &'static str;

    /// Columns in a panel of a packed right operand: three AVX-512 vectors.
    const PANEL: usize;

    /// The nearest value of this type.
    fn from_f64(value: f64) -> Self;
    /// The same value as `f64` (exact).
    fn to_f64(self) -> f64;
    /// `self · a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// The correctly rounded square root.
    fn sqrt(self) -> Self;
    /// The absolute value.
    fn abs(self) -> Self;
    /// e to this power.
    fn exp(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// The value's little-endian bytes, appended to `bytes`, for hashes: every NaN gives the bytes of the positive quiet
    /// NaN without payload. IEEE 754 leaves the sign and payload of a computed NaN to the processor, and x86-64 and
    /// AArch64 differ.
    fn extend_le_bytes(self, bytes: &mut Vec<u8>);
}

macro_rules! impl_real {
    ($type:ident, $panel:literal, $exp:path, $tanh:path, $nan:literal) => {
        impl Real for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NAME: &'static str = stringify!($type);
            const PANEL: usize = $panel;

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $type
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                $type::mul_add(self, a, b)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $type::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $type::abs(self)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                $exp(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                $tanh(self)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $type::is_finite(self)
            }
            fn extend_le_bytes(self, bytes: &mut Vec<u8>) {
                let bits = if self.is_nan() { $nan } else { self.to_bits() };
                bytes.extend_from_slice(&bits.to_le_bytes());
            }
        }
    };
}

impl_real!(f32, 48, elementary::exp_f32, elementary::tanh_f32, 0x7FC0_0000);
impl_real!(f64, 24, elementary::exp_f64, elementary::tanh_f64, 0x7FF8_0000_0000_0000);

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<T: Real>(value: T) -> Vec<u8> {
        let mut bytes = Vec::new();
        value.extend_le_bytes(&mut bytes);
        bytes
    }

    #[test]
    fn every_nan_has_the_same_bytes() {
        for bits in [0x7FC0_0000_u32, 0xFFC0_0000, 0x7F80_0001, 0xFFFF_FFFF] {
            assert_eq!(bytes(f32::from_bits(bits)), [0, 0, 0xC0, 0x7F], "{bits:x}");
        }
        for bits in [0x7FF8_0000_0000_0000_u64, 0xFFF8_0000_0000_0000, 0x7FF0_0000_0000_0001, u64::MAX] {
            assert_eq!(bytes(f64::from_bits(bits)), [0, 0, 0, 0, 0, 0, 0xF8, 0x7F], "{bits:x}");
        }
    }

    #[test]
    fn all_other_values_have_their_own_bytes() {
        for value in [0.0, -0.0, 1.5, -2.25, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE / 8.0] {
            assert_eq!(bytes(value), value.to_le_bytes());
            assert_eq!(bytes(value as f32), (value as f32).to_le_bytes());
        }
    }
}
