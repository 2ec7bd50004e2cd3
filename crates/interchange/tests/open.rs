//! Files that leave something open: the vectors of the program that wrote them come out, or what was assumed is told, or
//! the file is refused and what would decide it is named (`fixtures/interchange/README.md`).

use std::path::PathBuf;

use flameout_cells::{Activation, Reset};
use flameout_interchange::{Choice, Choices, Error, Imported, LastStates, Metadata, Model, onnx};
use ndarray::Array2;
use serde_json::Value;

mod common;
use common::fixture;

const LENGTH: usize = 6;

fn path(name: &str) -> PathBuf {
    fixture(&format!("open/{name}"))
}

fn read(name: &str, choices: &Choices) -> Result<Imported, Error> {
    let path = path(name);
    flameout_interchange::import(&path, choices)
}

/// The largest difference from what the other program computed.
fn difference(name: &str, imported: &mut Imported) -> f32 {
    let text = std::fs::read_to_string(path(&format!("{name}.json"))).unwrap();
    let recorded: Value = serde_json::from_str(&text).unwrap();
    let words: Vec<&str> = recorded["words"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    let index = |word: &str, time: usize| "$abcde".find(word.chars().nth(time.wrapping_sub(1)).unwrap_or('$')).unwrap();
    let indices =
        Array2::from_shape_fn(
            (words.len(), LENGTH),
            |(word, time)| {
                if time == 0 { 0 } else { index(words[word], time) as u16 }
            },
        );
    let vectors = imported.model.network.predict(&indices).unwrap();
    let mut largest = 0.0_f32;
    for (row, word) in recorded["vectors"].as_array().unwrap().iter().enumerate() {
        let word = word.as_array().unwrap();
        assert_eq!(word.len(), vectors.ncols(), "{name}");
        for (column, value) in word.iter().enumerate() {
            largest = largest.max((vectors[(row, column)] - value.as_f64().unwrap() as f32).abs());
        }
    }
    largest
}

fn assumed(imported: &Imported) -> Vec<Choice> {
    imported.assumed.iter().filter_map(|assumption| assumption.choice).collect()
}

#[test]
fn vectors_are_those_of_the_other_program() {
    use Choice::{Bidirectional, GateActivation, LastActivation, Order, Reset};
    let torch = [Order, LastActivation];
    let weights = [GateActivation, Order, Bidirectional, LastActivation];
    for (name, expected) in [
        ("keras2-gru-no-bias.h5", &[Reset, GateActivation, LastActivation][..]),
        ("keras2-cudnn-gru.h5", &[LastActivation]),
        ("keras2-cudnn-lstm.h5", &[LastActivation]),
        ("keras2-nested.h5", &[]),
        ("keras3-nested.h5", &[]),
        ("keras2-noise.h5", &[]),
        ("keras3-float16.keras", &[]),
        ("keras3-functional.keras", &[]),
        ("keras2.weights.h5", &weights),
        ("keras3.weights.h5", &weights),
        ("keras3-bfloat16.keras", &[]),
        ("keras3-bfloat16.h5", &[]),
        ("keras3-bfloat16.weights.h5", &[GateActivation, Order, LastActivation]),
        ("torch-tied.safetensors", &torch),
        ("torch-twice.safetensors", &[Order]),
        ("torch-embedding.safetensors", &torch),
        ("torch-embedding-alone.safetensors", &[Order]),
        ("torch-f16.safetensors", &torch),
        ("torch-bf16.safetensors", &torch),
        ("torch-prefix.safetensors", &torch),
    ] {
        let mut imported = read(name, &Choices::default()).unwrap();
        assert_eq!(assumed(&imported), expected, "{name}: {:?}", imported.assumed);
        let difference = difference(name, &mut imported);
        assert!(difference < 1e-5, "{name}: {difference}");
    }
}

#[test]
fn a_wrong_assumption_is_told_and_a_choice_mends_it() {
    let hard = Choices {
        gate_activation: Some(Activation::HardSigmoid),
        last_activation: Some(Activation::Tanh),
        ..Choices::default()
    };
    let last = Choices { bidirectional: Some(LastStates::Last), ..Choices::default() };
    for (name, choice, choices) in [
        ("keras2-other-activations.h5", Choice::GateActivation, hard),
        ("torch-last.safetensors", Choice::Bidirectional, last),
    ] {
        let mut guessed = read(name, &Choices::default()).unwrap();
        assert!(assumed(&guessed).contains(&choice) && difference(name, &mut guessed) > 0.1, "{name}");
        let mut chosen = read(name, &choices).unwrap();
        assert!(!assumed(&chosen).contains(&choice) && chosen.unused.is_empty(), "{name}");
        let difference = difference(name, &mut chosen);
        assert!(difference < 1e-5, "{name}: {difference}");
    }
}

/// The states at the last time step, as PyTorch's `output[:, -1]`, are written as onnxruntime read them: its vectors of these
/// bytes are those of `torch-last.safetensors.json`, up to 1e-6.
#[test]
fn the_last_step_is_what_onnxruntime_ran() {
    let choices = Choices { bidirectional: Some(LastStates::Last), ..Choices::default() };
    let network = read("torch-last.safetensors", &choices).unwrap().model.network;
    let metadata = Metadata { alphabet: Some("$abcde".into()), length: Some(LENGTH), ..Metadata::default() };
    let bytes = onnx::to_bytes(&Model { network, metadata }).unwrap();
    assert!(bytes == std::fs::read(path("torch-last.onnx")).unwrap(), "other bytes than onnxruntime ran");
}

/// A file is told by its content: what it is called does not matter.
#[test]
fn a_file_may_have_any_name() {
    let folder = tempfile::tempdir().unwrap();
    for (name, other) in
        [("torch-f16.safetensors", "model.bin"), ("keras2-nested.h5", "weights"), ("keras3-float16.keras", "a.zip")]
    {
        let renamed = folder.path().join(other);
        std::fs::copy(path(name), &renamed).unwrap();
        assert!(flameout_interchange::import(&renamed, &Choices::default()).is_ok(), "{name}");
    }
    for (name, content, what) in [
        ("a.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "Git LFS pointer"),
        ("b.keras", "<!DOCTYPE html>", "web page"),
        ("c.safetensors", "\0\0\0\0\0\0\0\0", "no sound safetensors file"),
        ("d.h5", "\0\u{1}", "d.h5"),
        ("e.bin", "\0\u{1}", "neither a file of Keras"),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, content).unwrap();
        let message = flameout_interchange::import(&file, &Choices::default()).unwrap_err().to_string();
        assert!(message.contains(what), "{message}");
    }
    let message = flameout_interchange::import(folder.path(), &Choices::default()).unwrap_err().to_string();
    assert!(message.contains("is a directory"), "{message}");
}

#[test]
fn a_choice_of_what_is_told_is_said_to_be_unused() {
    let choices = Choices { reset: Some(Reset::Before), ..Choices::default() };
    assert_eq!(read("keras2-cudnn-gru.h5", &choices).unwrap().unused, [Choice::Reset]);
    assert_eq!(read("keras2-nested.h5", &choices).unwrap().unused, [Choice::Reset]);
    assert!(read("keras2-gru-no-bias.h5", &choices).unwrap().unused.is_empty());
}

#[test]
fn what_cannot_be_computed_is_refused_by_name() {
    for (name, reason) in [
        ("keras3-masking.h5", "`Masking`"),
        ("torch-norm.safetensors", "norm layer"),
        ("torch-projection.safetensors", "proj_size"),
    ] {
        let message = read(name, &Choices::default()).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    }
}

/// The dense layer of a class of one's own lies beside those that Keras lists as its layers.
#[test]
fn weights_beside_the_layers_are_not_left_out() {
    let message = read("keras-subclassed.weights.h5", &Choices::default()).unwrap_err().to_string();
    assert!(
        message.contains("weights of `d` outside of `layers`") && message.contains("keras.Sequential"),
        "{message}"
    );
}
