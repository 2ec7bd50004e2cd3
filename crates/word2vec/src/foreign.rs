//! Files that people take for word vectors, or that hold them in a form that is not read here: told by name.

use crate::error::Error;
use crate::read::text::{self, first_line};

const GENSIM: &str =
    "load it in Python and save its vectors, in gensim by `model.wv.save_word2vec_format(\"vectors.txt\")`";
const UNPACK: &str = "unpack it and name the file in it";
const COMPRESSED: &str = "unpack it, or compress it by gzip instead";
const NO_WORDS: &str = "it has no words: write each word and its numbers in a line, separated by spaces";
const EXPORT: &str =
    "export its word vectors as text: a line for each word, the word and its numbers, separated by spaces";

/// First bytes, what has them, and what to do about it.
const MAGIC: [(&[u8], &str, &str); 26] = [
    (b"\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9", "a PyTorch file", EXPORT),
    (b"\x80\x02", "a Python pickle", GENSIM),
    (b"\x80\x03", "a Python pickle", GENSIM),
    (b"\x80\x04", "a Python pickle", GENSIM),
    (b"\x80\x05", "a Python pickle", GENSIM),
    (b"\x93NUMPY", "a NumPy array (.npy)", NO_WORDS),
    (b"\x89HDF\r\n\x1A\n", "an HDF5 file", EXPORT),
    (b"PK\x05\x06", "an empty zip archive", "name another file"),
    (b"PK\x07\x08", "a part of a zip archive", "name the first part, unpacked"),
    (b"SQLite format 3\0", "an SQLite database (as Magnitude's)", EXPORT),
    (b"FiFu", "a finalfusion file", "convert it: `finalfusion convert --to word2vec FILE vectors.bin`"),
    (b"GGUF", "a GGUF model", EXPORT),
    (b"PAR1", "a Parquet file", EXPORT),
    (b"ARROW1", "an Arrow file", EXPORT),
    (b"BZh", "a file compressed by bzip2", COMPRESSED),
    (b"\xFD7zXZ\0", "a file compressed by xz", COMPRESSED),
    (b"\x28\xB5\x2F\xFD", "a file compressed by Zstandard", COMPRESSED),
    (b"\x04\x22\x4D\x18", "a file compressed by LZ4", COMPRESSED),
    (b"\x1F\x9D", "a file compressed by compress", COMPRESSED),
    (b"\x1F\x8B", "a gzip file within a gzip file", "unpack it once"),
    (b"\x78\x9C", "a zlib stream (as joblib's)", COMPRESSED),
    (b"\x78\xDA", "a zlib stream (as joblib's)", COMPRESSED),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive", UNPACK),
    (b"Rar!\x1A\x07", "a RAR archive", UNPACK),
    (b"%PDF-", "a PDF", "name a file of word vectors"),
    (b"\x7FELF", "a program", "name a file of word vectors"),
];

/// First characters of texts that are no vectors.
const TEXTS: [(&[u8], &str, &str); 11] = [
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "fetch the file by `git lfs pull`"),
    (b"<", "a web page or XML", "it may be an error page instead of the download: fetch the file again"),
    (b"{", "JSON", EXPORT),
    (b"[", "JSON", EXPORT),
    (b"(dp", "a Python pickle", GENSIM),
    (b"(lp", "a Python pickle", GENSIM),
    (b"(i", "a Python pickle", GENSIM),
    (b"ccopy_reg", "a Python pickle", GENSIM),
    (b"cnumpy", "a Python pickle", GENSIM),
    (b"}q", "a Python pickle", GENSIM),
    (b"]q", "a Python pickle", GENSIM),
];

fn foreign(what: &'static str, advice: &'static str) -> Option<Error> {
    Some(Error::Foreign { what, advice })
}

fn find(table: &[(&[u8], &'static str, &'static str)], head: &[u8]) -> Option<Error> {
    let (_, what, advice) = table.iter().find(|(magic, ..)| head.starts_with(magic))?;
    foreign(what, advice)
}

