//! What the options do about bad records, and what the report says of it.

use flameout_word2vec::{
    DuplicatePolicy, Error, Format, NonFinitePolicy, Place, ReadOptions, ReadReport, Utf8Policy, WordFilter,
    WordVectors,
};

const BAD: &[u8] = b"the 1 2\nnan nan 0\ncaf\xE9 3 4\nthe 5 6\nking -inf 7\nend 8 9\n";

fn lenient() -> ReadOptions {
    ReadOptions { non_finite: NonFinitePolicy::Drop, invalid_utf8: Utf8Policy::Drop, ..ReadOptions::default() }
}

fn read(bytes: &[u8], options: &ReadOptions) -> (Vec<String>, Vec<f32>, ReadReport) {
    let (vectors, report) = WordVectors::read_from(bytes, options).unwrap();
    let numbers = vectors.matrix().iter().copied().collect();
    (vectors.into_parts().0, numbers, report)
}

fn refused(bytes: &[u8], options: &ReadOptions) -> Error {
    WordVectors::read_from(bytes, options).unwrap_err()
}

#[test]
fn by_default_bad_records_are_refused_with_word_and_place() {
    let error = refused(BAD, &ReadOptions::default());
    assert!(matches!(&error, Error::NonFinite { place: Place::Line(2), word, dimension: 0 } if word == "nan"));
    let error = refused(BAD, &ReadOptions { invalid_utf8: Utf8Policy::Error, ..lenient() });
    assert!(matches!(&error, Error::InvalidUtf8 { place: Place::Line(3), word } if word == "caf\u{FFFD}"));
    let error = refused(BAD, &ReadOptions { duplicate: DuplicatePolicy::Error, ..lenient() });
    assert!(matches!(&error, Error::Duplicate { place: Place::Line(4), word, first: 0 } if word == "the"));
}

#[test]
fn bad_records_are_dropped_and_counted() {
    let (words, numbers, report) = read(BAD, &lenient());
    assert_eq!(words, ["the", "end"]);
    assert_eq!(numbers, [1.0, 2.0, 8.0, 9.0]);
    assert_eq!(report.records, 6);
    assert_eq!(report.non_finite.count, 2);
    assert_eq!(report.non_finite.examples, [("nan".into(), Place::Line(2)), ("king".into(), Place::Line(5))]);
    assert_eq!(report.invalid_utf8.examples, [("caf\u{FFFD}".into(), Place::Line(3))]);
    assert_eq!(report.duplicate.examples, [("the".into(), Place::Line(4))]);
    assert!(!report.is_clean());
}

#[test]
fn bad_records_are_kept_where_asked() {
    let options = ReadOptions {
        non_finite: NonFinitePolicy::Keep,
        invalid_utf8: Utf8Policy::Lossy,
        duplicate: DuplicatePolicy::KeepLast,
        ..ReadOptions::default()
    };
    let (words, numbers, report) = read(BAD, &options);
    assert_eq!(words, ["the", "nan", "caf\u{FFFD}", "king", "end"]);
    assert_eq!(numbers[..2], [5.0, 6.0]);
    assert!(numbers[2].is_nan() && numbers[6] == f32::NEG_INFINITY);
    assert_eq!((report.non_finite.count, report.invalid_utf8.count, report.duplicate.count), (2, 1, 1));
}

#[test]
fn only_the_first_few_examples_are_kept() {
    let text = "a 1\n".repeat(100);
    let (words, _, report) = read(text.as_bytes(), &ReadOptions::default());
    assert_eq!((words.len(), report.duplicate.count, report.duplicate.examples.len()), (1, 99, 5));
}

