//! Weights depend on settings and seed alone: the same hash on every kernel path and any number of threads, on this
//! machine and on the one where the hashes below were written down.

use std::path::Path;
use std::process::Command;

/// BLAKE3 of the weights after 50 steps. If a change of the arithmetic is meant, run this test and copy what it prints.
const PINNED: [(&str, &str); 3] = [
    ("lstm-single", "c08cee733ac9cc7836802ec6b6b1430cb6e94ef1bb2aebb47f87e52815f583b6"),
    ("gru-single", "291b2faed47c6db3a3fda90d7cc01b06b1c880676eb4a01ef05303e2e36a1caf"),
    ("lstm-double", "7c449bd3289b324b1345f5fcd80f82455b42fa66a40a480bf89ee28599e953cd"),
];

fn weights(case: &str, path: flameout_kernels::Path, threads: usize, out: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .env("FLAMEOUT_KERNELS", path.name())
        .args(["repro", case, "--full", "--units", "20", "--words", "356", "--epochs", "5"])
        .args(["--threads", &threads.to_string(), "--out"])
        .arg(out)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary = std::fs::read(out.join("summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!(summary["steps"], 50);
    summary["weights_blake3"].as_str().unwrap().to_owned()
}

#[test]
fn fifty_steps_end_with_the_pinned_weights() {
    let directory = tempfile::tempdir().unwrap();
    for (case, pinned) in PINNED {
        for path in flameout_kernels::Path::available() {
            for threads in [1, 2, 3] {
                let out = directory.path().join(format!("{case}-{}-{threads}", path.name()));
                let found = weights(case, path, threads, &out);
                assert_eq!(found, pinned, "{case}, {} kernels, {threads} threads", path.name());
            }
        }
    }
}
