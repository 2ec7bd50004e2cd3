//! Parquet and Arrow files: a column of words in, a column of vectors beside it out, some thousand rows at a time.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::batch::{Batch, has_texts};
use super::blocks::{Block, Blocks, WORDS};
use crate::cli::columnar::Kind;

/// The column that is added.
const VECTOR: &str = "vector";
/// The column of words where they did not come in one.
const WORD: &str = "word";
/// Bytes of a row group, which is in memory until it is written.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// A file of columns, read in blocks.
pub struct Columns {
    batches: Batches,
    schema: SchemaRef,
    rows: Option<u64>,
    column: usize,
    path: PathBuf,
}

impl Columns {
    /// Opens a file of this kind, and finds its column of words: the one of this name, or the only one with texts.
    pub fn open(kind: Kind, path: &Path, column: Option<&str>) -> Result<Self> {
        let reading = || format!("reading {}", path.display());
        let file = File::open(path).with_context(reading)?;
        let (schema, rows, batches) = sheltered(|| open(kind, file)).with_context(reading)?;
        let column = choose(&schema, column).with_context(reading)?;
        Ok(Self { batches, schema, rows, column, path: path.to_owned() })
    }

    /// How many rows the file says that it has; an Arrow file does not say it.
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// What the file's columns are.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Its rows.
    pub fn blocks(self) -> Blocks<'static> {
        let (column, path) = (self.column, self.path);
        let mut batches = self.batches;
        let mut next = move || -> Result<Option<Block>> {
            let rows =
                sheltered(|| Ok(batches.next().transpose()?)).with_context(|| format!("reading {}", path.display()))?;
            Ok(rows.map(|rows| Block::Batch(Batch { rows, column })))
        };
        Box::new(std::iter::from_fn(move || next().transpose()))
    }
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

fn open(kind: Kind, file: File) -> Result<(SchemaRef, Option<u64>, Batches)> {
    Ok(match kind {
        Kind::Parquet => {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
            let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).ok();
            (builder.schema().clone(), rows, Box::new(builder.with_batch_size(WORDS).build()?))
        }
        Kind::Arrow => {
            let reader = FileReader::try_new_buffered(file, None)?;
            (reader.schema(), None, Box::new(reader.flat_map(slices)))
        }
    })
}

/// Makes an error of a panic: the readers of these files panic at some that are damaged. What they had read is not used again.
fn sheltered<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let result = catch_unwind(AssertUnwindSafe(read));
    std::panic::set_hook(hook);
    result.unwrap_or_else(|_| bail!("the file is damaged"))
}

/// A batch of an Arrow file may have any number of rows.
fn slices(batch: Result<RecordBatch, ArrowError>) -> Vec<Result<RecordBatch, ArrowError>> {
    match batch {
        Ok(batch) => (0..batch.num_rows())
            .step_by(WORDS)
            .map(|start| Ok(batch.slice(start, WORDS.min(batch.num_rows() - start))))
            .collect(),
        Err(error) => vec![Err(error)],
    }
}

fn choose(schema: &Schema, name: Option<&str>) -> Result<usize> {
    let fields = schema.fields();
    let names = || fields.iter().map(|field| format!("{:?}", field.name())).collect::<Vec<_>>().join(", ");
    if let Some(name) = name {
        let Some(column) = fields.iter().position(|field| field.name() == name) else {
            bail!("there is no column {name:?}; there are {}", names());
        };
        if !has_texts(fields[column].data_type()) {
            bail!("the column {name:?} has no texts, but {}", fields[column].data_type());
        }
        return Ok(column);
    }
    let with_texts: Vec<usize> = (0..fields.len()).filter(|&at| has_texts(fields[at].data_type())).collect();
    match with_texts[..] {
        [column] => Ok(column),
        [] => bail!("no column has texts; there are {}", names()),
        _ => bail!("several columns have texts: name that of the words by --column; there are {}", names()),
    }
}

/// Takes rows with their vectors, and writes them as they come.
pub struct Writer<W: Write + Send> {
    file: FileOf<W>,
    schema: SchemaRef,
    dim: usize,
}

enum FileOf<W: Write + Send> {
    Parquet(Box<ArrowWriter<W>>),
    Arrow(Box<FileWriter<BufWriter<W>>>),
}

impl<W: Write + Send> Writer<W> {
    /// A file of this kind, with the columns of the file that the words are from, or else one of words.
    pub fn new(kind: Kind, out: W, columns: Option<&Schema>, dim: usize) -> Result<Self> {
        let words = Schema::new(vec![Field::new(WORD, DataType::Utf8, true)]);
        let columns = columns.unwrap_or(&words);
        if columns.field_with_name(VECTOR).is_ok() {
            bail!("there is a column {VECTOR:?} already, and vectors would be written to it: rename or drop it");
        }
        let numbers = DataType::FixedSizeList(item(), i32::try_from(dim).context("too many numbers for a column")?);
        let vector = Arc::new(Field::new(VECTOR, numbers, true));
        let fields: Vec<_> = columns.fields().iter().cloned().chain([vector]).collect();
        let schema = Arc::new(Schema::new_with_metadata(fields, columns.metadata().clone()));
        let file = match kind {
            Kind::Parquet => {
                // Numbers of vectors hardly repeat: to look for that takes long and saves nothing.
                let numbers = || ColumnPath::from(vec![VECTOR.to_owned(), "list".to_owned(), item().name().clone()]);
                let properties = WriterProperties::builder()
                    .set_compression(Compression::SNAPPY)
                    .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
                    .set_column_dictionary_enabled(numbers(), false)
                    .set_column_compression(numbers(), Compression::UNCOMPRESSED)
                    .set_column_statistics_enabled(numbers(), EnabledStatistics::None);
                FileOf::Parquet(Box::new(ArrowWriter::try_new(out, schema.clone(), Some(properties.build()))?))
            }
            Kind::Arrow => FileOf::Arrow(Box::new(FileWriter::try_new_buffered(out, &schema)?)),
        };
        Ok(Self { file, schema, dim })
    }

    /// Writes a block: each of its rows, with its vector or, where there is none, without a value.
    pub fn write<'v>(&mut self, block: &Block, vectors: impl Iterator<Item = Option<&'v [f32]>>) -> Result<()> {
        let (mut numbers, mut has_vector) = (Vec::new(), Vec::new());
        for vector in vectors {
            has_vector.push(vector.is_some());
            match vector {
                Some(vector) => numbers.extend_from_slice(vector),
                None => numbers.resize(numbers.len() + self.dim, 0.0),
            }
        }
        let vectors = FixedSizeListArray::try_new(
            item(),
            i32::try_from(self.dim)?,
            Arc::new(Float32Array::from(numbers)),
            Some(has_vector.into()),
        )?;
        let mut columns = match block {
            Block::List(words) => vec![Arc::new(StringArray::from_iter_values(words)) as ArrayRef],
            Block::Batch(batch) => batch.rows.columns().to_vec(),
        };
        columns.push(Arc::new(vectors));
        let rows = RecordBatch::try_new(self.schema.clone(), columns)?;
        match &mut self.file {
            FileOf::Parquet(file) => file.write(&rows)?,
            FileOf::Arrow(file) => file.write(&rows)?,
        }
        Ok(())
    }

    /// Writes what ends the file.
    pub fn finish(self) -> Result<()> {
        match self.file {
            FileOf::Parquet(file) => drop(file.close()?),
            FileOf::Arrow(file) => drop(file.into_inner()?),
        }
        Ok(())
    }
}

/// What a vector is a list of.
fn item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Float32, true))
}
