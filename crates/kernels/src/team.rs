//! Parallel loops between which the threads stay awake.
//!
//! A recurrent layer is dozens of loops one after the other, some of them a few microseconds long. To wake a thread of
//! rayon's pool takes longer than such a loop. So a thread that has helped with a loop waits awake for the next one, for a
//! short while. The thread that opens the loops, the *leader*, and its helpers are a *team*. Who takes which item of a loop is
//! left to chance; so an item must not depend on it.
//!
//! Beside other work a thread may wait long for a core. Nobody waits for a thread that has not begun: the others take its
//! items. Whoever waits for one that has begun soon sleeps, and so leaves a core to it. The team is smaller for a while
//! then ([`crowd`]).

mod crowd;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crowd::Crowd;

/// What a helper runs for a loop: it takes items until none is left.
type Job<'a> = dyn Fn() + Sync + 'a;

/// Work that is worth a thread more, in nanoseconds. Less under Miri, so that it sees loops shared.
const WORTH_A_THREAD: usize = if cfg!(miri) { 1 << 5 } else { 1 << 13 };

/// Looks at a loop before a waiting thread lets others have its core: some ten microseconds.
const LOOKS: u32 = 1000;

/// How long a thread waits awake after these looks: far longer than there is between two loops of a training step.
const PATIENCE: Duration = Duration::from_micros(200);

/// How long a thread helps before it looks for other work of its pool. To be asked again takes a thousandth of that.
const TURN: Duration = Duration::from_millis(10);

/// Threads that a pool may have on any machine.
const FEW: usize = 4;

/// Threads that [`oversubscribe`] allows.
static ALLOWED: AtomicUsize = AtomicUsize::new(if cfg!(test) { FEW } else { 1 });

thread_local! {
    /// Whether the thread is in an item of a loop, or helps: loops in there are not shared out again.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// The team that the thread leads.
    static TEAM: Arc<Team> = Arc::new(Team::led_by_this_thread());
    /// What the thread knows about other work on the machine.
    static CROWD: Cell<Crowd> = const { Cell::new(Crowd::NONE) };
}

fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(FEW, |cores| cores.get()))
}

/// The most threads that a pool should have: one a core, and on small machines four.
#[must_use]
pub fn most_threads() -> usize {
    cores().max(FEW)
}

/// Threads that share the next loop, if it is large enough: those of the current rayon pool, but no more than there are
/// cores, and fewer for a while after other work took one. So the number may differ from call to call.
#[must_use]
pub fn threads() -> usize {
    let most = rayon::current_num_threads().min(cores().max(ALLOWED.load(Ordering::Relaxed)));
    let mut crowd = CROWD.get();
    let left_out = crowd.left_out(Instant::now);
    CROWD.set(crowd);
    most.saturating_sub(left_out).max(1)
}

/// Lets so many threads share a loop where there are fewer cores, in the whole process. That is slower: it is for tests of
/// what must not depend on the number of threads.
pub fn oversubscribe(threads: usize) {
    ALLOWED.fetch_max(threads, Ordering::Relaxed);
}

/// Calls `f` with each item, on this thread and on idle threads of the current rayon pool.
///
/// `work` says how large the whole loop is: about the nanoseconds that one thread needs. A thread more takes part for some
/// 8,000 of them, but no more than there are items (if the iterator knows how many), nor than [`threads`] says. Items are
/// taken from the iterator one by one, under a lock that costs some ten nanoseconds: an item should be worth a microsecond.
///
/// Inside an item, a loop runs on its thread alone. The helpers wait awake for another loop, for some hundred microseconds.
///
/// # Panics
/// If `f` does, on whichever thread: with the same payload, as soon as nobody is in an item. The other items may have been
/// taken or not.
pub fn for_each<I>(work: usize, items: impl Iterator<Item = I> + Send, f: impl Fn(I) + Sync) {
    let most = items.size_hint().1.unwrap_or(usize::MAX).min(work / WORTH_A_THREAD + 1);
    let helpers = if most <= 1 || INSIDE.get() { 0 } else { most.min(threads()) - 1 };
    if helpers == 0 {
        items.for_each(f);
    } else {
        TEAM.with(|team| team.share(helpers, items, f));
    }
}

