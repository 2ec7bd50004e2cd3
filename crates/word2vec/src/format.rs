//! The file formats, how one is told from another, and the header three of them share.

use std::collections::HashSet;
use std::fmt;

use crate::Error;
use crate::error::excerpt;
use crate::indexed::{self, Numbers};
use crate::read::text::{self, first_line};
use crate::{MAX_DIMENSIONS, foreign, magic};

/// A file format for word vectors. Each may be gzipped, which is no format of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Format {
    /// word2vec binary: the header `WORDS DIMENSIONS`, then for each word the word, one space, its numbers as
    /// little-endian `f32` and, from some writers, a line feed.
    Word2vecBinary,
    /// word2vec text: the header `WORDS DIMENSIONS`, then a line for each word: the word and its numbers, separated by
    /// spaces.
    Word2vecText,
    /// GloVe: word2vec text without the header.
    Glove,
    /// fastText `.vec`: word2vec text with a space at the end of each line.
    FastText,
    /// A binary model of fastText (`.bin`), see [`FastText`](crate::FastText): it is read, not written.
    FastTextModel,
    /// flameout's indexed file: words are found in it without reading it through.
    Indexed,
    /// The same with numbers of a byte each, which are rounded: a quarter of the size.
    #[cfg(feature = "int8")]
    IndexedInt8,
}

impl Format {
    /// Whether the file starts with the line `WORDS DIMENSIONS`.
    #[must_use]
    pub fn has_header(self) -> bool {
        matches!(self, Format::Word2vecBinary | Format::Word2vecText | Format::FastText)
    }

    /// The name in settings and messages, as `word2vec-binary`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Word2vecBinary => "word2vec-binary",
            Format::Word2vecText => "word2vec-text",
            Format::Glove => "glove",
            Format::FastText => "fast-text",
            Format::FastTextModel => "fast-text-model",
            Format::Indexed => "indexed",
            #[cfg(feature = "int8")]
            Format::IndexedInt8 => "indexed-int8",
        }
    }

    /// The indexed format with such numbers.
    pub(crate) fn of_numbers(numbers: Numbers) -> Format {
        match numbers {
            Numbers::F32 => Format::Indexed,
            #[cfg(feature = "int8")]
            Numbers::Int8 => Format::IndexedInt8,
        }
    }

    /// The numbers of an indexed format; none of another one.
    pub(crate) fn numbers(self) -> Option<Numbers> {
        match self {
            Format::Indexed => Some(Numbers::F32),
            #[cfg(feature = "int8")]
            Format::IndexedInt8 => Some(Numbers::Int8),
            _ => None,
        }
    }

    /// The format of a file that starts with `head`: its first line, or as much of the file as there is.
    ///
    /// Two whole numbers are a header. After a header, numbers mean text and anything else means binary. Without a
    /// header, a word and at least one number mean GloVe. fastText differs from word2vec text by a space at the end of
    /// the first line of numbers. A byte order mark of UTF-8 is passed over.
    ///
    /// # Errors
    /// [`Error::Foreign`] names files of other kinds; [`Error::BadHeader`] and [`Error::TooLarge`] for what cannot be a
    /// header; else [`Error::UnknownFormat`].
    pub fn detect(head: &[u8]) -> Result<Format, Error> {
        if head.starts_with(&magic::FASTTEXT) {
            return Ok(Format::FastTextModel);
        }
        if let Some(header) = head.first_chunk().filter(|head| head.starts_with(&indexed::MAGIC)) {
            return Ok(Format::of_numbers(indexed::Header::parse(header)?.numbers));
        }
        let head = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
        let line = first_line(head);
        let Some(header) = Header::parse(line)? else {
            return without_header(head);
        };
        let body = head.get(line.len() + 1..).unwrap_or_default();
        let record = first_line(body);
        let complete = body.len() > record.len();
        if text::infer_dim(record).is_none_or(|found| found as u64 != header.dim)
            && let Some(error) = foreign::by_record(record, 2)
        {
            return Err(error);
        }
        Ok(match is_text(body, header) {
            true if complete && record.ends_with(b" ") => Format::FastText,
            true => Format::Word2vecText,
            false if is_big_endian(body, header) => return Err(foreign::big_endian()),
            false => Format::Word2vecBinary,
        })
    }
}

