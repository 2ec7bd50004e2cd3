use super::*;
use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::thread::ThreadId;

const LOOPS: usize = if cfg!(miri) { 20 } else { 2000 };

/// Work enough for any number of threads.
const MUCH: usize = usize::MAX;

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// Runs `f` on a thread that has lost no time yet, with idle threads beside it, so many in all.
fn fresh<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    pool(threads).install(f)
}

fn this_thread() -> ThreadId {
    std::thread::current().id()
}

fn wait_for(flag: &AtomicBool) {
    while !flag.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
}

/// Doubles every number, and says which threads did.
fn double(numbers: &mut [u64]) -> HashSet<ThreadId> {
    let threads = Mutex::new(HashSet::new());
    for_each(MUCH, numbers.iter_mut(), |x| {
        *x *= 2;
        threads.lock().unwrap().insert(this_thread());
    });
    threads.into_inner().unwrap()
}

#[test]
fn every_item_is_taken_once_in_every_loop() {
    for threads in [1, 2, 3, 5, 64] {
        fresh(threads, || {
            for items in (0..LOOPS).map(|i| i % 7) {
                let mut numbers: Vec<u64> = (0..items as u64).collect();
                double(&mut numbers);
                assert!(numbers.iter().enumerate().all(|(i, &x)| x == 2 * i as u64));
            }
        });
    }
}

/// The first two items wait for each other: they end only if two threads have them.
#[test]
fn threads_work_at_the_same_time() {
    for _ in 0..20 {
        fresh(2, || {
            let met = AtomicU64::new(0);
            for_each(MUCH, 0..2, |_| {
                met.fetch_add(1, Ordering::SeqCst);
                while met.load(Ordering::SeqCst) < 2 {
                    std::thread::yield_now();
                }
            });
        });
    }
}

/// A loop may be opened just when a helper has lost patience: then another one comes.
#[test]
fn helpers_come_again_after_any_pause() {
    for micros in [0, 150, 200, 210, 220, 230, 240, 250, 260, 280, 300, 400, 2000] {
        fresh(2, || {
            double(&mut [1; 20]);
            let pause = Instant::now();
            while pause.elapsed() < Duration::from_micros(micros) {}
            // What was lost in the first loop would let the leader go on alone.
            CROWD.set(Crowd::NONE);
            let helped = AtomicBool::new(false);
            let leader = this_thread();
            for_each(MUCH, 0..2, |_| {
                if this_thread() == leader {
                    wait_for(&helped);
                } else {
                    helped.store(true, Ordering::SeqCst);
                }
            });
        });
    }
}

/// Says which threads asked for an item, so came into the loop.
struct Asked<'a>(std::ops::Range<usize>, &'a Mutex<HashSet<ThreadId>>);

impl Iterator for Asked<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.1.lock().unwrap().insert(this_thread());
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

#[test]
fn no_more_threads_come_into_a_loop_than_it_has_items_or_work_for_or_than_there_are_cores() {
    let came = |work: usize, items: usize| {
        let threads = Mutex::new(HashSet::new());
        // Time enough for all to come.
        for_each(work, Asked(0..items, &threads), |_| (0..1000).for_each(|_| std::thread::yield_now()));
        threads.into_inner().unwrap().len()
    };
    fresh(64, || {
        for items in [0, 1, 2, 3, 100] {
            assert!((1..=items.clamp(1, most_threads())).contains(&came(MUCH, items)), "{items} items");
        }
        for threads in [1, 2, 3] {
            assert!(came(threads * WORTH_A_THREAD - 1, 100) <= threads, "work for {threads} threads");
        }
        assert!(threads() <= most_threads());
    });
}

/// Whoever has an item and does not get on, holds up that item and no other.
#[test]
fn the_others_take_what_a_helper_that_does_not_get_on_has_not_begun() {
    fresh(2, || {
        let leader = this_thread();
        let (begun, done) = (AtomicBool::new(false), AtomicUsize::new(0));
        for_each(MUCH, 0..100, |_| {
            if this_thread() == leader {
                wait_for(&begun);
            } else {
                begun.store(true, Ordering::SeqCst);
                while done.load(Ordering::SeqCst) < 99 {
                    std::thread::yield_now();
                }
            }
            done.fetch_add(1, Ordering::SeqCst);
        });
        assert_eq!(done.into_inner(), 100);
    });
}

/// The leader sleeps meanwhile, and is woken.
#[test]
fn a_leader_that_has_waited_for_long_does_without_the_helper_for_a_while() {
    fresh(2, || {
        let leader = this_thread();
        let begun = AtomicBool::new(false);
        for_each(MUCH, 0..2, |_| {
            if this_thread() == leader {
                wait_for(&begun);
            } else {
                begun.store(true, Ordering::SeqCst);
                std::thread::sleep(2 * TURN);
            }
        });
        let lost = CROWD.get().left_out(Instant::now);
        // On a busy machine the leader may have waited for the helper as long before.
        assert!(lost <= 1);
        if lost == 1 {
            assert_eq!(threads(), 1);
            assert_eq!(double(&mut [1; 50]), HashSet::from([leader]));
        }
        CROWD.set(Crowd::NONE);
        assert_eq!(threads(), 2);
    });
}

