//! Memory that will be needed: is it to be had?

/// Whether the system would give a program so many bytes now, beside what it has.
///
/// Asking takes microseconds and touches no memory. What is given is no promise: a system may give more than it has.
#[must_use]
pub fn has_room(bytes: u64) -> bool {
    let Ok(bytes) = usize::try_from(bytes) else { return false };
    let mut memory = Vec::<u8>::new();
    let given = memory.try_reserve_exact(bytes).is_ok();
    // Else a compiler may leave out the asking.
    std::hint::black_box(&mut memory);
    given
}

/// Asks for so much memory.
///
/// # Errors
/// [`std::io::ErrorKind::OutOfMemory`] if it cannot be had; the message says how much it takes.
pub fn require_room(bytes: u64) -> std::io::Result<()> {
    if has_room(bytes) {
        return Ok(());
    }
    let kind = std::io::ErrorKind::OutOfMemory;
    Err(std::io::Error::new(kind, format!("takes {} of memory, more than can be had", readable(bytes))))
}

/// `1.2 GB`, as people read sizes.
#[must_use]
pub fn readable(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    let (mut size, mut unit) = (bytes as f64 / 1e3, 0);
    while size >= 999.5 && unit + 1 < UNITS.len() {
        (size, unit) = (size / 1e3, unit + 1);
    }
    let decimals = usize::from(size < 9.95);
    format!("{size:.decimals$} {}", UNITS[unit])
}
