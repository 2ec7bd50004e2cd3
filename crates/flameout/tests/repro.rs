//! `flameout repro` as a user starts it.

use std::path::Path;
use std::process::{Command, Output};

fn repro(from: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flameout"));
    command.args(["repro", "gru-single", "--full", "--units", "20", "--words", "356", "--epochs", "5"]);
    command.args(arguments).current_dir(from).output().unwrap()
}

/// The weights are pinned by `xtask/tests/bits.rs`, for `cargo xtask repro`.
#[test]
fn in_the_repository_it_ends_with_the_pinned_weights() {
    let directory = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let out = directory.path().join("run");
    let output = repro(root, &["--quiet", "--out", out.to_str().unwrap()]);
    let (printed, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");
    assert!(printed.contains("weights 291b2faed47c6db3"), "{printed}");
    assert_eq!(told, "");
}

#[test]
fn elsewhere_it_says_which_words_it_misses() {
    let directory = tempfile::tempdir().unwrap();
    let output = repro(directory.path(), &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.starts_with("error: ") && told.contains("--set data.vectors=FILE"), "{told}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "something was left behind");
}
