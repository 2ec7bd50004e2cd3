//! Writing an indexed file.

use std::io::Write;

use super::{HEADER, Header, Index, Numbers};
use crate::{Error, WordVectors, parallel};

/// Rows encoded by one task, and tasks whose rows are in memory at a time.
const ROWS: usize = 256;
const PIECES: usize = 16;

/// Writes words and rows as they are; they must have been checked to be writable.
pub(crate) fn write(vectors: &WordVectors, numbers: Numbers, mut writer: impl Write) -> Result<(), Error> {
    let words: Vec<&[u8]> = vectors.words().iter().map(|word| word.as_bytes()).collect();
    let text = words.iter().map(|word| word.len()).sum();
    let header = Header { numbers, words: vectors.len(), dim: vectors.dim(), text };
    writer.write_all(&header.bytes())?;
    writer.write_all(&Index::encode(&words))?;
    writer.write_all(&[0; HEADER][..header.rows_at() - HEADER - header.index_len()])?;
    let pieces = header.words.div_ceil(ROWS);
    for first in (0..pieces).step_by(PIECES) {
        let encoded = parallel::map_indices(PIECES.min(pieces - first), |piece| {
            let start = (first + piece) * ROWS;
            let end = header.words.min(start + ROWS);
            let mut bytes = Vec::with_capacity((end - start) * header.stride());
            (start..end).for_each(|row| numbers.encode(vectors.row(row), &mut bytes));
            bytes
        });
        for bytes in encoded {
            writer.write_all(&bytes)?;
        }
    }
    Ok(())
}
