//! What a reader may allocate.

use std::sync::OnceLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// The most memory that reading may take at any one time: so many bytes for each byte of the file, and so many whatever
/// its size. Both are the reader's promise; `docs/quality/hostile-input.md` says where they come from.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// Bytes for each byte of the file.
    pub per_byte: usize,
    /// Bytes for any file: buffers, tables.
    pub constant: usize,
}

impl Bound {
    /// Calls `read` on a file of this size and panics if more was allocated at any one time.
    ///
    /// A vector that grows counts with its old and its new memory, as if it had to be moved; what is allocated and not
    /// touched counts as well.
    pub fn holds<R: Send>(self, size: usize, read: impl FnOnce() -> R + Send) -> R {
        // The counter sees its own thread only: so all must happen on one.
        let (peak, result) = one_thread().install(|| {
            let mut result = None;
            let counted = allocation_counter::measure(|| result = Some(read()));
            (counted.bytes_max, result.expect("it was called"))
        });
        let allowed = self.per_byte.saturating_mul(size).saturating_add(self.constant);
        assert!(peak <= allowed as u64, "{peak} bytes were allocated for a file of {size}; {allowed} are the bound");
        result
    }
}

fn one_thread() -> &'static ThreadPool {
    static POOL: OnceLock<ThreadPool> = OnceLock::new();
    POOL.get_or_init(|| ThreadPoolBuilder::new().num_threads(1).build().expect("a thread"))
}
