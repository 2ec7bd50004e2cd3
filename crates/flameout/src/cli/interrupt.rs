//! Signals: those that ask to stop end long work cleanly, and a file that may not grow is an error like others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

/// A flag that Ctrl-C, SIGTERM or SIGHUP sets; the second one ends the program at once. What the program was started to
/// ignore, as `nohup` does with SIGHUP, it ignores.
///
/// # Errors
/// If the system does not allow it.
pub fn stop_on_ctrl_c() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    let handle = move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        tell!("\nstopping after this step; Ctrl-C again to end at once");
    };
    on_signals(handle).context("catching Ctrl-C")?;
    Ok(stop)
}

/// Gives programs that this one starts the usual answer to each signal that asks to stop, also if this one was started to ignore
/// it. What is ignored is inherited; what is handled is not. To be called after [`stop_on_ctrl_c`], which ignores it.
///
/// # Errors
/// If the system does not allow it.
pub fn stop_ignoring_in_children() -> Result<()> {
    #[cfg(unix)]
    for signal in STOPPING.into_iter().filter(|&signal| is_ignored(signal)) {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false))).context("catching a signal")?;
    }
    Ok(())
}

/// Makes writing beyond the limit of a file's size (`ulimit -f`) an error: SIGXFSZ would end the program without a word.
///
/// # Errors
/// If the system does not allow it.
pub fn survive_file_limit() -> Result<()> {
    #[cfg(unix)]
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)))
        .context("catching SIGXFSZ")?;
    Ok(())
}

/// Signals that ask to stop.
#[cfg(unix)]
const STOPPING: [i32; 3] = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP];

#[cfg(unix)]
fn on_signals(mut handle: impl FnMut() + Send + 'static) -> Result<()> {
    let wanted = STOPPING.into_iter().filter(|&signal| !is_ignored(signal));
    let mut signals = signal_hook::iterator::Signals::new(wanted)?;
    let wait = move || signals.forever().for_each(|_| handle());
    std::thread::Builder::new().name("signals".into()).spawn(wait)?;
    Ok(())
}

/// Whether the program was started to ignore a signal. Where the system does not say, that may be SIGHUP alone.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.map_or(signal == signal_hook::consts::SIGHUP, |mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(not(unix))]
fn on_signals(handle: impl FnMut() + Send + 'static) -> Result<()> {
    Ok(ctrlc::set_handler(handle)?)
}
