//! The words to embed, some thousand at a time.

use anyhow::Result;

#[cfg(feature = "parquet")]
use super::batch::Batch;
use crate::cli::sweep::shard::Shard;

/// Words of a block at most: enough to share their beginnings, few enough to stream.
pub const WORDS: usize = 4096;
/// Bytes of words after which a block ends.
const BYTES: usize = 1 << 20;

/// Some words, in their order.
pub enum Block {
    /// Of a list.
    List(Vec<String>),
    /// Of a column, whose other columns go with it.
    #[cfg(feature = "parquet")]
    Batch(Batch),
}

impl Block {
    /// The words; none where a column has none.
    pub fn words(&self) -> Vec<Option<&str>> {
        match self {
            Self::List(words) => words.iter().map(|word| Some(word.as_str())).collect(),
            #[cfg(feature = "parquet")]
            Self::Batch(batch) => batch.words(),
        }
    }

    /// How much of the source it is: bytes of a list, rows of a column.
    pub fn length(&self) -> u64 {
        match self {
            Self::List(words) => words.iter().map(|word| word.len() as u64 + 1).sum(),
            #[cfg(feature = "parquet")]
            Self::Batch(batch) => batch.len() as u64,
        }
    }
}

/// Blocks, one after the other.
pub type Blocks<'a> = Box<dyn Iterator<Item = Result<Block>> + 'a>;

/// Gathers single words into blocks.
pub fn gather<'a>(mut words: impl Iterator<Item = Result<String>> + 'a) -> Blocks<'a> {
    Box::new(std::iter::from_fn(move || {
        let (mut block, mut bytes) = (Vec::new(), 0);
        while block.len() < WORDS && bytes <= BYTES {
            match words.next() {
                Some(Ok(word)) => {
                    bytes += word.len();
                    block.push(word);
                }
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        (!block.is_empty()).then_some(Ok(Block::List(block)))
    }))
}

/// The blocks of a part. Which they are depends on the words alone, not on the machine.
pub fn part<'a>(blocks: Blocks<'a>, shard: Option<Shard>) -> Blocks<'a> {
    match shard {
        None => blocks,
        Some(shard) => Box::new(
            (0..)
                .zip(blocks)
                .filter(move |(number, block)| block.is_err() || shard.has(*number))
                .map(|(_, block)| block),
        ),
    }
}
