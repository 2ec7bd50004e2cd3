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

/// A file is told by its content, and what cannot be read says what it is and how to make one that can.
#[test]
fn foreign_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content, expected) in [
        (
            "model.pt",
            &b"\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x6A"[..],
            "safetensors.torch.save_file(model.state_dict(), ",
        ),
        ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "git lfs pull"),
        ("model.keras", b"<!DOCTYPE html>\n<html></html>\n", "web page"),
        ("model.safetensors.index.json", b"{\"weight_map\": {\"a\": \"model-1.safetensors\"}}", "several files"),
        ("model.onnx", b"\x08\x07\x12\x07pytorch", "is an ONNX model"),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, content).unwrap();
        let output =
            Command::new(env!("CARGO_BIN_EXE_flameout")).arg("import").arg(&file).args(["--out", "x"]).output();
        let output = output.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && error.contains(expected), "{name}: {error}");
    }
}

/// The command that is printed can be pasted into a shell, whatever the directory is called.
#[cfg(unix)]
#[test]
fn the_next_command_can_be_pasted() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["plain", "odd $dir 'q' \"w\"", "-x y"] {
        let output = Command::new(env!("CARGO_BIN_EXE_flameout"))
            .current_dir(folder.path())
            .args(["import", &format!("{OPEN}/keras2-nested.h5"), "--alphabet", "$abcde", &format!("--out={name}")])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let command = text.lines().find_map(|line| line.strip_prefix("Next:  flameout ")).expect("a command");
        let script = format!("'{}' {}", env!("CARGO_BIN_EXE_flameout"), command.replace("WORD…", "abc"));
        let pasted = Command::new("bash").current_dir(folder.path()).args(["-c", &script]).output().unwrap();
        assert!(pasted.status.success(), "{script}: {}", String::from_utf8_lossy(&pasted.stderr));
        assert!(pasted.stdout.starts_with(b"abc "), "{script}");
    }
}
