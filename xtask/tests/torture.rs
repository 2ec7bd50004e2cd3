//! `cargo xtask torture`, a round for every fault.

use std::process::Command;

#[test]
fn runs_survive_every_fault() {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(["torture", "--rounds", "21"]).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    // Rounds, then how often the fault struck, with the same bits at once or after a refusal, and failed.
    let all = printed.lines().find(|line| line.starts_with("| all ")).unwrap_or_else(|| panic!("{printed}"));
    let counts: Vec<u64> = all.split('|').filter_map(|cell| cell.trim().parse().ok()).take(5).collect();
    assert_eq!((counts[0], counts[2] + counts[3], counts[4]), (21, 21, 0), "{printed}");
    assert!(counts[1] >= 11, "hardly a fault has struck: {printed}");
}
