//! Cut, flipped and lying files: errors or other numbers, never a panic, never more memory than the file deserves.

use std::io::{Read, Write};
use std::path::Path;

use flameout_interchange::{Choices, keras, safetensors};
use flameout_model::{Architecture, Flavour};
use hdf5_pure::{AttrValue, FileBuilder};
use proptest::prelude::*;

mod common;
use common::fixture;

/// Reads damaged bytes; numbers have no checksum, so that success is possible.
fn read(name: &str, bytes: Vec<u8>) -> Result<(), String> {
    let path = Path::new(name);
    let result = if name.starts_with("pytorch") {
        safetensors::from_bytes(path, &bytes, &Choices::default())
    } else {
        keras::from_bytes(path, bytes, &Choices::default())
    };
    result.map(drop).map_err(|error| error.to_string())
}

const FILES: [&str; 8] = [
    "pytorch-lstm-bidirectional.safetensors",
    "keras-bidirectional-weights-only.h5",
    "pytorch-gru.safetensors",
    "keras-gru-single.keras",
    "keras-gru-before.h5",
    "keras1-gru-single.h5",
    "chars2vec-eng_50.h5",
    "written-gru-single-keras1.keras",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cut_files_are_errors(file in 0..FILES.len(), part in 0.0..1.0_f64) {
        let mut bytes = std::fs::read(fixture(FILES[file])).unwrap();
        bytes.truncate((bytes.len() as f64 * part) as usize);
        if let Err(message) = read(FILES[file], bytes) {
            prop_assert!(message.starts_with(FILES[file]), "{message}");
        } else {
            prop_assert!(false, "{} was read though cut", FILES[file]);
        }
    }

    #[test]
    fn flipped_bits_never_panic(
        file in 0..FILES.len(),
        // Half of them where the structure is densest.
        flips in proptest::collection::vec((prop_oneof![0.0..0.1_f64, 0.0..1.0_f64], 0..8_u32), 1..4),
    ) {
        let mut bytes = std::fs::read(fixture(FILES[file])).unwrap();
        for (part, bit) in flips {
            let place = (bytes.len() as f64 * part) as usize;
            bytes[place] ^= 1 << bit;
        }
        if let Err(message) = read(FILES[file], bytes) {
            prop_assert!(message.starts_with(FILES[file]), "{message}");
        }
    }

    #[test]
    fn noise_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), kind in 0..3_usize) {
        let (name, magic): (_, &[u8]) =
            [("pytorch", &[200, 0, 0, 0, 0, 0, 0, 0, b'{'][..]), ("x.keras", b"PK\x03\x04"), ("x.h5", b"\x89HDF\r\n\x1a\n")][kind];
        bytes.splice(..0, magic.iter().copied());
        prop_assert!(read(name, bytes).is_err());
    }
}

#[test]
fn a_claimed_size_allocates_nothing() {
    let architecture = r#"{\"alphabet\":65536,\"layers\":[{\"lstm\":{\"units\":65536,\"gate_activation\":\"sigmoid\",\"return_sequences\":false}}]}"#;
    let header = format!(
        r#"{{"__metadata__":{{"flameout.architecture":"{architecture}"}},"layer0.weight_ih_l0":{{"dtype":"F32","shape":[0,0],"data_offsets":[0,0]}},"layer0.weight_hh_l0":{{"dtype":"F32","shape":[0,0],"data_offsets":[0,0]}}}}"#
    );
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    let message = read("pytorch-huge", bytes).unwrap_err();
    assert!(message.contains("layer0.weight_ih_l0"), "{message}");
}

