//! Word vectors: read, write, normalise and search them.
//!
//! Reads and writes the word2vec binary and text formats, GloVe text and fastText `.vec`, each plain or gzipped, told
//! apart by their content. Reads fastText's binary models (`.bin`), which give vectors to words that are not in them.
//! Reading streams: a file never lies in memory beside its matrix, nothing is allocated that a header merely claims, and
//! the result does not depend on the number of threads. With the feature `mmap`, large files are looked at where they lie.
//!
//! ```
//! use flameout_word2vec::{Normalization, ReadOptions, WordVectors};
//!
//! let file = "3 2\nking 1.0 0.25\nqueen 0.75 0.5\nnoun -0.5 1.0\n";
//! let (mut vectors, report) = WordVectors::read_from(file.as_bytes(), &ReadOptions::default())?;
//! assert_eq!(vectors.words(), ["king", "queen", "noun"]);
//! assert_eq!(vectors.get("queen"), Some(&[0.75, 0.5][..]));
//! assert!(report.is_clean());
//!
//! vectors.normalize(Normalization::Unit)?;
//! let nearest = vectors.nearest("king", 1)?;
//! assert_eq!(nearest[0].0, "queen");
//! # Ok::<(), flameout_word2vec::Error>(())
//! ```
//!
//! | where | what |
//! | --- | --- |
//! | [`WordVectors`] | the words, their matrix, look-up; [`open`](WordVectors::open), [`save`](WordVectors::save) |
//! | [`FastText`] | a binary model of fastText: vectors of known words and of others |
//! | `MappedVectors` (feature `mmap`) | an indexed file, or one in word2vec's binary format, without reading it |
//! | `ApproximateSearch` (feature `approximate`) | most of the nearest words, without looking at all |
//! | [`ReadOptions`], [`ReadReport`] | what to read and what to do about bad records; what was done |
//! | [`Format`] | the formats, and how one is recognised |
//! | [`Normalization`] | unit length, centred, standardised |
//! | [`Error`] | every failure, with file, place and word; a remedy has the name that [`ReadOptions`] and `flameout` give it |
#![forbid(unsafe_code)]

#[cfg(feature = "approximate")]
mod approximate;
mod error;
mod fasttext;
mod foreign;
mod format;
mod indexed;
mod magic;
#[cfg(feature = "mmap")]
mod mapped;
mod normalize;
mod parallel;
mod read;
mod search;
mod vectors;
mod vocabulary;
mod write;

#[cfg(feature = "approximate")]
pub use approximate::ApproximateSearch;
pub use error::{Error, Place};
pub use fasttext::FastText;
pub use format::Format;
#[cfg(feature = "mmap")]
pub use mapped::MappedVectors;
pub use normalize::Normalization;
pub use read::{
    DuplicatePolicy, MAX_DIMENSIONS, MAX_WORD_BYTES, NonFinitePolicy, ReadOptions, ReadReport, Tally, Utf8Policy,
    WordFilter,
};
pub use vectors::WordVectors;

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
