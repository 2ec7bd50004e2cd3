//! Indexed files: written, read, mapped, and damaged.

use flameout_word2vec::{DuplicatePolicy, Error, Format, NonFinitePolicy, ReadOptions, WordFilter, WordVectors};

fn some() -> WordVectors {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/glove-100d.bin");
    WordVectors::open(path).unwrap()
}

fn small() -> WordVectors {
    let file = "5 2\nwalk 1 2\n été -3 4.5\nzoo 0 0\na 1e-40 7\n日本 5 -6\n";
    WordVectors::read_from(file.as_bytes(), &ReadOptions::default()).unwrap().0
}

fn indexed(vectors: &WordVectors) -> Vec<u8> {
    let mut bytes = Vec::new();
    vectors.write_to(&mut bytes, Format::Indexed).unwrap();
    bytes
}

fn read(bytes: &[u8], options: &ReadOptions) -> Result<WordVectors, Error> {
    WordVectors::read_from(bytes, options).map(|(vectors, _)| vectors)
}

#[test]
fn what_is_written_is_read_back() {
    for vectors in [some(), small()] {
        let bytes = indexed(&vectors);
        assert_eq!(Format::detect(&bytes).unwrap(), Format::Indexed);
        let (back, report) = WordVectors::read_from(&bytes[..], &ReadOptions::default()).unwrap();
        assert_eq!(back, vectors);
        assert_eq!((report.format, report.claimed), (Format::Indexed, Some(vectors.len() as u64)));
        assert!(report.is_clean());
        // Rows begin where a vector register may read them.
        assert_eq!((bytes.len() - vectors.len() * vectors.dim() * 4) % 64, 0);
    }
}

#[test]
fn options_hold() {
    let mut options = ReadOptions { limit: Some(3), ..ReadOptions::default() };
    let bytes = indexed(&small());
    assert_eq!(read(&bytes, &options).unwrap().words(), &small().words()[..3]);
    options.filter = Some(WordFilter::new(|word| word.is_ascii()));
    assert_eq!(read(&bytes, &options).unwrap().words(), ["walk", "zoo"]);
    let with_nan = "a 1 nan\nb 3 4\n";
    let keep = ReadOptions { non_finite: NonFinitePolicy::Keep, ..ReadOptions::default() };
    let bytes = indexed(&read(with_nan.as_bytes(), &keep).unwrap());
    assert!(matches!(read(&bytes, &ReadOptions::default()), Err(Error::NonFinite { dimension: 1, .. })));
    let drop = ReadOptions { non_finite: NonFinitePolicy::Drop, ..ReadOptions::default() };
    assert_eq!(read(&bytes, &drop).unwrap().words(), ["b"]);
    let text = ReadOptions { format: Some(Format::Indexed), ..ReadOptions::default() };
    assert!(matches!(read(b"a 1 2\n", &text), Err(Error::Indexed { .. })));
}

/// Another program may have written a word twice.
#[test]
fn a_repeated_word_is_found() {
    let three = "aa 1 2\nbb 3 4\ncc 5 6\n";
    let mut bytes = indexed(&read(three.as_bytes(), &ReadOptions::default()).unwrap());
    let text = bytes.windows(6).position(|window| window == b"aabbcc").unwrap();
    bytes[text + 4..text + 6].copy_from_slice(b"aa");
    let (vectors, report) = WordVectors::read_from(&bytes[..], &ReadOptions::default()).unwrap();
    assert_eq!((vectors.words(), report.duplicate.count), (&["aa".to_owned(), "bb".to_owned()][..], 1));
    assert_eq!(vectors.get("aa").unwrap(), [1.0, 2.0]);
    let last = ReadOptions { duplicate: DuplicatePolicy::KeepLast, ..ReadOptions::default() };
    assert_eq!(read(&bytes, &last).unwrap().get("aa").unwrap(), [5.0, 6.0]);
    let error = ReadOptions { duplicate: DuplicatePolicy::Error, ..ReadOptions::default() };
    assert!(matches!(read(&bytes, &error), Err(Error::Duplicate { first: 0, .. })));
}

