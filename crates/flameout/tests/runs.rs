//! What a user gets of a run: scores, the scale of vectors, the network's name, counts.

use std::path::Path;
use std::process::{Command, Output};

use flameout::Embedded;
use flameout::cli::evaluate::score;
use flameout::experiment::{Case, Dataset, Settings};
use flameout::word2vec::WordVectors;
use ndarray::Array2;
use serde_json::Value;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/glove-100d-4k.bin");

fn flameout(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flameout")).args(arguments).env("NO_COLOR", "1").output().unwrap()
}

/// Standard output and standard error of a command that succeeds.
fn both(arguments: &[&str]) -> (String, String) {
    let output = flameout(arguments);
    let [out, error] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{arguments:?}: {error}");
    (out, error)
}

fn ok(arguments: &[&str]) -> String {
    both(arguments).0
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&ok(arguments)).unwrap()
}

/// Standard error of a command that fails with this code.
fn fails(arguments: &[&str], code: i32) -> String {
    let output = flameout(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
    assert!(!error.contains("panicked"), "{error}");
    error
}

/// Words and their vectors as a text file, all different.
fn write_vectors(path: &Path, words: &[String], numbers: usize) {
    let number = |row: usize, column: usize| ((row * 37 + column * 101 + row * column) % 29) as f32 / 14.0 - 1.0;
    let line = |(row, word): (usize, &String)| {
        let numbers: String = (0..numbers).map(|column| format!(" {}", number(row, column))).collect();
        format!("{word}{numbers}\n")
    };
    std::fs::write(path, words.iter().enumerate().map(line).collect::<String>()).unwrap();
}

/// Words that share n-grams, and as many that share none with any other.
fn odd_words() -> Vec<String> {
    let stems = ["walk", "talk", "jump", "look", "cook", "play"];
    let plain = stems.iter().flat_map(|stem| ["", "s", "ed", "ing"].map(|end| format!("{stem}{end}")));
    let odd = (0..24_u32).map(|n| char::from_u32([0x1F600, 0x4E00, 0x0661][n as usize % 3] + n / 3).unwrap().into());
    plain.chain(odd).collect()
}

#[test]
fn a_test_word_without_a_known_n_gram_is_left_out_of_the_score_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    write_vectors(directory.path().join("odd.txt").as_path(), &odd_words(), 6);
    let begin = ["train", "--vectors", &path("odd.txt"), "--model", "ngrams", "--set", "data.test-share=0.5", "--out"];
    let trained = json(&[&begin[..], &[&path("model"), "--json"]].concat());
    let (measured, left_out) = (&trained["held_out"]["words"], &trained["held_out"]["left_out"]);
    assert_eq!(measured.as_u64().unwrap() + left_out.as_u64().unwrap(), 24);
    assert!(left_out.as_u64().unwrap() >= 6, "{trained}");
    assert_eq!(json(&["evaluate", "--model", &path("model"), "--json"])["held_out"], trained["held_out"]);
    let text = ok(&["evaluate", "--model", &path("model")]);
    assert!(text.contains(&format!("{left_out} words (not trained on) left out")), "{text}");
}

#[test]
fn a_score_of_no_word_is_no_number() {
    let settings = Settings::for_case(Case::LstmSingle).with(|settings| settings.data.test_share = 0.5).unwrap();
    let words = ["ant", "bee", "cat", "dog"].map(String::from).to_vec();
    let vectors = Array2::from_shape_fn((4, 3), |(i, j)| ((i * 7 + j * 5 + i * j) % 11) as f32);
    let dataset = Dataset::new(&settings, WordVectors::new(words, vectors).unwrap()).unwrap();
    let refuse = |numbers| {
        move |words: &[&str]| Embedded {
            vectors: Array2::zeros((0, numbers)),
            kept: Vec::new(),
            refused: (0..words.len()).map(|position| (position, String::new())).collect(),
        }
    };
    let nothing = score(&dataset, &dataset.test, &mut refuse(3)).unwrap();
    assert_eq!((nothing.words, nothing.left_out), (0, 2));
    assert!(nothing.hit_at_1.is_nan() && nothing.cosine.is_nan());
    let error = score(&dataset, &dataset.test, &mut refuse(4)).unwrap_err().to_string();
    assert!(error.contains("3 numbers, the model gives 4"), "{error}");
}

