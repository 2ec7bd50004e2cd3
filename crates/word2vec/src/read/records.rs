//! What a format has to say about its records; the rest is common to all.

use super::block::Block;
use crate::{Error, Place};

/// A whole record within a block, `block[start..end]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) place: Place,
}

/// The whole records of a block.
#[derive(Default)]
pub(crate) struct Split {
    pub(crate) spans: Vec<Span>,
    /// Bytes of the block that are done with; the rest belongs before the next block.
    pub(crate) consumed: usize,
    /// What is wrong behind the last span. Held back, so that an error within the spans, which comes first in the
    /// file, is the one reported, however the file falls into blocks.
    pub(crate) error: Option<Error>,
}

/// The two parts of a record.
pub(crate) struct Located<'r> {
    pub(crate) word: &'r [u8],
    pub(crate) vector: &'r [u8],
}

/// Finds and parses the records of one format.
pub(crate) trait Records: Sync {
    /// Finds at most `wanted` whole records at the start of `block`, before which there were `earlier` in the stream.
    /// Quick, as all else runs in parallel.
    ///
    /// A row of memory is set aside for each span, so a span must be in proportion to its row.
    fn split(&self, block: &Block, earlier: u64, wanted: u64) -> Split;

    /// Where a record would start that is at byte `offset` of the stream, after `earlier` others.
    fn place(&self, earlier: u64, offset: u64) -> Place;

    /// Finds the parts of a record without reading the numbers.
    fn locate<'r>(&self, record: &'r [u8], place: Place) -> Result<Located<'r>, Error>;

    /// Reads the numbers.
    fn fill(&self, located: &Located<'_>, row: &mut [f32], place: Place) -> Result<(), Error>;

    /// `locate` and `fill` at once; gives the word.
    fn parse<'r>(&self, record: &'r [u8], row: &mut [f32], place: Place) -> Result<&'r [u8], Error> {
        let located = self.locate(record, place)?;
        self.fill(&located, row, place)?;
        Ok(located.word)
    }
}