#[test]
fn cut_off_or_longer_it_is_an_error() {
    let bytes = indexed(&small());
    for end in 8..bytes.len() {
        let error = read(&bytes[..end], &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, Error::Indexed { .. }), "{end}: {error}");
    }
    let longer = [&bytes[..], b"\n"].concat();
    assert!(read(&longer, &ReadOptions::default()).unwrap_err().to_string().contains("goes on"));
}

#[test]
fn a_header_is_not_believed() {
    for (at, value) in [(16, u64::from(u32::MAX)), (24, 1 << 18), (32, 1 << 60), (16, u64::MAX), (24, 0), (16, 0)] {
        let mut bytes = indexed(&small());
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        let error = read(&bytes, &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, Error::Indexed { .. }), "{at}: {error}");
    }
}

#[cfg(feature = "int8")]
#[test]
fn a_byte_a_number_keeps_directions() {
    let vectors = some();
    let mut bytes = Vec::new();
    vectors.write_to(&mut bytes, Format::IndexedInt8).unwrap();
    assert!(bytes.len() * 3 < indexed(&vectors).len());
    let rounded = read(&bytes, &ReadOptions::default()).unwrap();
    assert_eq!(rounded.words(), vectors.words());
    for (word, vector) in vectors.iter() {
        let largest = vector.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        for (x, y) in vector.iter().zip(rounded.get(word).unwrap()) {
            assert!((x - y).abs() <= 0.501 * largest / 127.0, "{word}");
        }
    }
    assert_eq!(rounded.nearest("germany", 1).unwrap()[0].0, "italy");
    // Once rounded, nothing more is lost.
    let mut again = Vec::new();
    rounded.write_to(&mut again, Format::IndexedInt8).unwrap();
    assert_eq!(read(&again, &ReadOptions::default()).unwrap(), rounded);
    let infinite = WordVectors::new(vec!["a".into()], ndarray::array![[f32::INFINITY]]).unwrap();
    assert!(matches!(infinite.write_to(Vec::new(), Format::IndexedInt8), Err(Error::Unwritable { .. })));
}

#[cfg(feature = "mmap")]
mod mapped {
    use super::*;
    use flameout_word2vec::MappedVectors;
    use std::path::Path;

