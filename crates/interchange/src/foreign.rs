//! Files that people give for a model, or that hold one in a form that is not read here: told by their content, and how to
//! make a file that is read.

use std::path::Path;

use crate::shown;

const STATE_DICT: &str =
    "write its weights in Python: `safetensors.torch.save_file(model.state_dict(), \"model.safetensors\")`";
const KERAS: &str = "load it in Python and save it as Keras does: `model.save(\"model.keras\")`";
const UNPACK: &str = "unpack it and name the file in it";
const ANOTHER: &str = "name a file of Keras (.keras, .h5) or of safetensors";
const ONNX: &str = "an ONNX model can be written, not read: export from the program that made it, by \
                    `safetensors.torch.save_file(model.state_dict(), \"model.safetensors\")` in PyTorch or \
                    `model.save(\"model.keras\")` in Keras";

/// First bytes, what has them, and what to do about it.
const MAGIC: [(&[u8], &str, &str); 28] = [
    (b"\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9", "a file of PyTorch (torch.save, before 1.6)", STATE_DICT),
    (b"\x80\x02", "a Python pickle", STATE_DICT),
    (b"\x80\x03", "a Python pickle", STATE_DICT),
    (b"\x80\x04", "a Python pickle", STATE_DICT),
    (b"\x80\x05", "a Python pickle", STATE_DICT),
    (b"\x93NUMPY", "a NumPy array (.npy)", ANOTHER),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "fetch the file by `git lfs pull`"),
    (b"GGUF", "a GGUF model", ANOTHER),
    (b"caffe", "a Caffe model", ANOTHER),
    (b"\x12\x01\0\0\0\0\0\0", "a file of MXNet's parameters", ANOTHER),
    (b"\x1F\x8B", "compressed by gzip", UNPACK),
    (b"BZh", "compressed by bzip2", UNPACK),
    (b"\xFD7zXZ\0", "compressed by xz", UNPACK),
    (b"\x28\xB5\x2F\xFD", "compressed by Zstandard", UNPACK),
    (b"\x78\x9C", "a zlib stream (as joblib's)", STATE_DICT),
    (b"\x78\xDA", "a zlib stream (as joblib's)", STATE_DICT),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive", UNPACK),
    (b"Rar!\x1A\x07", "a RAR archive", UNPACK),
    (b"PK\x05\x06", "an empty zip archive", ANOTHER),
    (b"%PDF-", "a PDF", ANOTHER),
    (b"\x7FELF", "a program", ANOTHER),
    (b"(dp", "a Python pickle", STATE_DICT),
    (b"(lp", "a Python pickle", STATE_DICT),
    (b"ccopy_reg", "a Python pickle", STATE_DICT),
    (
        b"FLAMEOUT",
        "a network of flameout",
        "name the directory that it lies in where a model is asked for: `--model DIR`",
    ),
    (b"syntax = \"proto", "a protocol's description", ANOTHER),
    (b"ir_version:", "an ONNX model as text", ONNX),
    (b"node {", "a graph of TensorFlow as text (.pbtxt)", KERAS),
];

/// Names in a zip archive, what has them, and what to do about it; the first that matches counts.
const ARCHIVES: [(&str, &str, &str); 6] = [
    (
        "/code/",
        "a model of TorchScript",
        "write its weights in Python: \
      `safetensors.torch.save_file(torch.jit.load(FILE).state_dict(), \"model.safetensors\")`",
    ),
    ("data.pkl", "a file of PyTorch (torch.save)", STATE_DICT),
    (".npy", "a NumPy archive (.npz)", ANOTHER),
    ("saved_model.pb", "a zip archive of a SavedModel of TensorFlow", KERAS),
    (".safetensors", "a zip archive", UNPACK),
    (".h5", "a zip archive", UNPACK),
];

