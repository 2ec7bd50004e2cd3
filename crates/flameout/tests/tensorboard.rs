//! `flameout train --tensorboard`: what it writes, TensorBoard reads, and so does `flameout diagnose`.
//!
//! TensorBoard's own reader is asked if Python has it: `FLAMEOUT_PYTHON` names the interpreter, or else it is `python3`.

use std::path::Path;
use std::process::Command;

use flameout_curves::{Curve, Names, logs};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn train(directory: &Path, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flameout"));
    command.args(["--quiet", "train", "--out"]).arg(directory.join("run"));
    command.arg("--tensorboard").arg(directory.join("board")).args(arguments).current_dir(ROOT);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A run of three epochs of two steps.
fn run() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let vectors = ["--vectors", "fixtures/glove-100d-4k.bin", "--words", "100", "--units", "4", "--epochs", "3"];
    train(directory.path(), &vectors);
    directory
}

#[test]
fn the_event_file_has_the_run() {
    let directory = run();
    let of_run = Curve::read_run(&directory.path().join("run")).unwrap();
    let read = logs::read(&directory.path().join("board"), &Names::default()).unwrap();
    let [of_board] = read.as_slice() else { panic!("{} runs", read.len()) };
    assert_eq!(of_board.points.len(), 6);
    for (board, run) in of_board.points.iter().zip(&of_run.points) {
        assert_eq!((board.step, board.loss.to_bits()), (run.step, run.loss.to_bits()));
        assert_eq!((board.accuracy, board.gradient_norm), (run.accuracy, run.gradient_norm));
        assert_eq!(board.learning_rate, run.learning_rate);
    }
    let tests =
        |curve: &Curve| curve.epochs.iter().map(|test| (test.test_loss, test.test_accuracy)).collect::<Vec<_>>();
    assert_eq!((tests(of_board), of_board.epochs.len()), (tests(&of_run), 3));
    // A resumed run writes another file beside it; this one is over, so it has nothing to write.
    train(directory.path(), &["--resume"]);
    assert_eq!(std::fs::read_dir(directory.path().join("board")).unwrap().count(), 1);
}

#[test]
fn tensorboards_own_reader_reads_it() {
    let python = std::env::var("FLAMEOUT_PYTHON").unwrap_or_else(|_| "python3".into());
    let has_it = Command::new(&python).args(["-c", "import tensorboard"]).output();
    if !has_it.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: {python} has no package `tensorboard` (FLAMEOUT_PYTHON names another interpreter)");
        return;
    }
    let directory = run();
    let script = r#"
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"tensors": 0})
events.Reload()
for tag in ("train/loss", "test/loss"):
    for event in events.Tensors(tag):
        assert event.wall_time > 1.7e9, event
        print(tag, event.step, repr(event.tensor_proto.tensor_content.hex()))
assert all(events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars" for tag in events.Tags()["tensors"])
"#;
    let output = Command::new(python).args(["-c", script]).arg(directory.path().join("board")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let of_run = Curve::read_run(&directory.path().join("run")).unwrap();
    let hex = |value: f64| value.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let steps = of_run.points.iter().map(|point| format!("train/loss {} '{}'\n", point.step, hex(point.loss)));
    let tests = of_run
        .epochs
        .iter()
        .map(|test| format!("test/loss {} '{}'\n", test.step.unwrap(), hex(test.test_loss.unwrap())));
    assert_eq!(String::from_utf8_lossy(&output.stdout), steps.chain(tests).collect::<String>());
}