/// What a file that does not begin with a header is by its first bytes.
pub(crate) fn by_magic(head: &[u8]) -> Option<Error> {
    if head.starts_with(b"\xFF\xFE\0\0") || head.starts_with(b"\0\0\xFE\xFF") {
        return foreign("text in UTF-32", "convert it to UTF-8: `iconv -f UTF-32 -t UTF-8 FILE > NEW`");
    }
    if is_utf16(head) {
        return foreign("text in UTF-16", "convert it to UTF-8: `iconv -f UTF-16 -t UTF-8 FILE > NEW`");
    }
    if head.starts_with(b"PK\x03\x04") {
        return zip(head);
    }
    // All of these have bytes that no text has, or are followed by such.
    let is_text = |magic: &[u8]| magic.iter().all(|b| b.is_ascii_graphic());
    let magic = MAGIC.iter().find(|(magic, ..)| {
        head.starts_with(magic) && (!is_text(magic) || head.iter().take(512).any(|&b| is_control(b) || b >= 0x80))
    });
    if let Some((_, what, advice)) = magic {
        return foreign(what, advice);
    }
    if head.len() > 16 && head[8] == b'{' && head[9] == b'"' && head[4..8] == [0; 4] {
        return foreign("a safetensors file", NO_WORDS);
    }
    if head.get(257..262) == Some(b"ustar") && head[..257].contains(&0) {
        return foreign("a tar archive", UNPACK);
    }
    if is_old_mac(head) {
        return foreign(
            "text whose lines end in carriage returns (old Mac OS)",
            "write line feeds: `tr '\\r' '\\n' < FILE > NEW`",
        );
    }
    None
}

/// Lines that end in carriage returns, perhaps with a single line feed at the very end.
fn is_old_mac(head: &[u8]) -> bool {
    let line = first_line(head);
    let lines = || line.split(|&b| b == b'\r').filter(|line| !line.is_empty());
    line.len() + 1 >= head.len() && lines().count() > 1 && lines().all(|line| text::infer_dim(line).is_some())
}

/// What a text is, of which the first line is neither a header nor a word with numbers.
pub(crate) fn by_text(head: &[u8]) -> Option<Error> {
    let mut lines = head.split(|&b| b == b'\n');
    let by_record = lines.by_ref().take(2).find_map(|line| by_record(line, 1));
    let is_binary = first_line(head).iter().any(|&b| is_control(b));
    let unknown = || if is_binary { foreign("binary data of no known kind", EXPORT) } else { None };
    by_record.or_else(|| find(&TEXTS, head)).or_else(unknown)
}

/// What a line is that is not a word and numbers separated by spaces. A table has at least `columns` of numbers: under a
/// header, a single one may be a part of binary numbers.
pub(crate) fn by_record(line: &[u8], columns: usize) -> Option<Error> {
    if line.iter().any(|&b| is_control(b)) {
        return None;
    }
    let mut fields = text::fields(line);
    fields.next()?;
    let rest: Vec<&[u8]> = fields.collect();
    if !rest.is_empty() && rest.iter().all(|field| is_indexed(field)) {
        return foreign("sparse vectors (`INDEX:VALUE`, as 0:0.5)", "write all numbers of a vector, the zeros as well");
    }
    if !rest.is_empty() && rest.iter().all(|field| has_decimal_comma(field)) {
        return foreign("numbers with decimal commas", "write decimal points: `sed 's/,/./g' FILE > NEW`");
    }
    for separator in [b',', b';', b'|'] {
        let mut parts = line.split(|&b| b == separator);
        parts.next()?;
        let numbers: Vec<&[u8]> = parts.map(|part| part.trim_ascii()).collect();
        if numbers.len() >= columns && numbers.iter().all(|number| text::is_plain_number(number)) {
            return foreign(
                "a table with commas or the like (CSV)",
                "separate the word and its numbers by spaces or tabs",
            );
        }
    }
    None
}

/// `0:0.5`.
fn is_indexed(field: &[u8]) -> bool {
    let Some(colon) = field.iter().position(|&b| b == b':') else { return false };
    let (index, value) = (&field[..colon], &field[colon + 1..]);
    !index.is_empty() && index.iter().all(u8::is_ascii_digit) && text::is_plain_number(value)
}

/// `-0,5`.
fn has_decimal_comma(field: &[u8]) -> bool {
    let digits = field.strip_prefix(b"-").unwrap_or(field);
    let mut parts = digits.split(|&b| b == b',');
    let is_digits =
        |part: Option<&[u8]>| part.is_some_and(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit));
    is_digits(parts.next()) && is_digits(parts.next()) && parts.next().is_none()
}

/// A zip archive says by its first file what it is.
fn zip(head: &[u8]) -> Option<Error> {
    let length = head.get(26..28).map_or(0, |bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])));
    let name = head.get(30..30 + length).unwrap_or_default();
    if name.ends_with(b"/data.pkl") {
        return foreign("a PyTorch file (a zip archive)", EXPORT);
    }
    if name.ends_with(b".npy") {
        return foreign("a NumPy archive (.npz, a zip archive)", NO_WORDS);
    }
    foreign("a zip archive", UNPACK)
}

