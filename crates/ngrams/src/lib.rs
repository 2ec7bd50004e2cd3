//! Word vectors from spellings: ridge regression on letter n-grams, and a small network on top.
//!
//! A word's vector is predicted as a weighted sum of one vector for each n-gram of letters that it has, its ends marked:
//! `<wal`, `alk`, `ked>`. The n-grams' vectors minimise the squared error on the training words, and their own squared length
//! times a penalty, which is chosen on words held back. It is what fastText does inside (Bojanowski et al. 2017, *Enriching
//! Word Vectors with Subword Information*, section 3.2), fitted to vectors that exist already (Zhao, Mudgal and Liang 2018,
//! *Generalizing Word Embeddings using Bag of Subwords*).
//!
//! A network of one hidden layer then turns the predicted vector: towards that of the right word, and away from those of others.
//! It learns from what regressions predict for words that they have not seen.
//!
//! ```
//! use flameout_ngrams::{Model, Options};
//!
//! # let words = ["walk", "walks", "walked", "talk", "talks", "talked"];
//! # let vectors = ndarray::array![[1.0, 0.0], [1.0, 1.0], [1.0, -1.0], [-1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]];
//! let options = Options { common: 2, penalties: vec![0.01], ..Options::default() };
//! let model = Model::fit(&words, vectors.view(), &options)?; // vectors: (words, numbers)
//! let vector = model.predict("balked").unwrap(); // (numbers)
//! assert!(model.predict("xyz").is_none(), "none of its n-grams is known");
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("ngrams.flameout");
//! model.save(&path)?;
//! assert_eq!(Model::load(&path)?.predict("balked"), Some(vector));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod bag;
mod contrast;
mod error;
mod head;
mod model;
mod ngrams;
mod ridge;

pub use bag::Weighting;
pub use error::Error;
pub use model::{Model, Options};
pub use ngrams::NGrams;

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
