//! Parallel loops between which the threads stay awake.
//!
//! A recurrent layer is dozens of loops one after the other, some of them a few microseconds long. Between two loops an
//! idle thread of rayon's pool soon goes to sleep, and to wake it takes longer than such a loop. Inside [`awake`], the
//! pool's threads wait for the next loop instead: a *team*, led by the thread that called it. Who takes which item of a
//! loop is left to chance; so an item must not depend on it.

use std::cell::{Cell, UnsafeCell};
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// What a helper runs for a loop: it takes items until none is left.
type Job<'a> = dyn Fn() + Sync + 'a;

/// Looks at a loop before a waiting thread lets others have its core: some ten microseconds.
const LOOKS: u32 = 1000;

/// Looks after which a helper goes home: some tens of milliseconds, far more than there are between two loops of a pass.
const PATIENCE: u32 = 50_000;

/// Threads that a team may have on any machine: more than there are cores then, which does little harm.
const FEW: usize = 4;

/// Where the thread stands.
#[derive(Clone, Copy)]
enum Place {
    /// In no team.
    Outside,
    /// In a team that it leads, between two loops.
    Leading(*const Team),
    /// In an item of a loop, or a helper: loops in there are not shared out again.
    Inside,
}

thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place::Outside) };
}

/// The most threads that help: one a core, and on small machines four. More only take each other's time.
#[must_use]
pub fn most_threads() -> usize {
    static MOST: OnceLock<usize> = OnceLock::new();
    *MOST.get_or_init(|| std::thread::available_parallelism().map_or(FEW, |cores| cores.get().max(FEW)))
}

/// Threads that share a loop: those of the current rayon pool, but no more than [help](most_threads).
#[must_use]
pub fn threads() -> usize {
    rayon::current_num_threads().min(most_threads())
}

/// Runs `f` on a thread of the current rayon pool, with the pool's other idle threads ready for its loops ([`for_each`]),
/// as many as [help](most_threads).
///
/// While they wait, these threads do nothing else, nor do they sleep: what `f` does between its loops should be short.
/// Inside another `awake`, and where there is one thread, this is just `f()`. The team takes in who is idle and waits for
/// nobody who is not, so that any number of teams may share a pool. A thread that has waited for some tens of milliseconds
/// goes home: `f` may wait for other work of the pool, which may wait for that thread; but then it goes on alone.
pub fn awake<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    if !matches!(PLACE.get(), Place::Outside) || threads() == 1 {
        return f();
    }
    Team::default().gather(threads() - 1, f)
}

/// Calls `f` with each item, on all threads of the team; where there is none, on those of one made for the purpose.
///
/// No more threads take part than there are items, if the iterator knows how many. Items are taken from the iterator one by one, under a lock that costs some ten nanoseconds: an item should be worth a
/// microsecond.
///
/// # Panics
/// If `f` does. The other items may have been taken or not.
pub fn for_each<I>(items: impl Iterator<Item = I> + Send, f: impl Fn(I) + Sync) {
    match PLACE.get() {
        // SAFETY: the place was set by `Team::lead` of this thread, which has not returned, and borrows the team.
        Place::Leading(team) => unsafe { &*team }.share(items, f),
        Place::Outside if threads() > 1 => {
            let team = Team::default();
            team.gather(helpers(&items).min(threads() - 1), || team.share(items, &f));
        }
        Place::Outside | Place::Inside => items.for_each(f),
    }
}

/// Threads besides the leader that can have an item of their own.
fn helpers(items: &impl Iterator) -> usize {
    items.size_hint().1.map_or(usize::MAX, |most| most.saturating_sub(1))
}

/// Threads that share one loop after another.
#[derive(Default)]
struct Team {
    /// The loop that is open, or the last one: which it is, whether it is open, and how many helpers are in it ([`State`]).
    state: AtomicU64,
    /// The job of that loop, its lifetime forgotten. Written while the loop is closed and nobody is in it; read by helpers that are.
    job: UnsafeCell<Option<*const Job<'static>>>,
    /// Helpers that the loop has room for. Set by the leader as `job` is.
    room: AtomicUsize,
    /// There will be no other loop.
    over: AtomicBool,
}

// SAFETY: `job` is the only field that is not `Sync`, and `state` keeps its writer (the leader) and its readers (helpers)
// apart, see there. What it points to is `Sync`.
unsafe impl Sync for Team {}

/// A packed state: 16 bits count helpers, one says that the loop is open, the rest number the loops.
struct State;