/// What a file is that is no model that can be read, by its beginning and its end; and what to do about it.
pub(crate) fn told(head: &[u8], tail: &[u8]) -> Option<String> {
    let of = |what: &str, advice: &str| Some(format!("is {what}: {advice}"));
    if head.is_empty() {
        return of("empty", ANOTHER);
    }
    if head.starts_with(b"PK\x03\x04") {
        return zip(head);
    }
    if let Some((_, what, advice)) = MAGIC.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return of(what, advice);
    }
    if head.get(4..8) == Some(b"TFL3") {
        return of(
            "a model of TensorFlow Lite",
            "save the model that it was converted from: `model.save(\"model.keras\")`",
        );
    }
    if head.get(257..262) == Some(b"ustar") {
        return of("a tar archive", UNPACK);
    }
    if tail.ends_with(b"\x57\xFB\x80\x8B\x24\x75\x47\xDB") {
        return of("the index of a checkpoint of TensorFlow", KERAS);
    }
    protocol_buffer(head).or_else(|| text(head))
}

/// The names of the files in an archive stand before each of them.
fn zip(head: &[u8]) -> Option<String> {
    let names: Vec<String> = memchr_all(head, b"PK\x03\x04").filter_map(|at| name_at(&head[at..])).collect();
    if names.iter().any(|name| matches!(name.as_str(), "config.json" | "metadata.json" | "model.weights.h5")) {
        return None;
    }
    let known = ARCHIVES.iter().find(|(part, ..)| names.iter().any(|name| format!("/{name}").contains(part)));
    let (what, advice) =
        known.map_or(("a zip archive, but not of Keras", UNPACK), |(_, what, advice)| (*what, *advice));
    Some(format!("is {what}: {advice}"))
}

fn memchr_all<'a>(bytes: &'a [u8], what: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    bytes.windows(what.len()).enumerate().filter(move |(_, window)| *window == what).map(|(at, _)| at)
}

fn name_at(entry: &[u8]) -> Option<String> {
    let length = usize::from(u16::from_le_bytes([*entry.get(26)?, *entry.get(27)?]));
    Some(String::from_utf8_lossy(entry.get(30..30 + length)?).into_owned())
}

/// ONNX, SavedModel and frozen graphs have no first bytes of their own, but a first field.
fn protocol_buffer(head: &[u8]) -> Option<String> {
    let is_field =
        |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, 0x12 | 0x1A | 0x22 | 0x2A | 0x32 | 0x3A | 0x42));
    match head {
        [0x08, 0x01, 0x12, ..] => Some(format!("is a SavedModel of TensorFlow: {KERAS}")),
        [0x08, 2..=30, ..] if is_field(head.get(2)) => Some(format!("is an ONNX model: {ONNX}")),
        [0x0A, ..] => {
            let start = 1 + head[1..].iter().take(5).take_while(|byte| **byte >= 0x80).count() + 1;
            let name = usize::from(*head.get(start + 1).filter(|_| head.get(start) == Some(&0x0A))?);
            let operation = head.get(start + 2 + name..)?;
            let is_operation = operation.first() == Some(&0x12) && operation.get(2).is_some_and(u8::is_ascii_uppercase);
            is_operation.then(|| format!("is a frozen graph of TensorFlow (.pb): {KERAS}"))
        }
        _ => None,
    }
}

fn text(head: &[u8]) -> Option<String> {
    let begin = head.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(head).trim_ascii_start();
    if begin.starts_with(b"<") {
        return Some(
            "is a web page or XML: it may be an error page instead of the download; fetch the file again".into(),
        );
    }
    if begin.starts_with(b"{") || begin.starts_with(b"[") {
        let has = |key: &str| memchr_all(begin, key.as_bytes()).next().is_some();
        return Some(if has("\"weight_map\"") {
            format!("is the index of weights that lie in several files: {STATE_DICT}")
        } else if has("\"class_name\"") {
            "is the description of a Keras model without its weights: `model.save(\"model.keras\")` saves both".into()
        } else {
            format!("is JSON: {ANOTHER}")
        });
    }
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace() || *byte >= 0x80;
    let sample = &head[..head.len().min(512)];
    (sample.iter().all(is_text) && str::from_utf8(sample).map_or_else(|error| error.error_len().is_none(), |_| true))
        .then(|| {
            let line =
                String::from_utf8_lossy(sample.split(|&byte| byte == b'\n').next().unwrap_or_default()).into_owned();
            format!("is text, which begins with {}: {ANOTHER}", shown::name(line.trim()))
        })
}

