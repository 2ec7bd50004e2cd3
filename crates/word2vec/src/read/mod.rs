//! Reading: the source, its format and header; the records are [`loader`]'s.

mod binary;
mod block;
mod loader;
mod options;
mod records;
mod report;
mod rows;
pub(crate) mod text;

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

pub use options::{DuplicatePolicy, NonFinitePolicy, ReadOptions, Utf8Policy, WordFilter};
pub use report::{ReadReport, Tally};

use self::binary::Binary;
use self::block::Block;
use self::loader::Loader;
use self::text::{Text, first_line};
use crate::error::excerpt;
use crate::format::{BYTE_ORDER_MARK, Header};
use crate::{Error, FastText, Format, WordVectors, indexed, magic};

/// The longest word that is read or written, in bytes. Longer ones mean damage or the wrong format.
pub const MAX_WORD_BYTES: usize = 64 * 1024;

/// The longest vector that is read: longer ones mean damage or the wrong format, and take memory for a single line.
pub const MAX_DIMENSIONS: usize = 1 << 18;

/// Large enough that a block is work for several threads, small enough that two stay in the second-level cache.
const BLOCK_BYTES: usize = 256 * 1024;

/// The first line must end within so many bytes: its length alone tells the dimensions of a file without header.
const MAX_FIRST_LINE_BYTES: usize = 16 * 1024 * 1024;

impl WordVectors {
    /// Reads all words of a file, whatever its format, gzipped or not, with the default [`ReadOptions`].
    ///
    /// # Errors
    /// [`Error::File`] around what went wrong.
    pub fn open(path: impl AsRef<Path>) -> Result<WordVectors, Error> {
        WordVectors::open_with(path, &ReadOptions::default()).map(|(vectors, _)| vectors)
    }

    /// Reads a file as `options` say, and reports what was passed over.
    ///
    /// # Errors
    /// [`Error::File`] around what went wrong.
    pub fn open_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<(WordVectors, ReadReport), Error> {
        let path = path.as_ref();
        open_file(path, options).map_err(|error| error.in_file(path))
    }

    /// Reads from any source, gzipped or not. The reader is asked for large pieces, so it needs no buffer of its own.
    ///
    /// Memory grows with what really comes, whatever a header claims.
    ///
    /// # Errors
    /// What went wrong, with the byte or line, as [`open_with`](Self::open_with) but without a file name.
    pub fn read_from(reader: impl Read + Send, options: &ReadOptions) -> Result<(WordVectors, ReadReport), Error> {
        read(reader, None, options, BLOCK_BYTES)
    }
}

fn open_file(path: &Path, options: &ReadOptions) -> Result<(WordVectors, ReadReport), Error> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory: name a file in it").into());
    }
    // Pipes and devices have no size.
    let size = metadata.is_file().then_some(metadata.len());
    read(file, size, options, BLOCK_BYTES)
}

fn read(
    mut reader: impl Read + Send,
    size: Option<u64>,
    options: &ReadOptions,
    block_bytes: usize,
) -> Result<(WordVectors, ReadReport), Error> {
    let mut head = Vec::with_capacity(magic::GZIP.len());
    (&mut reader).take(magic::GZIP.len() as u64).read_to_end(&mut head)?;
    let gzipped = head == magic::GZIP;
    let mut whole = Cursor::new(head).chain(reader);
    if gzipped {
        let mut unzipped = MultiGzDecoder::new(BufReader::with_capacity(BLOCK_BYTES / 4, whole));
        read_plain(&mut unzipped, None, true, options, block_bytes)
    } else {
        read_plain(&mut whole, size, false, options, block_bytes)
    }
}

