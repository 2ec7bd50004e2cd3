//! Files of word vectors.

use std::io::{Read, sink};

use flameout_word2vec::{
    DuplicatePolicy, Error, Format, MappedVectors, NonFinitePolicy, ReadOptions, Utf8Policy, WordFilter, WordVectors,
};
use flate2::bufread::MultiGzDecoder;

use crate::file::with_file;
use crate::memory::Bound;

/// A record may be as short as three bytes, and takes some 150 in the lists of words, hashes and places, which double as
/// they grow, and in the index. Three blocks of 256 KiB, and what is parsed of one.
pub const BOUND: Bound = Bound { per_byte: 128, constant: 2 << 20 };

/// Rows of a mapped file that are looked at one by one.
const ROWS: usize = 100;

/// word2vec's binary format.
pub fn word2vec_binary(data: &[u8]) {
    vectors(data, Some(Format::Word2vecBinary));
}

/// word2vec's text format.
pub fn word2vec_text(data: &[u8]) {
    vectors(data, Some(Format::Word2vecText));
}

/// GloVe's format: text without a header.
pub fn glove(data: &[u8]) {
    vectors(data, Some(Format::Glove));
}

/// fastText's `.vec`: text with a space at the end of each line.
pub fn fasttext(data: &[u8]) {
    vectors(data, Some(Format::FastText));
}

/// flameout's indexed format, read and mapped; and whatever else can be mapped.
pub fn indexed(data: &[u8]) {
    vectors(data, Some(Format::Indexed));
    with_file("vectors", data, |path| {
        let read = WordVectors::open(path);
        let Ok(mapped) = BOUND.holds(data.len(), || MappedVectors::open(path)) else { return };
        for row in 0..mapped.len().min(ROWS) {
            let (Ok(word), vector) = (mapped.word(row), mapped.vector(row)) else { continue };
            // The order in a file may be wrong: then its word is not found. Another word never is.
            if let Ok(Some(found)) = mapped.index_of(word) {
                assert_eq!(mapped.word(found).expect("it was found"), word);
            }
            // Of repeated words reading keeps one.
            if let Ok(read) = &read
                && read.len() == mapped.len()
            {
                assert_eq!((read.words()[row].as_str(), read.row(row)), (word, &vector[..]));
            }
        }
        let _ = mapped.neighbours(&vec![1.0; mapped.dim()], 3, &["a"]);
    });
}

/// Any format, told by its content.
pub fn any_vectors(data: &[u8]) {
    vectors(data, None);
}

/// Any format, gzipped. The bound is on what is unzipped: deflate makes data up to 1,032 times smaller.
pub fn gzip(data: &[u8]) {
    let unzipped = unzipped_len(data);
    let options = ReadOptions::default();
    let read = BOUND.holds(data.len() + unzipped, || WordVectors::read_from(data, &options));
    if let Ok((vectors, _)) = read {
        check(&vectors, &[Format::Word2vecBinary]);
    }
}

/// Bytes before the end or the first mistake.
fn unzipped_len(data: &[u8]) -> usize {
    let mut counted = CountingReader { reader: MultiGzDecoder::new(data), bytes: 0 };
    let _ = std::io::copy(&mut counted, &mut sink());
    counted.bytes
}

struct CountingReader<R> {
    reader: R,
    bytes: usize,
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.bytes += count;
        Ok(count)
    }
}

fn vectors(data: &[u8], format: Option<Format>) {
    let options = ReadOptions { format, ..ReadOptions::default() };
    let from_stream = BOUND.holds(data.len(), || WordVectors::read_from(data, &options));
    with_file("vectors", data, |path| {
        let from_file = BOUND.holds(data.len(), || WordVectors::open_with(path, &options));
        match (&from_stream, &from_file) {
            (Ok(stream), Ok(file)) => assert_eq!(stream, file, "a file and a stream of the same bytes"),
            (Err(_), Err(_)) => {}
            _ => panic!("a stream gives {from_stream:?}, a file of the same bytes {from_file:?}"),
        }
        // All that can be passed over or mended is, and only half of the words are wanted.
        let lax = ReadOptions {
            format,
            limit: Some(7),
            filter: Some(WordFilter::new(|word| word.len() % 2 == 1)),
            non_finite: NonFinitePolicy::Keep,
            duplicate: DuplicatePolicy::KeepLast,
            invalid_utf8: Utf8Policy::Lossy,
        };
        let _ = BOUND.holds(data.len(), || WordVectors::open_with(path, &lax));
    });
    if let Ok((vectors, report)) = from_stream {
        assert!(vectors.len() as u64 <= report.records);
        let formats = [Format::Word2vecBinary, Format::Word2vecText, Format::Glove, Format::FastText, Format::Indexed];
        check(&vectors, &formats);
    }
}

/// What was read is written and read back, in each format that can hold it.
fn check(vectors: &WordVectors, formats: &[Format]) {
    for &format in formats {
        let mut written = Vec::new();
        match vectors.write_to(&mut written, format) {
            Ok(()) => {
                let options = ReadOptions { format: Some(format), ..ReadOptions::default() };
                let (back, _) = WordVectors::read_from(&written[..], &options).expect("what was written is read");
                assert_eq!(back, *vectors, "written as {format}");
            }
            Err(Error::Unwritable { .. } | Error::NothingToWrite) => {}
            Err(other) => panic!("written as {format}: {other}"),
        }
    }
}
