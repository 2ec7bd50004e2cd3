//! An indexed file of vectors: what is in it is found without reading it through.
//!
//! All numbers are little-endian. The parts follow each other without gaps, but for the rows, which begin at a multiple of 64:
//!
//! | part | bytes | what |
//! | --- | ---: | --- |
//! | header | 64 | `FLAMEVEC`; version and kind of numbers (`u32`); words, dimensions, bytes of all words (`u64`); zeros |
//! | ends | 8 · words | where each word ends in the text (`u64`) |
//! | order | 4 · words | the rows in the order of their words' bytes (`u32`) |
//! | text | | the words, one after the other |
//! | rows | | for each word its numbers: `f32`; or a scale (`f32`) and a byte each, padded to a multiple of 4 |
//!
//! A word is looked up by bisection of the order, so that no word list can make a look-up slow.

mod index;
mod numbers;
mod read;
mod write;

pub(crate) use index::Index;
pub(crate) use numbers::Numbers;
#[cfg(feature = "mmap")]
pub(crate) use read::check_size;
pub(crate) use read::read;
pub(crate) use write::write;

use crate::{Error, MAX_DIMENSIONS};

/// How a file begins.
pub(crate) const MAGIC: [u8; 8] = *b"FLAMEVEC";
/// Bytes of the header, and what the rows' place is a multiple of.
pub(crate) const HEADER: usize = 64;
const VERSION: u32 = 1;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) numbers: Numbers,
    pub(crate) words: usize,
    pub(crate) dim: usize,
    pub(crate) text: usize,
}

impl Header {
    /// Reads it, and checks that a file of so many bytes can be addressed.
    pub(crate) fn parse(bytes: &[u8; HEADER]) -> Result<Self, Error> {
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let short = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        if bytes[..8] != MAGIC {
            return Err(wrong(0, "does not begin as one"));
        }
        if short(8) != VERSION {
            return Err(wrong(8, format!("has version {}; version {VERSION} is read", short(8))));
        }
        let numbers = Numbers::of_kind(short(12))?;
        let (words, dim, text) = (long(16), long(24), long(32));
        if dim == 0 || dim > MAX_DIMENSIONS as u64 {
            return Err(wrong(24, format!("claims vectors of {dim} numbers; 1 to {MAX_DIMENSIONS} are read")));
        }
        if words == 0 || words > u64::from(u32::MAX) {
            return Err(wrong(16, format!("claims {words} words; 1 to {} are read", u32::MAX)));
        }
        if bytes[40..].iter().any(|&byte| byte != 0) {
            return Err(wrong(40, "has a header whose end is not zero"));
        }
        let header =
            usize::try_from(text).ok().map(|text| Self { numbers, words: words as usize, dim: dim as usize, text });
        // Below, sums of these are made without further checks.
        header
            .filter(|header| header.checked_len().is_some_and(|length| length <= isize::MAX as u64))
            .ok_or_else(|| wrong(16, format!("claims {words} words of {text} bytes, more than any file has")))
    }

    pub(crate) fn bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.numbers.kind().to_le_bytes());
        for (at, number) in [(16, self.words), (24, self.dim), (32, self.text)] {
            bytes[at..at + 8].copy_from_slice(&(number as u64).to_le_bytes());
        }
        bytes
    }

    fn checked_len(self) -> Option<u64> {
        let (words, stride) = (self.words as u64, self.stride() as u64);
        let before =
            (HEADER as u64 + 12 * words).checked_add(self.text as u64)?.checked_next_multiple_of(HEADER as u64)?;
        before.checked_add(words.checked_mul(stride)?)
    }

    /// Bytes of ends, order and text.
    pub(crate) fn index_len(self) -> usize {
        12 * self.words + self.text
    }

    /// Where the rows begin.
    pub(crate) fn rows_at(self) -> usize {
        (HEADER + self.index_len()).next_multiple_of(HEADER)
    }

    /// Bytes of a row.
    pub(crate) fn stride(self) -> usize {
        self.numbers.stride(self.dim)
    }

    /// Bytes of the file.
    pub(crate) fn file_len(self) -> usize {
        self.rows_at() + self.words * self.stride()
    }
}

/// What is wrong with an indexed file, and where.
pub(crate) fn wrong(at: usize, problem: impl Into<String>) -> Error {
    Error::Indexed { at: at as u64, problem: problem.into() }
}
