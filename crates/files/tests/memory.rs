//! In a program of its own: the allocator that counts, which the unit tests have, cannot count so high.

use flameout_files::{has_room, readable, require_room};

#[test]
fn what_cannot_be_had_is_said_in_readable_numbers() {
    assert!(has_room(1 << 20) && !has_room(u64::MAX) && !has_room(1 << 62));
    let message = require_room(1 << 62).unwrap_err().to_string();
    assert!(message.contains("4.6 EB"), "{message}");
    let cases = [(0, "0.0 kB"), (1234, "1.2 kB"), (999_600, "1.0 MB"), (12_345_678_901, "12 GB")];
    cases.iter().for_each(|(bytes, text)| assert_eq!(readable(*bytes), *text));
}