/// The lengths of the vectors that `embed` gives to known words and to others.
fn lengths(model: &str, more: &[&str]) -> (Vec<f64>, Vec<f64>) {
    let words = ["the", "people", "thepeople", "unpeople"];
    let text = ok(&[&["embed", "--model", model, "--known", "original"], more, &words[..]].concat());
    let length = |line: &str| line.split(' ').skip(1).map(|x| x.parse::<f64>().unwrap().powi(2)).sum::<f64>().sqrt();
    let all: Vec<f64> = text.lines().map(length).collect();
    (all[..2].to_vec(), all[2..].to_vec())
}

#[test]
fn predicted_vectors_are_as_long_as_known_ones_whatever_the_model() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let layer = "{ bidirectional = { cell = { gru = { reset = 'after' } }, units = 4, gate_activation = 'sigmoid', \
                 return_sequences = false } }";
    std::fs::write(path("layers.toml"), format!("layers = [{layer}]")).unwrap();
    let begin = ["train", "--vectors", VECTORS, "--words", "200", "--quiet"];
    let models = ["bidirectional", "lstm-single", "gru-single", "lstm-double", &path("layers.toml"), "ngrams"];
    let own = |name: &str| name.ends_with(".toml") || name == "ngrams";
    for (index, model) in models.into_iter().enumerate() {
        for (normalization, mse) in [("centred-then-unit", false), ("unit", true), ("none", false), ("centred", true)] {
            let out = path(&format!("{index}-{normalization}"));
            let set = format!("data.normalization={normalization}");
            let mut arguments = [&begin[..], &["--model", model, "--out", &out, "--set", &set]].concat();
            if model != "ngrams" {
                arguments.extend(["--epochs", "1"]);
                arguments.extend(if mse { &["--set", "training.loss=mse"][..] } else { &[] });
            }
            arguments.extend(if own(model) { &[][..] } else { &["--units", "5"] });
            ok(&arguments);
            let (known, predicted) = lengths(&out, &[]);
            if normalization.ends_with("unit") {
                let unit = |length: &f64| (length - 1.0).abs() < 1e-5;
                assert!(known.iter().chain(&predicted).all(unit), "{model}, {set}: {known:?} {predicted:?}");
            } else if normalization == "none" && model != "ngrams" {
                // A cosine loss teaches directions: lengths are the mean of the training vectors'.
                let mean = predicted[0];
                assert!((4.0..8.0).contains(&mean) && (predicted[1] - mean).abs() < 1e-4, "{model}: {predicted:?}");
                assert!(known.iter().all(|length| (0.5..2.0).contains(&(length / mean))), "{model}: {known:?}");
            } else {
                // Trained to lengths as well, which stay as they are predicted.
                assert!((predicted[0] - predicted[1]).abs() > 1e-6, "{model}, {set}: {predicted:?}");
            }
        }
    }
}

#[test]
fn an_imported_model_of_ours_keeps_its_scale_and_that_of_others_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let begin = ["train", "--vectors", VECTORS, "--words", "200", "--units", "5", "--epochs", "1", "--quiet", "--out"];
    ok(&[&begin[..], &[&path("run")]].concat());
    for (to, name) in [("safetensors", "a.safetensors"), ("keras", "a.keras")] {
        ok(&["export", "--model", &path("run"), "--to", to, "--out", &path(name)]);
        ok(&["import", &path(name), "--out", &path("ours")]);
        let (known, predicted) = lengths(&path("ours"), &["--vectors", VECTORS]);
        assert!(known.iter().chain(&predicted).all(|length| (length - 1.0).abs() < 1e-5), "{known:?} {predicted:?}");
    }
    let theirs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/interchange/pytorch-gru.safetensors");
    let spelling = ["--alphabet", "$abcdefghijklmnopqrstuvwxyz", "--length", "19"];
    ok(&[&["import", theirs, "--out", &path("ours")], &spelling[..]].concat());
    let text = ok(&["embed", "--model", &path("ours"), "people"]);
    let square: f64 = text.trim().split(' ').skip(1).map(|x| x.parse::<f64>().unwrap().powi(2)).sum();
    assert!((square - 1.0).abs() > 1e-3, "nothing says that it must be 1: {square}");
    // Vectors of five numbers, as the network gives.
    write_vectors(directory.path().join("five.txt").as_path(), &odd_words()[..24], 5);
    let known = ["embed", "--model", &path("ours"), "--known", "original", "--vectors", &path("five.txt"), "people"];
    assert!(both(&known).1.contains("does not say what vectors were brought to"));
}

