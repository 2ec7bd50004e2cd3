//! Vectors in the formats that other programs read.

use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use flameout_curves::{printable, printable_lines};
use flameout_files::write_atomically;
use flameout_word2vec::{Format as VectorFormat, WordVectors};
use ndarray::{Array2, ArrayView1, Axis};
use safetensors::{Dtype, tensor::TensorView};

use super::columnar::Kind;
use super::table::counted;

/// How vectors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line a word: the word and its numbers, separated by spaces (GloVe).
    Text,
    /// word2vec's binary file.
    Word2vec,
    /// A JSON object a line: {"word": …, "vector": […]}.
    Json,
    /// NumPy's array, (words, numbers); the words go beside it, one a line, in FILE.words.
    Npy,
    /// A safetensors file with the tensor `vectors`, and the words, one a line, in the metadata `words`.
    Safetensors,
    /// A Parquet file: the column `vector` beside those of the words.
    #[cfg(feature = "parquet")]
    Parquet,
    /// An Arrow file (Feather 2), likewise.
    #[cfg(feature = "parquet")]
    Arrow,
}

impl Format {
    /// The kind of its file, if that has columns: then it is written block after block, and not by a [`Sink`].
    pub fn columns(self) -> Option<Kind> {
        match self {
            #[cfg(feature = "parquet")]
            Self::Parquet => Some(Kind::Parquet),
            #[cfg(feature = "parquet")]
            Self::Arrow => Some(Kind::Arrow),
            _ => None,
        }
    }
}

/// Takes words with their vectors, and has them written.
pub enum Sink<'a> {
    /// As they come, to standard output.
    Lines {
        /// The format.
        format: Format,
        /// Standard output.
        out: Box<dyn Write + 'a>,
        /// Whether it is a terminal, which a word could steer.
        is_terminal: bool,
    },
    /// All at once, as the format begins with their number.
    Collected {
        /// The format.
        format: Format,
        /// The file.
        path: &'a Path,
        /// So far.
        words: Vec<String>,
        /// Their numbers, one row after the other.
        numbers: Vec<f32>,
    },
}

impl<'a> Sink<'a> {
    /// To a file, or standard output if there is none and the format can be streamed.
    pub fn new(format: Format, path: Option<&'a Path>) -> Result<Self> {
        match (format, path) {
            (Format::Text | Format::Json, None) => {
                let (stdout, is_terminal) = (std::io::stdout().lock(), std::io::stdout().is_terminal());
                Ok(Self::Lines { format, out: Box::new(std::io::BufWriter::new(stdout)), is_terminal })
            }
            (_, None) => Err(needs_a_file(format)),
            (_, Some(path)) => Ok(Self::Collected { format, path, words: Vec::new(), numbers: Vec::new() }),
        }
    }

    /// One more word.
    pub fn add(&mut self, word: &str, vector: ArrayView1<'_, f32>) -> Result<()> {
        if word.contains('\n') && self.format() != Format::Json {
            bail!("the word {word:?} has two lines, and only --format json can hold it");
        }
        match self {
            Self::Lines { format: Format::Text, out, is_terminal: true } => {
                out.write_all(line(Format::Text, &printable(word), vector)?.as_bytes())?;
            }
            Self::Lines { format, out, .. } => out.write_all(line(*format, word, vector)?.as_bytes())?,
            Self::Collected { words, numbers, .. } => {
                words.push(word.to_owned());
                numbers.extend(vector);
            }
        }
        Ok(())
    }

    fn format(&self) -> Format {
        match self {
            Self::Lines { format, .. } | Self::Collected { format, .. } => *format,
        }
    }

    /// Brings everything out.
    pub fn finish(self) -> Result<()> {
        match self {
            Self::Lines { mut out, .. } => Ok(out.flush()?),
            Self::Collected { format, path, words, numbers } => {
                if words.is_empty() {
                    bail!("none of the words has a vector: nothing is written to {}", path.display());
                }
                let vectors = Array2::from_shape_vec((words.len(), numbers.len() / words.len()), numbers)?;
                write(format, path, words, vectors).with_context(|| format!("writing {}", path.display()))
            }
        }
    }
}

/// The format is not for standard output.
pub fn needs_a_file(format: Format) -> anyhow::Error {
    let name = format.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
    anyhow::anyhow!("--format {name}: needs a file, --out FILE")
}

fn line(format: Format, word: &str, vector: ArrayView1<'_, f32>) -> Result<String> {
    if format == Format::Json {
        let object = serde_json::json!({ "word": word, "vector": vector.to_vec() });
        // The same text for every reader of JSON.
        return Ok(format!("{}\n", printable_lines(&object.to_string())));
    }
    let numbers: String = vector.iter().map(|x| format!(" {x}")).collect();
    Ok(format!("{word}{numbers}\n"))
}

fn write(format: Format, path: &Path, words: Vec<String>, vectors: Array2<f32>) -> Result<()> {
    match format {
        Format::Text | Format::Json => {
            let lines = words.iter().zip(vectors.axis_iter(Axis(0)));
            let text = lines.map(|(word, vector)| line(format, word, vector)).collect::<Result<String>>()?;
            write_atomically(path, &[text.as_bytes()])?;
        }
        Format::Word2vec => {
            let (words, vectors) = each_once(words, vectors);
            WordVectors::new(words, vectors)?.save(path, VectorFormat::Word2vecBinary)?;
        }
        Format::Npy => {
            let mut bytes = Vec::new();
            ndarray_npy::WriteNpyExt::write_npy(&vectors, &mut bytes)?;
            let mut beside = path.as_os_str().to_owned();
            beside.push(".words");
            write_atomically(Path::new(&beside), &[words.join("\n").as_bytes(), b"\n"])?;
            write_atomically(path, &[&bytes])?;
        }
        Format::Safetensors => {
            let bytes: Vec<u8> = vectors.iter().flat_map(|x| x.to_le_bytes()).collect();
            let tensor = TensorView::new(Dtype::F32, vec![vectors.nrows(), vectors.ncols()], &bytes)?;
            let metadata = std::collections::HashMap::from([("words".to_owned(), words.join("\n"))]);
            let file = safetensors::serialize([("vectors", tensor)], Some(metadata))?;
            write_atomically(path, &[&file])?;
        }
        #[cfg(feature = "parquet")]
        Format::Parquet | Format::Arrow => unreachable!("written block after block"),
    }
    Ok(())
}

/// The first of equal words, whose vectors are the same: word2vec's file holds each word once.
fn each_once(words: Vec<String>, vectors: Array2<f32>) -> (Vec<String>, Array2<f32>) {
    let mut seen = std::collections::HashSet::new();
    let rows: Vec<usize> = (0..words.len()).filter(|&row| seen.insert(&words[row])).collect();
    let repeated = words.len() - rows.len();
    if repeated == 0 {
        return (words, vectors);
    }
    tell!("{} of a word that had come before: the file has each word once.", counted(repeated as u64, "repetition"));
    let vectors = vectors.select(Axis(0), &rows);
    (rows.iter().map(|&row| words[row].clone()).collect(), vectors)
}
