//! Files that others wrote, and what their software made of them (`fixtures/interchange/README.md`).

use flameout_cells::{Activation, Reset};
use flameout_interchange::{Choices, Model, keras, safetensors};
use flameout_model::{Architecture, Cell, Flavour, LayerKind};

mod common;
use common::{difference, fixture, recorded, recorded_indices};

const TOLERANCE: f32 = 1e-5;

fn check(mut model: Model, expected: &str, name: &str) {
    let vectors = model.network.predict(&recorded_indices(expected)).unwrap();
    let difference = difference(&vectors, &recorded(expected, name));
    println!("{name}: {difference:e}");
    assert!(difference <= TOLERANCE, "{name}: {difference}");
}

#[test]
fn whole_models_of_keras_3() {
    for (file, name) in [
        ("keras-lstm-single.h5", "lstm_single"),
        ("keras-gru-single.keras", "gru_single"),
        ("keras-gru-before.keras", "gru_before"),
        ("keras-gru-before.h5", "gru_before"),
        ("keras-lstm-double.keras", "lstm_double"),
        ("keras-bidirectional.keras", "bidirectional"),
        ("keras-bidirectional.h5", "bidirectional"),
        ("keras-bidirectional-weights-only.h5", "bidirectional"),
    ] {
        check(keras::read(&fixture(file), &Choices::default()).unwrap().model, "keras-expected.safetensors", name);
    }
}

#[test]
fn weights_of_keras_3_take_an_architecture() {
    let single = Architecture::lstm_single(27, 8, 5, Flavour::Keras3);
    let double = Architecture::lstm_double(27, 8, 5, Flavour::Keras3);
    let path = fixture("keras-lstm-double.weights.h5");
    let message = keras::read(&path, &Choices::default()).unwrap_err().to_string();
    assert!(message.contains("keras-lstm-double.weights.h5") && message.contains("does not tell"), "{message}");
    check(keras::read_weights(&path, &double).unwrap(), "keras-expected.safetensors", "lstm_double");

    let path = fixture("keras-lstm-single.weights.h5");
    check(keras::read_weights(&path, &single).unwrap(), "keras-expected.safetensors", "lstm_single");
    let message = keras::read_weights(&path, &double).unwrap_err().to_string();
    assert!(message.contains("layers/time_distributed"), "{message}");
}

#[test]
fn weights_of_keras_3_in_two_directions() {
    let path = fixture("keras-bidirectional.weights.h5");
    let layer = |cell, return_sequences| LayerKind::Bidirectional {
        cell,
        units: 8,
        gate_activation: Activation::Sigmoid,
        return_sequences,
    };
    let layers = [layer(Cell::Lstm, true), layer(Cell::Gru { reset: Reset::After }, false)];
    let architecture = Architecture::of_layers(27, &layers, 5);
    check(keras::read_weights(&path, &architecture).unwrap(), "keras-expected.safetensors", "bidirectional");
    let message = keras::read_weights(&path, &Architecture::lstm_single(27, 8, 5, Flavour::Keras3)).unwrap_err();
    assert!(message.to_string().contains("layers/lstm"), "{message}");
}

#[test]
fn weights_of_keras_1() {
    for case in ["lstm-single", "gru-single"] {
        let mut model = keras::read(&fixture(&format!("keras1-{case}.h5")), &Choices::default()).unwrap().model;
        let run = format!("../keras-1.0.7/{case}.safetensors");
        let vectors = model.network.predict(&recorded_indices(&run)).unwrap();
        let difference = difference(&vectors, &recorded(&run, "predictions/final"));
        assert!(difference <= TOLERANCE, "{case}: {difference}");
    }
}

#[test]
fn chars2vec() {
    let model = keras::read(&fixture("chars2vec-eng_50.h5"), &Choices::default()).unwrap().model;
    let lstm =
        |return_sequences| LayerKind::Lstm { units: 50, gate_activation: Activation::HardSigmoid, return_sequences };
    assert_eq!(model.network.architecture().layers, [lstm(true), lstm(false)]);
    // chars2vec pads by vectors of zeros on the left, and replaces unknown characters by them.
    check(model.with_blank().unwrap(), "chars2vec-expected.safetensors", "vectors");
}

#[test]
fn state_dicts_of_pytorch() {
    for name in [
        "pytorch-lstm-stacked",
        "pytorch-gru",
        "pytorch-lstm-no-bias",
        "pytorch-lstm-bidirectional",
        "pytorch-gru-bidirectional",
    ] {
        let model = safetensors::read(&fixture(&format!("{name}.safetensors")), &Choices::default()).unwrap().model;
        assert_eq!(model.metadata, Default::default());
        check(model, "pytorch-expected.safetensors", name);
    }
}

#[test]
fn directions_that_are_too_many_or_too_few_are_named() {
    let message = |name: &str, architecture| {
        let path = fixture(&format!("{name}.safetensors"));
        safetensors::read_weights(&path, &architecture).unwrap_err().to_string()
    };
    let one = message("pytorch-gru-bidirectional", Architecture::gru_single(27, 8, 5, Flavour::PyTorch));
    assert!(one.contains("_l0_reverse`: is of a bidirectional layer"), "{one}");
    let two = message("pytorch-lstm-no-bias", Architecture::lstm_bidirectional(27, 8, 5, Flavour::PyTorch));
    assert!(two.contains("`weight_ih_reverse` is not"), "{two}");
}

#[test]
fn the_wrong_architecture_is_explained() {
    let path = fixture("pytorch-gru.safetensors");
    let message = |architecture| safetensors::read_weights(&path, &architecture).unwrap_err().to_string();
    let single = Architecture::gru_single;
    assert!(message(single(27, 8, 5, Flavour::Keras1)).contains("reset gate before"));
    assert!(message(single(30, 8, 5, Flavour::PyTorch)).contains("rnn.weight_ih_l0"));
    assert!(message(single(27, 9, 5, Flavour::PyTorch)).contains("fc.weight"));
    assert!(message(Architecture::lstm_single(27, 8, 5, Flavour::PyTorch)).contains("pytorch-gru.safetensors"));
    assert!(message(Architecture::lstm_double(27, 8, 5, Flavour::PyTorch)).contains("layer 2"));
}
