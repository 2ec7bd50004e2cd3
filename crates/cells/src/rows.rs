//! How work is shared out: whole rows of a batch, several to a task.

use flameout_kernels::{PackedLeft, Real, TILE_ROWS, team};

/// Elements a task should have before it is worth a thread's while.
pub(crate) const TASK_ELEMENTS: usize = 4096;

/// Bytes of recurrent weights up to which every task may as well read them for itself: with two threads, that costs less than
/// waiting for each other at every step.
const OWN_BYTES: usize = 1 << 22;

/// Units that an element-wise loop handles at a time, with their slopes on the stack.
pub(crate) const BLOCK: usize = 64;

/// Why `to_slice` cannot fail on the rows of a matrix of ours.
pub(crate) const CONTIGUOUS: &str = "rows are contiguous";

/// The fewest rows a task should take, for rows of this many elements.
pub(crate) fn min_rows(elements: usize) -> usize {
    TASK_ELEMENTS.div_ceil(elements.max(1))
}

/// Calls `f` with each row, of so many units, on several threads if that is worth it.
pub(crate) fn for_each_row<I>(units: usize, rows: impl ExactSizeIterator<Item = I> + Send, f: impl Fn(I) + Sync) {
    // A unit takes about two nanoseconds: it has an activation or two.
    team::for_each(2 * rows.len() * units, rows, f);
}

/// Runs each task, beside each other. One alone is run as it is, so that the loops in it are shared out.
pub(crate) fn for_each_task<I>(tasks: impl ExactSizeIterator<Item = I> + Send, f: impl Fn(I) + Sync) {
    // Each goes through all time steps.
    team::for_each(usize::MAX, tasks, f);
}

/// How many sequences of a batch one task takes through time, given how many recurrent weights there are. Sequences need nothing of
/// each other, so that threads need not wait for each other at every step; but each reads all the weights. If those are
/// too many, a single task takes all sequences, and the threads share its products instead.
pub(crate) fn rows_per_task<T>(batch: usize, weights: usize) -> usize {
    if weights * size_of::<T>() > OWN_BYTES {
        return batch.max(1);
    }
    batch.div_ceil(team::threads()).max(1).next_multiple_of(TILE_ROWS)
}

/// Left operands of products: one for each task that runs beside others. All keep their memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lefts<T>(Vec<PackedLeft<T>>);

impl<T: Real> Lefts<T> {
    /// One for each task, if each takes so many rows of a batch.
    pub(crate) fn of_tasks(&mut self, batch: usize, rows: usize) -> &mut [PackedLeft<T>] {
        let tasks = batch.div_ceil(rows);
        if self.0.len() < tasks {
            self.0.resize_with(tasks, PackedLeft::default);
        }
        &mut self.0[..tasks]
    }

    /// That of the first task, for what is done outside tasks.
    pub(crate) fn first(&mut self) -> &mut PackedLeft<T> {
        &mut self.of_tasks(1, 1)[0]
    }
}
