//! Some rows of a Parquet or Arrow file.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;

/// Rows of a file, one column of which has words.
pub struct Batch {
    pub rows: RecordBatch,
    pub column: usize,
}

impl Batch {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// The words; none where there is no value.
    pub fn words(&self) -> Vec<Option<&str>> {
        texts(self.rows.column(self.column)).expect("the column was chosen for it")
    }
}

/// The texts of a column; none if it has something else.
fn texts(column: &ArrayRef) -> Option<Vec<Option<&str>>> {
    if let Some(texts) = column.as_string_opt::<i32>() {
        return Some(texts.iter().collect());
    }
    if let Some(texts) = column.as_string_opt::<i64>() {
        return Some(texts.iter().collect());
    }
    if let Some(texts) = column.as_string_view_opt() {
        return Some(texts.iter().collect());
    }
    let dictionary = column.as_any_dictionary_opt()?;
    let values = texts(dictionary.values())?;
    if values.is_empty() {
        return Some(vec![None; column.len()]);
    }
    let keys = dictionary.normalized_keys();
    Some((0..column.len()).map(|row| if column.is_null(row) { None } else { values[keys[row]] }).collect())
}

/// Whether a column of this type has what [`Batch::words`] reads.
pub fn has_texts(data: &DataType) -> bool {
    match data {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => has_texts(values),
        _ => false,
    }
}
