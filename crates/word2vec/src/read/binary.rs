//! word2vec binary: the word, one space, its numbers as little-endian `f32`, perhaps a line feed.

use memchr::memchr;

use super::block::Block;
use super::records::{Located, Records, Span, Split};
use crate::error::{Place, excerpt};
use crate::{Error, MAX_WORD_BYTES};

/// Reads records of a word and `dim` numbers.
pub(crate) struct Binary {
    dim: usize,
}

impl Binary {
    pub(crate) fn new(dim: usize) -> Self {
        Binary { dim }
    }

    /// Length of the record at the start of `bytes`, `None` if it is not all there.
    fn record_length(&self, bytes: &[u8], place: Place) -> Result<Option<usize>, Error> {
        let head = &bytes[..bytes.len().min(MAX_WORD_BYTES + 1)];
        match memchr(b' ', head) {
            // Saturating on purpose: on 32-bit machines the sum may not fit, and then it is not all there.
            Some(space) => {
                let length = self.dim.saturating_mul(4).saturating_add(space + 1);
                Ok((length <= bytes.len()).then_some(length))
            }
            None if bytes.len() > MAX_WORD_BYTES => {
                Err(Error::WordTooLong { place, start: excerpt(bytes), limit: MAX_WORD_BYTES })
            }
            None => Ok(None),
        }
    }
}

impl Records for Binary {
    fn split(&self, block: &Block, _: u64, wanted: u64) -> Split {
        let bytes = block.bytes();
        let mut split = Split::default();
        while (split.spans.len() as u64) < wanted {
            // The line feed that may end a record is taken as the start of the next.
            let feeds = bytes[split.consumed..].iter().take_while(|&&b| b == b'\n').count();
            let start = split.consumed + feeds;
            let place = Place::Byte(block.offset() + start as u64);
            match self.record_length(&bytes[start..], place) {
                Ok(Some(length)) => {
                    split.spans.push(Span { start, end: start + length, place });
                    split.consumed = start + length;
                }
                Ok(None) => break,
                Err(error) => {
                    split.error = Some(error);
                    break;
                }
            }
        }
        split
    }

    fn place(&self, _: u64, offset: u64) -> Place {
        Place::Byte(offset)
    }

    fn locate<'r>(&self, record: &'r [u8], _: Place) -> Result<Located<'r>, Error> {
        // From the end: the numbers may contain the byte of a space, the word may not.
        let (head, vector) = record.split_at(record.len() - self.dim * 4);
        Ok(Located { word: &head[..head.len() - 1], vector })
    }

    fn fill(&self, located: &Located<'_>, row: &mut [f32], _: Place) -> Result<(), Error> {
        let (numbers, _) = located.vector.as_chunks::<4>();
        for (slot, &bytes) in row.iter_mut().zip(numbers) {
            *slot = f32::from_le_bytes(bytes);
        }
        Ok(())
    }
}
