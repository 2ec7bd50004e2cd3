//! Trainings that do not need each other, made side by side.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

/// The threads for a job could not be started.
#[derive(Debug, thiserror::Error)]
#[error("starting the threads")]
pub struct NoThreads(#[source] rayon::ThreadPoolBuildError);

/// Does the jobs in their order, `workers` at a time, each in a pool of `threads` threads of its own, and returns the results in
/// the order of the jobs. `done` sees them in that order, too, each as soon as it and those before it are there. After `stop` is
/// set, or a job has failed, which sets it, no job is begun.
///
/// # Errors
/// The first of the jobs' errors, in the order of the jobs; [`NoThreads`].
pub fn do_all<J: Sync, R: Send, E: Send + From<NoThreads>>(
    jobs: &[J],
    workers: usize,
    threads: usize,
    stop: &AtomicBool,
    work: impl Fn(&J) -> Result<R, E> + Sync,
    mut done: impl FnMut(&R),
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let worker = |results: mpsc::Sender<(usize, Result<R, E>)>| -> Result<(), E> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(NoThreads)?;
        while !stop.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(at) else { break };
            let result = pool.install(|| work(job));
            stop.fetch_or(result.is_err(), Ordering::Relaxed);
            // Whoever waits for it is only gone if it panicked.
            let _ = results.send((at, result));
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        let begin = |_| {
            let (worker, sender) = (&worker, sender.clone());
            scope.spawn(move || worker(sender))
        };
        let workers: Vec<_> = (0..workers).map(begin).collect();
        drop(sender);
        let results = in_order(jobs.len(), results, &mut done);
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker does not panic"))?;
        results
    })
}

/// Does the jobs as many at a time as the current pool has threads, which they share evenly: two small trainings, one a core,
/// take half the time that one after the other takes on both cores.
///
/// # Errors
/// As [`do_all`].
pub(crate) fn in_this_pool<J: Sync, R: Send, E: Send + From<NoThreads>>(
    jobs: &[J],
    work: impl Fn(&J) -> Result<R, E> + Sync,
    mut done: impl FnMut(&R),
) -> Result<Vec<R>, E> {
    let threads = rayon::current_num_threads();
    match threads.min(jobs.len()) {
        0 | 1 => jobs.iter().map(|job| work(job).inspect(&mut done)).collect(),
        workers => do_all(jobs, workers, threads / workers, &AtomicBool::new(false), work, done),
    }
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

    /// The job that failed.
    #[derive(Debug, PartialEq)]
    struct Failed(usize);

    impl From<NoThreads> for Failed {
        fn from(error: NoThreads) -> Self {
            panic!("{error}");
        }
    }

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
                    Ok::<_, Failed>(job * 2)
                };
                in_this_pool(&jobs, work, |result| seen.push(*result))
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
            if *job >= 5 { Err(Failed(*job)) } else { Ok(*job) }
        };
        let mut seen = Vec::new();
        let result = in_a_pool(2, || in_this_pool(&jobs, work, |result| seen.push(*result)));
        assert_eq!((result, seen), (Err(Failed(5)), vec![0, 1, 2, 3, 4]));
        assert!(begun.into_inner() < 1000);
    }

    #[test]
    fn no_jobs_give_no_results() {
        assert_eq!(in_this_pool(&[(); 0], |()| Ok::<(), Failed>(()), |()| {}), Ok(Vec::new()));
    }
}
