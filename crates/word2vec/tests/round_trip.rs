//! What is written reads back: every format, plain and gzipped, from a stream and from a file.

use std::path::Path;

use flameout_word2vec::{Error, Format, Normalization, ReadOptions, WordVectors};
use ndarray::Array2;
use proptest::prelude::*;

const FORMATS: [Format; 4] = [Format::Word2vecBinary, Format::Word2vecText, Format::Glove, Format::FastText];

fn fixture() -> WordVectors {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/glove-100d.bin");
    WordVectors::open(path).unwrap()
}

fn bits(vectors: &WordVectors) -> Vec<u32> {
    vectors.matrix().iter().map(|x| x.to_bits()).collect()
}

fn assert_same(left: &WordVectors, right: &WordVectors) {
    assert_eq!(left.words(), right.words());
    assert_eq!(left.dim(), right.dim());
    assert!(bits(left) == bits(right), "numbers differ");
}

fn finite() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(f32::from_bits).prop_filter("finite", |x| x.is_finite())
}

/// Words of all sorts, also such as some formats cannot hold.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{1,8}",
        2 => "\\PC{0,6}",
        1 => "[a-z] [a-z.]( [0-9])?",
        1 => Just(". . .".to_string()),
        1 => "[0-9]{1,3}",
        1 => "[a\u{A0}\u{85}\u{2028}\t\r\n ]{0,4}",
    ]
}

prop_compose! {
    fn vectors()(dim in 1usize..12)(
        dim in Just(dim),
        rows in prop::collection::btree_map(word(), prop::collection::vec(finite(), dim), 1..30),
    ) -> WordVectors {
        let (words, rows): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let matrix = Array2::from_shape_vec((words.len(), dim), rows.concat()).unwrap();
        WordVectors::new(words, matrix).unwrap()
    }
}