/// What some editors put before the first line.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();

fn without_header(head: &[u8]) -> Result<Format, Error> {
    if let Some(error) = foreign::by_magic(head) {
        return Err(error);
    }
    let line = first_line(head);
    match text::infer_dim(line) {
        None if second_line(head).is_some() => Err(Error::BadHeader { line: excerpt(line) }),
        None => Err(foreign::by_text(head).unwrap_or_else(|| Error::UnknownFormat { line: excerpt(line) })),
        // `-3 2` before lines of another length is an attempt at a header.
        Some(1) if text::fields(line).count() == 2 && second_line(head).is_some_and(|dim| dim != 1) => {
            Err(Error::BadHeader { line: excerpt(line) })
        }
        Some(_) => Ok(Format::Glove),
    }
}

/// The dimensions of the second line, if it is whole.
fn second_line(head: &[u8]) -> Option<usize> {
    let body = head.get(first_line(head).len() + 1..)?;
    let line = first_line(body);
    if line.len() < body.len() { text::infer_dim(line) } else { None }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Bytes after a header that are looked at for such as no text has.
const SAMPLE_BYTES: usize = 4096;
/// What programs write for a number that is none, beside `nan`.
const NO_NUMBER: [&[u8]; 9] = [b"NA", b"N/A", b"#N/A", b"#NUM!", b"#VALUE!", b"null", b"NULL", b"None", b"-"];
/// Records after a header that are looked at.
const SAMPLE_RECORDS: usize = 8;

/// Different numbers from which their byte order is told: fewer may have come about by chance.
const SURE_NUMBERS: usize = 24;

/// Whether what follows a header is text: also where numbers are bad, or not as many as the header claims.
fn is_text(body: &[u8], header: Header) -> bool {
    let record = first_line(body);
    let sample = &body[..body.len().min(SAMPLE_BYTES)];
    looks_like_text(record, body.len() > record.len(), header.dim)
        || text::fields(record).nth(1).is_some()
            && !sample.iter().any(|&b| foreign::is_control(b))
            && (has_rows(sample, header.dim) || !is_binary(body, header))
}

/// Whether most lines are a word and `dim` fields, and most of these are numbers.
fn has_rows(sample: &[u8], dim: u64) -> bool {
    let (mut lines, mut rows, mut fields, mut numbers) = (0, 0, 0, 0);
    for line in sample.split_inclusive(|&b| b == b'\n').filter(|line| line.ends_with(b"\n")) {
        let of_line: Vec<&[u8]> = text::fields(line).skip(1).collect();
        lines += 1;
        rows += usize::from(of_line.len() as u64 == dim);
        fields += of_line.len();
        numbers += of_line.iter().filter(|field| text::is_plain_number(field) || NO_NUMBER.contains(field)).count();
    }
    lines >= 2 && 2 * rows > lines && 2 * numbers > fields
}

/// Whether there are binary records, by what stands where their words must be.
fn is_binary(body: &[u8], header: Header) -> bool {
    let mut rest = body;
    for record in 0..header.words.min(SAMPLE_RECORDS as u64) {
        let start = rest.iter().take_while(|&&b| b == b'\n').count();
        let word = rest[start..].split(|&b| b == b' ').next().unwrap_or_default();
        if word.contains(&b'\n') || record > 0 && text::is_plain_number(word) {
            return false;
        }
        let end = (start + word.len() + 1) as u64 + header.dim.saturating_mul(4);
        match usize::try_from(end).ok().and_then(|end| rest.get(end..)) {
            Some(after) => rest = after,
            None => return record > 0,
        }
    }
    true
}

/// Whether the numbers of the first binary records are big-endian: most make no sense as they are, all do with their bytes
/// swapped.
fn is_big_endian(body: &[u8], header: Header) -> bool {
    let Ok(length) = usize::try_from(header.dim.saturating_mul(4)) else { return false };
    let (mut rest, mut numbers, mut strange) = (body, HashSet::new(), 0);
    for _ in 0..header.words.min(SAMPLE_RECORDS as u64) {
        let Some(space) = memchr::memchr(b' ', rest) else { break };
        let Some(record) = rest[space + 1..].get(..length) else { break };
        rest = &rest[space + 1 + length..];
        for &bytes in record.as_chunks::<4>().0.iter().filter(|bytes| **bytes != [0; 4]) {
            if !is_usual(f32::from_be_bytes(bytes)) {
                return false;
            }
            strange += usize::from(numbers.insert(bytes) && !is_usual(f32::from_le_bytes(bytes)));
        }
    }
    numbers.len() >= SURE_NUMBERS && 2 * strange > numbers.len()
}

/// Whether vectors have such numbers.
fn is_usual(number: f32) -> bool {
    (1e-12..1e6).contains(&number.abs())
}

/// Whether the record is `dim` numbers after a word, or nine bytes in ten are what numbers are written with.
///
/// Not all bytes, so that one bad number in a text file is reported as that rather than as a strange binary file.
/// `complete` says that a line feed ended the record; then it must have room for `dim` numbers.
fn looks_like_text(record: &[u8], complete: bool, dim: u64) -> bool {
    if text::infer_dim(record).is_some_and(|found| found as u64 == dim) {
        return true;
    }
    let Some(space) = memchr::memchr(b' ', record) else { return false };
    let numbers = &record[space + 1..];
    let numeric = numbers.iter().filter(|b| b"0123456789.+-eE \t\r".contains(b)).count();
    let has_room = numbers.len() as u64 / 2 >= dim.saturating_sub(1);
    numeric > 0 && numeric * 10 >= numbers.len() * 9 && (has_room || !complete)
}

/// The line `WORDS DIMENSIONS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) words: u64,
    pub(crate) dim: u64,
}

