//! A growable buffer that begins on a cache line.

use crate::Real;

/// Numbers in a [`Line`].
const LINE: usize = 16;

/// One cache line of `f32`, two of `f64`.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line<T>([T; LINE]);

/// A buffer of numbers whose first lies at the beginning of a cache line: a vector that is loaded at a multiple of its
/// own length then never straddles two. Resizing keeps the memory; it allocates only to grow.
#[derive(Debug, Clone)]
pub struct AlignedBuffer<T> {
    lines: Vec<Line<T>>,
    len: usize,
}

impl<T> Default for AlignedBuffer<T> {
    fn default() -> Self {
        Self { lines: Vec::new(), len: 0 }
    }
}

impl<T: Real> AlignedBuffer<T> {
    /// Changes the length; the elements are unspecified afterwards.
    pub(crate) fn resize(&mut self, len: usize) {
        self.lines.resize(len.div_ceil(LINE), Line([T::ZERO; LINE]));
        self.len = len;
    }

    /// All elements.
    pub(crate) fn as_slice(&self) -> &[T] {
        // SAFETY: `Line` is `repr(C)` and as large as its array (16 numbers fill whole units of its alignment), so the
        // lines are one array of numbers; `resize` keeps `len` within them.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }

    /// All elements, to write.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: as in `as_slice`, and the lines are borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Real>() {
        assert_eq!(size_of::<Line<T>>(), LINE * size_of::<T>());
        let mut buffer = AlignedBuffer::<T>::default();
        assert!(buffer.as_slice().is_empty());
        for len in [1, 16, 17, 1000, 3] {
            buffer.resize(len);
            buffer.as_mut_slice().fill(T::ONE);
            assert_eq!(buffer.as_slice().len(), len);
            assert!(buffer.as_slice().iter().all(|&x| x == T::ONE));
            assert_eq!(buffer.as_slice().as_ptr() as usize % 64, 0);
        }
    }

    #[test]
    fn lines_are_one_array() {
        check::<f32>();
        check::<f64>();
    }
}
