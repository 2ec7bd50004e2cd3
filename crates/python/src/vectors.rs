//! Word vectors, and the models that make them.

use std::path::PathBuf;
use std::sync::Mutex;

use flameout_word2vec::{Error, Format, WordVectors as Vectors};
use ndarray::{Array2, Axis};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::{PyKeyError, PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PySlice;

/// Word vectors: words in the order of their file, each with a vector of `float32`.
#[pyclass(frozen, module = "flameout")]
pub(crate) struct WordVectors(Vectors);

/// Words with their cosines, best first.
type Similar = Vec<(String, f64)>;

#[pymethods]
impl WordVectors {
    /// Joins words and the rows of a matrix, `float32`, shape `(words, dim)`.
    #[new]
    fn new(words: Vec<String>, vectors: PyReadonlyArray2<'_, f32>) -> PyResult<Self> {
        Vectors::new(words, vectors.as_array().to_owned()).map(Self).map_err(to_python)
    }

    /// Reads a file: word2vec (binary or text), GloVe or fastText `.vec`, each plain or gzipped.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        py.detach(|| Vectors::open(&path)).map(Self).map_err(to_python)
    }

    /// Writes the word2vec format; gensim's `KeyedVectors.load_word2vec_format` reads it.
    #[pyo3(signature = (path, *, binary=false))]
    fn save_word2vec_format(&self, py: Python<'_>, path: PathBuf, binary: bool) -> PyResult<()> {
        let format = if binary { Format::Word2vecBinary } else { Format::Word2vecText };
        py.detach(|| self.0.save(&path, format)).map_err(to_python)
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __contains__(&self, word: &str) -> bool {
        self.0.index_of(word).is_some()
    }

    /// Returns the vector of a word, `(dim,)`, or those of a list or a slice of words, `(words, dim)`.
    fn __getitem__<'py>(&self, py: Python<'py>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if let Ok(word) = key.extract::<String>() {
            return Ok(PyArray1::from_slice(py, self.0.row(self.find(&word)?)).into_any());
        }
        let rows: Vec<usize> = if let Ok(slice) = key.cast::<PySlice>() {
            let range = slice.indices(self.0.len() as isize)?;
            (0..range.slicelength as isize).map(|i| (range.start + i * range.step) as usize).collect()
        } else if let Ok(words) = key.extract::<Vec<String>>() {
            words.iter().map(|word| self.find(word)).collect::<PyResult<_>>()?
        } else {
            return Err(PyTypeError::new_err("a word, a list of words, or a slice such as 0:10 is needed"));
        };
        Ok(self.0.matrix().select(Axis(0), &rows).into_pyarray(py).into_any())
    }

    /// Returns the words in the order of the file.
    #[getter]
    fn index_to_key(&self) -> Vec<String> {
        self.0.words().to_vec()
    }

    /// Returns a copy of all vectors, `float32`, shape `(words, dim)`.
    #[getter]
    fn vectors<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<f32>> {
        PyArray2::from_array(py, self.0.matrix())
    }

    /// Returns the numbers of a vector.
    #[getter]
    fn vector_size(&self) -> usize {
        self.0.dim()
    }

    /// Returns the words that have a vector, and their vectors, `float32`, shape `(kept, dim)`.
    fn embed<'py>(&self, py: Python<'py>, words: Vec<String>) -> (Vec<String>, Bound<'py, PyArray2<f32>>) {
        let known = words.into_iter().filter_map(|word| self.0.index_of(&word).map(|row| (word, row)));
        let (kept, rows): (Vec<String>, Vec<usize>) = known.unzip();
        (kept, self.0.matrix().select(Axis(0), &rows).into_pyarray(py))
    }

    /// Returns the `topn` words nearest by cosine to the positive words less the negative ones, best first.
    #[pyo3(signature = (positive, negative=Vec::new(), *, topn=10))]
    fn most_similar(
        &self,
        py: Python<'_>,
        positive: &Bound<'_, PyAny>,
        negative: Vec<String>,
        topn: usize,
    ) -> PyResult<Similar> {
        let positive: Vec<String> = match positive.extract::<String>() {
            Ok(word) => vec![word],
            Err(_) => positive.extract()?,
        };
        py.detach(|| {
            let positive: Vec<&str> = positive.iter().map(String::as_str).collect();
            let negative: Vec<&str> = negative.iter().map(String::as_str).collect();
            self.0.analogy(&positive, &negative, topn).map(owned)
        })
        .map_err(to_python)
    }

    /// Returns the `topn` words nearest by cosine to a vector, `float32`, shape `(dim,)`, best first.
    #[pyo3(signature = (vector, *, topn=10))]
    fn similar_by_vector(&self, py: Python<'_>, vector: PyReadonlyArray1<'_, f32>, topn: usize) -> PyResult<Similar> {
        let vector = vector.as_array().to_vec();
        py.detach(|| self.0.neighbours(&vector, topn, &[]).map(owned)).map_err(to_python)
    }

    fn __repr__(&self) -> String {
        format!("<flameout.WordVectors of {} words, {} numbers each>", self.0.len(), self.0.dim())
    }
}

impl WordVectors {
    fn find(&self, word: &str) -> PyResult<usize> {
        self.0.index_of(word).ok_or_else(|| PyKeyError::new_err(word.to_owned()))
    }
}

/// What has learnt to give words vectors, from their spelling.
#[pyclass(frozen, module = "flameout")]
pub(crate) struct Embedder(Mutex<flameout::Embedder>);

#[pymethods]
impl Embedder {
    /// Reads a directory that `flameout train` or `flameout import` made.
    #[staticmethod]
    fn open(py: Python<'_>, directory: PathBuf) -> PyResult<Self> {
        let opened = py.detach(|| flameout::Embedder::open(&directory));
        opened.map(|embedder| Self(Mutex::new(embedder))).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Returns the numbers of a vector.
    #[getter]
    fn vector_size(&self) -> PyResult<usize> {
        Ok(self.0.lock().map_err(|_| PyValueError::new_err("an earlier call failed"))?.dim())
    }

    /// Returns the words that can be spelt for the model, and their vectors, `float32`, shape `(kept, dim)`.
    fn embed<'py>(&self, py: Python<'py>, words: Vec<String>) -> PyResult<(Vec<String>, Bound<'py, PyArray2<f32>>)> {
        let embedded = py.detach(|| self.0.lock().map(|mut embedder| embedder.embed(&words)).ok());
        let embedded = embedded.ok_or_else(|| PyValueError::new_err("an earlier call failed"))?;
        let kept = embedded.kept.iter().map(|&position| words[position].clone()).collect();
        let vectors: Array2<f32> = embedded.vectors;
        Ok((kept, vectors.into_pyarray(py)))
    }
}

fn owned(found: Vec<(&str, f64)>) -> Similar {
    found.into_iter().map(|(word, cosine)| (word.to_owned(), cosine)).collect()
}

fn to_python(error: Error) -> PyErr {
    let message = error.to_string();
    let inner = match &error {
        Error::File { error, .. } => error,
        other => other,
    };
    match inner {
        Error::UnknownWord { word } => PyKeyError::new_err(word.clone()),
        Error::Io(_) => PyOSError::new_err(message),
        _ => PyValueError::new_err(message),
    }
}
