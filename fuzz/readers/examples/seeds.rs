//! Writes the sound files that fuzzing starts from to `fuzz/corpus/`, as `seed-…`, and files that were made to do harm, as
//! `made-…`. What fuzzing itself found is there as `found-…`.

use std::io::Write;
use std::path::{Path, PathBuf};

use flameout_encoder::{CharEncoder, EncoderSettings, UnknownPolicy};
use flameout_experiment::{Case, Settings};
use flameout_fuzz_readers::containers::run_checkpoint_payload;
use flameout_fuzz_readers::interchange::tiny;
use flameout_interchange::{keras, safetensors};
use flameout_model::{Architecture, Flavour};
use flameout_ngrams::Options;
use flameout_word2vec::{Format, ReadOptions, WordVectors};
use flate2::Compression;
use flate2::write::GzEncoder;
use ndarray::Array2;

/// Bytes of the container before the payload.
const HEADER: usize = 52;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn seed(target: &str, name: &str, content: &[u8]) {
    write(target, &format!("seed-{name}"), content);
}

fn made(target: &str, name: &str, content: &[u8]) {
    write(target, &format!("made-{name}"), content);
}

fn write(target: &str, name: &str, content: &[u8]) {
    let directory = root().join("fuzz/corpus").join(target);
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join(name), content).unwrap();
}

fn copy(target: &str, name: &str, file: &str) {
    seed(target, name, &std::fs::read(root().join(file)).unwrap());
}

fn main() {
    vectors();
    containers();
    harmful_containers();
    interchange();
    logs();
    text();
    whole();
}

/// For what is done with a file from its first byte to its last line.
fn whole() {
    let rise = |row: u32| if row < 12 { 1.0 / f64::from(row + 1) } else { 0.9 };
    let rows = |line: &dyn Fn(u32) -> String| (0..16).map(line).collect::<String>();
    let csv = rows(&|row| format!("{row},{},{}\n", rise(row), 1.1 * rise(row)));
    seed("diagnose", "rise.csv", format!("epoch,loss,val_loss\n{csv}").as_bytes());
    let json = rows(&|row| format!("{{\"step\": {row}, \"loss\": {}, \"grad_norm\": 0.5}}\n", rise(row)));
    seed("diagnose", "rise.jsonl", json.as_bytes());
    let keras = rows(&|row| format!("Epoch {}/16\n9/9 - 0s - loss: {:.4} - acc: 0.5\n", row + 1, rise(row)));
    seed("diagnose", "console", keras.as_bytes());
    copy("diagnose", "tensorflow", "fuzz/corpus/log/seed-tensorflow-train");
    made("diagnose", "names-that-steer", b"step,loss\x1b[2J,\xe2\x80\xaelr\n1,0.5,1\n2,0.4,1\n3,inf,1\n");
    for (name, target, file) in [
        ("keras", "import", "fuzz/corpus/keras_hdf5/seed-written"),
        ("keras-archive", "import", "fuzz/corpus/keras_archive/seed-gru"),
        ("lstm", "import", "fuzz/corpus/safetensors/seed-lstm-single"),
        ("gru", "import", "fuzz/corpus/safetensors/seed-pytorch-gru"),
    ] {
        copy(target, name, file);
    }
    for format in ["word2vec_binary", "word2vec_text", "glove"] {
        copy("train", format, &format!("fuzz/corpus/{format}/seed-glove-words"));
    }
    made("train", "one-word", b"w 1 1\n");
    let twelve = |numbers: &str| ('a'..='l').map(|letter| format!("{letter}b {numbers}\n")).collect::<String>();
    made("train", "one-direction", twelve("0 0 0").as_bytes());
    made("train", "one-number", ('a'..='l').zip(1..).map(|(c, x)| format!("{c} {x}\n")).collect::<String>().as_bytes());
    let large = ('a'..='l').zip(1..).map(|(c, x)| format!("{c} {x}e37 -{x}e37\n")).collect::<String>();
    made("train", "as-large-as-can-be", large.as_bytes());
    let small = ('a'..='l').zip(1..).map(|(c, x)| format!("{c} {x}e-44 -{x}e-44\n")).collect::<String>();
    made("train", "as-small-as-can-be", small.as_bytes());
    let strange =
        ["$", "a\u{1b}[2J", "\u{202e}ba", "😀", "日本", "e\u{301}", "1", "ABC", "a$b", "-", "longer-than-six", "é"];
    let strange = strange.iter().zip(1..).map(|(word, x)| format!("{word} {x} {}\n", x * x % 7)).collect::<String>();
    made("train", "strange-letters", strange.as_bytes());
}

