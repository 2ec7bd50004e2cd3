//! Where the sums of a product begin.

/// What the accumulators hold before the first term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Start {
    /// Zero: `out = left · right`.
    Zero,
    /// The output's elements: `out += left · right`. A bias or an upstream gradient written there first costs nothing.
    Out,
}