/// What a directory is; and what to do about it.
pub(crate) fn directory(path: &Path) -> String {
    let has = |name: &str| path.join(name).exists();
    if has("saved_model.pb") || has("keras_metadata.pb") {
        return format!("is a SavedModel of TensorFlow: {KERAS}");
    }
    if has("settings.toml") || has("encoder.json") {
        return "is a model of flameout, which needs no import: `flameout embed --model DIR`".into();
    }
    if has("model.safetensors.index.json") || has("pytorch_model.bin.index.json") {
        return format!("is a directory of weights in several files: {STATE_DICT}");
    }
    let names = ["model.safetensors", "model.keras", "model.h5", "model.weights.h5"];
    match names.into_iter().find(|name| has(name)) {
        Some(name) => format!("is a directory: name the file {name} in it"),
        None => format!("is a directory: {ANOTHER}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(names: &[&str]) -> Vec<u8> {
        let entry = |name: &&str| {
            let mut entry = b"PK\x03\x04".to_vec();
            entry.resize(26, 0);
            entry.extend((name.len() as u16).to_le_bytes());
            entry.extend([0, 0]);
            entry.extend(name.bytes());
            entry
        };
        names.iter().flat_map(entry).collect()
    }

    #[test]
    fn foreign_files_are_told_by_their_content() {
        let mut tar = vec![0; 257];
        tar.extend(b"ustar\x0000");
        for (head, what, advice) in [
            (&archive(&["archive/data.pkl", "archive/data/0"])[..], "torch.save", "save_file(model.state_dict()"),
            (&archive(&["m/code/__torch__.py", "m/data.pkl"]), "TorchScript", "torch.jit.load"),
            (&archive(&["arr_0.npy"]), ".npz", "safetensors"),
            (&archive(&["a.txt"]), "zip archive, but not of Keras", "unpack"),
            (&archive(&["m/saved_model.pb"]), "SavedModel", "model.save("),
            (b"\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x6A", "PyTorch", "state_dict"),
            (b"\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94.", "pickle", "state_dict"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "Git LFS pointer", "git lfs pull"),
            (b"<!DOCTYPE html>\n<html>\n", "web page", "fetch the file again"),
            (b"\n <html>", "web page", "fetch"),
            (b"{\"metadata\": {}, \"weight_map\": {\"a\": \"b\"}}", "several files", "save_file"),
            (b"{\"class_name\": \"Sequential\"}", "without its weights", "model.save("),
            (b"[1, 2]", "JSON", "safetensors"),
            (b"\x08\x07\x12\x07pytorch\x1a\x05", "ONNX model", "save_file"),
            (b"\x08\x08:\x80\x02", "ONNX model", "model.save("),
            (b"\x08\x01\x12\xA0\x05\x0A", "SavedModel", "model.save("),
            (b"\x0A\x20\x0A\x01x\x12\x0BPlaceholder*", "frozen graph", "model.save("),
            (b"\x0A\xA0\x01\x0A\x01x\x12\x05Const", "frozen graph", "model.save("),
            (b"\x1C\0\0\0TFL3\0\0", "TensorFlow Lite", "model.save("),
            (b"\x1F\x8B\x08", "gzip", "unpack"),
            (&tar, "tar archive", "unpack"),
            (b"epoch,loss\n0,1\n", "is text, which begins with `epoch,loss`", "safetensors"),
            (b"", "is empty", "name a file"),
        ] {
            let message = told(head, head).unwrap_or_else(|| panic!("{}", head.escape_ascii()));
            assert!(message.contains(what) && message.contains(advice), "{message}");
        }
        assert!(told(b"\0\0\0\0", b"\x57\xFB\x80\x8B\x24\x75\x47\xDB").unwrap().contains("checkpoint of TensorFlow"));
        for ours in [
            &archive(&["metadata.json", "config.json", "model.weights.h5"])[..],
            b"\x89HDF\r\n\x1A\n",
            b"\x40\0\0\0\0\0\0\0{\"a\":",
            b"\0\x01\x02",
        ] {
            assert_eq!(told(ours, ours), None, "{}", ours.escape_ascii());
        }
    }

    #[test]
    fn directories_are_told_by_what_is_in_them() {
        for (file, what) in [
            ("saved_model.pb", "SavedModel"),
            ("model.safetensors.index.json", "several files"),
            ("model.keras", "name the file model.keras"),
            ("settings.toml", "needs no import"),
            ("other", "is a directory: name a file"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(file), "").unwrap();
            assert!(directory(folder.path()).contains(what), "{file}");
        }
    }
}