/// The first words of the fixture, their first numbers.
fn vectors() {
    let options = ReadOptions { limit: Some(8), ..ReadOptions::default() };
    let (all, _) = WordVectors::open_with(root().join("fixtures/glove-100d-4k.bin"), &options).unwrap();
    let numbers = Array2::from_shape_fn((8, 4), |index| all.matrix()[index]);
    let vectors = WordVectors::new(all.words().to_vec(), numbers).unwrap();
    let targets = [
        ("word2vec_binary", Format::Word2vecBinary),
        ("word2vec_text", Format::Word2vecText),
        ("glove", Format::Glove),
        ("fasttext", Format::FastText),
        ("indexed", Format::Indexed),
    ];
    for (target, format) in targets {
        let mut file = Vec::new();
        vectors.write_to(&mut file, format).unwrap();
        seed(target, "glove-words", &file);
        seed("any_vectors", target, &file);
        let mut zipped = GzEncoder::new(Vec::new(), Compression::best());
        zipped.write_all(&file).unwrap();
        seed("gzip", target, &zipped.finish().unwrap());
    }
    let mut rounded = Vec::new();
    vectors.write_to(&mut rounded, Format::IndexedInt8).unwrap();
    seed("indexed", "int8", &rounded);
    copy("indexed", "word2vec", "fuzz/corpus/word2vec_binary/seed-glove-words");
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(b"1 250000\nw ").unwrap();
    bomb.write_all(&vec![0; 1_000_000]).unwrap();
    seed("gzip", "one-word-of-a-million-zeros", &bomb.finish().unwrap());
}

fn containers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let payload = |path: &Path| std::fs::read(path).unwrap().split_off(HEADER);
    for (name, preset) in presets() {
        tiny(preset, Flavour::Keras1).network.save(&path).unwrap();
        seed("network", name, &payload(&path));
    }
    seed("network", "whole-file", &std::fs::read(&path).unwrap());

    let words = ["walk", "walks", "walked", "talk", "talks", "talked"];
    let options = Options { common: 2, penalties: vec![0.01], units: 4, ..Options::default() };
    let vectors = Array2::from_shape_fn((6, 2), |(row, column)| (row * 2 + column) as f32);
    flameout_ngrams::Model::fit(&words, vectors.view(), &options).unwrap().save(&path).unwrap();
    seed("ngrams", "walk-and-talk", &payload(&path));

    for steps in [1, 4] {
        seed("run_checkpoint", &format!("after-{steps}"), &run_checkpoint_payload(steps));
    }
    // Text, two texts, a pair, each choice, two pairs, bytes, two lists, a character, yes, numbers: in bincode.
    let head = b"\x02ab\x02\x01c\x00\x01\x05\x08";
    let tail = [&b"\x01"[..], &[0; 16], b"\x03xyz\x02\x01\x07\x00a\x01\x02", &[0, 0, 128, 63, 0, 0, 0, 64]].concat();
    for (number, choice) in
        [&b"\x00"[..], b"\x01\x00\x00\x80\x3f", b"\x02\x09\x0a", b"\x03\x01t\x0c"].iter().enumerate()
    {
        seed("checkpoint", &format!("choice-{number}"), &[head, *choice, &tail].concat());
    }
}

/// Payloads; readers get them with the right checksum.
fn harmful_containers() {
    // 253 announces a length of eight bytes.
    let eib = [&[253][..], &(1_u64 << 60).to_le_bytes()].concat();
    made("checkpoint", "text-of-an-exbibyte", &eib);
    made("ngrams", "n-gram-of-an-exbibyte", &[b"\x02\x06\x01", &eib[..]].concat());
    made("run_checkpoint", "settings-of-an-exbibyte", &eib);
    // An alphabet of two, and dense layers of one unit: kind, unit, activation.
    let layers = [&b"\x02\xfb\x88\x13"[..], &b"\x03\x01\x00".repeat(5000), b"\0\0"].concat();
    made("network", "five-thousand-layers", &layers);

    // The schedule is a constant, variant 0; a warm-up is variant 4, its steps, and a schedule.
    let sound = run_checkpoint_payload(1);
    let constant = [&[0][..], &0.001_f64.to_le_bytes()].concat();
    let at = sound.windows(constant.len()).position(|window| window == constant).expect("a schedule");
    let warm_ups = b"\x04\x01".repeat(10_000);
    made("run_checkpoint", "warm-ups-without-end", &[&sound[..at], &warm_ups, &sound[at..]].concat());
    let huge = br#"{"layer0.weight_ih_l0":{"dtype":"F32","shape":[4000000000000,0],"data_offsets":[0,0]},"layer0.weight_hh_l0":{"dtype":"F32","shape":[4000000000000,0],"data_offsets":[0,0]}}"#;
    made("safetensors", "rows-without-numbers", &[&(huge.len() as u64).to_le_bytes(), &huge[..]].concat());
}

