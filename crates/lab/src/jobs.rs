//! Long work in several threads, one job after the other in each.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

/// Cores of the machine.
pub fn cores() -> Result<usize> {
    Ok(std::thread::available_parallelism().context("counting the cores")?.get())
}

/// How many jobs to do at a time: so many as were asked for, or one a core, and never more than there are.
pub fn at_a_time(asked: Option<NonZeroUsize>, jobs: usize) -> Result<usize> {
    Ok(asked.map_or(cores()?, NonZeroUsize::get).min(jobs))
}

/// Does the jobs in their order, `workers` at a time, each with `threads` threads of its own. After `stop` is set, or a job has
/// failed, which sets it, no job is begun.
pub fn do_all<J: Send>(
    jobs: impl IntoIterator<Item = J>,
    workers: usize,
    threads: usize,
    stop: &AtomicBool,
    carry_out: impl Fn(J) -> Result<()> + Sync,
) -> Result<()> {
    let queue: Mutex<VecDeque<J>> = Mutex::new(jobs.into_iter().collect());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().context("starting the threads")?;
        while !stop.load(Ordering::Relaxed)
            && let Some(job) = next()
        {
            let done = pool.install(|| carry_out(job));
            if done.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            done?;
        }
        anyhow::Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker does not panic"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn every_job_is_done_once() {
        let (stop, sum) = (AtomicBool::new(false), AtomicU64::new(0));
        let add = |job: u64| {
            assert_eq!(rayon::current_num_threads(), 2);
            sum.fetch_add(job, Ordering::Relaxed);
            Ok(())
        };
        do_all(1..=100, 3, 2, &stop, add).unwrap();
        assert_eq!(sum.into_inner(), 5050);
    }

    #[test]
    fn a_failure_stops_what_has_not_begun() {
        let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
        let fail_at_3 = |job: u64| {
            anyhow::ensure!(job != 3, "job 3 fails");
            done.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        let error = do_all(1..=100, 1, 1, &stop, fail_at_3).unwrap_err();
        assert_eq!((error.to_string().as_str(), done.into_inner()), ("job 3 fails", 2));
        assert!(stop.into_inner());
    }
}