/// A thread and those that help it with one loop after another.
struct Team {
    leader: Thread,
    /// The loop that is open, or the last one: [`State`].
    state: AtomicU64,
    /// The job of that loop, its lifetime forgotten. Written while the loop is closed and nobody is in it; read by helpers that are.
    job: UnsafeCell<Option<*const Job<'static>>>,
    /// Helpers that the pool was asked for and that have not gone home.
    asked: AtomicUsize,
}

// SAFETY: `job` is the only field that is not `Sync`, and `state` keeps its writer (the leader) and its readers (helpers)
// apart, see there. What it points to is `Sync`.
unsafe impl Sync for Team {}
// SAFETY: `job` is the only field that is not `Send`. It is a plain pointer, which any thread may hold or drop.
unsafe impl Send for Team {}

/// A packed state: 16 bits count the helpers that are in the loop, 16 the room for others, one says that the loop is
/// open, the rest number the loops.
struct State;

impl State {
    const ROOM: u64 = 1 << 16;
    const OPEN: u64 = 1 << 32;
    const LOOP: u64 = 1 << 33;

    fn is_open(state: u64) -> bool {
        state & Self::OPEN != 0
    }

    fn number(state: u64) -> u64 {
        state / Self::LOOP
    }

    fn room(state: u64) -> u64 {
        state / Self::ROOM % Self::ROOM
    }

    fn inside(state: u64) -> u64 {
        state % Self::ROOM
    }

    /// The next loop, open, nobody in it.
    fn next(state: u64, room: usize) -> u64 {
        let room = (room as u64).min(Self::ROOM - 1);
        Self::number(state).wrapping_add(1).wrapping_mul(Self::LOOP) | Self::OPEN | (room * Self::ROOM)
    }

    /// With one helper more in the loop, if there is room.
    fn entered(state: u64) -> Option<u64> {
        (Self::is_open(state) && Self::room(state) > 0).then(|| state - Self::ROOM + 1)
    }
}

impl Team {
    fn led_by_this_thread() -> Self {
        Self {
            leader: std::thread::current(),
            state: AtomicU64::new(0),
            job: UnsafeCell::new(None),
            asked: AtomicUsize::new(0),
        }
    }

