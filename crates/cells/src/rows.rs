//! How element-wise work is shared out: whole rows of a batch, several to a task when they are short.

/// Elements a task should have before it is worth a thread's while.
const TASK_ELEMENTS: usize = 4096;

/// Units that an element-wise loop handles at a time, with their slopes on the stack.
pub(crate) const BLOCK: usize = 64;

/// Why `to_slice` cannot fail on the rows of a matrix of ours.
pub(crate) const CONTIGUOUS: &str = "rows are contiguous";

/// The fewest rows a task should take, for rows of this many elements.
pub(crate) fn min_rows(elements: usize) -> usize {
    TASK_ELEMENTS.div_ceil(elements.max(1))
}
