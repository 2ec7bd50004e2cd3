//! Files as other programs, editors and broken-off downloads leave them.

use std::io::Write;

use flameout_word2vec::{DuplicatePolicy, Error, Format, Place, ReadOptions, ReadReport, Utf8Policy, WordVectors};

fn read(bytes: &[u8]) -> Result<(WordVectors, ReadReport), Error> {
    WordVectors::read_from(bytes, &ReadOptions::default())
}

fn first(bytes: &[u8], limit: u64) -> Result<(WordVectors, ReadReport), Error> {
    WordVectors::read_from(bytes, &ReadOptions { limit: Some(limit), ..ReadOptions::default() })
}

/// The words and numbers of a file that is read, from a stream and from a file alike.
fn words(bytes: &[u8]) -> Vec<(String, Vec<f32>)> {
    let (vectors, _) = read(bytes).unwrap_or_else(|error| panic!("{}: {error}", bytes.escape_ascii()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors");
    std::fs::write(&path, bytes).unwrap();
    assert!(WordVectors::open(&path).unwrap() == vectors);
    vectors.iter().map(|(word, row)| (word.to_owned(), row.to_vec())).collect()
}

fn ab() -> Vec<(String, Vec<f32>)> {
    vec![("a".into(), vec![1.0, 2.0]), ("b".into(), vec![3.0, 4.0])]
}

fn message(bytes: &[u8]) -> String {
    match read(bytes) {
        Ok((vectors, _)) => panic!("{}: read as {:?}", bytes.escape_ascii(), vectors.words()),
        Err(error) => error.to_string(),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn binary(claimed: usize, words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("{claimed} 2\n").into_bytes();
    for (row, word) in words.iter().enumerate() {
        bytes.extend_from_slice(word.as_bytes());
        bytes.push(b' ');
        bytes.extend((0..2).flat_map(|column| ((row * 2 + column + 1) as f32).to_le_bytes()));
    }
    bytes
}

#[test]
fn text_as_editors_and_programs_write_it() {
    for text in [
        "2 2\na 1 2\nb 3 4",
        "2 2\r\na 1 2\r\nb 3 4\r\n",
        "2 2\r\na 1 2\r\nb 3 4",
        "\u{FEFF}2 2\na 1 2\nb 3 4\n",
        "\u{FEFF}a 1 2\nb 3 4\n",
        "2 2 \na 1 2 \nb 3 4 \n",
        "2\t2\na\t1\t2\nb\t3\t4\n",
        "a\t1\t2\nb\t3\t4\n",
        "2  2\na  1   2\nb 3  4\n",
        "2 2\na 1e0 +2.0\nb 0.3e1 4.\n",
        "2 2\na 1 2\nb 3 4\n\n\n",
    ] {
        assert_eq!(words(text.as_bytes()), ab(), "{text:?}");
        assert_eq!(words(&gzip(text.as_bytes())), ab(), "{text:?}, gzipped");
    }
    assert_eq!(words(&binary(2, &["a", "b"])), ab());
    assert_eq!(words(&[BOM, &binary(2, &["a", "b"])].concat()), ab());
}

const BOM: &[u8] = "\u{FEFF}".as_bytes();

#[test]
fn words_with_spaces_of_all_sorts() {
    let text = "6 2\n. . . 1 2\nchannel 4 1 2\nat me@x.org 1 2\n\u{A0} 1 2\nx\u{85}y\u{3000} 1 2\n 1 2\n";
    let names: Vec<String> = words(text.as_bytes()).into_iter().map(|(word, _)| word).collect();
    assert_eq!(names, [". . .", "channel 4", "at me@x.org", "\u{A0}", "x\u{85}y\u{3000}", ""]);
    // That a word ends in a number is told: the header may be wrong as well.
    let (_, report) = read(text.as_bytes()).unwrap();
    assert_eq!(report.ends_in_number.examples, [("channel 4".to_owned(), Place::Line(3))]);
    assert!(!report.is_clean());
}

#[test]
fn a_header_of_the_wrong_length_is_told() {
    let wider = message(b"2 2\na 1 2 3\nb 4 5 6\n");
    assert!(wider.contains("more numbers than the 2 that the header"), "{wider}");
    let narrower = message(b"3000000 300\na 1 2 3\nb 4 5 6\n");
    assert!(narrower.contains("line 2") && narrower.contains("3 numbers, expected 300, as the header"), "{narrower}");
    let without = message(b"channel 4 0.5 1\na 1 2\n");
    assert!(without.contains("line 2") && without.contains("expected 3, as line 1 has"), "{without}");
    for (text, expected) in [
        ("-3 2\na 1 2\n", "two whole numbers"),
        ("3,2\na 1 2\n", "two whole numbers"),
        ("0 2\na 1 2\n", "at least 1"),
        ("99999999999999999999999 300\na 1 2\n", "more than can be addressed"),
        ("1 99999999999\na 1 2\n", "more than 262144"),
    ] {
        let message = message(text.as_bytes());
        assert!(message.contains("line 1") && message.contains(expected), "{message}");
    }
}

#[test]
fn a_wrong_count_names_the_claimed_and_the_real_one() {
    for (bytes, claimed, real) in [
        (b"5 2\na 1 2\nb 3 4\n".to_vec(), "5", "2"),
        (b"1 2\na 1 2\nb 3 4\nc 5 6\n".to_vec(), "1", "3"),
        (b"1 2\na 1 2\nb 3 4\nc 5 6".to_vec(), "1", "3"),
        (binary(5, &["a", "b"]), "5", "2"),
        (binary(1, &["a", "b", "c"]), "1", "3"),
    ] {
        for bytes in [gzip(&bytes), bytes] {
            let message = message(&bytes);
            assert!(message.contains(&format!("claims {claimed} word")), "{message}");
            assert!(message.contains(&format!("the file holds {real}")), "{message}");
        }
    }
    let noise = message(b"1 2\na 1 2\n???\n");
    assert!(noise.contains("line 3") && noise.contains("more data follow"), "{noise}");
}

#[test]
fn whole_records_of_a_file_that_is_cut_off_can_be_read() {
    let mut cut = binary(100, &["a", "b", "c"]);
    cut.truncate(cut.len() - 3);
    let zipped = gzip(&binary(100, &["a", "b", "c", "d"]));
    // The end of the data, the checksum, or the last word is missing.
    let no_whole_record = message(b"3 2\n");
    assert!(no_whole_record.contains("holds 0") && !no_whole_record.contains("--words"), "{no_whole_record}");
    for bytes in [cut.clone(), gzip(&cut), zipped[..zipped.len() - 4].to_vec(), b"100 2\na 1 2\nb 3 4\nc 5".to_vec()] {
        let (vectors, report) = first(&bytes, 2).unwrap();
        assert_eq!((vectors.words().to_vec(), report.claimed), (vec!["a".to_owned(), "b".to_owned()], Some(100)));
        let message = read(&bytes).unwrap_err().to_string();
        assert!(message.contains("convert --words "), "{message}");
    }
    let long: String = (0..100_000).map(|word| format!("word{word} {} 0.25\n", word % 97)).collect();
    let zipped = gzip(long.as_bytes());
    let half = &zipped[..zipped.len() / 2];
    let Err(Error::Interrupted { read: whole, .. }) = read(half) else { panic!("half of a gzip file is read") };
    assert!((10_000..90_000).contains(&whole), "{whole}");
    assert_eq!(first(half, whole).unwrap().0.len() as u64, whole);
    assert!(first(half, whole + 1).is_err());
    // The last line may be cut off within its last number, unless the header says that it is the last one.
    assert!(matches!(first(b"3 2\na 1 2\nb 3 4", 2), Err(Error::Truncated { read: 1, .. })));
    assert!(matches!(read(b"a 1 2\nb 3 4"), Err(Error::Unterminated { line: 2 })));
    assert_eq!(first(b"a 1 2\nb 3 4", 1).unwrap().0.words(), ["a"]);
}

#[test]
fn numbers_without_words_are_refused() {
    for text in ["0.1\t0.2\t0.3\n0.4\t0.5\t0.6\n", "1 2 3\n4 5 6\n", "2 3\n0.1 0.2 0.3\n0.4 0.5 0.6\n"] {
        let message = message(text.as_bytes());
        assert!(message.contains("3 numbers and no word"), "{message}");
    }
    // Words that are numbers, as those of node2vec, are told from them by the header, or by other words.
    assert_eq!(words(b"2 2\n17 1 2\n4 3 4\n")[1], ("4".into(), vec![3.0, 4.0]));
    assert_eq!(words(b"7 1 2\na 3 4\n")[0], ("7".into(), vec![1.0, 2.0]));
}

#[test]
fn text_in_another_encoding() {
    let latin1 = b"caf\xE9 1 2\nth\xE9 3 4\nking 5 6\n";
    let refused = message(latin1);
    assert!(refused.contains("line 1") && refused.contains("--invalid-utf8 drop"), "{refused}");
    let with = |invalid_utf8| ReadOptions { invalid_utf8, ..ReadOptions::default() };
    let (dropped, _) = WordVectors::read_from(&latin1[..], &with(Utf8Policy::Drop)).unwrap();
    assert_eq!(dropped.words(), ["king"]);
    let (lossy, _) = WordVectors::read_from(&latin1[..], &with(Utf8Policy::Lossy)).unwrap();
    assert_eq!(lossy.words(), ["caf\u{FFFD}", "th\u{FFFD}", "king"]);
}

/// Enough of them that they are removed on the way, not only at the end.
#[test]
fn repeated_words_are_counted_and_not_kept() {
    const TIMES: usize = 300_000;
    let mut text: String = "a 1\nb 2\n".to_owned();
    (0..TIMES).for_each(|time| text.push_str(&format!("a {time}\nb {}\n", time + 1)));
    text.push_str("c 3\n");
    let with = |duplicate| ReadOptions { duplicate, ..ReadOptions::default() };
    for (policy, numbers) in [
        (DuplicatePolicy::KeepFirst, [1.0, 2.0, 3.0]),
        (DuplicatePolicy::KeepLast, [(TIMES - 1) as f32, TIMES as f32, 3.0]),
    ] {
        let (vectors, report) = WordVectors::read_from(text.as_bytes(), &with(policy)).unwrap();
        assert_eq!(vectors.words(), ["a", "b", "c"]);
        assert_eq!(vectors.matrix().iter().copied().collect::<Vec<_>>(), numbers);
        assert_eq!((report.duplicate.count, report.records), (2 * TIMES as u64, 2 * TIMES as u64 + 3));
        assert_eq!(report.duplicate.examples[0], ("a".to_owned(), Place::Line(3)));
    }
    let refused = WordVectors::read_from(text.as_bytes(), &with(DuplicatePolicy::Error)).unwrap_err();
    assert!(matches!(refused, Error::Duplicate { place: Place::Line(3), first: 0, .. }), "{refused}");
}

#[test]
fn what_is_no_file_of_vectors_at_all() {
    assert!(matches!(read(b""), Err(Error::Empty)));
    assert!(matches!(read(BOM), Err(Error::Empty)));
    assert!(matches!(read(&gzip(b"")), Err(Error::Empty)));
    assert!(matches!(read(b"\n\n"), Err(Error::UnknownFormat { .. })));
    assert!(message(&gzip(&gzip(b"a 1 2\n"))).contains("gzip file within a gzip file"));
    let folder = tempfile::tempdir().unwrap();
    let error = WordVectors::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("directory"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    if !made.is_ok_and(|status| status.success()) {
        return;
    }
    let writer = std::thread::spawn({
        let path = path.clone();
        move || std::fs::write(path, "2 2\na 1 2\nb 3 4")
    });
    let vectors = WordVectors::open(&path).unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(vectors.words(), ["a", "b"]);
}

#[test]
fn what_would_not_read_back_is_not_written() {
    let one = |word: &str| WordVectors::new(vec![word.into()], ndarray::array![[1.0, 2.0]]).unwrap();
    for (word, format) in [
        ("channel 4", Format::Glove),
        ("channel 4", Format::Word2vecText),
        ("7", Format::Glove),
        ("\u{FEFF}the", Format::Glove),
        ("PK\u{3}\u{4}", Format::Glove),
    ] {
        let mut bytes = Vec::new();
        let error = one(word).write_to(&mut bytes, format).unwrap_err();
        assert!(matches!(error, Error::Unwritable { .. }) && bytes.is_empty(), "{error}");
    }
    let words = ["channel 4", "\u{FEFF}the", "7"].map(String::from).to_vec();
    let vectors = WordVectors::new(words, ndarray::array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).unwrap();
    for format in [Format::Word2vecText, Format::FastText] {
        let mut bytes = Vec::new();
        vectors.write_to(&mut bytes, format).unwrap();
        assert!(read(&bytes).unwrap().0 == vectors);
    }
}

#[test]
fn numbers_of_the_other_byte_order_are_told() {
    let vectors: Vec<(String, Vec<f32>)> = (0..20)
        .map(|word| (format!("w{word}"), (0..5).map(|column| ((word * 5 + column) as f32).sin()).collect()))
        .collect();
    for line_feed in [&b""[..], b"\n"] {
        let file = |bytes: fn(f32) -> [u8; 4]| {
            let record = |(word, row): &(String, Vec<f32>)| {
                [format!("{word} ").as_bytes(), &row.iter().flat_map(|x| bytes(*x)).collect::<Vec<u8>>(), line_feed]
                    .concat()
            };
            [&b"20 5\n"[..], &vectors.iter().flat_map(record).collect::<Vec<u8>>()].concat()
        };
        assert_eq!(words(&file(f32::to_le_bytes)), vectors);
        for bytes in [file(f32::to_be_bytes), gzip(&file(f32::to_be_bytes))] {
            let message = message(&bytes);
            assert!(message.contains("big-endian numbers") && message.contains("swap the bytes"), "{message}");
        }
    }
}

/// A text is not word2vec binary because its first row has a number that cannot be read.
#[test]
fn a_text_with_a_bad_first_row_is_a_text() {
    for bad in ["NA", "#NUM!", "0x1p3", "1.5f", "12,5x"] {
        for words in [2, 12, 100] {
            let row = |word: usize| -> String {
                let numbers = (0..10).map(|column| match (word, column) {
                    (0, 3) => bad.to_owned(),
                    _ => format!("{:.4}", ((word * 10 + column) as f32).sin()),
                });
                format!("w{word} {}\n", numbers.collect::<Vec<_>>().join(" "))
            };
            let text = format!("{words} 10\n{}", (0..words).map(row).collect::<String>());
            let message = message(text.as_bytes());
            assert!(message.contains("line 2") && message.contains(bad), "{message}");
        }
    }
}

#[test]
fn names_of_columns_are_no_word() {
    let rows = "aan 0.5 1.25 -2 0.5\naar 0.25 1 2 3\n";
    for (names, line) in [(" 0 1 2 3\n", 1), ("word 0 1 2 3\n", 1), ("3 4\n 0 1 2 3\n", 2), ("\t0\t1\t2\t3\r\n", 1)] {
        let told = message(format!("{names}{rows}").as_bytes());
        assert!(told.starts_with(&format!("line {line}: ")) && told.contains("names of columns"), "{names:?}: {told}");
        assert!(told.contains(&format!("sed {line}d")), "{told}");
    }
    let told = message(b"x 1 2 3 4 5 6 7 8\naan 0.5 1 2 3 4 5 6 7\n");
    assert!(told.contains("names of columns"), "{told}");
    // Vectors that are whole numbers, or two of them, or none of which the first has consecutive ones, are vectors.
    for text in [
        "a 0 1 2\nb 3 4 5\n",
        "a 0 1\nb 0.5 1.5\n",
        "a 0.5 1 2\nb 0 1 2\n",
        "a 0 1 3\nb 0.5 1 2\n",
        "a 1 2 3\nb 0.5 1 2\n",
    ] {
        assert_eq!(words(text.as_bytes()).len(), 2, "{text:?}");
    }
    assert!(message(b"word 0 1 2\na 3 4 5\n").contains("names of columns"));
}

#[test]
fn a_word_without_a_character_is_told() {
    let (vectors, report) = read(b"a 1 2\n 3 4\n").unwrap();
    assert_eq!((vectors.words(), report.is_clean()), (&["a".to_owned(), String::new()][..], false));
    assert_eq!(report.empty.examples, [(String::new(), Place::Line(2))]);
}