    /// A loop whose items the leader and so many helpers take one by one. The leader calls it, outside of loops.
    fn share<I>(self: &Arc<Self>, helpers: usize, items: impl Iterator<Item = I> + Send, f: impl Fn(I) + Sync) {
        let opened = Instant::now();
        let queue = Queue::new(items);
        let work = || {
            while let Some(item) = queue.next() {
                f(item);
            }
        };
        let job = || {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
                queue.give_up(payload);
            }
        };
        let job: *const Job<'_> = &raw const job;
        // SAFETY: two pointers that differ in a lifetime alone; `run` says why it is never followed too late.
        let job = unsafe { std::mem::transmute::<*const Job<'_>, *const Job<'static>>(job) };
        // SAFETY: the last loop is closed and empty, so no helper reads; only the leader comes here, and not from inside a loop.
        unsafe { *self.job.get() = Some(job) };
        {
            // Also if an item panics here: helpers must be out before what they borrow is gone.
            let _closed = OnDrop(|| self.close());
            let _inside = stand_inside();
            self.state.store(State::next(self.state.load(Ordering::Relaxed), helpers), Ordering::SeqCst);
            self.ask_for(helpers);
            work();
        }
        if let Some(lost) = queue.finish(opened) {
            let mut crowd = CROWD.get();
            crowd.lose(lost, Instant::now());
            CROWD.set(crowd);
        }
    }

    /// Asks the pool for helpers until there are so many.
    fn ask_for(self: &Arc<Self>, helpers: usize) {
        for _ in self.asked.load(Ordering::SeqCst)..helpers {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let team = Arc::clone(self);
            rayon::spawn(move || team.help());
        }
    }

    /// Lets nobody in any more, and waits for those who are: awake at first, then asleep, so that they can have this core.
    fn close(&self) {
        self.state.fetch_and(!State::OPEN, Ordering::SeqCst);
        let mut wait = Wait::default();
        while State::inside(self.state.load(Ordering::Acquire)) > 0 {
            if !wait.goes_on() {
                std::thread::park();
            }
        }
    }

    /// Takes part in loops until none has come for a while, or the turn is over.
    fn help(&self) {
        // A thread that waits in a `join` of rayon's may be given this job while it leads, or works on an item.
        let is_free = !INSIDE.get() && self.leader.id() != std::thread::current().id();
        let _inside = stand_inside();
        let mut last = None;
        if is_free {
            let end = Instant::now() + TURN;
            let mut wait = Wait::default();
            while Instant::now() < end {
                if self.enter(&mut last) {
                    self.run();
                    wait = Wait::default();
                } else if !wait.goes_on() {
                    break;
                }
            }
        }
        self.asked.fetch_sub(1, Ordering::SeqCst);
        // The leader may have opened a loop and counted on this thread, which was about to go home. One of the two sees
        // what the other did: all four operations are sequentially consistent.
        if is_free && self.enter(&mut last) {
            self.run();
        }
    }

    /// Whether this helper has come into a loop that it was not in before.
    fn enter(&self, last: &mut Option<u64>) -> bool {
        let enter = |state| State::entered(state).filter(|_| *last != Some(State::number(state)));
        match self.state.fetch_update(Ordering::SeqCst, Ordering::SeqCst, enter) {
            Ok(state) => {
                *last = Some(State::number(state));
                true
            }
            Err(_) => false,
        }
    }

    /// Works in the loop that this helper has come into, and leaves it.
    fn run(&self) {
        let _left = OnDrop(|| {
            let before = self.state.fetch_sub(1, Ordering::Release);
            if State::inside(before) == 1 && !State::is_open(before) {
                self.leader.unpark();
            }
        });
        // SAFETY: this helper was counted while the loop was open: the leader wrote the job before (its release, our
        // acquire), and neither writes again nor leaves `share`, where what the job borrows lives, until the count is back
        // to zero.
        unsafe { (*self.job.get()).map(|job| (*job)()) };
    }
}

type Payload = Box<dyn Any + Send>;

/// The items of a loop.
struct Queue<I>(Mutex<Items<I>>);

struct Items<I> {
    items: I,
    /// When a thread first found none.
    ended: Option<Instant>,
    /// What a helper's panic said.
    panic: Option<Payload>,
}

impl<I: Iterator> Queue<I> {
    fn new(items: I) -> Self {
        Self(Mutex::new(Items { items, ended: None, panic: None }))
    }

    fn lock(&self) -> MutexGuard<'_, Items<I>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<I::Item> {
        let mut queue = self.lock();
        let item = if queue.ended.is_none() { queue.items.next() } else { None };
        if item.is_none() {
            queue.ended.get_or_insert_with(Instant::now);
        }
        item
    }

    /// Lets nobody have an item any more, because a helper has panicked.
    fn give_up(&self, payload: Payload) {
        let mut queue = self.lock();
        queue.ended.get_or_insert_with(Instant::now);
        queue.panic = Some(payload);
    }

    /// The time that was lost, if any: from the first thread's end to the last one's, but for what an item may have taken,
    /// which is no more than the first had worked.
    ///
    /// # Panics
    /// If a helper did.
    fn finish(self, opened: Instant) -> Option<Duration> {
        let queue = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(payload) = queue.panic {
            resume_unwind(payload);
        }
        let ended = queue.ended?;
        ended.elapsed().checked_sub(ended.duration_since(opened))
    }
}

/// Sets that the thread is inside a loop, until the guard is dropped.
#[must_use]
fn stand_inside() -> OnDrop<impl FnMut()> {
    let before = INSIDE.replace(true);
    OnDrop(move || INSIDE.set(before))
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Waits a little, and the longer the more politely.
#[derive(Default)]
struct Wait {
    looks: u32,
    since: Option<Instant>,
}

impl Wait {
    /// False if it has waited for long.
    fn goes_on(&mut self) -> bool {
        self.looks = self.looks.saturating_add(1);
        if self.looks < LOOKS {
            spin_loop();
            return true;
        }
        std::thread::yield_now();
        self.since.get_or_insert_with(Instant::now).elapsed() < PATIENCE
    }
}
