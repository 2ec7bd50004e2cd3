//! `cargo xtask zoo`, as a user starts it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn zoo(results: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.args(["zoo", "--case", "gru-single", "--half", "tuning", "--seeds", "1", "--jobs", "1", "--results"]);
    command.arg(results).args(arguments).output().unwrap()
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn rows(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_fault_is_found_and_a_healthy_run_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let kinds = ["--only", "nan-target", "--only", "plain"];
    let first = succeeded(&zoo(directory.path(), &kinds));
    assert!(first.contains("faults whose cause was named:    1 of 1"), "{first}");
    assert!(first.contains("faults that were repaired:       1 of 1"), "{first}");
    assert!(first.contains("false alarms on healthy runs:    0 of 1"), "{first}");

    let file = directory.path().join("results.jsonl");
    let before = rows(&file);
    assert_eq!(before.len(), 2);
    assert_eq!(before[0]["specimen"]["kind"]["fault"], "nan-target");
    assert_eq!(before[0]["answer"]["cause"]["cause"], "non-finite-targets");
    assert_eq!(before[1]["answer"], "healthy");

    // Nothing is made twice, unless asked for.
    assert_eq!(succeeded(&zoo(directory.path(), &kinds)), first);
    assert_eq!(rows(&file), before);
    succeeded(&zoo(directory.path(), &["--only", "nan-target", "--again"]));
    let again = rows(&file);
    assert_eq!(again.len(), 2);
    let seconds_apart = |row: &Value| {
        let mut row = row.clone();
        row.as_object_mut().unwrap().remove("seconds");
        row
    };
    assert_eq!(seconds_apart(&again[1]), seconds_apart(&before[0]), "the same run has another diagnosis");
}

#[test]
fn a_survey_shows_what_a_fault_does() {
    let directory = tempfile::tempdir().unwrap();
    let output = succeeded(&zoo(directory.path(), &["--survey", "--only", "early-nan"]));
    assert!(output.contains("All 1 runs are as they are meant to be"), "{output}");
    let rows = rows(&directory.path().join("survey.jsonl"));
    assert_eq!(rows[0]["event"]["kind"], "non-finite");
    // Seed 0: in the first batch.
    assert_eq!(rows[0]["event"]["step"], 1);
}

#[test]
fn what_there_is_not_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let output = zoo(directory.path(), &["--only", "nan-targets"]);
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("there is no such kind of run") && message.contains("nan-target,"), "{message}");
}

#[test]
fn a_late_fault_is_found_in_logs() {
    let directory = tempfile::tempdir().unwrap();
    let output = succeeded(&zoo(directory.path(), &["--onset", "--only", "late-nan"]));
    assert!(output.contains("late-nan"), "{output}");
    let rows = rows(&directory.path().join("onset.jsonl"));
    assert_eq!((&rows[0]["fault-at"], &rows[0]["truth"][0]["onset"]), (&Value::from(2000), &Value::from(2000)));
    for log in rows[0]["logs"].as_array().unwrap() {
        assert_eq!(log["events"][0]["symptom"], "non-finite", "{log}");
    }
}
