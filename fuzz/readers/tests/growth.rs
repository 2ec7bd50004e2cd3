//! Files that make each reader need as much memory for their size as we know how to.
//!
//! The readers check their bounds themselves; here they get files large enough for the part that grows to count.

use std::io::Write;

use flameout_fuzz_readers::memory::Bound;
use flameout_fuzz_readers::{containers, interchange, logs, text, vectors};
use flameout_word2vec::{ReadOptions, WordVectors};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Just above a power of two: vectors have then just doubled.
const MANY: usize = (1 << 16) + 100;

fn repeated(head: &str, part: &str, tail: &str) -> Vec<u8> {
    [head.as_bytes(), &part.as_bytes().repeat(MANY), tail.as_bytes()].concat()
}

fn numbered(head: &str, part: impl Fn(usize) -> String) -> Vec<u8> {
    (0..MANY).fold(head.as_bytes().to_vec(), |mut all, number| {
        all.extend(part(number).bytes());
        all
    })
}

/// Distinct words as short as they can be.
fn word(number: usize) -> String {
    let letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let digit = |place: u32| letters[number / letters.len().pow(place) % letters.len()] as char;
    (0..3).map(digit).collect()
}

/// What the bounds do not show: files of vectors as they are take little more than themselves.
#[test]
fn a_real_file() {
    let file = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/glove-100d-4k.bin")).unwrap();
    let bound = Bound { per_byte: 2, constant: 2 << 20 };
    bound.holds(file.len(), || WordVectors::read_from(&file[..], &ReadOptions::default())).unwrap();
}

#[test]
fn words_of_one_number() {
    vectors::word2vec_binary(&numbered(&format!("{MANY} 1\n"), |number| word(number) + " \0\0\0\0"));
    vectors::word2vec_text(&numbered(&format!("{MANY} 1\n"), |number| word(number) + " 1\n"));
    vectors::glove(&numbered("", |number| word(number) + " 1\n"));
    vectors::fasttext(&numbered(&format!("{MANY} 1\n"), |number| word(number) + " 1 \n"));
}

#[test]
fn the_same_word_without_letters_again_and_again() {
    vectors::word2vec_binary(&repeated(&format!("{MANY} 1\n"), " \0\0\0\0", ""));
    vectors::glove(&repeated("", " 1\n", ""));
}

#[test]
fn gzip_of_all_this() {
    let zipped = |data: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    };
    vectors::gzip(&zipped(&repeated(&format!("{MANY} 1\n"), " \0\0\0\0", "")));
    // Words of many numbers, fewer words than claimed, an endless first line, vectors longer than any.
    vectors::gzip(&zipped(&[&b"1 250000\nw "[..], &vec![0; 1_000_000]].concat()));
    vectors::gzip(&zipped(&[&b"9 250000\nw "[..], &vec![0; 1_000_000]].concat()));
    vectors::gzip(&zipped(&[&b"9 5000000\nw "[..], &vec![0; 20_000_000]].concat()));
    vectors::gzip(&zipped(&vec![b'1'; 30_000_000]));
}

/// Words that are there again and again are counted, not kept: what is read does not grow with the file.
#[test]
fn one_word_for_ever() {
    let bound = Bound { per_byte: 0, constant: 48 << 20 };
    for (line, times) in [("a 1 2 3 4 5 6 7\n", 1 << 20), (" 1\n", 1 << 21)] {
        let file = line.repeat(times);
        let (vectors, report) =
            bound.holds(0, || WordVectors::read_from(file.as_bytes(), &ReadOptions::default())).unwrap();
        assert_eq!((vectors.len(), report.duplicate.count), (1, times as u64 - 1));
    }
}

/// A length as bincode writes it.
fn length(length: u32) -> Vec<u8> {
    [&[252][..], &length.to_le_bytes()].concat()
}

#[test]
fn lists_of_empty_texts_and_layers() {
    // A text, then texts.
    containers::checkpoint(&[&b"\0"[..], &length(MANY as u32), &[0; MANY]].concat());
    // Shortest, longest, texts.
    containers::ngrams(&[&b"\x02\x06"[..], &length(MANY as u32), &[0; MANY]].concat());
    // An alphabet of two, dense layers of one unit, linear; no parameters.
    let layers = b"\x03\x01\x00".repeat(MANY);
    containers::network(&[&b"\x02"[..], &length(MANY as u32), &layers, b"\0\0"].concat());
    let parameters = [&b"\x02\x01\x03\x01\x00\0"[..], &length(MANY as u32), &[0; 4 * MANY]].concat();
    containers::network(&parameters);
}

