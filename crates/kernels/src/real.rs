//! The two floating-point types that every kernel is written for.

use std::fmt::{Debug, Display, LowerExp};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::elementary;
use crate::microkernel::Microkernels;

/// `f32` or `f64`: the arithmetic that has one right answer on every machine.
///
/// Only operations that IEEE 754 defines to the last bit are here (sums, products, quotients, square roots, fused
/// multiply-add, comparisons); `exp` and `tanh` are built from them in [`crate::elementary`], so that no result depends on a
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
    /// e to this power: see [`crate::elementary`].
    fn exp(self) -> Self;
    /// The hyperbolic tangent: see [`crate::elementary`].
    fn tanh(self) -> Self;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// The value's little-endian bytes, appended to `bytes` (for hashes and files).
    fn extend_le_bytes(self, bytes: &mut Vec<u8>);
}

macro_rules! impl_real {
    ($type:ident, $panel:literal, $exp:path, $tanh:path) => {
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
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        }
    };
}

impl_real!(f32, 48, elementary::exp_f32, elementary::tanh_f32);
impl_real!(f64, 24, elementary::exp_f64, elementary::tanh_f64);
