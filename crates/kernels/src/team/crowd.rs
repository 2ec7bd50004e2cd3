//! How many threads a team does without while other work has their cores.

use std::time::{Duration, Instant};

/// For each second that was lost, so many must go by: at most a twentieth of the time is lost.
const PRICE: u32 = 20;

/// What may be lost at once without consequences.
const TOLERATED: Duration = Duration::from_millis(1);

/// The most that counts as lost at once: a stopped process loses no more.
const MOST: Duration = Duration::from_secs(1);

/// What a leader has lost by waiting for threads that had no core, and how many it does without.
///
/// A thread that is not scheduled in the middle of an item costs a time slice. Each time that costs more than
/// [`TOLERATED`], the team is smaller by one thread, for [`PRICE`] times as long; then it grows again by one.
#[derive(Clone, Copy)]
pub(super) struct Crowd {
    /// Lost, and not yet made up for by the time that has gone by.
    debt: Duration,
    /// The time of the last loss.
    at: Option<Instant>,
    left_out: usize,
    /// When the team grows by one, and how long after that by another one.
    growth: Option<(Instant, Duration)>,
}

impl Crowd {
    pub(super) const NONE: Self = Self { debt: Duration::ZERO, at: None, left_out: 0, growth: None };

    /// Threads that the team does without now.
    pub(super) fn left_out(&mut self, now: impl FnOnce() -> Instant) -> usize {
        if let Some((mut at, span)) = self.growth {
            let now = now();
            while self.left_out > 0 && at <= now {
                self.left_out -= 1;
                at += span;
            }
            self.growth = (self.left_out > 0).then_some((at, span));
        }
        self.left_out
    }

    /// Takes note of a loss.
    pub(super) fn lose(&mut self, lost: Duration, now: Instant) {
        let made_up_for = self.at.map_or(Duration::ZERO, |at| now.duration_since(at) / PRICE);
        self.debt = self.debt.saturating_sub(made_up_for) + lost.min(MOST);
        self.at = Some(now);
        if self.debt > TOLERATED {
            let span = self.debt * PRICE;
            self.left_out += 1;
            self.growth = Some((now + span, span));
            self.debt = Duration::ZERO;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_loss_makes_the_team_smaller_for_twenty_times_as_long() {
        let (mut crowd, start) = (Crowd::NONE, Instant::now());
        assert_eq!(crowd.left_out(|| start), 0);
        crowd.lose(4 * MS, start);
        assert_eq!(crowd.left_out(|| start + 79 * MS), 1);
        assert_eq!(crowd.left_out(|| start + 80 * MS), 0);
        assert_eq!(crowd.left_out(|| unreachable!("a whole team does not look at the clock")), 0);
    }

    #[test]
    fn a_team_shrinks_and_grows_a_thread_at_a_time() {
        let (mut crowd, start) = (Crowd::NONE, Instant::now());
        crowd.lose(2 * MS, start);
        crowd.lose(3 * MS, start + MS);
        assert_eq!(crowd.left_out(|| start + 60 * MS), 2);
        assert_eq!(crowd.left_out(|| start + 61 * MS), 1);
        assert_eq!(crowd.left_out(|| start + 120 * MS), 1);
        assert_eq!(crowd.left_out(|| start + 121 * MS), 0);
    }

    #[test]
    fn small_losses_count_together_unless_they_are_rare() {
        let lost_every = |pause: Duration| {
            let (mut crowd, start) = (Crowd::NONE, Instant::now());
            (1..=20).for_each(|i| crowd.lose(MS / 10, start + pause * i));
            crowd.left_out(|| start + pause * 20)
        };
        assert_eq!(lost_every(MS), 1);
        assert_eq!(lost_every(2 * MS), 0);
    }

    #[test]
    fn a_process_that_was_stopped_for_long_soon_has_its_threads_again() {
        let (mut crowd, start) = (Crowd::NONE, Instant::now());
        crowd.lose(Duration::from_secs(3600), start);
        assert_eq!(crowd.left_out(|| start + Duration::from_secs(21)), 0);
    }
}
