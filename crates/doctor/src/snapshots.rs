//! Snapshots of a run in memory, dense near the present and sparse far back.

use std::collections::VecDeque;

use flameout_experiment::{Error, Snapshot};

/// One gibibyte: at the question's size, LSTM(1024) with Adam in `f32`, 20 snapshots.
pub const DEFAULT_LIMIT: usize = 1 << 30;

/// Snapshots under a limit of memory, so that a replay can begin shortly before something that is only noticed later.
///
/// **Which are kept.** The newest and the oldest always: the oldest is the first that was ever pushed. When room is needed,
/// of those between, the one goes whose neighbours' ages are nearest to each other in ratio, age being
/// `newest step − step + 1`. So the ages come to lie evenly on a logarithmic scale.
///
/// **What that guarantees.** After n + 1 snapshots have had room at once, any two neighbours of which the ring has dropped
/// what lay between have ages in a ratio of at most A^(1/⌊n/2⌋), with A the age of the oldest. For if all candidates' ratios were
/// larger than that, then so were the product of every second of them, which is A. (With age, a ratio only falls.) With
/// room for 20 and 10,000 steps that bound is 2.8; about 1.6 is usual.
///
/// ```
/// use flameout_doctor::snapshots::Snapshots;
/// # use flameout_experiment::{Case, Dataset, Settings, Trainer};
/// # let words: Vec<String> = ["ant", "bee", "cat", "dog", "eel", "fox"].map(String::from).to_vec();
/// # let vectors = flameout_word2vec::WordVectors::new(words, ndarray::Array2::from_shape_fn((6, 4), |(i, j)| ((i * 7 + j * 5) % 11) as f32))?;
/// # let mut settings = Settings::for_case(Case::LstmSingle);
/// # settings.set("model.units", "8")?;
/// # let dataset = Dataset::new(&settings, vectors)?;
/// let mut trainer = Trainer::new(&settings, &dataset)?;
/// let mut ring = Snapshots::new(200_000);
/// ring.push(trainer.snapshot())?;
/// for _ in 0..100 {
///     trainer.step(&dataset)?;
///     ring.push(trainer.snapshot())?;
/// }
/// assert!(ring.bytes() <= 200_000);
/// let steps: Vec<u64> = ring.iter().map(|snapshot| snapshot.step()).collect();
/// assert_eq!((steps[0], steps[steps.len() - 1]), (0, 100));
///
/// // Back to shortly before step 90.
/// let before = ring.at_or_before(90).expect("the oldest is of step 0");
/// assert!(before.step() > 75);
/// trainer.restore(&dataset, before.clone())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Snapshots {
    limit: usize,
    bytes: usize,
    /// By rising step.
    snapshots: VecDeque<Snapshot>,
}

impl Snapshots {
    /// An empty ring that never holds more than `limit` bytes of snapshots (see [`Snapshot::bytes`]).
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, bytes: 0, snapshots: VecDeque::new() }
    }

    /// Takes a snapshot in, dropping others for it if need be. Where the run has gone back, snapshots of this step and of
    /// later ones belong to a past that did not happen: they are dropped first.
    ///
    /// # Errors
    /// [`Error::Setting`] if the snapshot alone is larger than the limit; nothing has changed then.
    pub fn push(&mut self, snapshot: Snapshot) -> Result<(), Error> {
        let bytes = snapshot.bytes();
        if bytes > self.limit {
            let problem = format!("is {} bytes; a single snapshot takes {bytes}", self.limit);
            return Err(Error::Setting { key: "ring.limit".into(), problem });
        }
        while self.latest().is_some_and(|latest| latest.step() >= snapshot.step()) {
            self.drop_at(self.snapshots.len() - 1);
        }
        while self.bytes + bytes > self.limit {
            let steps = self.snapshots.iter().map(Snapshot::step).chain([snapshot.step()]);
            self.drop_at(most_dispensable(&steps.collect::<Vec<_>>()));
        }
        self.bytes += bytes;
        self.snapshots.push_back(snapshot);
        Ok(())
    }

    fn drop_at(&mut self, index: usize) {
        let dropped = self.snapshots.remove(index).expect("an index among the snapshots");
        self.bytes -= dropped.bytes();
    }

    /// The snapshots, oldest first.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Snapshot> {
        self.snapshots.iter()
    }

    /// The newest.
    #[must_use]
    pub fn latest(&self) -> Option<&Snapshot> {
        self.snapshots.back()
    }

    /// The newest that was made at this step or before it.
    #[must_use]
    pub fn at_or_before(&self, step: u64) -> Option<&Snapshot> {
        self.iter().rev().find(|snapshot| snapshot.step() <= step)
    }

    /// The steps of those whose distances to `end` lie evenly on a logarithmic scale: at most twelve, none of them step 0.
    #[must_use]
    pub fn steps_towards(&self, end: u64) -> Vec<u64> {
        steps_towards(self.iter().map(Snapshot::step), end)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.snapshots.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.snapshots.is_empty()
    }

    /// The memory that the snapshots take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The most that they may take.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }
}

/// With [`DEFAULT_LIMIT`].
impl Default for Snapshots {
    fn default() -> Self {
        Self::new(DEFAULT_LIMIT)
    }
}

/// See [`Snapshots::steps_towards`].
fn steps_towards(steps: impl Iterator<Item = u64>, end: u64) -> Vec<u64> {
    const MOST: usize = 12;
    let before: Vec<u64> = steps.filter(|&step| step > 0 && step <= end).collect();
    let (mut chosen, mut distance) = (Vec::new(), end.max(1));
    for _ in 0..MOST {
        let wanted = end - distance.min(end);
        chosen.extend(before.iter().copied().min_by_key(|step| step.abs_diff(wanted)));
        // Half of the way that is left.
        distance /= 2;
    }
    chosen.dedup();
    chosen
}

/// The place, in rising `steps` of which the last is the newest, of the one to drop: between the ends, the one whose
/// neighbours' ages are in the smallest ratio; the oldest if there is none between.
fn most_dispensable(steps: &[u64]) -> usize {
    let newest = steps[steps.len() - 1];
    let age = |index: usize| (newest - steps[index]) as f64 + 1.0;
    let ratio = |index: usize| age(index - 1) / age(index + 1);
    (1..steps.len() - 1).min_by(|&a, &b| ratio(a).total_cmp(&ratio(b))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_come_closer_together_towards_the_end() {
        let steps = steps_towards((0..400).map(|k| 25 * k), 8000);
        assert_eq!(steps.last(), Some(&8000));
        assert!(steps.len() > 7 && steps.is_sorted());
        let gaps: Vec<u64> = steps.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.first() > gaps.last());
        assert!(steps_towards([0, 25].into_iter(), 0).is_empty());
    }

    #[test]
    fn the_one_in_the_densest_place_goes() {
        // Ages 101, 21, 11, 6, 1: without the one of age 11 the ratio there is 21/6, the smallest.
        assert_eq!(most_dispensable(&[0, 80, 90, 95, 100]), 2);
        // Of equal ratios the oldest.
        assert_eq!(most_dispensable(&[0, 4, 6, 7]), 1);
        assert_eq!(most_dispensable(&[3, 7]), 0);
    }
}