impl Header {
    /// `None` if the line is not exactly two whole numbers.
    pub(crate) fn parse(line: &[u8]) -> Result<Option<Header>, Error> {
        let mut fields = text::fields(line);
        let (Some(words), Some(dim), None) = (fields.next(), fields.next(), fields.next()) else {
            return Ok(None);
        };
        if ![words, dim].iter().all(|field| field.iter().all(u8::is_ascii_digit)) {
            return Ok(None);
        }
        let (words, dim) = (saturating(words), saturating(dim));
        if words == u64::MAX || dim == u64::MAX {
            return Err(Error::TooLarge { words, dim });
        }
        Ok(Some(Header { words, dim }))
    }

    /// The header's dimension as a size, once words and dimension are known to be possible at all.
    pub(crate) fn check(self) -> Result<usize, Error> {
        let Header { words, dim } = self;
        if words == 0 || dim == 0 {
            return Err(Error::ZeroHeader { words, dim });
        }
        if dim > MAX_DIMENSIONS as u64 {
            return Err(Error::TooManyDimensions { dim, limit: MAX_DIMENSIONS });
        }
        let bytes = words.checked_mul(dim).and_then(|numbers| numbers.checked_mul(4));
        match bytes {
            Some(bytes) if bytes <= isize::MAX as u64 => Ok(dim as usize),
            _ => Err(Error::TooLarge { words, dim }),
        }
    }
}

