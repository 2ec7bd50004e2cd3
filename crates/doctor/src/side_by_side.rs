//! Trainings that do not need each other, made side by side.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

/// Does each job, as many at a time as the current pool has threads, and returns the results in the order of the jobs. `done`
/// sees them in that order, too, each as soon as it and those before it are there.
///
/// A job has a pool of its own, with an even share of the threads: two small trainings, one a core, take half the time that
/// one after the other takes on both cores.
///
/// # Errors
/// The first of the jobs' errors, in the order of the jobs; those that were not begun are left undone.
pub(crate) fn do_all<J: Sync, R: Send, E: Send>(
    jobs: &[J],
    work: impl Fn(&J) -> Result<R, E> + Sync,
    mut done: impl FnMut(&R),
) -> Result<Vec<R>, E> {
    let threads = rayon::current_num_threads();
    let at_a_time = threads.min(jobs.len());
    if at_a_time < 2 {
        return jobs.iter().map(|job| work(job).inspect(&mut done)).collect();
    }
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let worker = |results: mpsc::Sender<(usize, Result<R, E>)>| {
        while !failed.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(at) else { break };
            let result = work(job);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            // Whoever waits for it is only gone if it panicked.
            let _ = results.send((at, result));
        }
    };
    std::thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        for _ in 0..at_a_time {
            let (worker, sender) = (&worker, sender.clone());
            scope.spawn(move || match rayon::ThreadPoolBuilder::new().num_threads(threads / at_a_time).build() {
                Ok(pool) => pool.install(|| worker(sender)),
                // No thread can be had: this one goes without a pool of its own.
                Err(_) => worker(sender),
            });
        }
        drop(sender);
        in_order(jobs.len(), results, &mut done)
    })
}

/// Brings results into order as they come.
fn in_order<R, E>(
    count: usize,
    results: mpsc::Receiver<(usize, Result<R, E>)>,
    done: &mut impl FnMut(&R),
) -> Result<Vec<R>, E> {
    let mut found: Vec<Option<Result<R, E>>> = std::iter::repeat_with(|| None).take(count).collect();
    let mut seen = 0;
    for (at, result) in results {
        found[at] = Some(result);
        while let Some(Some(Ok(result))) = found.get(seen) {
            done(result);
            seen += 1;
        }
    }
    // After an error the later jobs are not begun: what is missing comes after it.
    found.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_a_pool<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        for (threads, of_each) in [(1, 1), (2, 1), (3, 1), (40, 2)] {
            let jobs: Vec<usize> = (0..20).collect();
            let mut seen = Vec::new();
            let results = in_a_pool(threads, || {
                let work = |job: &usize| {
                    assert_eq!(rayon::current_num_threads(), of_each);
                    // The first take longest.
                    std::thread::sleep(std::time::Duration::from_millis(20 - *job as u64));
                    Ok::<_, ()>(job * 2)
                };
                do_all(&jobs, work, |result| seen.push(*result))
            });
            assert_eq!(results.unwrap(), (0..20).map(|job| job * 2).collect::<Vec<_>>());
            assert_eq!(seen, (0..20).map(|job| job * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_error_is_returned_and_later_jobs_are_left_undone() {
        let begun = AtomicUsize::new(0);
        let jobs: Vec<usize> = (0..1000).collect();
        let work = |job: &usize| {
            begun.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(std::time::Duration::from_millis(1));
            if *job >= 5 { Err(*job) } else { Ok(*job) }
        };
        let mut seen = Vec::new();
        let result = in_a_pool(2, || do_all(&jobs, work, |result| seen.push(*result)));
        assert_eq!((result, seen), (Err(5), vec![0, 1, 2, 3, 4]));
        assert!(begun.into_inner() < 1000);
    }

    #[test]
    fn no_jobs_give_no_results() {
        assert_eq!(do_all(&[(); 0], |()| Ok::<(), ()>(()), |()| {}), Ok(Vec::new()));
    }
}