#[test]
fn an_archive_notices_a_changed_weight() {
    let mut bytes = std::fs::read(fixture("written-gru-single-keras1.keras")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let message = read("x.keras", bytes).unwrap_err();
    assert!(message.contains("model.weights.h5"), "{message}");
}

#[test]
fn a_tensor_without_numbers_is_no_promise_of_a_bias() {
    // As many gates as the first says would be zeros of a bias that is not there.
    let header = br#"{"layer0.weight_ih_l0":{"dtype":"F32","shape":[4000000000000,0],"data_offsets":[0,0]},"layer0.weight_hh_l0":{"dtype":"F32","shape":[4000000000000,0],"data_offsets":[0,0]}}"#;
    let bytes = [&(header.len() as u64).to_le_bytes(), &header[..]].concat();
    let message = read("pytorch-empty", bytes).unwrap_err();
    assert!(message.contains("layer0.weight_") && message.contains("no numbers"), "{message}");

    let architecture = Architecture::lstm_single(3, 2, 2, Flavour::Keras3);
    let mut builder = FileBuilder::new();
    builder.set_attr("flameout.architecture", AttrValue::String(serde_json::to_string(&architecture).unwrap()));
    let mut group = builder.create_group("layers");
    let mut layer = group.create_group("lstm");
    let mut cell = layer.create_group("cell");
    let mut vars = cell.create_group("vars");
    vars.create_dataset("0").with_f32_data(&[]).with_shape(&[0, 1 << 40]);
    vars.create_dataset("1").with_f32_data(&[0.0; 16]).with_shape(&[2, 8]);
    cell.add_group(vars.finish());
    layer.add_group(cell.finish());
    group.add_group(layer.finish());
    builder.add_group(group.finish());
    let message = read("x.h5", builder.finish().unwrap()).unwrap_err();
    assert!(message.contains("lstm/cell/vars/0") && message.contains("no numbers"), "{message}");
}

#[test]
fn numbers_that_are_none_are_refused() {
    for number in [f32::NAN, f32::INFINITY] {
        let mut bytes = std::fs::read(fixture("pytorch-gru.safetensors")).unwrap();
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&number.to_le_bytes());
        let message = read("pytorch", bytes).unwrap_err();
        assert!(message.contains("1 of its") && message.contains(&number.to_string()), "{message}");
    }
}

/// The archive with its weights followed by zeros, packed.
fn archive_with_a_rest(rest: usize) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(fixture("keras-gru-single.keras")).unwrap()).unwrap();
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in ["metadata.json", "config.json", "model.weights.h5"] {
        let mut content = Vec::new();
        archive.by_name(name).unwrap().read_to_end(&mut content).unwrap();
        if name.ends_with("h5") {
            content.resize(content.len() + rest, 0);
        }
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(&content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn what_follows_the_weights_is_bounded() {
    assert!(read("x.keras", archive_with_a_rest(0)).is_ok());
    let message = read("x.keras", archive_with_a_rest(2 << 20)).unwrap_err();
    assert!(message.contains("2097152 bytes after the"), "{message}");
    let message = read("x.keras", archive_with_a_rest(100 << 20)).unwrap_err();
    assert!(message.contains("no weights can be packed so much"), "{message}");

    // A file with a hole: nothing of it is read.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.h5");
    std::fs::copy(fixture("keras-gru-before.h5"), &path).unwrap();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 36).unwrap();
    let message = keras::read(&path, &Choices::default()).unwrap_err().to_string();
    assert!(message.contains("it is damaged"), "{message}");
}

/// PyTorch writes both biases of a layer, or none.
#[test]
fn a_layer_that_lacks_one_of_its_biases_is_refused() {
    let bytes = std::fs::read(fixture("pytorch-lstm-bidirectional.safetensors")).unwrap();
    let tensors = ::safetensors::SafeTensors::deserialize(&bytes).unwrap();
    for lacking in ["bias_hh_l0", "bias_ih_l0", "bias_hh_l0_reverse"] {
        let rest = tensors.tensors().into_iter().filter(|(name, _)| !name.ends_with(lacking));
        let message = read("pytorch", ::safetensors::serialize(rest, None).unwrap()).unwrap_err();
        assert!(message.contains(&format!("its layer's `{}` is not", lacking.replace("_l0", ""))), "{message}");
    }
}
