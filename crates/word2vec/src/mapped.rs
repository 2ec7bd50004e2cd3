//! Files that are looked at where they lie: memory holds what was touched, and the system may take it back.

mod scan;

use std::fs::File;
use std::io;
use std::path::Path;

use flameout_kernels::MappedFile;

use crate::indexed::{self, HEADER, Header, Index, Numbers};
use crate::search::{Query, best};
use crate::{Error, Format, parallel};

/// Bytes that are enough to tell a file's format.
const HEAD_BYTES: usize = 1 << 16;

/// Words and vectors in a file that is not read but mapped into memory.
///
/// An indexed file ([`Format::Indexed`]) opens at once, whatever its size: only its header is looked at. A file in word2vec's
/// binary format has no index. It is read through once, and its words and their places are kept in memory: some 40 bytes a
/// word, and the word.
///
/// Every length that a file claims is checked before it is believed, where it is looked at. So a look-up in a damaged file is
/// an error, or finds nothing. Numbers are given as they stand in the file, also such as are not finite.
///
/// **Nobody may change or shorten the file while it is open**: see [`MappedFile`]. Files that this crate writes are replaced,
/// not changed.
///
/// ```
/// use flameout_word2vec::{Format, MappedVectors, ReadOptions, WordVectors};
///
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("words.flame");
/// let (vectors, _) = WordVectors::read_from(&b"king 1 0.5\nqueen 1 0.25\nnoun -1 0\n"[..], &ReadOptions::default())?;
/// vectors.save(&path, Format::Indexed)?;
///
/// let mapped = MappedVectors::open(&path)?;
/// assert_eq!(mapped.get("queen")?, Some(vec![1.0, 0.25]));
/// assert_eq!(mapped.nearest("queen", 1)?[0].0, "king");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MappedVectors {
    file: MappedFile,
    header: Header,
    places: Places,
    repeated: u64,
}

/// Where words and rows are.
#[derive(Debug)]
enum Places {
    /// As the header of an indexed file says.
    Indexed,
    /// Found by scanning: the index, as it would stand in an indexed file, and where the numbers of each row begin.
    Scanned { index: Vec<u8>, rows: Vec<u64> },
}

impl MappedVectors {
    /// Opens an indexed file, or one in word2vec's binary format that is not gzipped. Of a repeated word the first one counts.
    ///
    /// # Errors
    /// [`Error::File`] around what went wrong; [`Error::NotMapped`] for another format.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::open_file(path).map_err(|error| error.in_file(path))
    }

    fn open_file(path: &Path) -> Result<Self, Error> {
        let opened = File::open(path)?;
        if opened.metadata()?.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory: name a file in it").into());
        }
        let file = MappedFile::new(&opened)?;
        if file.is_empty() {
            return Err(Error::Empty);
        }
        let head = &file[..file.len().min(HEAD_BYTES)];
        if head.starts_with(&indexed::MAGIC) {
            let header = head.first_chunk::<HEADER>().ok_or_else(|| indexed::wrong(file.len(), "is cut off"))?;
            let header = Header::parse(header)?;
            indexed::check_size(header, Some(file.len() as u64))?;
            return Ok(Self { file, header, places: Places::Indexed, repeated: 0 });
        }
        if head.starts_with(&crate::magic::GZIP) {
            return Err(Error::NotMapped { what: "gzipped" });
        }
        match Format::detect(head)? {
            Format::Word2vecBinary => {
                let scanned = scan::scan(&opened, file.len() as u64)?;
                let header =
                    Header { numbers: Numbers::F32, words: scanned.rows.len(), dim: scanned.dim, text: scanned.text };
                let places = Places::Scanned { index: scanned.index, rows: scanned.rows };
                Ok(Self { file, header, places, repeated: scanned.repeated })
            }
            format => Err(Error::NotMapped { what: format.name() }),
        }
    }

    /// Returns the number of words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.header.words
    }

    /// Whether there are no words; there always are.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of dimensions of a vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.header.dim
    }

    /// Returns how many records of a word2vec file were left out, as their words had come before.
    #[must_use]
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Returns the word of a row.
    ///
    /// # Errors
    /// [`Error::Indexed`] if the file is damaged there.
    ///
    /// # Panics
    /// If `row >= len()`.
    pub fn word(&self, row: usize) -> Result<&str, Error> {
        self.index().word(row)
    }

    /// Finds the row of a word.
    ///
    /// # Errors
    /// [`Error::Indexed`] if the file is damaged where it was looked at.
    pub fn index_of(&self, word: &str) -> Result<Option<usize>, Error> {
        self.index().position(word.as_bytes())
    }

    /// Reads the vector of a word.
    ///
    /// # Errors
    /// As [`index_of`](Self::index_of).
    pub fn get(&self, word: &str) -> Result<Option<Vec<f32>>, Error> {
        Ok(self.index_of(word)?.map(|row| self.vector(row)))
    }

    /// Reads the vector of a row, `dim` numbers.
    ///
    /// # Panics
    /// If `row >= len()`.
    #[must_use]
    pub fn vector(&self, row: usize) -> Vec<f32> {
        let mut numbers = vec![0.0; self.dim()];
        self.read_vector(row, &mut numbers);
        numbers
    }

    /// Finds the `k` words with the largest cosine to `query` (`dim` numbers), best first, equal ones in order of the words:
    /// exactly what [`WordVectors::neighbours`](crate::WordVectors::neighbours) finds. Looks at every vector of the file.
    ///
    /// # Errors
    /// [`Error::QueryLength`]; [`Error::NoDirection`] if the query is zero or not finite; [`Error::Indexed`].
    pub fn neighbours(&self, query: &[f32], k: usize, exclude: &[&str]) -> Result<Vec<(&str, f64)>, Error> {
        if query.len() != self.dim() {
            return Err(Error::QueryLength { found: query.len(), expected: self.dim() });
        }
        let query: Vec<f64> = query.iter().map(|&x| f64::from(x)).collect();
        let query = Query::new(&query)?;
        let exclude =
            exclude.iter().filter_map(|word| self.index_of(word).transpose()).collect::<Result<Vec<usize>, _>>()?;
        let cosines = parallel::map_buffered(
            self.len(),
            || vec![0.0; self.dim()],
            |numbers, row| {
                self.read_vector(row, numbers);
                query.cosine(numbers)
            },
        );
        let found = best(cosines.into_iter().enumerate(), k, &exclude);
        found.into_iter().map(|(row, cosine)| Ok((self.word(row)?, cosine))).collect()
    }

    /// Finds the `k` nearest other words to `word`, as [`neighbours`](Self::neighbours).
    ///
    /// # Errors
    /// [`Error::UnknownWord`]; and as there.
    pub fn nearest(&self, word: &str, k: usize) -> Result<Vec<(&str, f64)>, Error> {
        let vector = self.get(word)?.ok_or_else(|| Error::UnknownWord { word: word.to_owned() })?;
        self.neighbours(&vector, k, &[word])
    }

    fn index(&self) -> Index<'_> {
        let bytes = match &self.places {
            Places::Indexed => &self.file[HEADER..HEADER + self.header.index_len()],
            Places::Scanned { index, .. } => index,
        };
        Index::new(self.header, bytes)
    }

    fn read_vector(&self, row: usize, numbers: &mut [f32]) {
        let start = match &self.places {
            Places::Indexed => self.header.rows_at() + row * self.header.stride(),
            // They lie within the file, whose length was a size.
            Places::Scanned { rows, .. } => rows[row] as usize,
        };
        self.header.numbers.decode(&self.file[start..start + self.header.stride()], numbers);
    }
}
