//! Finding the words of a file in word2vec's binary format.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use crate::error::excerpt;
use crate::format::{BYTE_ORDER_MARK, Header};
use crate::indexed::Index;
use crate::{Error, MAX_WORD_BYTES, Place};

const BUFFER_BYTES: usize = 1 << 20;
/// A header is shorter: two numbers.
const MAX_HEADER_BYTES: u64 = 1 << 12;

/// What was found.
pub(super) struct Scanned {
    pub(super) dim: usize,
    pub(super) index: Vec<u8>,
    /// Where the numbers of each row begin.
    pub(super) rows: Vec<u64>,
    /// Bytes of all words.
    pub(super) text: usize,
    /// Records whose word had come before.
    pub(super) repeated: u64,
}

/// Reads a file of so many bytes through. It is read, not mapped: so memory does not fill with what is passed over.
pub(super) fn scan(file: &File, size: u64) -> Result<Scanned, Error> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut line = Vec::new();
    let mut at = (&mut reader).take(MAX_HEADER_BYTES).read_until(b'\n', &mut line)? as u64;
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line);
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let header = Header::parse(line)?.ok_or_else(|| Error::BadHeader { line: excerpt(line) })?;
    let dim = header.check()?;
    let expected = header.words;
    if expected > u64::from(u32::MAX) {
        return Err(Error::TooLarge { words: expected, dim: header.dim });
    }
    let row_bytes = dim as u64 * 4;

    let (mut text, mut ends, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for read in 0..expected {
        at += skip_line_feeds(&mut reader)?;
        let place = Place::Byte(at);
        let start = text.len();
        let length = (&mut reader).take(MAX_WORD_BYTES as u64 + 1).read_until(b' ', &mut text)?;
        let is_whole = text.len() > start && text.pop_if(|last| *last == b' ').is_some();
        let word = &text[start..];
        if word.len() > MAX_WORD_BYTES {
            return Err(Error::WordTooLong { place, start: excerpt(word), limit: MAX_WORD_BYTES });
        }
        at += length as u64;
        if !is_whole || size - at.min(size) < row_bytes {
            return Err(Error::Truncated { place, read, expected });
        }
        if str::from_utf8(word).is_err() {
            return Err(Error::InvalidUtf8 { place, word: excerpt(word) });
        }
        ends.push(text.len());
        rows.push(at);
        reader.seek_relative(row_bytes as i64)?;
        at += row_bytes;
    }
    check_the_end(&mut reader, at, expected)?;
    let words = rows.len() as u64;
    let (index, text) = index(&mut rows, &text, &ends);
    Ok(Scanned { dim, index, repeated: words - rows.len() as u64, rows, text })
}

fn skip_line_feeds(reader: &mut impl BufRead) -> Result<u64, Error> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        let feeds = buffer.iter().take_while(|&&byte| byte == b'\n').count();
        let goes_on = feeds > 0 && feeds == buffer.len();
        reader.consume(feeds);
        skipped += feeds as u64;
        if !goes_on {
            return Ok(skipped);
        }
    }
}

/// Only white space may follow the last record.
fn check_the_end(reader: &mut impl BufRead, mut at: u64, words: u64) -> Result<(), Error> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        if let Some(more) = buffer.iter().position(|byte| !byte.is_ascii_whitespace()) {
            return Err(Error::TrailingData { place: Place::Byte(at + more as u64), words, found: words });
        }
        let length = buffer.len();
        at += length as u64;
        reader.consume(length);
    }
}

/// The index of the words, and the bytes of their text, without the rows whose word came before.
fn index(rows: &mut Vec<u64>, text: &[u8], ends: &[usize]) -> (Vec<u8>, usize) {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let mut words: Vec<&[u8]> = starts.zip(ends).map(|(start, &end)| &text[start..end]).collect();
    let mut order: Vec<usize> = (0..words.len()).collect();
    order.sort_unstable_by_key(|&row| (words[row], row));
    let mut is_first = vec![true; words.len()];
    for pair in order.windows(2) {
        is_first[pair[1]] = words[pair[0]] != words[pair[1]];
    }
    if is_first.contains(&false) {
        let mut first = is_first.iter();
        words.retain(|_| *first.next().expect("one for each word"));
        let mut first = is_first.iter();
        rows.retain(|_| *first.next().expect("one for each row"));
        return (Index::encode(&words), words.iter().map(|word| word.len()).sum());
    }
    (Index::encode(&words), text.len())
}