#[test]
fn headers_of_many_small_things() {
    let safetensors =
        |header: &[u8]| interchange::safetensors(&[&(header.len() as u64).to_le_bytes(), header].concat());
    let metadata = numbered("{\"__metadata__\":{\"\":\"\"", |number| format!(",\"{}\":\"\"", word(number)));
    safetensors(&[&metadata[..], b"}}"].concat());
    let shape = repeated("{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[0", ",0", "],\"data_offsets\":[0,0]}}");
    safetensors(&shape);
    let tensors = numbered("{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}", |number| {
        format!(",\"{}.bias\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", word(number))
    });
    safetensors(&[&tensors[..], b"}"].concat());
    interchange::keras_config(&repeated("3{\"config\":[0", ",0", "]}"));
    interchange::keras_config(&repeated("3{\"config\":[{}", ",{}", "]}"));
    let dropout = "{\"class_name\":\"Dropout\",\"name\":\"d\",\"config\":{},\"inbound_nodes\":[\"d\"]}";
    interchange::keras_config(&repeated(&format!("3{{\"config\":[{dropout}"), &format!(",{dropout}"), "]}"));
}

#[test]
fn logs_of_short_rows() {
    logs::log(&repeated("loss\n", "1\n", ""));
    logs::log(&repeated("loss,val_loss,step,epoch\n", "1,,,\n", ""));
    logs::log(&repeated("loss\n", "loss\n", ""));
    logs::log(&repeated("loss\n", "\"\n", ""));
    logs::log(&numbered("", |number| format!("{{\"loss\":{number}}}\n")));
    let key = "k".repeat(190);
    logs::log(&numbered("{\"loss\":1}\n", |number| {
        format!("{{\"{number}{key}\":{{\"a\":1,\"b\":1,\"c\":1,\"d\":1}}}}\n")
    }));
    // A summary (tag 5) of values (tag 1) that are empty.
    let values = b"\x0a\x00".repeat(30_000);
    let summary = [&[0x2a, 0xe0, 0xd4, 0x03][..], &values].concat();
    logs::tensorboard(&[&(summary.len() as u16).to_le_bytes()[..], &summary].concat().repeat(3));
    let step = "{\"kind\":\"step\",\"step\":0,\"epoch\":1,\"words\":1,\"loss\":1,\"accuracy\":1,\"gradient_norm\":1,\"update_norm\":1,\"learning_rate\":1}\n";
    logs::metrics(&numbered("", |number| step.replace("\"step\":0", &format!("\"step\":{number}"))));
}

#[test]
fn settings_of_many_and_of_deep_values() {
    text::settings(&repeated("case = [0", ",0", "]"));
    text::settings(&repeated("", "a=1\n", ""));
    text::settings(&numbered("", |number| format!("{}=1\n", word(number))));
    text::settings(&numbered("", |number| format!("[{}]\n", word(number))));
    for (opening, closing) in [("[", "]"), ("{a=", "}"), ("{a={a=1},a=", "}")] {
        text::settings(&format!("case = {}1{}", opening.repeat(MANY), closing.repeat(MANY)).into_bytes());
    }
    text::settings(&repeated("schedule.then", ".then", ".kind = 1"));
    text::settings(&repeated("[schedule.then", ".then", "]"));
    text::settings(&repeated(
        "layers = [{dense={units=1,activation='tanh'}}",
        ",{dense={units=1,activation='tanh'}}",
        "]",
    ));
    text::summary(&repeated("{\"spikes\":[0", ",0", "]"));
    text::summary(&repeated("", "[", ""));
    text::encoder(&repeated("{\"alphabet\":[\"a\"", ",\"a\"", "],\"settings\":{}}"));
    let distinct = ('\u{4e00}'..).take(20_000).map(|letter| format!(",\"{letter}\"")).collect::<String>();
    text::encoder(format!("{{\"alphabet\":[\"a\"{distinct}],\"settings\":{{}}}}").as_bytes());
    text::similarity(&repeated("", "a\tb\t1\n", ""));
    text::similarity(&repeated("a\tb\t1", "\t", "\n"));
}
