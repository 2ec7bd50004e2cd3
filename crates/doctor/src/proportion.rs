//! How often something happened, and how sure that is.

use serde::{Deserialize, Serialize};

/// The two-sided 95 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proportion {
    /// Times that it happened.
    pub count: u64,
    /// Times that it could have.
    pub of: u64,
}

impl Proportion {
    /// Counts what holds.
    #[must_use]
    pub fn of(held: impl IntoIterator<Item = bool>) -> Self {
        let count_one = |sum: Self, holds| Self { count: sum.count + u64::from(holds), of: sum.of + 1 };
        held.into_iter().fold(Self::default(), count_one)
    }

    /// count / of; NaN of none.
    #[must_use]
    pub fn share(self) -> f64 {
        self.count as f64 / self.of as f64
    }

    /// The 95 % score interval of the probability behind it (Wilson 1927, *Probable Inference*, equation 1): sensible for
    /// few trials and shares of 0 and 1, too. (0, 1) of none.
    #[must_use]
    pub fn wilson(self) -> (f64, f64) {
        if self.of == 0 {
            return (0.0, 1.0);
        }
        let (n, p) = (self.of as f64, self.share());
        let centre = p + Z * Z / (2.0 * n);
        let half_width = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        (((centre - half_width) / scale).max(0.0), ((centre + half_width) / scale).min(1.0))
    }
}

impl std::fmt::Display for Proportion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (low, high) = self.wilson();
        write!(f, "{} of {} ({:.0}–{:.0} %)", self.count, self.of, 100.0 * low, 100.0 * high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_the_published_ones() {
        // Newcombe 1998, *Two-sided confidence intervals for the single proportion*, table I, method 3.
        for (count, of, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let (l, h) = Proportion { count, of }.wilson();
            assert!((l - low).abs() < 6e-5 && (h - high).abs() < 6e-5, "{count} of {of}: {l} {h}");
        }
        assert_eq!(Proportion::default().wilson(), (0.0, 1.0));
        assert_eq!(Proportion { count: 5, of: 5 }.wilson().1, 1.0);
    }

    #[test]
    fn it_counts_what_holds() {
        assert_eq!(Proportion::of([true, false, true]), Proportion { count: 2, of: 3 });
        assert_eq!(Proportion { count: 0, of: 5 }.to_string(), "0 of 5 (0–43 %)");
    }
}
