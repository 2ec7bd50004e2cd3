//! `flameout embed` on lists, Parquet and Arrow files.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flameout::Embedder;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../word2vec/fixtures/fasttext/syllables.bin");

fn embed(directory: &Path, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flameout"));
    command.args(["embed", "--model", MODEL]).args(arguments.split(' ')).current_dir(directory);
    command.env("NO_COLOR", "1").output().unwrap()
}

#[track_caller]
fn ok(directory: &Path, arguments: &str) -> (String, String) {
    let output = embed(directory, arguments);
    let (out, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{arguments}: {error}");
    (out, error)
}

#[track_caller]
fn fails(directory: &Path, arguments: &str) -> String {
    let output = embed(directory, arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments}: {error}");
    assert!(!error.contains("panicked"), "{error}");
    error
}

/// Words of three blocks, many of them repeated.
fn words() -> Vec<String> {
    let syllables = ["ka", "lo", "mi", "tu", "re"];
    (0..9_000_usize).map(|n| (0..3).map(|at| syllables[n * n / 7 / 5_usize.pow(at) % 5]).collect()).collect()
}

fn list(directory: &Path) -> PathBuf {
    let path = directory.join("words.txt");
    std::fs::write(&path, words().join("\n")).unwrap();
    path
}

#[test]
fn repeated_words_have_the_vectors_of_single_ones() {
    let directory = tempfile::tempdir().unwrap();
    list(directory.path());
    let (text, _) = ok(directory.path(), "--words words.txt");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 9_000);
    let mut embedder = Embedder::open(MODEL).unwrap();
    for number in [0, 1, 4_095, 4_096, 8_999] {
        let word = &words()[number];
        let numbers: String = embedder.embed(&[word]).vectors.row(0).iter().map(|x| format!(" {x}")).collect();
        assert_eq!(lines[number], format!("{word}{numbers}"));
    }
}

#[test]
fn parts_are_blocks_of_the_whole() {
    let directory = tempfile::tempdir().unwrap();
    list(directory.path());
    let (whole, _) = ok(directory.path(), "--words words.txt");
    let part = |shard: &str| ok(directory.path(), &format!("--words words.txt --shard {shard}")).0;
    let [first, second] = ["0/2", "1/2"].map(part);
    let (lines, firsts): (Vec<&str>, Vec<&str>) = (whole.lines().collect(), first.lines().collect());
    assert_eq!(firsts[..4096], lines[..4096]);
    assert_eq!(firsts[4096..], lines[8192..]);
    assert_eq!(second.lines().collect::<Vec<_>>(), lines[4096..8192]);
    assert_eq!(part("3/4"), "");
    assert!(String::from_utf8(embed(directory.path(), "a --shard 2/2").stderr).unwrap().contains("0/2 to 1/2"));
}

#[test]
fn a_column_is_asked_of_files_that_have_some() {
    let directory = tempfile::tempdir().unwrap();
    list(directory.path());
    assert!(fails(directory.path(), "--words words.txt --column word").contains("list of words"));
}

#[cfg(not(feature = "parquet"))]
#[test]
fn without_the_feature_it_is_said() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("words.parquet"), b"PAR1....PAR1").unwrap();
    assert!(fails(directory.path(), "--words words.parquet").contains("--features parquet"));
}