type Preset = fn(usize, usize, usize, Flavour) -> Architecture;

fn presets() -> [(&'static str, Preset); 4] {
    [
        ("lstm-single", Architecture::lstm_single),
        ("gru-single", Architecture::gru_single),
        ("lstm-double", Architecture::lstm_double),
        ("lstm-bidirectional", Architecture::lstm_bidirectional),
    ]
}

fn interchange() {
    for (name, preset) in presets() {
        seed("safetensors", name, &safetensors::to_bytes(&tiny(preset, Flavour::PyTorch)).unwrap());
    }
    copy("safetensors", "pytorch-gru", "fixtures/interchange/pytorch-gru.safetensors");
    copy("safetensors", "pytorch-lstm-no-bias", "fixtures/interchange/pytorch-lstm-no-bias.safetensors");
    copy("keras_hdf5", "keras1-gru-single", "fixtures/interchange/keras1-gru-single.h5");
    copy("keras_hdf5", "keras-gru-before", "fixtures/interchange/keras-gru-before.h5");
    seed("keras_hdf5", "written", &keras::to_weights(&tiny(Architecture::lstm_single, Flavour::Keras3)).unwrap());
    seed("keras_archive", "lstm", &keras::to_archive(&tiny(Architecture::lstm_single, Flavour::Keras3)).unwrap());
    seed("keras_archive", "gru", &keras::to_archive(&tiny(Architecture::gru_single, Flavour::Keras1)).unwrap());
    copy("keras_archive", "keras-gru-before", "fixtures/interchange/keras-gru-before.keras");
    for (name, text) in CONFIGURATIONS {
        seed("keras_config", name, text.as_bytes());
    }
}

/// Each with a first byte for the version of Keras: `0` is 1.2.2, `3` is 3.10.0.
const CONFIGURATIONS: [(&str, &str); 4] = [
    (
        "keras-1",
        r#"0{"class_name":"Sequential","config":[{"class_name":"LSTM","config":{"output_dim":2,"activation":"tanh","inner_activation":"hard_sigmoid"}},{"class_name":"Dense","config":{"output_dim":2,"activation":"linear"}},{"class_name":"Activation","config":{"activation":"tanh"}}]}"#,
    ),
    (
        "keras-3",
        r#"3{"config":{"layers":[{"class_name":"InputLayer","config":{}},{"class_name":"LSTM","config":{"units":2,"activation":"tanh","recurrent_activation":"sigmoid","return_sequences":false}},{"class_name":"Dropout","config":{}},{"class_name":"Dense","config":{"units":2,"activation":"linear"}}]}}"#,
    ),
    (
        "functional",
        r#"1{"config":{"layers":[{"class_name":"InputLayer","name":"a","config":{},"inbound_nodes":[]},{"class_name":"GRU","name":"b","config":{"units":2,"activation":"tanh","reset_after":true},"inbound_nodes":[[["a",0,0]]]},{"class_name":"TimeDistributed","name":"c","config":{"layer":{"class_name":"Dense","config":{"units":2,"activation":"relu"}}},"inbound_nodes":[[["b",0,0]]]}]}}"#,
    ),
    (
        "bidirectional",
        r#"3{"config":[{"class_name":"Bidirectional","config":{"merge_mode":"concat","layer":{"class_name":"LSTM","config":{"units":2,"activation":"tanh","recurrent_activation":"sigmoid"}},"backward_layer":{"class_name":"LSTM","config":{"units":2,"activation":"tanh","recurrent_activation":"sigmoid","go_backwards":true}}}},{"class_name":"TimeDistributedDense","config":{"units":2,"activation":"hard_sigmoid"}}]}"#,
    ),
];

fn logs() {
    let fixtures = "crates/doctor/fixtures";
    for name in
        ["keras-csv-logger.csv", "keras-csv-logger-semicolon.csv", "keras-step-log.jsonl", "torch-step-log.jsonl"]
    {
        copy("log", name, &format!("{fixtures}/{name}"));
    }
    let events = [
        ("pytorch", "tensorboard-pytorch"),
        ("tensorflow-train", "tensorboard-keras/train"),
        ("tensorflow-validation", "tensorboard-keras/validation"),
    ];
    for (name, directory) in events {
        let file = std::fs::read(root().join(fixtures).join(directory).join("events.out.tfevents")).unwrap();
        seed("log", name, &file);
        seed("tensorboard", name, &unframed(&file));
    }
    seed("metrics", "steps-and-an-epoch", METRICS.as_bytes());
}

/// TensorBoard's events with two bytes of length in place of TensorFlow's frame.
fn unframed(mut file: &[u8]) -> Vec<u8> {
    let mut events = Vec::new();
    while let Some((length, rest)) = file.split_first_chunk::<8>() {
        let length = u64::from_le_bytes(*length) as usize;
        events.extend((length as u16).to_le_bytes());
        events.extend(&rest[4..4 + length]);
        file = &rest[8 + length..];
    }
    events
}

const METRICS: &str = r#"{"kind":"step","step":1,"epoch":1,"words":32,"loss":0.5,"accuracy":0.1,"gradient_norm":null,"update_norm":1.0,"learning_rate":0.001}
{"kind":"step","step":2,"epoch":1,"words":32,"loss":null,"accuracy":0.25,"gradient_norm":0.125,"update_norm":1e-9,"learning_rate":0.001}
{"kind":"epoch","epoch":1,"step":2,"loss":0.5,"accuracy":0.1,"test_loss":0.6,"test_accuracy":0.2,"spread":0.1,"identical":0.0,"words_per_second":9.0}
"#;

fn text() {
    for case in Case::ALL {
        seed("settings", case.name(), Settings::for_case(case).to_toml().as_bytes());
    }
    seed("settings", "layers", LAYERS.as_bytes());
    seed("settings", "kinds", KINDS.as_bytes());
    seed("summary", "collapsed", SUMMARY.as_bytes());
    let encoder = CharEncoder::learn(["word", "été"]).unwrap();
    seed("encoder", "learnt", &serde_json::to_vec(&encoder).unwrap());
    let mapped = EncoderSettings::default().unknown(UnknownPolicy::Map).length(6).build("abc").unwrap();
    seed("encoder", "mapped", &serde_json::to_vec(&mapped).unwrap());
    seed(
        "similarity",
        "with-and-without-numbers",
        b"1\tTiger\tcat\t7.35\textra\n\n2\tbook\tpaper\t5\nsea\tship\t-1e1\n",
    );
}

const LAYERS: &str = "layers = [
  { bidirectional = { cell = { gru = { reset = \"before\" } }, units = 8, gate_activation = \"sigmoid\", return_sequences = true } },
  { lstm = { units = 4, gate_activation = \"hard_sigmoid\", return_sequences = true } },
  { time_distributed = { units = 4, activation = \"tanh\" } },
  { gru = { units = 4, gate_activation = \"sigmoid\", reset = \"after\", return_sequences = false } },
  { dense = { units = 3, activation = \"relu\" } },
]
";

const KINDS: &str = "case = \"gru-single\"
seed = 3
[data]
alphabet = \"$abc\"
normalization = \"unit\"
[model]
units = 8
flavour = \"pytorch\"
precision = \"f64\"
forget-bias = 0.5
[training]
loss = \"cosine\"
patience = 3
[optimizer]
kind = \"sgd\"
[schedule]
kind = \"warm-up\"
steps = 5
then = { kind = \"cosine\", learning-rate = 0.003, steps = 50 }
[clipping]
kind = \"global-norm\"
limit = 1.0
";

const SUMMARY: &str = r#"{"case":"lstm-single","seed":0,"settings_hash":"ab","steps":40,"best":{"step":3,"loss":0.1,"accuracy":0.5},"best_test":{"epoch":1,"step":3,"loss":0.2},"final":{"words":4,"loss":null,"accuracy":0.5,"cosine":0.9,"hit_at_1":0.1,"hit_at_10":0.2},"test":{"words":2,"loss":0.5,"accuracy":0.5,"cosine":null,"hit_at_1":0.1,"hit_at_10":0.2},"baseline":{"train_loss":0.1,"test_loss":0.1,"accuracy":0.2,"spread":0.3},"trained_well_step":4,"collapsed":true,"onset_step":30,"symptom":"same-output","spikes":[7,9],"risen_since":null,"spread":null,"identical":0.5,"weights_blake3":"cd"}"#;
