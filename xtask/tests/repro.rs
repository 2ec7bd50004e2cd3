//! `cargo xtask repro` as a user runs it: killed and resumed, on any number of threads, with bad input.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

/// A run of a few seconds.
fn repro(out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(["repro", "gru-single", "--full", "--units", "24", "--words", "900", "--epochs", "12", "--out"])
        .arg(out);
    command.args(["--set", "training.batch=10", "--set", "training.checkpoint-every=7"]).args(more);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn summary(out: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(out.join("summary.json")).unwrap()).unwrap()
}

fn finish(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn killed_and_resumed_it_ends_with_the_same_weights_on_any_number_of_threads() {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole");
    let output = finish(repro(&whole, &["--threads", "1"]));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("verdict: ") && text.contains("training accuracy"), "{text}");
    let expected = summary(&whole);

    let killed = directory.path().join("killed");
    let mut kills = 0;
    for round in 0..6_u64 {
        let resume: &[&str] = if killed.join("settings.toml").exists() { &["--resume"] } else { &[] };
        let threads = ["--threads", ["2", "3"][round as usize % 2]];
        let mut child = repro(&killed, &[resume, &threads].concat()).spawn().unwrap();
        // Anywhere: while reading, in a step, while a checkpoint is written.
        std::thread::sleep(Duration::from_millis(60 + 137 * round * round % 500));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
    }
    assert!(kills > 0, "every run was over before it could be killed");
    let resume: &[&str] = if killed.join("settings.toml").exists() { &["--resume"] } else { &[] };
    finish(repro(&killed, resume));
    assert_eq!(summary(&killed), expected);
}

/// The default run has the constrained one beside it, on a thread of its own.
#[cfg(unix)]
#[test]
fn stopped_it_stops_what_is_made_beside_it_and_both_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let (out, beside) = (directory.path().join("run"), directory.path().join("run-constrained"));
    for resume in [None, Some("--resume")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["repro", "gru-single", "--threads", "2", "--out"]).arg(&out).args(resume);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let rows = |directory: &Path| std::fs::metadata(directory.join("metrics.jsonl")).map_or(0, |rows| rows.len());
        let (before, before_beside) = (rows(&out), rows(&beside));
        let mut child = command.spawn().unwrap();
        // Only then does it catch signals.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().starts_with("Beside it, ")), "it did not begin");
        while rows(&out) == 0 || rows(&beside) == 0 {
            assert!(child.try_wait().unwrap().is_none(), "over before both had made steps");
            std::thread::sleep(Duration::from_millis(20));
        }
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{told}");
        assert!(!told.contains("error"), "{told}");
        assert!(rows(&out) >= before && rows(&beside) >= before_beside, "rows were lost");
        for run in [&out, &beside] {
            assert!(run.join("checkpoints").is_dir() && !run.join("summary.json").exists(), "{}", run.display());
        }
    }
}

#[test]
fn the_same_run_is_not_made_twice() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    finish(repro(&out, &["--epochs", "1"]));
    let again = finish(repro(&out, &["--epochs", "1"]));
    assert!(String::from_utf8_lossy(&again.stdout).contains("has been made before"));
}

#[test]
fn of_several_networks_those_that_have_not_begun_are_no_obstacle_to_resuming() {
    // Networks at the default place, named by the hash of settings that no other run has.
    let seed = std::process::id().to_string();
    let all = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .args(["repro", "all", "--full", "--units", "4", "--words", "60", "--epochs", "1", "--seed", &seed])
            .args(more);
        finish(command)
    };
    let output = String::from_utf8(all(&["--resume"]).stdout).unwrap();
    let begun: Vec<&Path> =
        output.lines().filter_map(|line| line.split_once("  files ")).map(|(_, path)| Path::new(path)).collect();
    assert_eq!(begun.len(), 3, "{output}");
    // The first has ended, the second was killed before its first checkpoint, the third has not begun.
    std::fs::remove_file(begun[1].join("summary.json")).unwrap();
    std::fs::remove_dir_all(begun[1].join("checkpoints")).unwrap();
    std::fs::create_dir(begun[1].join("checkpoints")).unwrap();
    std::fs::remove_dir_all(begun[2]).unwrap();
    let again = String::from_utf8(all(&["--resume"]).stdout).unwrap();
    assert!(again.contains("has been made before"), "{again}");
    assert_eq!(again.matches("verdict: ").count(), 3, "{again}");
    begun.iter().for_each(|path| std::fs::remove_dir_all(path).unwrap());
}

/// `cargo test -p xtask --release -- --ignored`, or `cargo xtask repro all --check`.
#[test]
#[ignore = "takes minutes"]
fn collapses_come_at_the_recorded_steps_with_the_recorded_weights() {
    for case in ["gru-single", "lstm-single", "lstm-double"] {
        let directory = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["repro", case, "--check", "--no-doctor", "--out"])
            .arg(directory.path().join("run"))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("the same onset and weights as recorded"), "{case}: {text}");
    }
}

#[test]
fn bad_input_gets_one_clear_line() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    for (arguments, expected) in [
        (&["--set", "training.bath=3"][..], "training.bath"),
        (&["--set", "training.batch"], "must be KEY=VALUE"),
        (&["--set", "training.batch=0"], "at least 1"),
        (&["--set", "data.vectors=no/such/file"], "no/such/file"),
        (&["--set", "data.vectors=README.md"], "README.md"),
        (&["--units", "0"], "0 units"),
        (&["--seed", "18446744073709551615"], "setting `seed`"),
        (&["--set", "optimizer.beta2=1"], "optimizer.beta2"),
        (&["--words", "1"], "unit length"),
        (&["--resume"], "holds no run"),
    ] {
        let output = repro(&out, arguments).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.starts_with("error: ") && error.contains(expected), "{arguments:?}: {error}");
        assert!(!error.contains("panicked"), "{arguments:?}: {error}");
        assert!(!out.exists(), "{arguments:?} left something behind");
    }
}
