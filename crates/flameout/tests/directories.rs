//! What happens around a run of the real command: other programs in its directory, damage, and memory that is not there.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/glove-100d-4k.bin");

/// `flameout train` of a small network: three steps an epoch.
fn train(out: &Path, epochs: u32) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flameout"));
    command.args(["train", "-q", "--vectors", VECTORS, "--model", "gru-single", "--units", "8", "--words", "200"]);
    command.args(["--epochs", &epochs.to_string(), "--set", "training.patience=100000"]);
    command.args(["--set", "training.checkpoint-every=5", "--out"]).arg(out);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn resume(out: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flameout"));
    command.args(["train", "-q", "--resume", "--out"]).arg(out).output().unwrap()
}

/// Waits until the run has made some steps.
fn wait_for_steps(run: &mut Child, out: &Path) {
    let began = Instant::now();
    while fs::read(out.join("metrics.jsonl")).unwrap_or_default().len() < 2000 {
        assert!(run.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(120), "it makes no steps");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The last line on standard error of a command that fails, which begins with `error:`.
fn error(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    let line = text.lines().last().unwrap_or_default().to_owned();
    assert!(line.starts_with("error: "), "{text}");
    line
}

/// More epochs than are made before the file is touched.
const MANY: u32 = 100_000;

#[test]
fn metrics_that_are_replaced_or_removed_end_the_run() {
    type Touch = fn(&Path);
    let touched: [(Touch, &str); 3] = [
        (
            |path| {
                fs::copy(path, path.with_extension("x")).unwrap();
                fs::rename(path.with_extension("x"), path).unwrap();
            },
            "was replaced",
        ),
        (|path| fs::remove_file(path).unwrap(), "was removed"),
        (|path| fs::write(path, "").unwrap(), "cut short"),
    ];
    for (touch, said) in touched {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("run");
        let mut run = train(&out, MANY).spawn().unwrap();
        wait_for_steps(&mut run, &out);
        touch(&out.join("metrics.jsonl"));
        let line = error(&run.wait_with_output().unwrap());
        assert!(line.contains("metrics.jsonl") && line.contains(said), "{line}");
        assert!(!out.join("summary.json").exists());
    }
}

#[test]
fn a_strangers_file_is_not_written_over() {
    for name in ["metrics.jsonl", "summary.json", "settings.toml", "model.flameout"] {
        let directory = tempfile::tempdir().unwrap();
        let lines: String = (1..=1000).map(|number| format!("{number}\n")).collect();
        fs::write(directory.path().join(name), &lines).unwrap();
        let line = error(&train(directory.path(), 1).output().unwrap());
        assert!(line.contains(&format!("`{name}`")) && line.contains("choose"), "{line}");
        assert_eq!(fs::read_to_string(directory.path().join(name)).unwrap(), lines);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_changed_version_in_a_checkpoint_is_damage() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    assert!(train(&out, 8).output().unwrap().status.success());
    let summary = fs::read(out.join("summary.json")).unwrap();
    for byte in 8..12 {
        fs::remove_file(out.join("summary.json")).unwrap();
        let newest = fs::read_dir(out.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
        let mut bytes = fs::read(&newest).unwrap();
        bytes[byte] = 7;
        fs::write(&newest, bytes).unwrap();
        let output = resume(&out);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
        assert!(text.contains("warning: ") && text.contains("step-0000000024"), "{text}");
        assert_eq!(fs::read(out.join("summary.json")).unwrap(), summary);
    }
}

/// With `ulimit -v`, in KiB.
#[cfg(target_os = "linux")]
fn limited(kibibytes: u32, arguments: &[&str]) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -v {kibibytes}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_flameout")]);
    shell.args(arguments).output().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn memory_that_is_not_there_is_an_error_that_names_the_setting() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let begin = ["train", "--vectors", VECTORS, "--epochs", "1", "--out", out.to_str().unwrap()];
    let cases: [(&[&str], &str); 5] = [
        (&["--model", "gru-single", "--units", "30000"], "lower `model.units`, which is 30000"),
        (&["--model", "lstm-double", "--units", "20000"], "`model.units`"),
        (&["--units", "30000"], "`model.layers`"),
        (&["--units", "8", "--set", "data.length=60000", "--words", "200"], "`data.length`"),
        (&["--units", "8", "--set", "data.length=65535", "--set", "training.batch=4000"], "`data.length`"),
    ];
    for (more, said) in cases {
        let line = error(&limited(4_000_000, &[&begin[..], more].concat()));
        assert!(line.contains(said) && line.contains(" of memory") && line.contains("GB"), "{line}");
        assert!(!out.exists(), "a run that cannot begin leaves nothing behind");
    }
}

/// A file of zeros takes no room on the disk.
#[test]
fn a_file_that_is_too_large_to_be_settings_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.toml");
    fs::File::create(&path).unwrap().set_len(256 << 20).unwrap();
    let file = path.to_str().unwrap();
    for arguments in [
        &["diagnose", file][..],
        &["replay", file, "--at", "1", "--advice"],
        &["train", "--settings", file],
        &["train", "--vectors", VECTORS, "--model", file],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_flameout")).args(arguments).output().unwrap();
        let line = error(&output);
        assert!(line.contains("s.toml") && line.contains("too large"), "{arguments:?}: {line}");
    }
}