fn read_plain(
    reader: &mut (dyn Read + Send),
    size: Option<u64>,
    gzipped: bool,
    options: &ReadOptions,
    block_bytes: usize,
) -> Result<(WordVectors, ReadReport), Error> {
    let mut head = Vec::with_capacity(indexed::MAGIC.len());
    (&mut *reader).take(indexed::MAGIC.len() as u64).read_to_end(&mut head)?;
    let (is_model, is_indexed) = (head.starts_with(&magic::FASTTEXT), head == indexed::MAGIC);
    let mut whole = Cursor::new(head).chain(reader);
    if is_model && options.format.is_none_or(|format| format == Format::FastTextModel) {
        let (vectors, mut report) = FastText::plain(&mut whole, size)?.known(options)?;
        report.gzipped = gzipped;
        return Ok((vectors, report));
    }
    if options.format.map_or(is_indexed, |format| format.numbers().is_some()) {
        return indexed::read(&mut whole, size, gzipped, options);
    }
    let reader: &mut (dyn Read + Send) = &mut whole;
    let mut head = read_head(reader, block_bytes)?;
    let format = match options.format {
        Some(Format::FastTextModel) => {
            return Err(Error::FastText { at: 0, problem: "does not begin as one".into() });
        }
        Some(format) => format,
        None => Format::detect(head.bytes())?,
    };
    if head.bytes().starts_with(BYTE_ORDER_MARK) {
        head.drop_front(BYTE_ORDER_MARK.len());
    }
    let line = first_line(head.bytes());
    let next = Block::new(block_bytes);
    if !format.has_header() {
        let dim = text::infer_dim(line).ok_or_else(|| Error::UnknownFormat { line: excerpt(line) })?;
        if dim > MAX_DIMENSIONS {
            return Err(Error::TooManyDimensions { dim: dim as u64, limit: MAX_DIMENSIONS });
        }
        let expected = size.map_or(0, |size| estimated_words(head.bytes(), dim, size, options));
        let loader = Loader::new(options, ReadReport::new(format, gzipped, None), dim, expected)?;
        return loader.run(&Text::new(dim, None), head, next, reader);
    }

    let header = Header::parse(line)?.ok_or_else(|| Error::BadHeader { line: excerpt(line) })?;
    let dim = header.check()?;
    let start = head.bytes().len().min(line.len() + 1);
    head.drop_front(start);
    let body = size.map_or(0, |size| size.saturating_sub(head.offset()));
    let expected = possible_words(header, format, body, options);
    let loader = Loader::new(options, ReadReport::new(format, gzipped, Some(header.words)), dim, expected)?;
    match format {
        Format::Word2vecBinary => loader.run(&Binary::new(dim), head, next, reader),
        _ => loader.run(&Text::new(dim, Some(header.words)), head, next, reader),
    }
}

/// The first block, with the whole first line.
fn read_head(reader: &mut dyn Read, block_bytes: usize) -> Result<Block, Error> {
    let (mut head, mut longer) = (Block::new(block_bytes), Block::new(block_bytes));
    head.refill(&[], 0, reader);
    while !head.is_last() && memchr::memchr(b'\n', head.bytes()).is_none() {
        if head.bytes().len() > MAX_FIRST_LINE_BYTES {
            return Err(Error::LineTooLong { line: 1, limit: MAX_FIRST_LINE_BYTES });
        }
        longer.refill(head.bytes(), 0, reader);
        std::mem::swap(&mut head, &mut longer);
    }
    let has_line = memchr::memchr(b'\n', head.bytes()).is_some();
    if !has_line && let Some(error) = head.take_failure() {
        return Err(error.into());
    }
    if head.bytes().is_empty() || head.bytes() == BYTE_ORDER_MARK {
        return Err(Error::Empty);
    }
    Ok(head)
}

/// Rows to allocate at once: as many as the header claims and the `body` bytes behind it can hold.
fn possible_words(header: Header, format: Format, body: u64, options: &ReadOptions) -> usize {
    let Header { words, dim } = header;
    // At the least, with an empty word: a space and four bytes a number, or a space and a digit a number.
    let record = match format {
        Format::Word2vecBinary => dim.saturating_mul(4).saturating_add(1),
        _ => dim.saturating_mul(2).saturating_add(1),
    };
    rows_at_once(words.min(body / record), options)
}

/// Rows to allocate at once for a file without header: as many as it has if all lines are as long as those in its
/// `head`, and no more than it can hold.
fn estimated_words(head: &[u8], dim: usize, size: u64, options: &ReadOptions) -> usize {
    let lines = memchr::memchr_iter(b'\n', head).count() as u64;
    let estimate = (lines + lines / 16).saturating_mul(size) / head.len() as u64;
    let shortest = (dim as u64).saturating_mul(2).saturating_add(1);
    rows_at_once(estimate.max(lines).min(size / shortest), options)
}