#[cfg(feature = "parquet")]
mod files {
    use super::*;
    use std::fs::File;
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float32Type, Int32Type};
    use arrow_array::{
        Array, ArrayRef, DictionaryArray, Int64Array, LargeStringArray, RecordBatch, StringArray, StringViewArray,
    };
    use arrow_ipc::reader::FileReader;
    use arrow_ipc::writer::FileWriter;
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::basic::Compression;
    use parquet::file::properties::WriterProperties;

    fn read(path: &Path) -> Vec<RecordBatch> {
        let file = File::open(path).unwrap();
        if path.extension().unwrap() == "arrow" {
            return FileReader::try_new(file, None).unwrap().map(Result::unwrap).collect();
        }
        ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect()
    }

    fn write(path: &Path, rows: &RecordBatch) {
        let file = File::create(path).unwrap();
        if path.extension().unwrap() == "arrow" {
            let mut writer = FileWriter::try_new(file, &rows.schema()).unwrap();
            writer.write(rows).unwrap();
            writer.finish().unwrap();
        } else {
            let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
            let mut writer = ArrowWriter::try_new(file, rows.schema(), Some(properties)).unwrap();
            writer.write(rows).unwrap();
            writer.close().unwrap();
        }
    }

    /// The vectors of a file's rows, bit by bit.
    fn vectors(batches: &[RecordBatch]) -> Vec<Option<Vec<u32>>> {
        let of = |batch: &RecordBatch| {
            let lists = batch.column_by_name("vector").unwrap().as_fixed_size_list().clone();
            (0..lists.len())
                .map(|row| {
                    let list = lists.is_valid(row).then(|| lists.value(row))?;
                    Some(list.as_primitive::<Float32Type>().values().iter().map(|x| x.to_bits()).collect())
                })
                .collect::<Vec<_>>()
        };
        batches.iter().flat_map(of).collect()
    }

    fn expected(word: &str) -> Option<Vec<u32>> {
        let embedded = Embedder::open(MODEL).unwrap().embed(&[word]);
        embedded.kept.first().map(|_| embedded.vectors.row(0).iter().map(|x| x.to_bits()).collect())
    }

    #[test]
    fn a_list_becomes_a_file() {
        let directory = tempfile::tempdir().unwrap();
        list(directory.path());
        for format in ["parquet", "arrow"] {
            let name = format!("out.{format}");
            ok(directory.path(), &format!("--words words.txt --format {format} --out {name}"));
            let batches = read(&directory.path().join(&name));
            let column = |batch: &RecordBatch| {
                let texts = batch.column_by_name("word").unwrap().as_string::<i32>().clone();
                texts.iter().map(|word| word.unwrap().to_owned()).collect::<Vec<_>>()
            };
            assert_eq!(batches.iter().flat_map(column).collect::<Vec<_>>(), words());
            let vectors = vectors(&batches);
            for row in [0, 4_095, 4_096, 8_999] {
                assert_eq!(vectors[row], expected(&words()[row]), "{row}");
            }
            // Parts, too, and one without words.
            for (shard, rows) in [("0/2", 4_904), ("3/4", 0)] {
                ok(directory.path(), &format!("--words words.txt --format {format} --out {name} --shard {shard}"));
                let batches = read(&directory.path().join(&name));
                assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), rows);
            }
        }
        assert!(fails(directory.path(), "--words words.txt --format parquet").contains("--out FILE"));
    }

    /// Numbers of vectors are neither compressed nor looked through for repetitions.
    #[test]
    fn vectors_are_plain() {
        let directory = tempfile::tempdir().unwrap();
        list(directory.path());
        ok(directory.path(), "--words words.txt --format parquet --out out.parquet");
        let file = File::open(directory.path().join("out.parquet")).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let column = builder.metadata().row_group(0).column(1).clone();
        assert_eq!(column.compression(), Compression::UNCOMPRESSED);
        assert!(column.dictionary_page_offset().is_none() && column.statistics().is_none());
        assert_eq!(builder.metadata().row_group(0).column(0).compression(), Compression::SNAPPY);
    }

    /// Other columns stay; a row without a word, or with one that has no vector, stays without.
    #[test]
    fn columns_of_every_kind_of_text_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let words = [Some("kalomi"), None, Some("unheard"), Some("kalomi"), Some("")];
        let columns: [ArrayRef; 4] = [
            Arc::new(StringArray::from_iter(words)),
            Arc::new(LargeStringArray::from_iter(words)),
            Arc::new(StringViewArray::from_iter(words)),
            Arc::new(words.into_iter().collect::<DictionaryArray<Int32Type>>()),
        ];
        for column in columns {
            let ids: ArrayRef = Arc::new(Int64Array::from(vec![10, 20, 30, 40, 50]));
            let rows = RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("term", column, true)]).unwrap();
            for format in ["parquet", "arrow"] {
                let (from, to) = (format!("in.{format}"), format!("out.{format}"));
                write(&directory.path().join(&from), &rows);
                let (_, told) = ok(directory.path(), &format!("--words {from} --format {format} --out {to}"));
                assert!(told.contains("No vector for 1 word"), "{told}");
                let batches = read(&directory.path().join(&to));
                assert_eq!(batches.len(), 1);
                assert_eq!(batches[0].column(0), rows.column(0));
                assert_eq!(batches[0].column(1), rows.column(1));
                let expected: Vec<_> = words.iter().map(|word| word.and_then(expected)).collect();
                assert_eq!(vectors(&batches), expected);
                let (text, _) = ok(directory.path(), &format!("--words {from} --column term"));
                assert_eq!(text.lines().count(), 4);
            }
        }
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let texts = || -> ArrayRef { Arc::new(StringArray::from_iter_values(["kalomi"])) };
        let numbers = || -> ArrayRef { Arc::new(Int64Array::from(vec![1])) };
        let save = |columns: Vec<(&str, ArrayRef)>| {
            write(&directory.path().join("in.parquet"), &RecordBatch::try_from_iter(columns).unwrap());
        };
        save(vec![("a", texts()), ("b", texts()), ("c", numbers())]);
        let told = fails(directory.path(), "--words in.parquet");
        assert!(told.contains("--column") && told.contains("\"a\", \"b\", \"c\""), "{told}");
        assert!(fails(directory.path(), "--words in.parquet --column d").contains("no column \"d\""));
        assert!(fails(directory.path(), "--words in.parquet --column c").contains("Int64"));
        ok(directory.path(), "--words in.parquet --column b");
        save(vec![("vector", texts())]);
        let told = fails(directory.path(), "--words in.parquet --format parquet --out out.parquet");
        assert!(told.contains("rename") && !directory.path().join("out.parquet").exists(), "{told}");
        save(vec![("c", numbers())]);
        assert!(fails(directory.path(), "--words in.parquet").contains("no column has texts"));
    }

    /// Whatever a file's bytes are, there is one line that names it, or an answer.
    #[test]
    fn damaged_files_are_errors() {
        let directory = tempfile::tempdir().unwrap();
        let column: ArrayRef = Arc::new(StringArray::from_iter_values(super::words().iter().take(50)));
        let rows = RecordBatch::try_from_iter([("word", column)]).unwrap();
        for format in ["parquet", "arrow"] {
            let path = directory.path().join(format!("in.{format}"));
            write(&path, &rows);
            let bytes = std::fs::read(&path).unwrap();
            let arguments = format!("--words in.{format}");
            for end in (8..bytes.len()).step_by(97) {
                std::fs::write(&path, &bytes[..end]).unwrap();
                assert!(fails(directory.path(), &arguments).contains(&format!("in.{format}")));
            }
            for at in (8..bytes.len()).step_by(7) {
                let mut damaged = bytes.clone();
                damaged[at] ^= 0xA5;
                std::fs::write(&path, &damaged).unwrap();
                let output = embed(directory.path(), &arguments);
                let error = String::from_utf8(output.stderr).unwrap();
                assert!(matches!(output.status.code(), Some(0 | 1)), "byte {at} of {format}: {error}");
                assert!(!error.contains("panicked"), "byte {at} of {format}: {error}");
            }
        }
    }
}
