//! What this crate writes: the bytes that other software ran, and that read back the same.

use flameout_interchange::{Choices, Error, Metadata, Model, keras, onnx, safetensors};
use flameout_model::{Architecture, Flavour};

mod common;
use common::{difference, fixture, models, recorded, words};

const TOLERANCE: f32 = 1e-5;
const EXPECTED: &str = "written-expected.safetensors";

fn check(model: &mut Model, format: &str, name: &str) {
    let vectors = model.network.predict(&words(20)).unwrap();
    let difference = difference(&vectors, &recorded(EXPECTED, &format!("{format}/{name}")));
    assert!(difference <= TOLERANCE, "{format} {name}: {difference}");
}

#[test]
fn onnxruntime_ran_these_bytes_and_agrees() {
    for (name, mut model) in models(8) {
        let ran = std::fs::read(fixture(&format!("written-{name}.onnx"))).unwrap();
        assert!(onnx::to_bytes(&model).unwrap() == ran, "{name}: other bytes than onnxruntime ran");
        check(&mut model, "onnx", &name);
    }
}

#[test]
fn keras_ran_these_bytes_and_agrees() {
    for (name, mut model) in models(8) {
        check(&mut model, "keras", &name);
    }
    for name in ["gru-single-keras1", "lstm-double-keras1", "lstm-bidirectional-keras1", "gru-bidirectional-keras1"] {
        let model = models(8).into_iter().find(|(other, _)| other == name).unwrap().1;
        let ran = std::fs::read(fixture(&format!("written-{name}.keras"))).unwrap();
        assert!(keras::to_archive(&model).unwrap() == ran, "{name}: other bytes than Keras ran");
    }
}

#[test]
fn pytorch_agrees() {
    let (mut said, mut unsaid) = (0, 0);
    for (name, mut model) in models(8) {
        match safetensors::to_bytes(&model) {
            Ok(_) => {
                check(&mut model, "safetensors", &name);
                said += 1;
            }
            Err(Error::Inexpressible { what, .. }) => {
                assert!(name.ends_with("keras1") && what.contains("layer 0"), "{name}: {what}");
                unsaid += 1;
            }
            Err(other) => panic!("{name}: {other}"),
        }
    }
    assert_eq!((said, unsaid), (5, 5));
}

#[test]
fn safetensors_are_read_back_to_the_bit() {
    let directory = tempfile::tempdir().unwrap();
    for (name, model) in models(8).into_iter().filter(|(name, _)| name.ends_with("pytorch")) {
        let path = directory.path().join(name);
        safetensors::write(&model, &path).unwrap();
        let back = safetensors::read(&path, &Choices::default()).unwrap().model;
        assert_eq!(back.metadata, model.metadata);
        assert_eq!(back.network.architecture(), model.network.architecture());
        assert_eq!(back.network.weights_blake3(), model.network.weights_blake3());
    }
}

#[test]
fn keras_files_are_read_back() {
    let directory = tempfile::tempdir().unwrap();
    for (name, mut model) in models(8) {
        for ending in ["keras", "weights.h5"] {
            let path = directory.path().join(format!("{name}.{ending}"));
            keras::write(&model, &path).unwrap();
            let mut back = keras::read(&path, &Choices::default()).unwrap().model;
            assert_eq!(back.metadata, model.metadata);
            let vectors = back.network.predict(&words(50)).unwrap();
            let difference = difference(&vectors, &model.network.predict(&words(50)).unwrap());
            // A hard sigmoid's weights are written 1.2 times as large.
            let tolerance = if name.ends_with("keras1") { TOLERANCE } else { 0.0 };
            assert!(difference <= tolerance, "{name}.{ending}: {difference}");
        }
    }
}

#[test]
fn metadata_that_do_not_fit_are_not_written() {
    let mut model = common::model(Architecture::lstm_single(27, 4, 2, Flavour::PyTorch));
    model.metadata = Metadata { alphabet: Some("$abc".into()), ..Metadata::default() };
    for result in [onnx::to_bytes(&model), keras::to_archive(&model), safetensors::to_bytes(&model)] {
        assert!(matches!(result, Err(Error::Metadata { .. })), "{result:?}");
    }
}