fn rows_at_once(words: u64, options: &ReadOptions) -> usize {
    // With a filter it may be far fewer, and then the matrix grows as they come.
    if options.filter.is_some() { 0 } else { words.min(options.limit.unwrap_or(u64::MAX)) as usize }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Place;

    fn binary(words: &[&str], dim: usize, newline: bool) -> Vec<u8> {
        let mut bytes = format!("{} {dim}\n", words.len()).into_bytes();
        for (row, word) in words.iter().enumerate() {
            bytes.extend_from_slice(word.as_bytes());
            bytes.push(b' ');
            bytes.extend((0..dim).flat_map(|column| ((row * dim + column) as f32).to_le_bytes()));
            bytes.extend(newline.then_some(b'\n'));
        }
        bytes
    }

    fn read_small(bytes: &[u8], options: &ReadOptions, block: usize) -> Result<(WordVectors, ReadReport), Error> {
        read(bytes, Some(bytes.len() as u64), options, block)
    }

    fn options(format: Format) -> ReadOptions {
        ReadOptions { format: Some(format), ..ReadOptions::default() }
    }

    #[test]
    fn results_do_not_depend_on_the_size_of_blocks() {
        let words = ["a", "bb", "ccc", "", "e\u{301}", "ffffffffffffffff"];
        for newline in [false, true] {
            let bytes = binary(&words, 3, newline);
            for block in 1..80 {
                let (vectors, report) = read_small(&bytes, &options(Format::Word2vecBinary), block).unwrap();
                assert_eq!(vectors.words(), words);
                assert_eq!(vectors.matrix().iter().sum::<f32>(), (0..18).sum::<usize>() as f32);
                assert_eq!(report.records, 6);
            }
        }
        let text = "a 1 2\nb c 3 4\n. . . 5 6\n";
        for block in 1..40 {
            let (vectors, _) = read_small(text.as_bytes(), &options(Format::Glove), block).unwrap();
            assert_eq!(vectors.words(), ["a", "b c", ". . ."]);
            assert_eq!(vectors.matrix().as_slice().unwrap(), [1., 2., 3., 4., 5., 6.]);
        }
    }

    #[test]
    fn the_first_error_of_the_file_wins_whatever_the_size_of_blocks() {
        let text = "3 1\na 1\nb x\nc\nd";
        for block in 1..40 {
            let error = read_small(text.as_bytes(), &options(Format::Word2vecText), block).unwrap_err();
            assert!(matches!(error, Error::BadNumber { line: 3, .. }), "{block}: {error}");
        }
    }

    #[test]
    fn a_header_that_claims_too_much_fails_before_anything_is_allocated() {
        let mut bytes = b"1000000000000 100\nking ".to_vec();
        bytes.resize(100, 0);
        let error = read_small(&bytes, &options(Format::Word2vecBinary), BLOCK_BYTES).unwrap_err();
        assert!(matches!(error, Error::Truncated { read: 0, .. }), "{error}");
        // Without a size it is found when the data end: nothing but what is there was allocated.
        let error = WordVectors::read_from(&bytes[..], &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, Error::Truncated { place: Place::Byte(18), read: 0, .. }), "{error}");
        let text = b"2 1000000000000\nking 1 2 3\n";
        let error = WordVectors::read_from(&text[..], &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, Error::TooManyDimensions { .. }), "{error}");
        let text = b"2 100000\nking 1 2 3\n";
        let error = WordVectors::read_from(&text[..], &options(Format::Word2vecText)).unwrap_err();
        assert!(matches!(error, Error::Columns { line: 2, found: 3, .. }), "{error}");
    }

    #[test]
    fn fewer_or_more_records_than_claimed_are_errors() {
        let mut bytes = binary(&["a", "b"], 2, true);
        bytes[0] = b'3';
        let error = WordVectors::read_from(&bytes[..], &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, Error::Truncated { read: 2, expected: 3, .. }), "{error}");
        bytes[0] = b'1';
        let error = WordVectors::read_from(&bytes[..], &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, Error::TrailingData { place: Place::Byte(15), words: 1, found: 2 }), "{error}");
        // The way out that the message names.
        let limited = ReadOptions { limit: Some(1), ..ReadOptions::default() };
        assert_eq!(WordVectors::read_from(&bytes[..], &limited).unwrap().0.words(), ["a"]);
    }

    #[test]
    fn an_endless_word_is_refused() {
        let mut bytes = b"2 1\n".to_vec();
        bytes.resize(MAX_WORD_BYTES + 100, b'x');
        let error = WordVectors::read_from(&bytes[..], &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, Error::WordTooLong { place: Place::Byte(4), .. }), "{error}");
        let line = format!("{} 1\n", "x".repeat(MAX_WORD_BYTES + 1));
        let error = WordVectors::read_from(line.as_bytes(), &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, Error::WordTooLong { place: Place::Line(1), .. }), "{error}");
    }

    #[test]
    fn a_reader_that_fails_is_reported() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("unplugged"))
            }
        }
        let reader = (&b"a 1 2\nb 3"[..]).chain(Failing);
        let error = WordVectors::read_from(reader, &ReadOptions::default()).unwrap_err();
        assert!(
            matches!(&error, Error::Interrupted { read: 1, .. }) && error.to_string().contains("unplugged"),
            "{error}"
        );
        let error = WordVectors::read_from(Failing, &ReadOptions::default()).unwrap_err();
        assert!(matches!(&error, Error::Io(_)) && error.to_string().contains("unplugged"), "{error}");
    }
}
