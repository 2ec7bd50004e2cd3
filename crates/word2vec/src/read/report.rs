//! What was read and what was left out.

use crate::{Format, Place};

/// What was read, and what was found wrong and passed over under the [`ReadOptions`](crate::ReadOptions).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadReport {
    /// The format, as named by the caller or told from the content.
    pub format: Format,
    /// Whether the source was gzipped.
    pub gzipped: bool,
    /// Number of words the header claims, if the format has one.
    pub claimed: Option<u64>,
    /// Records read, whether kept or not.
    pub records: u64,
    /// Records left out by the filter; these are not looked at any further.
    pub filtered: u64,
    /// Words with NaN or infinity: dropped or kept, as the policy says.
    pub non_finite: Tally,
    /// Words that were there before: the first or the last kept, as the policy says.
    pub duplicate: Tally,
    /// Words of text that end in a number after a space, as `channel 4`: kept, as the header says how many numbers are the
    /// vector's.
    pub ends_in_number: Tally,
    /// Words without a character: kept.
    pub empty: Tally,
    /// Words not valid UTF-8: dropped or made valid, as the policy says.
    pub invalid_utf8: Tally,
}

impl ReadReport {
    pub(crate) fn new(format: Format, gzipped: bool, claimed: Option<u64>) -> Self {
        ReadReport {
            format,
            gzipped,
            claimed,
            records: 0,
            filtered: 0,
            non_finite: Tally::default(),
            duplicate: Tally::default(),
            ends_in_number: Tally::default(),
            empty: Tally::default(),
            invalid_utf8: Tally::default(),
        }
    }

    /// Whether nothing was found wrong. What the filter left out is not wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        [&self.non_finite, &self.duplicate, &self.ends_in_number, &self.empty, &self.invalid_utf8]
            .iter()
            .all(|tally| tally.count == 0)
    }
}

/// How often something occurred, and where at first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How often.
    pub count: u64,
    /// The first few, as word and place in the file.
    pub examples: Vec<(String, Place)>,
}

impl Tally {
    /// Examples kept at most.
    pub const MAX_EXAMPLES: usize = 5;

    pub(crate) fn note(&mut self, word: &str, place: Place) {
        self.count += 1;
        if self.examples.len() < Self::MAX_EXAMPLES {
            self.examples.push((word.to_owned(), place));
        }
    }
}
