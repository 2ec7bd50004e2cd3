//! Agreement with the indices that the reference runs of Keras 1.0.7 were fed.

use std::path::Path;

use flameout_encoder::{CharEncoder, TooLongPolicy, UnknownPolicy};
use ndarray::Array2;

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The tensor `indices` and the metadata of a reference run (a safetensors file).
fn reference_run(case: &str) -> (Array2<u16>, serde_json::Value) {
    let bytes = fixture(&format!("keras-1.0.7/{case}.safetensors"));
    let (size, rest) = bytes.split_at(8);
    let size = u64::from_le_bytes(size.try_into().unwrap());
    let (header, data) = rest.split_at(usize::try_from(size).unwrap());
    let header: serde_json::Value = serde_json::from_slice(header).unwrap();

    let tensor = &header["indices"];
    assert_eq!(tensor["dtype"], "I32");
    let numbers = |field: &str| -> Vec<usize> { serde_json::from_value(tensor[field].clone()).unwrap() };
    let (shape, range) = (numbers("shape"), numbers("data_offsets"));
    let indices = data[range[0]..range[1]]
        .chunks_exact(4)
        .map(|four| i32::from_le_bytes(four.try_into().unwrap()))
        .map(|index| u16::try_from(index).unwrap())
        .collect();
    let indices = Array2::from_shape_vec((shape[0], shape[1]), indices).unwrap();
    (indices, header["__metadata__"].clone())
}

#[test]
fn the_reference_words_encode_to_the_reference_indices() {
    for case in ["lstm-single", "gru-single", "lstm-double"] {
        let (indices, metadata) = reference_run(case);
        let encoder = CharEncoder::new(metadata["alphabet"].as_str().unwrap()).unwrap();
        let words: Vec<String> = indices.outer_iter().map(|row| encoder.decode(&row.to_vec()).unwrap()).collect();
        let first: Vec<&str> = metadata["first_words"].as_str().unwrap().split(' ').collect();
        assert_eq!(words[..first.len()], first, "{case}");
        assert_eq!(words.len(), 48, "{case}");
        assert_eq!(encoder.encode_batch(&words).unwrap().indices, indices, "{case}");
    }
}

/// The words of a binary word2vec file: a line with counts, then `WORD f32...` records.
fn word2vec_words(bytes: &[u8]) -> Vec<&str> {
    let end = bytes.iter().position(|&b| b == b'\n').unwrap();
    let header = std::str::from_utf8(&bytes[..end]).unwrap();
    let (count, dimensions) = header.split_once(' ').unwrap();
    let (count, dimensions): (usize, usize) = (count.parse().unwrap(), dimensions.parse().unwrap());
    let mut rest = &bytes[end + 1..];
    let mut words = Vec::new();
    for _ in 0..count {
        let end = rest.iter().position(|&b| b == b' ').unwrap();
        words.push(std::str::from_utf8(&rest[..end]).unwrap().trim_start());
        rest = &rest[end + 1 + 4 * dimensions..];
    }
    words
}

#[test]
fn real_vocabulary_comes_back() {
    let bytes = fixture("glove-100d-4k.bin");
    let words = word2vec_words(&bytes);
    let encoder = CharEncoder::builder()
        .unknown(UnknownPolicy::Skip)
        .too_long(TooLongPolicy::Skip)
        .build("abcdefghijklmnopqrstuvwxyz")
        .unwrap();
    let batch = encoder.encode_batch(&words).unwrap();
    let fits = |word: &str| word.len() <= 18 && word.bytes().all(|b| b.is_ascii_lowercase());
    assert_eq!(batch.kept.len(), words.iter().filter(|w| fits(w)).count());
    for (row, &position) in batch.indices.outer_iter().zip(&batch.kept) {
        assert_eq!(encoder.decode(&row.to_vec()).unwrap(), words[position]);
    }
    assert!(batch.kept.len() > 3000, "{} kept", batch.kept.len());
}