#[test]
fn train_scores_the_network_that_it_keeps_as_evaluate_does() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run").to_str().unwrap().to_owned();
    // So fast that the last network is worse than an earlier one.
    let rate = ["--set", "schedule={ kind = 'constant', learning-rate = 0.05 }"];
    let begin = ["train", "--vectors", VECTORS, "--words", "300", "--units", "16", "--epochs", "8", "--quiet"];
    let trained = json(&[&begin[..], &rate, &["--json", "--out", &out]].concat());
    assert!(trained["best_test"]["epoch"].as_u64().unwrap() < trained["steps"].as_u64().unwrap() / 5, "{trained}");
    assert_eq!(trained["network"], "Bidirectional(LSTM(16)) → Dense(100)");
    let held_out = &json(&["evaluate", "--model", &out, "--json"])["held_out"];
    assert_eq!(&trained["kept"]["not_seen"], held_out);
    assert_ne!(trained["kept"]["not_seen"]["cosine"], trained["test"]["cosine"], "the last network is another one");
    // A finished run that is gone on with prints it again.
    let text = ok(&["train", "--out", &out, "--resume"]);
    assert!(text.contains("Kept: the network after epoch") && text.contains(&cosine(held_out)), "{text}");
    assert!(ok(&["evaluate", "--model", &out]).contains(&cosine(held_out)));
}

fn cosine(score: &Value) -> String {
    format!("{:.3}", score["cosine"].as_f64().unwrap())
}

#[test]
fn the_network_that_was_built_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let begin = ["train", "--vectors", VECTORS, "--words", "200", "--units", "6", "--epochs", "1", "--out"];
    let (_, said) = both(&[&begin[..], &[&path("run")]].concat());
    assert!(said.contains("Bidirectional(LSTM(6)) → Dense(100)") && !said.contains("lstm-single"), "{said}");
    let text = ok(&["report", &path("run")]);
    assert!(text.contains("Bidirectional(LSTM(6)) → Dense, 3 steps") && !text.contains("lstm-single"), "{text}");
    let page = std::fs::read_to_string(path("run/report.html")).unwrap();
    assert!(page.contains("Bidirectional(LSTM(6)) → Dense, batches of 64"));
    let error = fails(&[&begin[..], &[&path("run")]].concat(), 1);
    assert!(error.contains("holds a run already") && !error.contains("lstm-single"), "{error}");

    ok(&["export", "--model", &path("run"), "--to", "keras", "--out", &path("a.keras")]);
    ok(&["import", &path("a.keras"), "--out", &path("imported")]);
    let error = fails(&["report", &path("imported")], 1);
    assert!(error.contains("imported model, Bidirectional(LSTM(6)) → Dense(100)"), "{error}");
}

#[test]
fn counts_of_a_report_are_those_of_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("training.log").to_str().unwrap().to_owned();
    let report = |rows: u32| {
        let lines: String = (0..rows).map(|epoch| format!("{epoch},{}\n", 1.0 / f64::from(epoch + 1))).collect();
        std::fs::write(&log, format!("epoch,loss\n{lines}")).unwrap();
        ok(&["report", &log])
    };
    assert!(report(30).contains("\n30 epochs\n"));
    assert!(report(1).contains("\n1 epoch\n"));
}