fn saturating(digits: &[u8]) -> u64 {
    digits.iter().fold(0u64, |n, digit| n.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart_by_content() {
        let mut binary = b"2 2\nking ".to_vec();
        binary.extend([1.5f32, -2.25].iter().flat_map(|x| x.to_le_bytes()));
        assert_eq!(Format::detect(&binary).unwrap(), Format::Word2vecBinary);
        assert_eq!(Format::detect(b"2 2\nking 1.5 -2.25\n").unwrap(), Format::Word2vecText);
        assert_eq!(Format::detect(b"2 2\r\nking 1.5 -2.25\r\n").unwrap(), Format::Word2vecText);
        assert_eq!(Format::detect(b"2 2\nking 1.5 -2.25 \n").unwrap(), Format::FastText);
        assert_eq!(Format::detect(b"king 1.5 -2.25\n").unwrap(), Format::Glove);
        assert_eq!(Format::detect(b". . . 1.5 -2.25\n").unwrap(), Format::Glove);
        // The header's dimensions are wrong; the reader says so.
        assert_eq!(Format::detect(b"2 5\nking 1.5 -2.25\nqueen 1 2\n").unwrap(), Format::Word2vecText);
        assert_eq!(Format::detect("\u{FEFF}2 2\nking 1.5 -2.25\n".as_bytes()).unwrap(), Format::Word2vecText);
        assert_eq!(Format::detect(b"7 1\n8 2\n").unwrap(), Format::Word2vecText);
        assert!(matches!(Format::detect(b"hello world\n"), Err(Error::UnknownFormat { .. })));
    }

    #[test]
    fn text_with_one_bad_number_is_still_text() {
        assert_eq!(Format::detect(b"2 4\nking 1.5 x -2.25 0.125\n").unwrap(), Format::Word2vecText);
        assert_eq!(Format::detect(b"2 2\na 1 x\nb 1 2\n").unwrap(), Format::Word2vecText);
        assert_eq!(Format::detect(b"2 3\na - - -\nb 1 2 3\n").unwrap(), Format::Word2vecText);
    }

    #[test]
    fn a_line_feed_within_binary_numbers_does_not_make_text() {
        // Nor do they make a table: these bytes end in `|0`.
        let mut binary = b"1 3\na ".to_vec();
        binary.extend([0.0f32, 0.0, f32::from_le_bytes(*b"\0\0|0")].iter().flat_map(|x| x.to_le_bytes()));
        binary.push(b'\n');
        assert_eq!(Format::detect(&binary).unwrap(), Format::Word2vecBinary);
        // Nor do bytes that text has as well, in a file that is cut off.
        let numbers = [f32::from_le_bytes(*b" \n ?"), f32::from_le_bytes(*b"\n > ")];
        let mut binary = b"9 2".to_vec();
        for word in [&b"\nking "[..], b"queen ", b"at "] {
            binary.extend_from_slice(word);
            binary.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
        }
        assert_eq!(Format::detect(&binary[..binary.len() - 3]).unwrap(), Format::Word2vecBinary);
        for numbers in [[f32::from_le_bytes(*b"\n\0\0A"), 0.0], [f32::from_le_bytes(*b"1\n2."); 2]] {
            let mut binary = b"1 2\nking ".to_vec();
            binary.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
            assert_eq!(Format::detect(&binary).unwrap(), Format::Word2vecBinary);
        }
    }

    #[test]
    fn an_attempt_at_a_header_is_told() {
        for line in ["-3 2", "3.0 2", "3,000 2", "3,2", "words=3 2", "# words"] {
            let head = format!("{line}\na 1 2\nb 3 4\n");
            let found = Format::detect(head.as_bytes());
            assert!(matches!(found, Err(Error::BadHeader { .. })), "{line}: {found:?}");
        }
        assert_eq!(Format::detect(b"a 1\nb 2\n").unwrap(), Format::Glove);
    }

    #[test]
    fn impossible_headers_are_errors() {
        let check = |line: &[u8]| Header::parse(line).and_then(|header| header.unwrap().check());
        assert_eq!(check(b"4000 100").unwrap(), 100);
        assert!(matches!(check(b"0 100"), Err(Error::ZeroHeader { .. })));
        assert!(matches!(check(b"100 0"), Err(Error::ZeroHeader { .. })));
        assert!(matches!(check(b"4294967296 4294967296"), Err(Error::TooManyDimensions { .. })));
        assert!(matches!(check(b"9999999999999999 262144"), Err(Error::TooLarge { .. })));
        assert!(matches!(check(b"99999999999999999999999 1"), Err(Error::TooLarge { .. })));
        assert_eq!(Header::parse(b"a 1").unwrap(), None);
        assert_eq!(Header::parse(b"1 2 3").unwrap(), None);
    }
}
