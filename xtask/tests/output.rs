//! Standard output that cannot be written does not end the work, and is no panic.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn xtask(arguments: &[&str], stdout: impl Into<Stdio>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).stdout(stdout).output().unwrap()
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

fn repro(out: &Path, stdout: impl Into<Stdio>) -> Output {
    let small = ["repro", "gru-single", "--units", "8", "--words", "200", "--epochs", "2", "--no-doctor", "--out"];
    xtask(&[&small[..], &[out.to_str().unwrap()]].concat(), stdout)
}

/// The error's line if there is one.
fn error(output: &Output) -> Option<String> {
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!error.contains("panicked"), "{error}");
    error.lines().find(|line| line.starts_with("error: ")).map(str::to_owned)
}

#[test]
fn a_full_disk_is_told_at_the_end_and_the_run_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    // The second time it says no more than that the run is there.
    for _ in 0..2 {
        let output = repro(&out, full());
        assert_eq!(output.status.code(), Some(1));
        assert!(error(&output).unwrap().starts_with("error: writing standard output: No space left"));
        assert!(out.join("summary.json").is_file());
    }
    let help = xtask(&["--help"], full());
    assert_eq!(help.status.code(), Some(1));
    assert!(error(&help).unwrap().contains("No space left"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let gone = || std::io::pipe().unwrap().1;
    let output = repro(&out, gone());
    assert_eq!((output.status.code(), error(&output)), (Some(0), None));
    assert!(out.join("summary.json").is_file());
    assert_eq!(xtask(&["--help"], gone()).status.code(), Some(0));
}
