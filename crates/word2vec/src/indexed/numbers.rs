//! The numbers of a row, as bytes.

use super::wrong;
use crate::Error;

/// How numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// As they are, 4 bytes each.
    F32,
    /// A byte each: a whole multiple, −127 to 127, of the row's scale, which stands before them.
    #[cfg(feature = "int8")]
    Int8,
}

impl Numbers {
    pub(crate) fn of_kind(kind: u32) -> Result<Self, Error> {
        match kind {
            0 => Ok(Self::F32),
            #[cfg(feature = "int8")]
            1 => Ok(Self::Int8),
            #[cfg(not(feature = "int8"))]
            1 => Err(wrong(12, "has numbers of a byte each: this program was built without the feature int8")),
            _ => Err(wrong(12, format!("has numbers of kind {kind}, which is not known"))),
        }
    }

    pub(crate) fn kind(self) -> u32 {
        match self {
            Self::F32 => 0,
            #[cfg(feature = "int8")]
            Self::Int8 => 1,
        }
    }

    /// Bytes of a row.
    pub(crate) fn stride(self, dim: usize) -> usize {
        match self {
            Self::F32 => 4 * dim,
            #[cfg(feature = "int8")]
            Self::Int8 => (4 + dim).next_multiple_of(4),
        }
    }

    /// Appends a row.
    pub(crate) fn encode(self, row: &[f32], bytes: &mut Vec<u8>) {
        match self {
            Self::F32 => bytes.extend(row.iter().flat_map(|x| x.to_le_bytes())),
            #[cfg(feature = "int8")]
            Self::Int8 => {
                let largest = row.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
                // In f64, where the quotient of the smallest numbers is not zero.
                let scale = (f64::from(largest) / LARGEST) as f32;
                bytes.extend(scale.to_le_bytes());
                let quantised = |x: f32| {
                    let multiple = if scale > 0.0 { f64::from(x) / f64::from(scale) } else { 0.0 };
                    multiple.round().clamp(-LARGEST, LARGEST) as i8
                };
                bytes.extend(row.iter().flat_map(|&x| quantised(x).to_le_bytes()));
                bytes.resize(bytes.len() + self.stride(row.len()) - 4 - row.len(), 0);
            }
        }
    }

    /// Reads a row of [`stride`](Self::stride) bytes.
    pub(crate) fn decode(self, bytes: &[u8], row: &mut [f32]) {
        match self {
            Self::F32 => {
                for (x, &bytes) in row.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *x = f32::from_le_bytes(bytes);
                }
            }
            #[cfg(feature = "int8")]
            Self::Int8 => {
                let (scale, multiples) = bytes.split_at(4);
                let scale = f32::from_le_bytes(scale.try_into().expect("four bytes"));
                for (x, &multiple) in row.iter_mut().zip(multiples) {
                    *x = f32::from(multiple.cast_signed()) * scale;
                }
            }
        }
    }
}

/// The largest multiple of the scale.
#[cfg(feature = "int8")]
const LARGEST: f64 = 127.0;

#[cfg(all(test, feature = "int8"))]
mod tests {
    use super::*;

    /// Half a scale is the most that a number is off; the largest is exact but for rounding, and zero is zero.
    #[test]
    fn a_byte_is_off_by_half_a_step() {
        let rows: [&[f32]; 5] = [&[1.0, -0.3, 0.004, 0.0], &[0.0; 3], &[-2e30, 1e30], &[1e-42, -3e-43], &[5.0]];
        for row in rows {
            let mut bytes = Vec::new();
            Numbers::Int8.encode(row, &mut bytes);
            assert_eq!(bytes.len(), Numbers::Int8.stride(row.len()));
            let mut back = vec![f32::NAN; row.len()];
            Numbers::Int8.decode(&bytes, &mut back);
            let largest = row.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
            // Steps of the smallest numbers there are may be as coarse as these.
            let step = (largest / 127.0).max(f32::from_bits(1));
            for (x, y) in row.iter().zip(&back) {
                assert!((x - y).abs() <= 0.5001 * step, "{row:?}: {back:?}");
                assert!(*x != 0.0 || *y == 0.0);
            }
        }
    }
}
