//! fastText's binary models (`.bin`): words, and vectors for words that are not among them.

mod read;
mod subwords;
mod words;

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use ndarray::Array2;

use self::read::Parts;
use self::subwords::Subwords;
use self::words::Words;
use crate::vectors::first_non_finite;
use crate::vocabulary::WordList;
use crate::{Error, Format, NonFinitePolicy, Place, ReadOptions, ReadReport, Utf8Policy, WordVectors, magic, parallel};

/// Words whose vectors are computed at a time.
const WORDS_AT_ONCE: usize = 1 << 14;

/// A model that fastText has written, `.bin`: gives each word the vector that fastText gives it, known or not.
///
/// The vector of a known word is the mean of its own row and those of its letter n-grams; of another word it is the mean of
/// the n-grams' rows (Bojanowski et al. 2017, "Enriching word vectors with subword information"). Numbers are added in
/// fastText's order, in `f32`.
///
/// ```no_run
/// let model = flameout_word2vec::FastText::open("cc.en.300.bin")?;
/// let vector = model.vector("flameoutish").expect("has letters");
/// assert_eq!(vector.len(), model.dim());
/// # Ok::<(), flameout_word2vec::Error>(())
/// ```
///
/// Quantised models (`.ftz`) are refused. The output layer is not read.
#[derive(Debug)]
pub struct FastText {
    words: Words,
    subwords: Subwords,
    dim: usize,
    /// `dim` numbers for each word, then for each bucket of n-grams.
    rows: Vec<f32>,
}

