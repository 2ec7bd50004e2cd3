//! The words: where each one is, in memory or in a mapped file.

#[cfg(feature = "mmap")]
use std::cmp::Ordering;

use super::{HEADER, Header, wrong};
use crate::{Error, MAX_WORD_BYTES};

/// Ends, order and text of a file's words, as they stand in it; checked where they are looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Index<'a> {
    ends: &'a [[u8; 8]],
    #[cfg(feature = "mmap")]
    order: &'a [[u8; 4]],
    text: &'a [u8],
}

impl<'a> Index<'a> {
    /// Of the bytes behind a header, [`Header::index_len`] of them.
    pub(crate) fn new(header: Header, bytes: &'a [u8]) -> Self {
        let (ends, rest) = bytes.split_at(8 * header.words);
        #[cfg_attr(not(feature = "mmap"), expect(unused_variables, reason = "who reads all looks up nothing"))]
        let (order, text) = rest.split_at(4 * header.words);
        Self {
            ends: ends.as_chunks().0,
            #[cfg(feature = "mmap")]
            order: order.as_chunks().0,
            text,
        }
    }

    /// The bytes of an index of these words, which are distinct.
    pub(crate) fn encode(words: &[&[u8]]) -> Vec<u8> {
        let mut order: Vec<u32> = (0..words.len() as u32).collect();
        order.sort_unstable_by_key(|&row| words[row as usize]);
        let mut end = 0_u64;
        let mut bytes = Vec::with_capacity(12 * words.len() + words.iter().map(|word| word.len()).sum::<usize>());
        for word in words {
            end += word.len() as u64;
            bytes.extend(end.to_le_bytes());
        }
        bytes.extend(order.iter().flat_map(|row| row.to_le_bytes()));
        bytes.extend(words.iter().copied().flatten());
        bytes
    }

    pub(crate) fn len(self) -> usize {
        self.ends.len()
    }

    /// The bytes of a row's word.
    pub(crate) fn bytes(self, row: usize) -> Result<&'a [u8], Error> {
        let end = |row: usize| u64::from_le_bytes(self.ends[row]);
        let (start, end) = (if row == 0 { 0 } else { end(row - 1) }, end(row));
        let is_last = row + 1 == self.len();
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        range
            .filter(|&(start, end)| {
                start <= end && end - start <= MAX_WORD_BYTES && (!is_last || end == self.text.len())
            })
            .and_then(|(start, end)| self.text.get(start..end))
            .ok_or_else(|| wrong(HEADER + 8 * row, format!("has word {row} from byte {start} to {end} of its text")))
    }

    /// A row's word.
    pub(crate) fn word(self, row: usize) -> Result<&'a str, Error> {
        str::from_utf8(self.bytes(row)?)
            .map_err(|_| wrong(HEADER + 8 * row, format!("has a word {row} that is not UTF-8")))
    }

    /// The row of a word.
    #[cfg(feature = "mmap")]
    pub(crate) fn position(self, word: &[u8]) -> Result<Option<usize>, Error> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let row = self.row_at(middle)?;
            match self.bytes(row)?.cmp(word) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(Some(row)),
            }
        }
        Ok(None)
    }

    /// The row at a place of the order.
    #[cfg(feature = "mmap")]
    fn row_at(self, place: usize) -> Result<usize, Error> {
        let row = u32::from_le_bytes(self.order[place]) as usize;
        if row < self.len() {
            return Ok(row);
        }
        let at = HEADER + 8 * self.len() + 4 * place;
        Err(wrong(at, format!("orders a word {row} among its {}", self.len())))
    }
}