impl State {
    const OPEN: u64 = 1 << 16;
    const LOOP: u64 = 1 << 17;

    fn is_open(state: u64) -> bool {
        state & Self::OPEN != 0
    }

    fn number(state: u64) -> u64 {
        state / Self::LOOP
    }

    fn helpers(state: u64) -> u64 {
        state % Self::OPEN
    }
}

impl Team {
    /// Offers the pool `helpers` jobs of helping, and leads meanwhile. A job that nobody has taken by the end is taken back.
    fn gather<R: Send>(&self, helpers: usize, f: impl FnOnce() -> R + Send) -> R {
        if helpers == 0 {
            return self.lead(f);
        }
        rayon::join(|| self.gather(helpers - 1, f), || self.help()).0
    }

    fn lead<R>(&self, f: impl FnOnce() -> R) -> R {
        let _over = OnDrop(|| self.over.store(true, Ordering::Release));
        let _place = stand(Place::Leading(self));
        f()
    }

    fn help(&self) {
        let _place = stand(Place::Inside);
        let mut last = 0;
        let mut patience = Patience::default();
        while !self.over.load(Ordering::Acquire) && patience.looks < PATIENCE {
            let state = self.state.load(Ordering::Acquire);
            let is_new = State::is_open(state) && State::number(state) != last;
            let has_room = || self.room.load(Ordering::Relaxed) > 0;
            let enter = || self.state.compare_exchange(state, state + 1, Ordering::Acquire, Ordering::Relaxed);
            if is_new && has_room() && enter().is_ok() {
                last = State::number(state);
                let _leave = OnDrop(|| _ = self.state.fetch_sub(1, Ordering::Release));
                let room = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(1));
                if room.is_err() {
                    continue;
                }
                // SAFETY: this helper was counted while the loop was open: the leader wrote the job before (its release,
                // our acquire), and neither writes again nor leaves `share`, where what the job borrows lives, until
                // the count is back to zero.
                unsafe { (*self.job.get()).map(|job| (*job)()) };
                patience = Patience::default();
            } else {
                patience.wait();
            }
        }
    }

    /// A loop whose items the team's threads take one by one.
    fn share<I>(&self, items: impl Iterator<Item = I> + Send, f: impl Fn(I) + Sync) {
        self.room.store(helpers(&items), Ordering::Relaxed);
        let items = Mutex::new(items);
        let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            while let Some(item) = next() {
                f(item);
            }
        };
        let job: *const Job<'_> = &raw const work;
        // SAFETY: two pointers that differ in a lifetime alone; `help` says why it is never followed too late.
        let job = unsafe { std::mem::transmute::<*const Job<'_>, *const Job<'static>>(job) };
        // SAFETY: the last loop is closed and empty, so no helper reads; only the leader comes here, and not from inside a loop.
        unsafe { *self.job.get() = Some(job) };
        self.state.fetch_add(State::LOOP | State::OPEN, Ordering::Release);
        // Also if an item panics here: helpers must be out before what they borrow is gone.
        let _closed = OnDrop(|| self.close());
        let _place = stand(Place::Inside);
        work();
    }

    /// Lets nobody in any more, and waits for those who are.
    fn close(&self) {
        self.state.fetch_and(!State::OPEN, Ordering::Relaxed);
        let mut patience = Patience::default();
        while State::helpers(self.state.load(Ordering::Acquire)) > 0 {
            patience.wait();
        }
    }
}

