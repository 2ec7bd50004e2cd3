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

#[cfg(unix)]
fn on_signals(mut handle: impl FnMut() + Send + 'static) -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    let ignored = ignored();
    let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
    let mut signals = signal_hook::iterator::Signals::new(wanted)?;
    let wait = move || signals.forever().for_each(|_| handle());
    std::thread::Builder::new().name("signals".into()).spawn(wait)?;
    Ok(())
}

/// A bit for each signal that the program was started to ignore. Where the system does not say, that may be SIGHUP alone.
#[cfg(unix)]
fn ignored() -> u64 {
    let hangup = 1 << (signal_hook::consts::SIGHUP - 1);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(hangup)
}

#[cfg(not(unix))]
fn on_signals(handle: impl FnMut() + Send + 'static) -> Result<()> {
    Ok(ctrlc::set_handler(handle)?)
}