impl FastText {
    /// Reads a model, gzipped or not.
    ///
    /// # Errors
    /// [`Error::File`] around an I/O error, [`Error::FastText`] where the content is no such model, or
    /// [`Error::NoMemory`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let open = || {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory: name a file in it").into());
            }
            Self::read(file, metadata.is_file().then_some(metadata.len()))
        };
        open().map_err(|error: Error| error.in_file(path))
    }

    /// Reads a model from any source, gzipped or not. Memory grows with what really comes, whatever the file claims.
    ///
    /// # Errors
    /// As [`open`](Self::open), without a file name.
    pub fn read_from(reader: impl Read) -> Result<Self, Error> {
        Self::read(reader, None)
    }

    fn read(mut reader: impl Read, size: Option<u64>) -> Result<Self, Error> {
        let mut head = Vec::with_capacity(magic::GZIP.len());
        (&mut reader).take(magic::GZIP.len() as u64).read_to_end(&mut head)?;
        let gzipped = head == magic::GZIP;
        let whole = Cursor::new(head).chain(reader);
        if gzipped { Self::plain(&mut MultiGzDecoder::new(whole), None) } else { Self::plain(&mut { whole }, size) }
    }

    /// Reads a model that is not gzipped.
    pub(crate) fn plain(reader: &mut dyn Read, size: Option<u64>) -> Result<Self, Error> {
        let Parts { words, subwords, dim, rows } = read::model(reader, size)?;
        Ok(Self { words, subwords, dim, rows })
    }

    /// Whether a file begins as a model does.
    ///
    /// # Errors
    /// An I/O error.
    pub fn is_model(path: impl AsRef<Path>) -> Result<bool, Error> {
        let mut head = Vec::new();
        let path = path.as_ref();
        let mut read = || File::open(path)?.take(magic::FASTTEXT.len() as u64).read_to_end(&mut head);
        read().map_err(|error| Error::from(error).in_file(path))?;
        Ok(head == magic::FASTTEXT)
    }

    /// Returns the number of known words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.names.len()
    }

    /// Whether no word is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of dimensions of a vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Gives the known words in order, the most frequent first, with U+FFFD for what is not valid UTF-8.
    #[must_use]
    pub fn words(&self) -> impl ExactSizeIterator<Item = Cow<'_, str>> {
        self.words.names.iter().map(|name| String::from_utf8_lossy(name))
    }

    /// Whether a word is known.
    #[must_use]
    pub fn contains(&self, word: &str) -> bool {
        self.words.position(word.as_bytes()).is_some()
    }

    /// Returns fastText's vector of a word, `dim` numbers. `None` where fastText gives zeros: the word is not known and has no
    /// n-grams, because it is shorter than they are or the model was trained without.
    #[must_use]
    pub fn vector(&self, word: &str) -> Option<Vec<f32>> {
        let mut vector = vec![0.0; self.dim];
        let has_any = self.fill(word.as_bytes(), self.words.position(word.as_bytes()), &mut vector);
        has_any.then_some(vector)
    }

    /// The vectors of the known words: what fastText writes as `.vec`, as `options` say, and what was passed over.
    ///
    /// # Errors
    /// [`Error::NonFinite`] or [`Error::InvalidUtf8`] where the options say so; [`Error::NoMemory`].
    pub fn known(&self, options: &ReadOptions) -> Result<(WordVectors, ReadReport), Error> {
        let count = (self.len() as u64).min(options.limit.unwrap_or(u64::MAX)) as usize;
        let mut report = ReadReport::new(Format::FastTextModel, false, Some(self.len() as u64));
        let (mut list, mut rows) = (WordList::with_capacity(count), Vec::new());
        for first in (0..count).step_by(WORDS_AT_ONCE) {
            let range = first..count.min(first + WORDS_AT_ONCE);
            let asked: Vec<Option<String>> =
                range.clone().map(|row| self.word(row, options, &mut report)).collect::<Result<_, _>>()?;
            let vectors = parallel::map_indices(range.len(), |at| asked[at].is_some().then(|| self.row(first + at)));
            for ((word, vector), row) in asked.into_iter().zip(vectors).zip(range) {
                let Some((word, vector)) = word.zip(vector) else { continue };
                if let Some(dimension) = first_non_finite(&vector) {
                    let place = Place::Row(row);
                    if options.non_finite == NonFinitePolicy::Error {
                        return Err(Error::NonFinite { place, word, dimension });
                    }
                    report.non_finite.note(&word, place);
                    if options.non_finite == NonFinitePolicy::Drop {
                        continue;
                    }
                }
                let wanted = vector.len();
                rows.try_reserve(wanted).map_err(|_| Error::NoMemory { bytes: (rows.len() + wanted) as u64 * 4 })?;
                rows.extend(vector);
                let hash = list.hash(&word);
                list.push(word, hash);
            }
        }
        let matrix = Array2::from_shape_vec((rows.len() / self.dim, self.dim), rows).expect("whole rows");
        // Names are distinct bytes, but may be the same with U+FFFD in them.
        let vectors = match list.index() {
            Ok(vocabulary) => WordVectors::from_vocabulary(vocabulary, matrix),
            Err((list, repeats)) => {
                let repeat = repeats[0];
                let word = list.words()[repeat.at].clone();
                return Err(Error::Duplicate { place: Place::Row(repeat.at), word, first: repeat.first });
            }
        };
        Ok((vectors, report))
    }

    /// The name of a row; `None` if the options leave it out.
    fn word(&self, row: usize, options: &ReadOptions, report: &mut ReadReport) -> Result<Option<String>, Error> {
        let (name, place) = (&self.words.names[row], Place::Row(row));
        let word = String::from_utf8_lossy(name);
        report.records += 1;
        if options.filter.as_ref().is_some_and(|filter| !filter.keeps(&word)) {
            report.filtered += 1;
            return Ok(None);
        }
        if let Cow::Owned(word) = &word {
            if options.invalid_utf8 == Utf8Policy::Error {
                return Err(Error::InvalidUtf8 { place, word: word.clone() });
            }
            report.invalid_utf8.note(word, place);
            if options.invalid_utf8 == Utf8Policy::Drop {
                return Ok(None);
            }
        }
        Ok(Some(word.into_owned()))
    }

    /// The vector of a known word.
    fn row(&self, row: usize) -> Vec<f32> {
        let mut vector = vec![0.0; self.dim];
        self.fill(&self.words.names[row], Some(row), &mut vector);
        vector
    }

    /// Writes a word's vector into `vector`, which is zero; says whether there was anything to make it of.
    fn fill(&self, name: &[u8], row: Option<usize>, vector: &mut [f32]) -> bool {
        let mut count = 0_usize;
        let mut add = |row: usize| {
            let numbers = &self.rows[row * self.dim..(row + 1) * self.dim];
            vector.iter_mut().zip(numbers).for_each(|(sum, x)| *sum += x);
            count += 1;
        };
        row.into_iter().for_each(&mut add);
        self.subwords.of(name, |bucket| add(self.len() + bucket));
        if count > 0 {
            let scale = (1.0 / count as f64) as f32;
            vector.iter_mut().for_each(|x| *x *= scale);
        }
        count > 0
    }
}
