//! Models that fastText wrote: its own vectors, and damaged files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flameout_word2vec::{Error, FastText, Format, ReadOptions, WordVectors};
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fasttext").join(name)
}

/// What `model.get_word_vector` gave, and how many words are known.
fn recorded() -> (BTreeMap<String, Vec<f32>>, usize) {
    let json: Value = serde_json::from_slice(&std::fs::read(fixture("syllables.json")).unwrap()).unwrap();
    let vector = |numbers: &Value| numbers.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect();
    let words = json["words"].as_object().unwrap();
    let words = words.iter().map(|(word, numbers)| (word.clone(), vector(numbers))).collect();
    (words, json["known"].as_u64().unwrap() as usize)
}

#[test]
fn vectors_of_known_and_unknown_words_are_fasttexts_own() {
    let (model, (words, known)) = (FastText::open(fixture("syllables.bin")).unwrap(), recorded());
    assert_eq!((model.len(), model.dim()), (known, 6));
    let mut unknown = 0;
    for (word, expected) in &words {
        let vector = model.vector(word).unwrap();
        let bits = |vector: &[f32]| vector.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&vector), bits(expected), "{word}");
        unknown += usize::from(!model.contains(word));
    }
    assert_eq!(unknown, 8);
}

#[test]
fn a_word_without_letters_has_no_vector() {
    let model = FastText::open(fixture("syllables.bin")).unwrap();
    // `<` and `>` alone make one n-gram of two letters; fastText gives it that vector.
    assert!(model.vector("").is_some());
    assert!(model.contains("</s>") && model.vector("</s>").is_some());
}

#[test]
fn it_is_read_as_word_vectors_plain_and_gzipped() {
    let (vectors, report) = WordVectors::open_with(fixture("syllables.bin"), &ReadOptions::default()).unwrap();
    let model = FastText::open(fixture("syllables.bin")).unwrap();
    assert_eq!((report.format, report.claimed, report.records), (Format::FastTextModel, Some(54), 54));
    assert!(report.is_clean());
    for (word, vector) in vectors.iter() {
        assert_eq!(model.vector(word).as_deref(), Some(vector));
    }
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut zipped, &std::fs::read(fixture("syllables.bin")).unwrap()).unwrap();
    let zipped = zipped.finish().unwrap();
    let (again, report) = WordVectors::read_from(&zipped[..], &ReadOptions::default()).unwrap();
    assert_eq!(again, vectors);
    assert!(report.gzipped);
    assert_eq!(FastText::read_from(&zipped[..]).unwrap().vector("unheard"), model.vector("unheard"));
    let limited = ReadOptions { limit: Some(5), ..ReadOptions::default() };
    let (five, _) = WordVectors::open_with(fixture("syllables.bin"), &limited).unwrap();
    assert_eq!(five.words(), &vectors.words()[..5]);
    assert_eq!(five.row(4), vectors.row(4));
}

#[test]
fn it_is_read_only() {
    let vectors = WordVectors::open(fixture("syllables.bin")).unwrap();
    let error = vectors.write_to(Vec::new(), Format::FastTextModel).unwrap_err();
    assert!(error.to_string().contains("read, not written"), "{error}");
}

/// Cut off anywhere in front of the output layer, it is an error that names fastText and a byte.
#[test]
fn cut_off_it_is_told() {
    let bytes = std::fs::read(fixture("syllables.bin")).unwrap();
    let rows = (54 + 200) * 6 * 4;
    let head =
        bytes.windows(16).position(|w| w[..8] == 254_i64.to_le_bytes() && w[8..] == 6_i64.to_le_bytes()).unwrap();
    for end in (4..head + 16).chain([head + 16 + rows - 1]) {
        let error = WordVectors::read_from(&bytes[..end], &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, Error::FastText { .. }), "{end}: {error}");
        assert!(error.to_string().contains("fastText binary model (.bin) is cut off"), "{end}: {error}");
    }
    assert!(WordVectors::read_from(&bytes[..head + 16 + rows], &ReadOptions::default()).is_ok());
}

/// A wrong number anywhere is an error or another vector: never a panic, never memory for what is not there.
#[test]
fn damaged_it_is_no_panic() {
    let bytes = std::fs::read(fixture("syllables.bin")).unwrap();
    for at in (4..120).chain((120..bytes.len()).step_by(37)) {
        for value in [0, 0x7F, 0xFF] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("damaged.bin");
            std::fs::write(&path, &damaged).unwrap();
            for model in [FastText::open(&path), FastText::read_from(&damaged[..])].into_iter().flatten() {
                let _ = model.vector("kalomi");
            }
        }
    }
}