/// Sets the thread's place, until the guard is dropped.
#[must_use]
fn stand(place: Place) -> OnDrop<impl FnMut()> {
    let before = PLACE.replace(place);
    OnDrop(move || PLACE.set(before))
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Waits a little, and the longer the more politely.
#[derive(Default)]
struct Patience {
    looks: u32,
}

impl Patience {
    fn wait(&mut self) {
        self.looks = self.looks.saturating_add(1);
        if self.looks < LOOKS {
            spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread::ThreadId;

    const LOOPS: usize = if cfg!(miri) { 20 } else { 2000 };

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    /// Doubles every number, and says which threads did.
    fn double(numbers: &mut [u64]) -> HashSet<ThreadId> {
        let threads = Mutex::new(HashSet::new());
        for_each(numbers.iter_mut(), |x| {
            *x *= 2;
            threads.lock().unwrap().insert(std::thread::current().id());
        });
        threads.into_inner().unwrap()
    }

    #[test]
    fn every_item_is_taken_once_in_every_loop() {
        for threads in [1, 2, 3, 5] {
            pool(threads).install(|| {
                awake(|| {
                    for items in (0..LOOPS).map(|i| i % 7) {
                        let mut numbers: Vec<u64> = (0..items as u64).collect();
                        double(&mut numbers);
                        assert!(numbers.iter().enumerate().all(|(i, &x)| x == 2 * i as u64));
                    }
                });
                let mut numbers = [1, 2, 3];
                double(&mut numbers);
                assert_eq!(numbers, [2, 4, 6], "without a team");
            });
        }
    }

    /// The first two items wait for each other: they end only if two threads have them. One loop a team: between loops a
    /// helper may lose patience and go home, and then there is nobody to wait for.
    #[test]
    fn threads_work_at_the_same_time() {
        pool(2).install(|| {
            for _ in 0..20 {
                let met = AtomicU64::new(0);
                awake(|| {
                    for_each(0..2, |_| {
                        met.fetch_add(1, Ordering::SeqCst);
                        while met.load(Ordering::SeqCst) < 2 {
                            std::thread::yield_now();
                        }
                    });
                });
            }
        });
    }

    /// Says which threads asked for an item, so came into the loop.
    struct Asked<'a>(std::ops::Range<usize>, &'a Mutex<HashSet<ThreadId>>);

    impl Iterator for Asked<'_> {
        type Item = usize;

        fn next(&mut self) -> Option<usize> {
            self.1.lock().unwrap().insert(std::thread::current().id());
            self.0.next()
        }

        fn size_hint(&self) -> (usize, Option<usize>) {
            self.0.size_hint()
        }
    }

    #[test]
    fn no_more_threads_come_into_a_loop_than_it_has_items_nor_than_help() {
        let came = |items: usize| {
            let threads = Mutex::new(HashSet::new());
            // Time enough for all to come.
            for_each(Asked(0..items, &threads), |_| (0..1000).for_each(|_| std::thread::yield_now()));
            threads.into_inner().unwrap().len()
        };
        let check = || {
            for items in [0, 1, 2, 3, 100] {
                let most = items.max(1).min(most_threads());
                assert!((1..=most).contains(&came(items)), "{items} items");
            }
        };
        pool(most_threads() + 3).install(|| {
            awake(check);
            check();
        });
    }

    #[test]
    fn a_pool_of_very_many_threads_ends_its_loops() {
        let threads = if cfg!(miri) { 8 } else { 500 };
        pool(threads).install(|| {
            awake(|| {
                for _ in 0..20 {
                    let mut numbers = [1; 50];
                    double(&mut numbers);
                    assert_eq!(numbers, [2; 50]);
                }
            });
        });
    }

    #[test]
    fn loops_within_loops_stay_on_their_thread() {
        pool(3).install(|| {
            awake(|| {
                for_each(0..6, |_| {
                    assert_eq!(double(&mut [0; 50]), HashSet::from([std::thread::current().id()]));
                    awake(|| assert_eq!(double(&mut [0; 50]).len(), 1));
                });
            });
        });
    }

    /// Two leaders on two threads: each finds the other one busy, and gets on alone.
    #[test]
    fn teams_that_share_a_pool_both_end() {
        let lead = || {
            awake(|| {
                for _ in 0..LOOPS {
                    double(&mut [1; 20]);
                }
            });
        };
        pool(2).install(|| rayon::join(|| (0..3).for_each(|_| lead()), || (0..3).for_each(|_| lead())));
    }

    /// What the leader waits for is for the only other thread to do, which has come to help.
    #[test]
    fn a_helper_goes_home_if_no_loop_comes() {
        pool(2).install(|| {
            awake(|| {
                double(&mut [1; 20]);
                let done = std::sync::Arc::new(AtomicBool::new(false));
                let job = std::sync::Arc::clone(&done);
                rayon::spawn(move || job.store(true, Ordering::SeqCst));
                while !done.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                double(&mut [1; 20]);
            });
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_leaves_no_place_behind() {
        pool(2).install(|| {
            for bad in [0, 1, 40] {
                let result = catch_unwind(AssertUnwindSafe(|| {
                    awake(|| for_each(0..50, |i| assert_ne!(i, bad, "the bad one")));
                }));
                assert!(result.is_err());
                assert!(matches!(PLACE.get(), Place::Outside));
                let mut numbers = [1; 9];
                awake(|| double(&mut numbers));
                assert_eq!(numbers, [2; 9]);
            }
        });
    }

    #[test]
    fn awake_returns_what_it_ran() {
        assert_eq!(awake(|| 7), 7);
        assert_eq!(pool(2).install(|| awake(|| 8)), 8);
    }
}
