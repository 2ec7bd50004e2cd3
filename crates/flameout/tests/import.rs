//! `flameout import`: what is assumed is said, and each option that is named exists and helps.

use std::process::{Command, Output};

const OPEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/interchange/open");

fn import(file: &str, options: &[&str]) -> (Output, String) {
    let out = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_flameout"))
        .args(["import", &format!("{OPEN}/{file}"), "--alphabet", "$abcde", "--out"])
        .arg(out.path().join("model"))
        .args(options)
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    (output, error)
}

#[test]
fn each_assumption_names_an_option_that_ends_it() {
    let length = ["--length", "6"];
    let (output, error) = import("torch-last.safetensors", &length);
    assert!(output.status.success(), "{error}");
    for option in ["--order", "--bidirectional", "--last-activation"] {
        assert!(error.lines().any(|line| line.starts_with("assumed: ") && line.contains(option)), "{error}");
    }
    let chosen = ["--order", "rnn,out", "--bidirectional", "last", "--last-activation", "linear"];
    let (output, error) = import("torch-last.safetensors", &[&length[..], &chosen].concat());
    assert!(output.status.success() && !error.contains("changes that"), "{error}");
    let (output, error) = import("keras2-gru-no-bias.h5", &[&length[..], &["--reset", "before"]].concat());
    assert!(output.status.success() && !error.contains("--reset"), "{error}");
}

#[test]
fn an_option_that_decides_nothing_is_refused() {
    let (output, error) = import("keras2-nested.h5", &["--length", "6", "--reset", "before"]);
    assert!(output.status.code() == Some(1) && error.contains("leaves nothing open that --reset decides"), "{error}");
}

#[test]
fn a_length_that_the_file_tells_need_not_be_given() {
    let (output, error) = import("keras2-nested.h5", &[]);
    assert!(output.status.success() && error.is_empty(), "{error}");
    let (output, error) = import("keras2-nested.h5", &["--length", "9"]);
    assert!(output.status.success() && error.contains("length 6; --length makes it 9"), "{error}");
}
