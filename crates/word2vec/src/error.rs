//! Everything that can go wrong, said so that the reader of the message can act on it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::Format;

/// Where in its source a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// Offset in bytes from the start of the (decompressed) stream: binary formats.
    Byte(u64),
    /// Line number in the (decompressed) stream, the first line is 1: text formats.
    Line(u64),
    /// Index of the row in memory, the first row is 0.
    Row(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Byte(at) => write!(f, "byte {at}"),
            Place::Line(at) => write!(f, "line {at}"),
            Place::Row(at) => write!(f, "row {at}"),
        }
    }
}

/// A failure to read, write, normalise or search word vectors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Any other error, with the file it happened in.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        error: Box<Error>,
    },

    /// The operating system or the decompressor refused.
    #[error(transparent)]
    Io(#[from] io::Error),

    /// There is not a single byte.
    #[error("empty: there is nothing to read")]
    Empty,

    /// The content is none of the formats.
    #[error(
        "not recognised as word vectors: the first line is {line:?}; expected a header `WORDS DIMENSIONS` \
         (word2vec, fastText) or a word followed by numbers (GloVe)"
    )]
    UnknownFormat {
        /// The first line, or its beginning.
        line: String,
    },

    /// The content is a known kind of file that holds no word vectors, or not as text or word2vec's binary format.
    #[error("this is {what}; {advice}")]
    Foreign {
        /// What it is.
        what: &'static str,
        /// What to do.
        advice: &'static str,
    },

    /// A file that begins as a binary model of fastText is damaged, or of a kind that is not read.
    #[error("byte {at}: this fastText binary model (.bin) {problem}")]
    FastText {
        /// How many bytes were read.
        at: u64,
        /// What is wrong with it.
        problem: String,
    },

    /// An indexed file is damaged, or written by another version.
    #[error("byte {at}: this indexed file of vectors {problem}")]
    Indexed {
        /// Where.
        at: u64,
        /// What is wrong with it.
        problem: String,
    },

    /// A file can be read, but not looked at where it lies.
    #[error(
        "a {what} file is read, not mapped: write it anew with `flameout vectors convert FROM TO --format indexed`, \
         or read it with `WordVectors::open`"
    )]
    NotMapped {
        /// Its format, or that it is gzipped.
        what: &'static str,
    },

    /// The header is not two whole numbers.
    #[error(
        "line 1: expected the header `WORDS DIMENSIONS`, two whole numbers, or a word and its numbers, found {line:?}"
    )]
    BadHeader {
        /// The first line, or its beginning.
        line: String,
    },

    /// The header claims no words, or vectors of no dimensions.
    #[error("line 1: the header claims {words} words of {dim} dimensions; both must be at least 1")]
    ZeroHeader {
        /// Claimed number of words.
        words: u64,
        /// Claimed number of dimensions.
        dim: u64,
    },

    /// The header claims a matrix that no memory can hold.
    #[error("line 1: the header claims {words} words of {dim} dimensions, more than can be addressed")]
    TooLarge {
        /// Claimed number of words.
        words: u64,
        /// Claimed number of dimensions.
        dim: u64,
    },

    /// The vectors are longer than any real ones, so the first line is no header or damaged.
    #[error("line 1: vectors of {dim} numbers, more than {limit}: damaged, or not word vectors")]
    TooManyDimensions {
        /// Claimed or counted number of dimensions.
        dim: u64,
        /// The limit.
        limit: usize,
    },

    /// The data end before the header's last record.
    #[error(
        "{place}: the header claims {}, but the file holds {read}: it is cut off, or the count is wrong{}",
        count(*expected, "word"),
        way_out(*read)
    )]
    Truncated {
        /// Where the first missing or incomplete record starts.
        place: Place,
        /// Whole records read.
        read: u64,
        /// Records the header claims.
        expected: u64,
    },

    /// The source fails before its end, as a gzip file does that is cut off.
    #[error(
        "{place}: {error}, after {}: the file is cut off or damaged{}", count(*read, "whole word"), way_out(*read)
    )]
    Interrupted {
        /// Where the first record that cannot be read starts.
        place: Place,
        /// Whole records read.
        read: u64,
        /// What the operating system or the decompressor said.
        error: io::Error,
    },

    /// The last line of a file without header has no line feed, so its last number may be cut short.
    #[error(
        "line {line}: the last line does not end in a line feed, so the file may be cut off; if it is whole, append one{}",
        way_out(line - 1)
    )]
    Unterminated {
        /// The line.
        line: u64,
    },

    /// Data follow the header's last record.
    #[error(
        "{place}: the header claims {}, but {}; correct the first line, or `flameout vectors convert --words {words}` reads \
         as many as it claims",
        count(*words, "word"),
        if found > words { format!("the file holds {found}") } else { "more data follow".to_owned() }
    )]
    TrailingData {
        /// Where they start.
        place: Place,
        /// Records the header claims.
        words: u64,
        /// Records the file holds, as far as they are whole.
        found: u64,
    },

    /// A line holds too few or too many numbers.
    #[error(
        "line {line}: word {word:?} has {}, expected {expected}, {}",
        count(*found as u64, "number"),
        if *by_header { "as the header in line 1 claims" } else { "as line 1 has" }
    )]
    Columns {
        /// The line.
        line: u64,
        /// Its word, as far as it can be told.
        word: String,
        /// Numbers found.
        found: usize,
        /// Dimensions of the file.
        expected: usize,
        /// Whether a header says so, and not the first line of numbers.
        by_header: bool,
    },

    /// A line, or each line of a file without header, is nothing but numbers.
    #[error(
        "line {line}: {numbers} numbers and no word: each line must begin with its word; \
         if its first number is the word, the file must begin with the line `WORDS {}`",
        numbers - 1
    )]
    NoWord {
        /// The line.
        line: u64,
        /// How many numbers it has.
        numbers: usize,
    },

    /// The first line of words has the names of columns, as pandas writes them.
    #[error(
        "{place}: {word:?} and the numbers {first} {} {} … are names of columns, as pandas writes them, and no word: \
         leave the line out: `sed {}d FILE > NEW`, or `to_csv(…, header=False)`",
        first + 1,
        first + 2,
        line_of(*place)
    )]
    ColumnNames {
        /// The line.
        place: Place,
        /// What stands where words are.
        word: String,
        /// The first number.
        first: u64,
    },

    /// Under a header, each word ends in a number: the header's dimensions are too few.
    #[error(
        "{place}: every line has more numbers than the {dim} that the header in line 1 claims: \
         correct the header (the first word would be {word:?})"
    )]
    HeaderDimensions {
        /// The first record.
        place: Place,
        /// Its word, as the header would have it.
        word: String,
        /// Dimensions that the header claims.
        dim: usize,
    },

    /// A column is not a number.
    #[error("line {line}: word {word:?}: {text:?} in column {column} is not a number")]
    BadNumber {
        /// The line.
        line: u64,
        /// Its word.
        word: String,
        /// Index of the number, the first is 0.
        column: usize,
        /// What stands there.
        text: String,
    },

    /// A number is infinite or not a number.
    #[error(
        "{place}: word {word:?} has a non-finite number in dimension {dimension}; \
         --non-finite drop leaves such words out"
    )]
    NonFinite {
        /// Where.
        place: Place,
        /// The word.
        word: String,
        /// The first such dimension, from 0.
        dimension: usize,
    },

    /// A word occurs twice.
    #[error("{place}: word {word:?} occurred before (row {first}): words must be distinct")]
    Duplicate {
        /// Where the second one is.
        place: Place,
        /// The word.
        word: String,
        /// Row of the first one.
        first: usize,
    },

    /// A word is not valid UTF-8.
    #[error(
        "{place}: word {word:?} is not valid UTF-8; --invalid-utf8 drop leaves such words out, \
         --invalid-utf8 lossy keeps them with U+FFFD for what is invalid"
    )]
    InvalidUtf8 {
        /// Where.
        place: Place,
        /// The word, with U+FFFD for what is invalid.
        word: String,
    },

    /// A word exceeds [`MAX_WORD_BYTES`](crate::MAX_WORD_BYTES): almost surely data read in the wrong format.
    #[error("{place}: a word of more than {limit} bytes, starting {start:?}: damaged, or not in this format")]
    WordTooLong {
        /// Where.
        place: Place,
        /// Its first characters.
        start: String,
        /// The limit in bytes.
        limit: usize,
    },

    /// A line is longer than any line of this many numbers.
    #[error("line {line}: longer than {limit} bytes: damaged, or not a text format")]
    LineTooLong {
        /// The line.
        line: u64,
        /// The limit in bytes.
        limit: usize,
    },

    /// There is no memory for the vectors.
    #[error(
        "no memory for {bytes} bytes of vectors; `flameout vectors convert --words N` writes the first so many words"
    )]
    NoMemory {
        /// How much was asked for.
        bytes: u64,
    },

    /// There are no words to write: no format can say so.
    #[error("there are no words to write")]
    NothingToWrite,

    /// A format cannot hold a word such that it reads back the same.
    #[error("word {word:?} cannot be written as {format}: {why}; choose another format or leave it out")]
    Unwritable {
        /// The word.
        word: String,
        /// The format.
        format: Format,
        /// What stands against it.
        why: &'static str,
    },

    /// Words and matrix differ in length.
    #[error("{words} words for a matrix of {rows} rows")]
    Lengths {
        /// Number of words.
        words: usize,
        /// Number of rows.
        rows: usize,
    },

    /// The matrix has no columns.
    #[error("word vectors need at least one dimension")]
    NoDimensions,

    /// A vector has length zero, so no direction.
    #[error(
        "word {word:?} (row {row}) has a zero vector, which has no direction: \
         take it out of the file, or choose a normalization that is not to unit length: centred, standardised"
    )]
    ZeroVector {
        /// The word.
        word: String,
        /// Its row.
        row: usize,
    },

    /// A dimension is the same in all words, so it cannot be given unit variance.
    #[error("dimension {dimension} is {value} in every word: it has no variance to standardise")]
    ConstantDimension {
        /// The dimension, from 0.
        dimension: usize,
        /// Its value.
        value: f32,
    },

    /// A word is not in the vocabulary.
    #[error("word {word:?} is not in the vocabulary")]
    UnknownWord {
        /// The word.
        word: String,
    },

    /// A query has the wrong number of dimensions.
    #[error("a query of {found} dimensions for vectors of {expected}")]
    QueryLength {
        /// Dimensions of the query.
        found: usize,
        /// Dimensions of the vectors.
        expected: usize,
    },

    /// A query is zero or not finite, so it has no direction; an analogy whose words cancel out is one.
    #[error("the query has no direction: it is zero or not finite")]
    NoDirection,
}

