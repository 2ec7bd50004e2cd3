//! The seven checks that people advised, and the comment's, each with its measurements; and what they suggest.
//!
//! | | question | module |
//! | --- | --- | --- |
//! | 1 | Does it learn: can it fit what it is trained on? | [`curve`], [`slice`](mod@slice) |
//! | 2 | Are the data sound? | [`data`] |
//! | 3 | Are gradients and weights sound? | [`gradient`], [`growth`] |
//! | 4 | Would a lower learning rate have prevented it? | answered by [replay](crate::Replay) |
//! | 5 | Are the predictions all the same? | [`curve`] |
//! | 6 | Are the batches balanced? | [`batches`] |
//! | 7 | Are data and initial weights of the right scale? | [`scale`] |
//! | 8 | Was a NaN or an exploding gradient behind it, and whose? | [`curve`] |

pub mod batches;
mod builder;
pub mod curve;
pub mod data;
pub mod gradient;
pub mod growth;
mod outlier;
pub mod scale;
pub mod slice;
pub mod spelling;

pub use builder::Checked;