fn read_as(bytes: &[u8], format: Option<Format>) -> Result<WordVectors, Error> {
    let options = ReadOptions { format, ..ReadOptions::default() };
    WordVectors::read_from(bytes, &options).map(|(vectors, _)| vectors)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

proptest! {
    #[test]
    fn what_is_written_reads_back_to_the_bit(vectors in vectors()) {
        for format in FORMATS {
            let mut bytes = Vec::new();
            match vectors.write_to(&mut bytes, format) {
                Ok(()) => {
                    assert_same(&read_as(&bytes, Some(format)).unwrap(), &vectors);
                    assert_same(&read_as(&gzip(&bytes), Some(format)).unwrap(), &vectors);
                }
                Err(Error::Unwritable { .. }) => prop_assert!(bytes.is_empty()),
                Err(error) => panic!("{format}: {error}"),
            }
        }
    }

    #[test]
    fn plain_words_can_be_written_in_every_format_and_are_recognised(
        words in prop::collection::btree_set("[a-z\u{A0}éß,.]{1,9}", 1..20),
        pattern in prop::collection::vec(finite(), 3..9),
    ) {
        let dim = pattern.len();
        let matrix = Array2::from_shape_fn((words.len(), dim), |(row, column)| pattern[(row + column) % dim]);
        let vectors = WordVectors::new(words.into_iter().collect(), matrix).unwrap();
        for format in FORMATS {
            let mut bytes = Vec::new();
            vectors.write_to(&mut bytes, format).unwrap();
            assert_same(&read_as(&bytes, None).unwrap(), &vectors);
            prop_assert_eq!(Format::detect(&bytes).unwrap(), format);
        }
    }

    #[test]
    fn a_part_of_a_file_is_an_error_or_whole_records(vectors in vectors(), cut in any::<prop::sample::Index>()) {
        for format in FORMATS {
            let mut bytes = Vec::new();
            if vectors.write_to(&mut bytes, format).is_err() {
                continue;
            }
            let part = &bytes[..cut.index(bytes.len())];
            let Ok(read) = read_as(part, Some(format)) else { continue };
            if format == Format::Glove {
                prop_assert_eq!(part.last(), Some(&b'\n'));
                prop_assert!(read.len() < vectors.len());
                prop_assert_eq!(read.words(), &vectors.words()[..read.len()]);
            } else if format == Format::Word2vecBinary {
                // The line feed after the last record is not part of it.
                prop_assert_eq!(part.len() + 1, bytes.len());
                assert_same(&read, &vectors);
            } else {
                // The last line that the header claims needs no line feed, so its last number may be cut short.
                prop_assert_eq!(read.words(), vectors.words());
                let numbers = vectors.matrix().len() - 1;
                prop_assert_eq!(&bits(&read)[..numbers], &bits(&vectors)[..numbers]);
            }
            prop_assert!(read_as(&gzip(&bytes)[..cut.index(bytes.len()).min(gzip(&bytes).len() - 1)], Some(format)).is_err());
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(
        header in prop_oneof![Just(""), Just("3 2\n"), Just("999999999999 3\n"), Just("2 999999999999\n"), Just("a 1\n")],
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            "[ab \n\r\t0-9.e+-]{0,300}".prop_map(String::into_bytes),
        ],
    ) {
        let bytes = [header.as_bytes(), &bytes].concat();
        for format in FORMATS.map(Some).into_iter().chain([None]) {
            if let Ok(read) = read_as(&bytes, format) {
                prop_assert!(read.matrix().len() <= bytes.len());
            }
            let _ = read_as(&gzip(&bytes), format);
        }
        let _ = read_as(&[&[0x1F, 0x8B], &bytes[..]].concat(), None);
    }
}

#[test]
fn real_vectors_go_through_files_of_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let vectors = fixture();
    assert_eq!((vectors.len(), vectors.dim(), vectors.words()[0].as_str()), (154, 100, "said"));
    for format in FORMATS {
        for ending in ["", ".gz"] {
            let path = folder.path().join(format!("{format}{ending}"));
            vectors.save(&path, format).unwrap();
            let (read, report) = WordVectors::open_with(&path, &ReadOptions::default()).unwrap();
            assert_same(&read, &vectors);
            assert_eq!((report.format, report.gzipped, report.records), (format, !ending.is_empty(), 154));
            assert_eq!(report.claimed, format.has_header().then_some(154));
            assert!(report.is_clean());
        }
    }
    // Nothing else is left in the folder.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 8);
    // The fixture itself is what this crate writes.
    let mut bytes = Vec::new();
    vectors.write_to(&mut bytes, Format::Word2vecBinary).unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/glove-100d.bin");
    assert!(bytes == std::fs::read(file).unwrap());
}

#[test]
fn real_vectors_have_sensible_neighbours() {
    let mut vectors = fixture();
    let nearest = vectors.nearest("france", 10).unwrap();
    assert!(nearest.iter().any(|(word, _)| *word == "germany"), "{nearest:?}");
    assert!(nearest.windows(2).all(|pair| pair[0].1 >= pair[1].1));
    let before: Vec<String> = nearest.iter().map(|(word, _)| word.to_string()).collect();
    assert_eq!(vectors.analogy(&["king", "woman"], &["man"], 1).unwrap()[0].0, "queen");

    vectors.normalize(Normalization::Unit).unwrap();
    let after: Vec<&str> = vectors.nearest("france", 10).unwrap().into_iter().map(|(word, _)| word).collect();
    assert_eq!(before, after);
}

#[test]
fn a_failed_save_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.bin");
    std::fs::write(&path, "old").unwrap();
    let vectors = WordVectors::new(vec!["a b".into()], Array2::zeros((1, 2))).unwrap();
    let error = vectors.save(&path, Format::Word2vecBinary).unwrap_err();
    assert!(matches!(error.cause(), Error::Unwritable { .. }), "{error}");
    assert!(error.to_string().contains("vectors.bin") && error.to_string().contains("a b"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let missing = vectors.save(folder.path().join("no/such/folder"), Format::Glove).unwrap_err();
    assert!(matches!(missing.cause(), Error::Io(_)), "{missing}");
}