/// Numbers of the other byte order.
pub(crate) fn big_endian() -> Error {
    Error::Foreign {
        what: "word2vec binary with big-endian numbers",
        advice: "swap the bytes of each number, or write the vectors as text with the program that wrote the file",
    }
}

/// By its byte order mark, or because every other byte is zero.
fn is_utf16(head: &[u8]) -> bool {
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") {
        return true;
    }
    let start = &head[..head.len().min(64) & !1];
    let (pairs, _) = start.as_chunks::<2>();
    let by = |zero: usize| pairs.iter().all(|pair| pair[zero] == 0 && pair[1 - zero] != 0);
    pairs.len() >= 4 && (by(0) || by(1))
}

pub(crate) fn is_control(byte: u8) -> bool {
    byte < b' ' && !byte.is_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use crate::{Error, Format};

    fn told(head: &[u8]) -> String {
        match Format::detect(head) {
            Err(error @ Error::Foreign { .. }) => error.to_string(),
            other => panic!("{}: {other:?}", head.escape_ascii()),
        }
    }

    #[test]
    fn foreign_files_are_told_by_name() {
        let mut zip =
            b"PK\x03\x04\x14\0\0\0\0\0j\x89|]'\x837-\x0C\0\0\0\x0C\0\0\0\x05\0\0\0g.txta 1 2\nb 3 4\n".to_vec();
        assert!(told(&zip).contains("zip archive"));
        zip[26] = 16;
        zip.splice(30..35, b"archive/data.pkl".iter().copied());
        assert!(told(&zip).contains("PyTorch"));
        let mut tar = b"glove.txt".to_vec();
        tar.resize(257, 0);
        tar.extend(b"ustar\x0000 a 1 2\n");
        let utf16 = |bytes: &[u16]| bytes.iter().flat_map(|unit| unit.to_le_bytes()).collect::<Vec<u8>>();
        let with_mark = utf16(&"\u{FEFF}a 1 2\n".encode_utf16().collect::<Vec<_>>());
        let without = utf16(&"a 1 2\nb 3 4\n".encode_utf16().collect::<Vec<_>>());
        for (head, name) in [
            (&tar[..], "tar"),
            (&with_mark, "UTF-16"),
            (&without, "UTF-16"),
            (b"\xFE\xFF\0a\0 \x001", "UTF-16"),
            (b"\xFF\xFE\0\0a\0\0\0", "UTF-32"),
            (b"\0\0\0\0\0\0\0\0\x9A\x99\x99\x99\x99\x99\xB9?", "binary data"),
            (b"\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94.", "pickle"),
            (b"(dp0\nS'king'\np1\n", "pickle"),
            (b"\x93NUMPY\x01\0v\0{'descr': '<f4', }\n", "NumPy"),
            (b"\x89HDF\r\n\x1A\n\0\0\0", "HDF5"),
            (b"\x40\0\0\0\0\0\0\0{\"vectors\":{\"dtype\":\"F32\"}}", "safetensors"),
            (b"BZh91AY&SY\xA0\x01", "bzip2"),
            (b"FiFu\0\0\0\0\x03", "finalfusion"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull"),
            (b"<!DOCTYPE html>\n<html>\n", "web page"),
            (b"{\"king\": [0.1, 0.2]}\n", "JSON"),
            (b"king,0.1,0.2\nqueen,0.3,0.4\n", "CSV"),
            (b"word,x,y\nking,0.1,0.2\n", "CSV"),
            (b"king;0.1;0.2\n", "CSV"),
            (b"king 0,1 -0,2\n", "decimal comma"),
            (b"2 2\nking 0,1 0,2\n", "decimal comma"),
            (b"2 10\nking 0:0.5 9:0.0221\n", "sparse"),
            (b"king 0:0.5 9:0.0221\n", "sparse"),
            (b"2 2\ra 1 2\rb 3 4\r", "carriage returns"),
            (b"a 1 2\rb 3 4\r\n", "carriage returns"),
        ] {
            let message = told(head);
            assert!(message.contains(name), "{message}");
            assert!(!message.contains(|c: char| c.is_control()), "{message}");
        }
    }

    #[test]
    fn words_that_look_like_magic_are_words() {
        for line in
            ["BZh 1 2\n", "GGUF 0.5 1\n", "PAR1 1 2\n", "%PDF- 1 2\n", "{ 1 2\n", "< 1 2\n", "a\r 1 2\r\n", "a,b 1 2\n"]
        {
            assert_eq!(Format::detect(line.as_bytes()).unwrap(), Format::Glove, "{line}");
        }
    }
}
