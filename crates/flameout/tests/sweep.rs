//! `flameout sweep`: parts of a plan make the rows that one program makes, whatever happens to them on the way.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const PLAN: &str = include_str!("../../../fixtures/small-plan.toml");

fn sweep(plan: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flameout"));
    command.arg("sweep").arg(plan).args(arguments).current_dir(ROOT);
    command
}

fn succeeds(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn fails(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    errors(&output)
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder with a plan, and where results go.
struct Folder(tempfile::TempDir);

impl Folder {
    fn of(plan: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        std::fs::write(folder.plan(), plan).unwrap();
        folder
    }

    fn plan(&self) -> PathBuf {
        self.0.path().join("plan.toml")
    }

    fn results(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Command {
        let results = self.results(name);
        let mut command = sweep(&self.plan(), &["--results", results.to_str().unwrap()]);
        if !arguments.contains(&"--jobs") {
            command.args(["--jobs", "1"]);
        }
        command.args(arguments);
        command
    }

    fn collect(&self, name: &str, arguments: &[&str]) -> Command {
        let results = self.results(name);
        let mut command = sweep(&self.plan(), &["--collect", results.to_str().unwrap()]);
        command.args(arguments);
        command
    }

    fn rows(&self, name: &str) -> String {
        std::fs::read_to_string(self.results(name).join("results.jsonl")).unwrap()
    }

    fn table(&self, name: &str) -> String {
        std::fs::read_to_string(self.results(name).join("results.csv")).unwrap()
    }

    fn shard(&self, name: &str, file: &str) -> PathBuf {
        self.results(name).join("shards").join(file)
    }
}

#[test]
fn parts_make_the_rows_that_one_program_makes() {
    let folder = Folder::of(PLAN);
    assert_eq!(succeeds(sweep(&folder.plan(), &["--count"])), "6\n");
    succeeds(folder.run("one", &[]));
    // In any order, of any size.
    for shard in ["2/4", "0/4", "3/4", "1/4"] {
        let told = succeeds(folder.run("parts", &["--shard", shard]));
        assert!(told.contains(&format!("plan, part {shard}: ")), "{told}");
    }
    assert!(!folder.results("parts").join("results.jsonl").exists());
    let told = succeeds(folder.collect("parts", &[]));
    assert!(told.contains("Does the learning rate matter?") && !told.contains("still to be made"), "{told}");
    assert_eq!(folder.rows("parts"), folder.rows("one"));
    assert_eq!(folder.table("parts"), folder.table("one"));
    for name in ["one", "parts"] {
        assert_eq!(std::fs::read_dir(folder.results(name).join("curves")).unwrap().count(), 6);
    }
    let row: serde_json::Value = serde_json::from_str(folder.rows("one").lines().next().unwrap()).unwrap();
    assert_eq!(row["made_by"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(row["made_by"]["kernels"].is_string() && row["made_by"]["processor"].is_string());

    // Collected again, or several at a time: the same.
    succeeds(folder.collect("parts", &[]));
    assert_eq!(folder.rows("parts"), folder.rows("one"));
    succeeds(folder.run("two", &["--jobs", "2"]));
    succeeds(folder.collect("two", &[]));
    assert_eq!(folder.rows("two"), folder.rows("one"));
}

#[test]
fn what_is_missing_is_told_and_made_by_the_same_command() {
    let folder = Folder::of(PLAN);
    succeeds(folder.run("parts", &["--shard", "0/2"]));
    let told = fails(folder.collect("parts", &[]));
    assert!(told.contains("3 of 6 runs are missing") && told.contains("--shard I/6 that is I = 1,3,5"), "{told}");
    assert!(told.contains("1: gru-single seed 0"), "{told}");
    // A row that was cut short by a kill does not count, and is made again.
    let file = folder.shard("parts", "plan-0-of-2.jsonl");
    let rows = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, &rows[..rows.len() - 10]).unwrap();
    std::fs::remove_file(folder.results("parts").join("results.jsonl")).unwrap();
    assert!(fails(folder.collect("parts", &[])).contains("4 of 6 runs are missing"));
    for shard in ["1/6", "3/6", "4/6", "5/6"] {
        succeeds(folder.run("parts", &["--shard", shard]));
    }
    succeeds(folder.collect("parts", &[]));
    succeeds(folder.run("one", &[]));
    assert_eq!(folder.rows("parts"), folder.rows("one"));
}

#[test]
fn killed_parts_go_on_and_end_with_the_same_rows() {
    let plan = PLAN.replace("steps = 9", "steps = 400").replace("curves = true", "");
    let folder = Folder::of(&plan);
    succeeds(folder.run("one", &[]));
    for shard in ["0/2", "1/2"] {
        // Each at another place of its work.
        for milliseconds in [30, 60, 90, 120] {
            let mut part = folder.run("parts", &["--shard", shard]);
            let mut child = part.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(milliseconds));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        succeeds(folder.run("parts", &["--shard", shard]));
    }
    succeeds(folder.collect("parts", &[]));
    assert_eq!(folder.rows("parts"), folder.rows("one"));
}

#[test]
fn rows_of_other_versions_or_with_other_results_are_refused() {
    let folder = Folder::of(PLAN);
    for shard in ["0/2", "1/2"] {
        succeeds(folder.run("parts", &["--shard", shard]));
    }
    let version = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
    let file = folder.shard("parts", "plan-1-of-2.jsonl");
    let rows = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, rows.replace(&version, "\"version\":\"9.8.7\"")).unwrap();
    let told = fails(folder.collect("parts", &[]));
    assert!(told.contains("flameout 9.8.7: 3 rows") && told.contains("--mixed-versions"), "{told}");
    assert!(!folder.results("parts").join("results.jsonl").exists());
    succeeds(folder.collect("parts", &["--mixed-versions"]));
    assert_eq!(folder.rows("parts").lines().count(), 6);

    // A row that is there twice counts once, if it says the same.
    let of_another = folder.shard("parts", "plan-7-of-9.jsonl");
    let first = rows.lines().next().unwrap().to_owned() + "\n";
    std::fs::write(&of_another, &first).unwrap();
    succeeds(folder.collect("parts", &["--mixed-versions"]));
    std::fs::write(&of_another, first.replace("\"weights_blake3\":\"", "\"weights_blake3\":\"0")).unwrap();
    let told = fails(folder.collect("parts", &["--mixed-versions"]));
    assert!(told.contains("plan-7-of-9.jsonl") && told.contains("different results of the same run"), "{told}");
}

#[test]
fn numbers_go_on_from_plan_to_plan_and_each_run_has_one() {
    let folder = Folder::of(PLAN);
    let second = folder.0.path().join("second.toml");
    std::fs::write(&second, PLAN.replace("seeds = [0, 1, 2]", "seeds = [2, 3]")).unwrap();
    let second = second.to_str().unwrap();
    // Two of the second plan's four runs are the first's.
    assert_eq!(succeeds(sweep(&folder.plan(), &[second, "--count"])), "8\n");
    succeeds(folder.run("parts", &["--shard", "7/8", second]));
    assert_eq!(std::fs::read_to_string(folder.shard("parts", "second-7-of-8.jsonl")).unwrap().lines().count(), 1);
    assert!(fails(folder.collect("parts", &[second])).contains("7 of 8 runs are missing"));
}

#[test]
fn rows_of_other_plans_stay_and_mistakes_are_told() {
    let folder = Folder::of(PLAN);
    let other = folder.0.path().join("other.toml");
    std::fs::write(&other, PLAN.replace("seeds = [0, 1, 2]", "seeds = [9]")).unwrap();
    let results = folder.results("all");
    let results = results.to_str().unwrap();
    succeeds(sweep(&other, &["--results", results]));
    let of_other = folder.rows("all");
    succeeds(folder.run("all", &["--shard", "0/1"]));
    succeeds(folder.collect("all", &[]));
    assert!(folder.rows("all").starts_with(&of_other));
    assert_eq!(folder.rows("all").lines().count(), 8);

    let told = fails(folder.collect("none", &[]));
    assert!(told.contains("has no rows") && !folder.results("none").exists(), "{told}");
    let outside = sweep(&folder.plan(), &["--shard", "4/4"]).output().unwrap();
    assert!(outside.status.code() == Some(2) && errors(&outside).contains("0/4 to 3/4"), "{}", errors(&outside));
    std::fs::write(folder.results("all").join("results.jsonl"), "{\"plan\": 3}\n").unwrap();
    assert!(fails(folder.collect("all", &[])).contains("results.jsonl line 1"));
}
