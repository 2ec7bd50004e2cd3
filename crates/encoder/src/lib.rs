//! Words to fixed-length character indices, the input of a character-level network.
//!
//! A word is opened with `$`, followed by its letters, and padded on the right with `$`:
//! `football` becomes `$football$$$$$$$$$$`, 19 indices. The opening `$` counts in the
//! length, so with length 19 the longest word has 18 letters. `$` always has index 0.
//!
//! ```
//! use flameout_encoder::{CharEncoder, REFERENCE_ALPHABET, UnknownPolicy};
//!
//! let encoder = CharEncoder::new(REFERENCE_ALPHABET)?;
//! let indices = encoder.encode("football")?;
//! assert_eq!(indices[..10], [0, 6, 15, 15, 20, 2, 1, 12, 12, 0]);
//! assert_eq!(indices.len(), 19);
//! assert_eq!(encoder.decode(&indices)?, "football");
//!
//! // An alphabet learnt from the words, and a policy for what it does not hold.
//! let encoder = CharEncoder::builder()
//!     .length(8)
//!     .unknown(UnknownPolicy::Skip)
//!     .learn(["être", "naïve"])?;
//! let batch = encoder.encode_batch(["rêve", "élan", "vent"])?;
//! assert_eq!(batch.indices.dim(), (2, 8)); // (batch, time)
//! assert_eq!(batch.kept, [0, 2]);
//! assert_eq!(batch.skipped[0].word, "élan");
//! assert_eq!(encoder.one_hot::<f32>(batch.indices.view())?.dim(), (2, 8, 9));
//! # Ok::<(), flameout_encoder::Error>(())
//! ```
//!
//! "Character" means Unicode scalar value: words and alphabets are brought to normalisation
//! form C (Unicode Standard Annex 15) first, so that `é` is one character however it is typed.
//!
//! With the feature `serde` (on by default) encoders and settings can be stored. A stored
//! encoder passes the same checks when it is read as when it was built.
#![forbid(unsafe_code)]

mod alphabet;
mod batch;
mod encoder;
mod error;
mod one_hot;
mod settings;
#[cfg(feature = "serde")]
mod stored;

pub use alphabet::{MARKER, MARKER_INDEX, MAX_INDICES, REFERENCE_ALPHABET};
pub use batch::{Encoded, Skipped};
pub use encoder::CharEncoder;
pub use error::{Error, Refusal};
pub use settings::{
    CasePolicy, DEFAULT_LENGTH, EncoderSettings, MAX_LENGTH, MIN_LENGTH, Padding, TooLongPolicy, UnknownPolicy,
};

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
