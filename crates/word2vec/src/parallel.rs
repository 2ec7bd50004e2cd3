//! Work on rows with or without rayon. Each row has one owner, so both give the same result.

#[cfg(feature = "rayon")]
pub(crate) use threads::*;

#[cfg(not(feature = "rayon"))]
pub(crate) use sequential::*;

#[cfg(feature = "rayon")]
mod threads {
    use rayon::prelude::*;

    /// Rows a task takes at least: fewer would cost more to hand out than to do.
    const MIN_ROWS: usize = 16;

    /// Runs both, at the same time if there is a free thread.
    pub(crate) fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
        rayon::join(a, b)
    }

    /// `results[i] = f(items[i], row i)` for rows of `dim` numbers each.
    pub(crate) fn fill_rows<T: Sync, R: Send>(
        rows: &mut [f32],
        dim: usize,
        items: &[T],
        results: &mut Vec<R>,
        f: impl Fn(&T, &mut [f32]) -> R + Sync + Send,
    ) {
        rows.par_chunks_exact_mut(dim)
            .zip(items)
            .with_min_len(MIN_ROWS)
            .map(|(row, item)| f(item, row))
            .collect_into_vec(results);
    }

    /// `f` of every row of `dim` numbers, in order.
    pub(crate) fn map_rows<R: Send>(rows: &[f32], dim: usize, f: impl Fn(&[f32]) -> R + Sync + Send) -> Vec<R> {
        rows.par_chunks_exact(dim).with_min_len(MIN_ROWS).map(f).collect()
    }

    /// Runs `f(buffer, i)` for every `i < count`, with a buffer of `f`'s own, and returns the results in order.
    #[cfg(feature = "mmap")]
    pub(crate) fn map_buffered<B, R: Send>(
        count: usize,
        buffer: impl Fn() -> B + Sync + Send,
        f: impl Fn(&mut B, usize) -> R + Sync + Send,
    ) -> Vec<R> {
        (0..count).into_par_iter().with_min_len(MIN_ROWS).map_init(buffer, f).collect()
    }

    /// Runs `f(i)` for every `i < count` and returns the results in order.
    pub(crate) fn map_indices<R: Send>(count: usize, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
        (0..count).into_par_iter().map(f).collect()
    }
}

#[cfg(not(feature = "rayon"))]
mod sequential {
    /// Runs one after the other.
    pub(crate) fn join<A, B>(a: impl FnOnce() -> A, b: impl FnOnce() -> B) -> (A, B) {
        (a(), b())
    }

    /// `results[i] = f(items[i], row i)` for rows of `dim` numbers each.
    pub(crate) fn fill_rows<T, R>(
        rows: &mut [f32],
        dim: usize,
        items: &[T],
        results: &mut Vec<R>,
        f: impl Fn(&T, &mut [f32]) -> R,
    ) {
        results.clear();
        results.extend(rows.chunks_exact_mut(dim).zip(items).map(|(row, item)| f(item, row)));
    }

    /// `f` of every row of `dim` numbers, in order.
    pub(crate) fn map_rows<R>(rows: &[f32], dim: usize, f: impl Fn(&[f32]) -> R) -> Vec<R> {
        rows.chunks_exact(dim).map(f).collect()
    }

    /// Runs `f(buffer, i)` for every `i < count`, with a buffer of `f`'s own, and returns the results in order.
    #[cfg(feature = "mmap")]
    pub(crate) fn map_buffered<B, R>(count: usize, buffer: impl Fn() -> B, f: impl Fn(&mut B, usize) -> R) -> Vec<R> {
        let mut buffer = buffer();
        (0..count).map(|index| f(&mut buffer, index)).collect()
    }

    /// Runs `f(i)` for every `i < count` and returns the results in order.
    pub(crate) fn map_indices<R>(count: usize, f: impl Fn(usize) -> R) -> Vec<R> {
        (0..count).map(f).collect()
    }
}
