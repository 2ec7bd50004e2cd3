//! A piece of the stream in memory.

use std::io::{self, Read};

/// Consecutive bytes of a stream, and where in the stream they are.
pub(crate) struct Block {
    /// Allocated and zeroed once, filled again and again.
    buffer: Vec<u8>,
    filled: usize,
    offset: u64,
    is_last: bool,
    failure: Option<io::Error>,
}

impl Block {
    /// An empty block at the start of the stream.
    pub(crate) fn new(size: usize) -> Self {
        Block { buffer: vec![0; size], filled: 0, offset: 0, is_last: false, failure: None }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Offset of the first byte in the stream.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether nothing can be read after this block: the stream ends or fails.
    pub(crate) fn is_last(&self) -> bool {
        self.is_last
    }

    /// Whether the stream ends with this block, and did not fail.
    pub(crate) fn is_end(&self) -> bool {
        self.is_last && self.failure.is_none()
    }

    /// Why nothing can be read after this block, if the stream failed. What came before it is in the block, and may be
    /// all that is wanted.
    pub(crate) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Removes the first `count` bytes.
    pub(crate) fn drop_front(&mut self, count: usize) {
        self.buffer.copy_within(count..self.filled, 0);
        self.filled -= count;
        self.offset += count as u64;
    }

    /// Fills the block with `tail`, which starts at `offset` in the stream, and what `reader` gives next.
    ///
    /// A tail that takes more than half of the block is a record larger than it was made for: then it grows, to twice
    /// the bytes there are, so never by more than was really read.
    pub(crate) fn refill(&mut self, tail: &[u8], offset: u64, reader: &mut dyn Read) {
        if self.buffer.len() < 2 * tail.len() {
            self.buffer.resize(2 * tail.len(), 0);
        }
        self.buffer[..tail.len()].copy_from_slice(tail);
        self.filled = tail.len();
        self.offset = offset;
        while self.filled < self.buffer.len() && !self.is_last {
            match reader.read(&mut self.buffer[self.filled..]) {
                Ok(0) => self.is_last = true,
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.is_last = true;
                    self.failure = Some(error);
                }
            }
        }
    }
}