    fn save(directory: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
        let path = directory.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn it_gives_what_reading_gives() {
        let (directory, vectors) = (tempfile::tempdir().unwrap(), some());
        for format in [Format::Indexed, Format::Word2vecBinary] {
            let path = directory.path().join(format.name());
            vectors.save(&path, format).unwrap();
            let mapped = MappedVectors::open(&path).unwrap();
            assert_eq!((mapped.len(), mapped.dim(), mapped.repeated()), (vectors.len(), vectors.dim(), 0));
            for (row, (word, vector)) in vectors.iter().enumerate() {
                assert_eq!((mapped.word(row).unwrap(), mapped.index_of(word).unwrap()), (word, Some(row)));
                assert_eq!(mapped.get(word).unwrap().as_deref(), Some(vector));
            }
            for word in ["", "a word that is not there", "\u{10FFFF}"] {
                assert_eq!(mapped.get(word).unwrap(), None);
            }
            assert_eq!(mapped.nearest("germany", 7).unwrap(), vectors.nearest("germany", 7).unwrap());
            let query = vectors.get("seven").unwrap();
            let exclude = ["seven", "five", "no such word"];
            assert_eq!(mapped.neighbours(query, 5, &exclude).unwrap(), vectors.neighbours(query, 5, &exclude).unwrap());
            assert!(matches!(mapped.nearest("no such word", 1), Err(Error::UnknownWord { .. })));
            assert!(matches!(mapped.neighbours(&[1.0], 1, &[]), Err(Error::QueryLength { .. })));
        }
    }

    /// With and without line feeds, with a word twice and one that is empty.
    #[test]
    fn word2vec_files_of_all_writers_are_scanned() {
        let directory = tempfile::tempdir().unwrap();
        let record = |word: &str, x: f32, end: &str| [word.as_bytes(), b" ", &x.to_le_bytes(), end.as_bytes()].concat();
        for end in ["", "\n"] {
            let records = [("b", 1.0), ("", 2.0), ("b", 3.0), ("a\u{e9}", 4.0)].map(|(word, x)| record(word, x, end));
            let path = save(directory.path(), "some.bin", &[b"4 1\n".to_vec(), records.concat()].concat());
            let (mapped, read) = (MappedVectors::open(&path).unwrap(), WordVectors::open(&path).unwrap());
            assert_eq!((mapped.len(), mapped.repeated()), (3, 1));
            for (row, (word, vector)) in read.iter().enumerate() {
                assert_eq!((mapped.word(row).unwrap(), &mapped.vector(row)[..]), (word, vector));
                assert_eq!(mapped.index_of(word).unwrap(), Some(row));
            }
        }
    }

    #[test]
    fn damaged_word2vec_files_are_errors_as_in_reading() {
        let directory = tempfile::tempdir().unwrap();
        let mut whole = Vec::new();
        small().write_to(&mut whole, Format::Glove).unwrap();
        let words = WordVectors::read_from(&whole[..], &ReadOptions::default()).unwrap().0;
        let mut whole = Vec::new();
        let renamed: Vec<String> = words.words().iter().map(|word| word.replace(' ', "_")).collect();
        WordVectors::new(renamed, words.matrix().clone())
            .unwrap()
            .write_to(&mut whole, Format::Word2vecBinary)
            .unwrap();
        let name = |error: &Error| format!("{:?}", error.cause()).split([' ', '(']).next().unwrap().to_owned();
        let mut cases: Vec<Vec<u8>> = (0..whole.len() - 1).map(|end| whole[..end].to_vec()).collect();
        cases.push([&whole[..], b"more"].concat());
        cases.push(whole.iter().map(|&byte| if byte == b'w' { 0xFF } else { byte }).collect());
        cases.push([b"1 2\n", &vec![b'x'; 70_000][..]].concat());
        for bytes in cases {
            let path = save(directory.path(), "damaged.bin", &bytes);
            let (mapped, read) = (MappedVectors::open(&path).unwrap_err(), WordVectors::open(&path).unwrap_err());
            // Too short to be told apart, it may be text, which cannot be mapped.
            if name(&mapped) != "NotMapped" {
                assert_eq!(name(&mapped), name(&read), "{} bytes: {mapped} / {read}", bytes.len());
            }
        }
    }

    #[test]
    fn what_cannot_be_mapped_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = save(directory.path(), "text", b"a 1 2\n");
        let message = MappedVectors::open(&path).unwrap_err().to_string();
        assert!(message.contains("glove file") && message.contains("--format indexed"), "{message}");
        let path = directory.path().join("zipped.gz");
        small().save(&path, Format::Indexed).unwrap();
        assert!(MappedVectors::open(&path).unwrap_err().to_string().contains("gzipped"));
        assert_eq!(WordVectors::open(&path).unwrap(), small());
        let path = save(directory.path(), "empty", b"");
        assert!(matches!(MappedVectors::open(&path).unwrap_err().cause(), Error::Empty));
        assert!(MappedVectors::open(directory.path()).unwrap_err().to_string().contains("directory"));
    }

    /// Any byte may be anything: an error, or another answer, but no panic.
    #[test]
    fn damaged_it_is_no_panic() {
        let (directory, vectors) = (tempfile::tempdir().unwrap(), small());
        let bytes = indexed(&vectors);
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let path = save(directory.path(), "damaged", &damaged);
                let Ok(mapped) = MappedVectors::open(&path) else { continue };
                for word in vectors.words() {
                    let _ = mapped.get(word);
                    let _ = mapped.nearest(word, 3);
                }
                (0..mapped.len()).for_each(|row| drop(mapped.word(row)));
                let _ = read(&damaged, &ReadOptions::default());
            }
        }
        for end in 0..bytes.len() {
            assert!(MappedVectors::open(save(directory.path(), "cut", &bytes[..end])).is_err(), "{end}");
        }
    }
}
