//! What word vectors know: nearest neighbours and analogies.
//!
//! `neighbours FILE WORD` lists the words nearest to one; `neighbours FILE man king woman` asks "man is to king as woman
//! is to …?". FILE is of any format that the crate reads, gzipped or not. Without arguments, a tour of the small file
//! that comes with the crate.

use std::path::Path;
use std::process::ExitCode;

use flameout_word2vec::{Error, ReadOptions, WordVectors};

const OWN_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/glove-100d.bin");
const TOUR: [&[&str]; 6] = [
    &["germany"],
    &["seven"],
    &["man", "king", "woman"],
    &["france", "paris", "italy"],
    &["walk", "walking", "play"],
    &["big", "biggest", "high"],
];
const SHOWN: usize = 5;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        [] => answer(Path::new(OWN_FILE), &TOUR),
        [file, question @ ..] if matches!(question.len(), 1 | 3) => answer(Path::new(file), &[question]),
        _ => {
            eprintln!("usage: neighbours [FILE WORD | FILE WORD ITS-COUNTERPART OTHER-WORD]");
            return ExitCode::FAILURE;
        }
    };
    match result {
        Ok(answers) => {
            print!("{answers}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The answers to questions of one or three words, a paragraph each.
fn answer(file: &Path, questions: &[&[&str]]) -> Result<String, Error> {
    let (vectors, report) = WordVectors::open_with(file, &ReadOptions::default())?;
    let mut text = format!("{}: {} words of {} dimensions\n", report.format, vectors.len(), vectors.dim());
    for question in questions {
        let (title, found) = match question {
            [a, its, b] => (format!("{a} is to {its} as {b} is to"), vectors.analogy(&[its, b], &[a], SHOWN)?),
            [word, ..] => (format!("nearest to {word}"), vectors.nearest(word, SHOWN)?),
            [] => continue,
        };
        text += &format!("\n{title}\n");
        for (word, cosine) in found {
            text += &format!("  {cosine:.3}  {word}\n");
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The best answer to each question of the tour.
    #[test]
    fn the_tour_finds_what_it_should() {
        let answers = answer(Path::new(OWN_FILE), &TOUR).unwrap();
        let best: Vec<&str> = answers
            .split("\n\n")
            .skip(1)
            .map(|part| part.lines().nth(1).unwrap().rsplit(' ').next().unwrap())
            .collect();
        assert_eq!(best, ["italy", "five", "queen", "rome", "playing", "highest"], "{answers}");
    }

    #[test]
    fn a_word_that_is_not_there_is_named() {
        let error = answer(Path::new(OWN_FILE), &[&["football", "teim", "player"]]).unwrap_err();
        assert!(error.to_string().contains("teim"), "{error}");
    }
}