impl Error {
    /// The error itself, without the file it happened in.
    #[must_use]
    pub fn cause(&self) -> &Error {
        match self {
            Error::File { error, .. } => error.cause(),
            error => error,
        }
    }

    pub(crate) fn in_file(self, path: &Path) -> Error {
        Error::File { path: path.to_path_buf(), error: Box::new(self) }
    }
}

impl From<flameout_files::Error> for Error {
    fn from(error: flameout_files::Error) -> Self {
        match error {
            // Its path comes with `in_file`.
            flameout_files::Error::Io { reason, .. } => Error::Io(reason),
            other => Error::Io(io::Error::other(other)),
        }
    }
}

/// `1 word`, `2 words`.
fn count(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The number of a line; 1 for what is none.
fn line_of(place: Place) -> u64 {
    if let Place::Line(line) = place { line } else { 1 }
}

/// How to read the first records of a file that has so many whole ones.
fn way_out(whole: u64) -> String {
    if whole == 0 {
        return String::new();
    }
    format!("; `flameout vectors convert --words {whole}` reads {}", if whole == 1 { "that one" } else { "those" })
}

/// The beginning of `bytes` for a message: at most 60 characters, U+FFFD for what is not UTF-8.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(240)];
    let text = String::from_utf8_lossy(head);
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_file_place_word_and_way_out() {
        let error = Error::InvalidUtf8 { place: Place::Byte(17), word: "caf\u{FFFD}".into() };
        let message = error.in_file(Path::new("a/b.bin")).to_string();
        for part in ["a/b.bin", "byte 17", "caf\u{FFFD}", "lossy"] {
            assert!(message.contains(part), "{part} missing in {message}");
        }
    }

    #[test]
    fn excerpts_are_short_and_valid() {
        assert_eq!(excerpt(b"abc"), "abc");
        assert_eq!(excerpt("é".repeat(500).as_bytes()).chars().count(), 61);
        assert_eq!(excerpt(&[0xFF; 3]), "\u{FFFD}\u{FFFD}\u{FFFD}");
    }
}
