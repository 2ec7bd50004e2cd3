//! Half-precision numbers.

/// IEEE 754's half: 1 bit of sign, 5 of exponent, 10 of fraction.
pub(crate) fn from_f16(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    sign * match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2_f32.powi(exponent - 25),
    }
}

/// The upper half of an `f32`.
pub(crate) fn from_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 6.103_515_6e-5),
            (0x0001, 5.960_464_5e-8),
            (0x3555, 0.333_251_95),
            (0x7c00, f32::INFINITY),
            (0x8000, 0.0),
        ] {
            assert_eq!(from_f16(bits), value, "{bits:04x}");
        }
        assert!(from_f16(0x7e00).is_nan() && from_f16(0x8000).is_sign_negative());
        assert_eq!((from_bf16(0x3f80), from_bf16(0xc0a0)), (1.0, -5.0));
    }
}
