//! `cargo xtask hunt`, as a user starts it.

use std::path::Path;
use std::process::{Command, Output};

const PLAN: &str = include_str!("../../../fixtures/small-plan.toml");

fn hunt(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab"))
        .arg("hunt")
        .arg(directory.join("plan.toml"))
        .arg("--results")
        .arg(directory.join("results"))
        .arg("--runs")
        .arg(directory.join("runs"))
        .args(arguments)
        .output()
        .unwrap()
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_plan_is_run_once() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("plan.toml"), PLAN.replace("seeds = [0, 1, 2]", "seeds = [0, 1]")).unwrap();
    let first = succeeded(&hunt(directory.path(), &[]));
    assert!(first.contains("Does the learning rate matter?"), "{first}");

    let results = directory.path().join("results");
    let rows = std::fs::read_to_string(results.join("results.jsonl")).unwrap();
    assert_eq!(rows.lines().count(), 4);
    assert!(rows.lines().all(|row| row.contains("\"plan\":\"plan\"") && row.contains("\"weights_blake3\"")));
    assert_eq!(std::fs::read_to_string(results.join("results.csv")).unwrap().lines().count(), 5);
    assert_eq!(std::fs::read_dir(results.join("curves")).unwrap().count(), 4);

    // One line is lost; only its run is made again, and comes to the same.
    let kept: String = rows.lines().skip(1).map(|row| format!("{row}\n")).collect();
    std::fs::write(results.join("results.jsonl"), &kept).unwrap();
    assert_eq!(succeeded(&hunt(directory.path(), &["--table"])).matches("still to be made").count(), 1);
    succeeded(&hunt(directory.path(), &["--jobs", "1"]));
    let again = std::fs::read_to_string(results.join("results.jsonl")).unwrap();
    assert_eq!(again.lines().last(), rows.lines().next());
    assert!(again.starts_with(&kept));
}

#[test]
fn a_mistake_in_a_plan_is_told_before_anything_is_run() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("plan.toml"), PLAN.replace("learning-rate", "learning-rat")).unwrap();
    let output = hunt(directory.path(), &[]);
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("learning-rat") && message.contains("plan"), "{message}");
    assert!(!directory.path().join("runs").exists());
}

#[test]
fn names_of_files_do_not_steer_a_terminal() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_lab")).args(["hunt", "none\u{1b}[31m\u{9b}\u{202e}.toml"]).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains(r"none\u001b[31m\u009b\u202e.toml"), "{message}");
}
