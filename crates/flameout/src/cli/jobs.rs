//! Long work in several threads, one job after the other in each.

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use flameout_doctor::side_by_side;

use super::start;

/// Cores that jobs may use: `RAYON_NUM_THREADS`, or all that the system lets the program have.
#[must_use]
pub fn cores() -> usize {
    let all = || std::thread::available_parallelism().map_or(1, |cores| cores.get());
    start::asked().filter(|&cores| cores > 0).unwrap_or_else(all)
}

/// How many jobs to do at a time: so many as were asked for, or one a core, and never more than there are.
#[must_use]
pub fn at_a_time(asked: Option<NonZeroUsize>, jobs: usize) -> usize {
    asked.map_or(cores(), NonZeroUsize::get).min(jobs)
}

/// Does the jobs, see [`side_by_side::do_all`].
///
/// # Errors
/// The first of the jobs' errors.
pub fn do_all<J: Sync>(
    jobs: &[J],
    workers: usize,
    threads: usize,
    stop: &AtomicBool,
    carry_out: impl Fn(&J) -> Result<()> + Sync,
) -> Result<()> {
    side_by_side::do_all(jobs, workers, threads, stop, carry_out, |()| {}).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn every_job_is_done_once() {
        let (stop, sum) = (AtomicBool::new(false), AtomicU64::new(0));
        let jobs: Vec<u64> = (1..=100).collect();
        let add = |job: &u64| {
            assert_eq!(rayon::current_num_threads(), 2);
            sum.fetch_add(*job, Ordering::Relaxed);
            Ok(())
        };
        do_all(&jobs, 3, 2, &stop, add).unwrap();
        assert_eq!(sum.into_inner(), 5050);
    }

    #[test]
    fn a_failure_stops_what_has_not_begun() {
        let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
        let jobs: Vec<u64> = (1..=100).collect();
        let fail_at_3 = |job: &u64| {
            anyhow::ensure!(*job != 3, "job 3 fails");
            done.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        let error = do_all(&jobs, 1, 1, &stop, fail_at_3).unwrap_err();
        assert_eq!((error.to_string().as_str(), done.into_inner()), ("job 3 fails", 2));
        assert!(stop.into_inner());
    }
}