#[test]
fn a_pool_of_very_many_threads_ends_its_loops() {
    let threads = if cfg!(miri) { 8 } else { 500 };
    fresh(threads, || {
        for _ in 0..20 {
            let mut numbers = [1; 50];
            double(&mut numbers);
            assert_eq!(numbers, [2; 50]);
        }
    });
}

#[test]
fn loops_within_loops_stay_on_their_thread() {
    fresh(3, || {
        for_each(MUCH, 0..6, |_| {
            assert_eq!(double(&mut [0; 50]), HashSet::from([this_thread()]));
        });
    });
}

/// Two leaders on two threads: each finds the other one busy, and gets on alone.
#[test]
fn teams_that_share_a_pool_all_end() {
    let lead = || {
        for _ in 0..LOOPS {
            double(&mut [1; 20]);
        }
    };
    pool(2).install(|| rayon::join(|| (0..3).for_each(|_| lead()), || (0..3).for_each(|_| lead())));
    // Whoever waits for the others here may be given a helper's job.
    pool(3).install(|| rayon::scope(|scope| (0..9).for_each(|_| scope.spawn(|_| lead()))));
}

/// Rayon gives the job of helping to a thread that waits in a `join`, also if it is in an item or leads the team itself.
/// It must not begin an item inside an item, nor wait for loops that it is to open itself.
#[test]
fn a_thread_that_is_in_the_team_does_not_help_it_a_second_time() {
    thread_local!(static DEPTH: Cell<usize> = const { Cell::new(0) });
    let help = |team: &Arc<Team>| {
        team.asked.fetch_add(1, Ordering::SeqCst);
        team.help();
    };
    fresh(2, || {
        let team = TEAM.with(Arc::clone);
        for_each(MUCH, 0..100, |_| {
            assert_eq!(DEPTH.replace(DEPTH.get() + 1), 0);
            help(&team);
            assert_eq!(DEPTH.replace(DEPTH.get() - 1), 1);
        });
        assert!(!INSIDE.get());
        // Open for ever, so that whoever helps comes in, and finds no job.
        let led = Arc::new(Team::led_by_this_thread());
        led.state.store(State::next(0, 1), Ordering::SeqCst);
        help(&led);
        assert_eq!(State::room(led.state.load(Ordering::SeqCst)), 1);
    });
}

#[test]
fn joins_inside_items_and_between_loops_do_not_hold_up_a_leader() {
    let joined = || rayon::join(|| double(&mut [1; 9]).len(), || double(&mut [1; 9]).len());
    fresh(3, || {
        for _ in 0..LOOPS / 10 {
            for_each(MUCH, 0..6, |_| assert_eq!(joined().0, 1));
            joined();
        }
    });
}

/// What the leader waits for is for the only other thread to do, which has come to help.
#[test]
fn a_helper_goes_home_if_no_loop_comes() {
    fresh(2, || {
        double(&mut [1; 20]);
        let done = Arc::new(AtomicBool::new(false));
        let job = Arc::clone(&done);
        rayon::spawn(move || job.store(true, Ordering::SeqCst));
        wait_for(&done);
        double(&mut [1; 20]);
    });
}

/// As [`a_helper_goes_home_if_no_loop_comes`], but there is always another loop.
#[test]
fn a_helper_has_an_eye_on_other_work_of_its_pool() {
    fresh(2, || {
        double(&mut [1; 20]);
        let done = Arc::new(AtomicBool::new(false));
        let job = Arc::clone(&done);
        rayon::spawn(move || job.store(true, Ordering::SeqCst));
        while !done.load(Ordering::SeqCst) {
            double(&mut [1; 20]);
        }
    });
}

fn message(payload: &Payload) -> &str {
    payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied()).unwrap()
}

#[test]
fn a_panic_in_a_helper_reaches_the_caller_of_its_loop() {
    for _ in 0..20 {
        fresh(2, || {
            let leader = this_thread();
            let helped = AtomicBool::new(false);
            let first = catch_unwind(AssertUnwindSafe(|| {
                for_each(MUCH, 0..50, |i| {
                    if this_thread() == leader {
                        wait_for(&helped);
                    } else {
                        helped.store(true, Ordering::SeqCst);
                        panic!("item {i} is bad");
                    }
                });
            }));
            assert!(message(&first.unwrap_err()).ends_with("is bad"));
            // The next loop of the same team.
            let mut numbers = [1; 9];
            double(&mut numbers);
            assert_eq!(numbers, [2; 9]);
        });
    }
}

#[test]
fn a_panic_reaches_the_caller_whoever_has_the_item() {
    fresh(2, || {
        for bad in [0, 1, 40] {
            let result = catch_unwind(AssertUnwindSafe(|| {
                for_each(MUCH, 0..50, |i| assert_ne!(i, bad, "the bad one"));
            }));
            assert!(message(&result.unwrap_err()).contains("the bad one"));
            assert!(!INSIDE.get());
            let mut numbers = [1; 9];
            double(&mut numbers);
            assert_eq!(numbers, [2; 9]);
        }
    });
}

/// Helpers are asked for by a thread that is not of the pool, too: those of the global one.
#[test]
fn a_thread_outside_of_pools_leads_as_well() {
    for _ in 0..LOOPS {
        let mut numbers = [1; 9];
        double(&mut numbers);
        assert_eq!(numbers, [2; 9]);
    }
}