#[test]
fn limit_and_filter() {
    let limited = ReadOptions { limit: Some(1), ..ReadOptions::default() };
    assert_eq!(read(BAD, &limited).0, ["the"]);
    let none = ReadOptions { limit: Some(0), ..ReadOptions::default() };
    assert_eq!(read(BAD, &none).0.len(), 0);

    // Records that the filter leaves out may be bad in any way but their columns.
    let filter = Some(WordFilter::from_iter(["end", "missing"]));
    let (words, numbers, report) = read(BAD, &ReadOptions { filter, ..ReadOptions::default() });
    assert_eq!((words, numbers), (vec!["end".to_string()], vec![8.0, 9.0]));
    assert_eq!((report.filtered, report.is_clean()), (5, true));

    let filter = Some(WordFilter::new(|word| word.starts_with("t")));
    assert_eq!(read(BAD, &ReadOptions { filter, ..ReadOptions::default() }).0, ["the"]);
}

#[test]
fn places_in_binary_files_are_bytes() {
    let mut bytes = b"2 1\na \0\0\0\0\nb ".to_vec();
    bytes.extend(f32::INFINITY.to_le_bytes());
    let error = refused(&bytes, &ReadOptions::default());
    assert!(matches!(error, Error::NonFinite { place: Place::Byte(11), .. }), "{error}");
}

#[test]
fn files_that_are_no_vectors_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for (content, expected) in [
        (&b""[..], "empty"),
        (b"hello world\n", "not recognised"),
        (b"5 0\n", "at least 1"),
        (b"0 5\n", "at least 1"),
        (b"1000000000000 5\nking 1 2 3 4 5\n", "cut off"),
        (b"9999999999999 99999999999\nking 1 2 3 4 5\n", "more than 262144"),
        (b"9999999999999999 100000\nking 1 2 3 4 5\n", "more than can be addressed"),
        (b"king 1 2\nqueen 1 2", "line 2"),
    ] {
        let path = folder.path().join("some.vec");
        std::fs::write(&path, content).unwrap();
        let message = WordVectors::open(&path).unwrap_err().to_string();
        assert!(message.contains("some.vec") && message.contains(expected), "{message}");
    }
    let missing = WordVectors::open(folder.path().join("missing.bin")).unwrap_err();
    assert!(missing.to_string().contains("missing.bin"), "{missing}");
    let named = ReadOptions { format: Some(Format::Word2vecBinary), ..ReadOptions::default() };
    assert!(matches!(refused(b"king 1 2\n", &named), Error::BadHeader { .. }));
}

#[cfg(feature = "rayon")]
#[test]
fn the_number_of_threads_changes_nothing() {
    let words = (0..3000).map(|word| format!("word{word}")).collect();
    let numbers =
        ndarray::Array2::from_shape_fn((3000, 40), |(row, column)| ((row * 31 + column * 17) % 97) as f32 - 48.3);
    let vectors = WordVectors::new(words, numbers).unwrap();
    let mut text = Vec::new();
    vectors.write_to(&mut text, Format::Word2vecText).unwrap();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (mut read, _) = pool.install(|| WordVectors::read_from(&text[..], &ReadOptions::default())).unwrap();
        assert!(read == vectors);
        pool.install(|| read.normalize(flameout_word2vec::Normalization::CentredThenUnit)).unwrap();
        let mut expected = vectors.clone();
        expected.normalize(flameout_word2vec::Normalization::CentredThenUnit).unwrap();
        assert!(read == expected);
    }
}

#[cfg(feature = "serde")]
#[test]
fn options_are_plain_settings() {
    let options: ReadOptions =
        serde_json::from_str(r#"{"format": "fast-text", "limit": 10, "duplicate": "keep-last"}"#).unwrap();
    let expected = ReadOptions {
        format: Some(Format::FastText),
        limit: Some(10),
        duplicate: DuplicatePolicy::KeepLast,
        ..ReadOptions::default()
    };
    assert_eq!(options, expected);
    for format in [Format::Word2vecBinary, Format::Word2vecText, Format::Glove, Format::FastText] {
        assert_eq!(serde_json::to_string(&format).unwrap(), format!("\"{format}\""));
    }
    assert!(serde_json::from_str::<ReadOptions>(r#"{"limits": 10}"#).is_err());
}