#[test]
fn what_does_not_fit_is_an_error_and_no_panic() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let error = fails(&["train", "--vectors", VECTORS, "--words", "0"], 2);
    assert!(error.contains("0 words leave nothing to train on"), "{error}");
    assert!(fails(&["embed", "--model", &path("nope"), "word"], 1).contains("nope: there is no such directory"));
    assert!(fails(&["embed", "--model", VECTORS, "word"], 1).contains("is a file"));
    let largest = u64::MAX.to_string();
    for option in ["--seed", "--words"] {
        let error = fails(&["train", "--vectors", VECTORS, "--model", "ngrams", option, &largest], 1);
        assert!(error.contains("must be at most"), "{error}");
    }

    write_vectors(directory.path().join("six.txt").as_path(), &odd_words()[..24], 6);
    let begin = ["train", "--vectors", &path("six.txt"), "--set", "data.test-share=0.3"];
    ok(&[&begin[..], &["--model", "ngrams", "--out", &path("ngrams")]].concat());
    ok(&[&begin[..], &["--units", "4", "--epochs", "1", "--quiet", "--out", &path("run")]].concat());
    // The file of vectors is another one now.
    write_vectors(directory.path().join("six.txt").as_path(), &odd_words()[..24], 5);
    for model in ["ngrams", "run"] {
        let error = fails(&["evaluate", "--model", &path(model)], 1);
        assert!(error.contains("have 5 numbers, the model gives 6"), "{error}");
    }
    let data = std::fs::read_to_string(path("ngrams/ngrams.toml")).unwrap();
    std::fs::write(path("ngrams/ngrams.toml"), data.replace("test-share = 0.3", "test-share = 3.0")).unwrap();
    let error = fails(&["evaluate", "--model", &path("ngrams")], 1);
    assert!(error.contains("ngrams.toml") && error.contains("below 1"), "{error}");
}

#[test]
fn n_grams_are_fitted_unless_an_option_of_a_network_is_given() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let begin = ["train", "--vectors", VECTORS, "--words", "200", "--out"];
    ok(&[&begin[..], &[&path("plain"), "--set", "data.test-share=0.2"]].concat());
    assert!(directory.path().join("plain/ngrams.toml").is_file());
    let (_, told) = both(&[&begin[..], &[&path("set"), "--set", "training.epochs=1"]].concat());
    assert!(told.contains("--set training.epochs=1 is of a network: --model bidirectional is trained"), "{told}");
    for option in [["--units", "3"], ["--epochs", "1"], ["--states", "0"], ["--set", "training.batch=3"]] {
        let error = fails(&[&begin[..], &[&path("none"), "--model", "ngrams"], &option[..]].concat(), 1);
        assert!(error.contains(option[0]) && error.contains("--model bidirectional"), "{error}");
    }
}

#[test]
fn the_learning_rate_falls_until_the_last_step_whatever_is_set() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    // Vectors that only the setting makes usable: all alike, they have no direction once they are centred.
    let words: String = (0..20).map(|n| format!("w{n} 1 1\n")).collect::<String>().replace('w', "word");
    std::fs::write(path("same.txt"), words).unwrap();
    let begin = ["train", "--vectors", &path("same.txt"), "--units", "3", "--epochs", "3", "--quiet", "--out"];
    let set = ["--set", "training.batch=3", "--set", "data.normalization=none", "--set", "data.test-share=0.1"];
    ok(&[&begin[..], &[&path("run")], &set[..]].concat());
    let settings = std::fs::read_to_string(path("run/settings.toml")).unwrap();
    assert!(settings.contains("steps = 18"), "6 batches, 3 times: {settings}");
}

#[test]
fn a_replay_says_how_far_it_goes() {
    let directory = tempfile::tempdir().unwrap();
    let run = directory.path().join("run").to_str().unwrap().to_owned();
    let begin = ["train", "--vectors", VECTORS, "--words", "200", "--units", "4", "--epochs", "2", "--quiet", "--out"];
    ok(&[&begin[..], &[&run]].concat());
    let replay = ["replay", &run, "--at", "2", "--set", "training.batch=32", "--steps", "3", "--orders", "1"];
    let (_, said) = both(&replay);
    assert!(said.contains("4 replays, 3 steps each") && said.contains("nothing: 0 of 2"), "{said}");
    assert_eq!(both(&[&replay[..], &["--quiet"]].concat()).1, "");
}
