//! A sequence classifier with a loss of its own: does a string of brackets balance?
//!
//! `([])()` does; `([)]()` does not, though it has the same characters. An LSTM reads a string character by character, one
//! linear output with the logistic function gives the probability that it balances, and the loss is the cross-entropy.
//! `cargo run --release -p flameout-model --example brackets`
//!
//! Half of the strings are balanced ones with two characters exchanged, so that counting brackets tells nothing.

use std::error::Error;

use flameout_cells::{Dense, Initialisation, Inputs, Lstm};
use flameout_kernels::sigmoid;
use flameout_model::{Loss, Sequential};
use flameout_optim::{Adam, AdamSettings, CosineDecay, LearningRate, Optimizer, Schedule};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// The characters; a string is their indices.
const ALPHABET: &str = "()[]";
/// Brackets open at a time, at most.
const DEPTH: usize = 5;

/// Whether every bracket is closed by its like, in the right order.
fn balances(string: &[u16]) -> bool {
    let mut open = Vec::new();
    string.iter().all(|&character| match character % 2 {
        0 => {
            open.push(character);
            true
        }
        _ => open.pop() == Some(character - 1),
    }) && open.is_empty()
}

/// A number below `limit`.
fn below(rng: &mut ChaCha8Rng, limit: usize) -> usize {
    rng.next_u32() as usize % limit
}

/// A random balanced string of `length` characters (an even number).
fn balanced(rng: &mut ChaCha8Rng, length: usize) -> Vec<u16> {
    let mut open = Vec::new();
    (0..length)
        .map(|place| {
            let must_close = open.len() == length - place || open.len() == DEPTH;
            if !open.is_empty() && (must_close || below(rng, 2) == 0) {
                open.pop().map_or(0, |opening: u16| opening + 1)
            } else {
                let opening = 2 * below(rng, 2) as u16;
                open.push(opening);
                opening
            }
        })
        .collect()
}

/// Exchanges two characters of a balanced string, so that it does not balance.
fn unbalance(rng: &mut ChaCha8Rng, string: &mut [u16]) {
    loop {
        let (i, j) = (below(rng, string.len()), below(rng, string.len()));
        string.swap(i, j);
        if !balances(string) {
            return;
        }
        string.swap(i, j);
    }
}

/// Random strings `(count, length)`, and for each 1 if it balances: every other one, on average.
fn strings(rng: &mut ChaCha8Rng, count: usize, length: usize) -> (Array2<u16>, Array2<f32>) {
    let (mut indices, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let mut string = balanced(rng, length);
        let keep = below(rng, 2) == 0;
        if !keep {
            unbalance(rng, &mut string);
        }
        indices.extend(string);
        labels.push(if keep { 1.0 } else { 0.0 });
    }
    let array = Array2::from_shape_vec((count, length), indices).expect("strings of one length");
    (array, Array2::from_shape_vec((count, 1), labels).expect("a label a string"))
}

/// The cross-entropy of one output, the argument of the logistic function. Its gradient is p − y.
struct LogisticLoss;

impl Loss<f32> for LogisticLoss {
    fn evaluate(
        &self,
        outputs: ArrayView2<'_, f32>,
        labels: ArrayView2<'_, f32>,
        mut gradient: ArrayViewMut2<'_, f32>,
    ) -> f64 {
        let batch = outputs.nrows() as f32;
        let mut loss = 0.0;
        for ((slot, x), y) in gradient.iter_mut().zip(outputs).zip(labels) {
            let p = sigmoid(*x);
            *slot = (p - y) / batch;
            loss -= libm::log(f64::from(if *y == 1.0 { p } else { 1.0 - p }).max(f64::MIN_POSITIVE));
        }
        loss / f64::from(batch)
    }
}

type Classifier = Sequential<f32, ()>;

/// The share of strings that are told right.
fn accuracy(classifier: &mut Classifier, (strings, labels): &(Array2<u16>, Array2<f32>)) -> f64 {
    let outputs = classifier.predict(strings).expect("indices of the alphabet");
    let right = outputs.iter().zip(labels).filter(|(x, y)| (**x > 0.0) == (**y == 1.0)).count();
    right as f64 / labels.len() as f64
}

/// Trains on new strings of `length` characters at every step; `report` sees the classifier before each.
fn train(
    units: usize,
    length: usize,
    steps: u64,
    mut report: impl FnMut(u64, &mut Classifier),
) -> Result<Classifier, Box<dyn Error>> {
    let mut classifier = Sequential::new(Inputs::Indices(ALPHABET.len()))
        .push(Lstm::new(units))
        .push(Dense::new(1))
        .build(&Initialisation::keras_2(), 0)?;
    let mut adam = Adam::new(AdamSettings::default(), &classifier)?;
    let learning_rate = LearningRate::new(&Schedule::Cosine(CosineDecay { learning_rate: 0.01, floor: 0.0, steps }))?;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for step in 0..steps {
        report(step, &mut classifier);
        let (batch, labels) = strings(&mut rng, 32, length);
        classifier.forward_backward(&batch, labels.view(), LogisticLoss)?;
        adam.step(&mut classifier, learning_rate.at(step))?;
    }
    Ok(classifier)
}

fn majority(labels: &Array2<f32>) -> f64 {
    let share = f64::from(labels.sum()) / labels.len() as f64;
    share.max(1.0 - share)
}

fn show(string: &[u16]) -> String {
    string.iter().filter_map(|&character| ALPHABET.chars().nth(character.into())).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let test = strings(&mut rng, 2000, 20);
    let longer = strings(&mut rng, 2000, 40);
    println!("Is it balanced? Some of the 2,000 test strings:");
    for (string, label) in test.0.rows().into_iter().zip(&test.1).take(4) {
        println!("  {}  {}", show(&string.to_vec()), if *label == 1.0 { "yes" } else { "no" });
    }
    println!("\nAlways the more frequent answer: {:.1} % right", 100.0 * majority(&test.1));
    let mut classifier = train(32, 20, 3000, |step, classifier| {
        if step % 500 == 0 {
            println!("LSTM(32) after {step:4} steps:      {:.1} % right", 100.0 * accuracy(classifier, &test));
        }
    })?;
    println!("LSTM(32) after training:        {:.1} % right", 100.0 * accuracy(&mut classifier, &test));
    println!("  on strings twice as long:     {:.1} % right", 100.0 * accuracy(&mut classifier, &longer));
    println!("\nweights: {}, the same on every machine", classifier.weights_blake3());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn characters(text: &str) -> Vec<u16> {
        text.chars().map(|c| ALPHABET.find(c).unwrap() as u16).collect()
    }

    #[test]
    fn strings_are_what_their_labels_say() {
        for (text, expected) in
            [("([])()", true), ("", true), ("([)]()", false), ("((", false), (")(", false), ("(]", false)]
        {
            assert_eq!(balances(&characters(text)), expected, "{text}");
        }
        let (strings, labels) = strings(&mut ChaCha8Rng::seed_from_u64(7), 300, 12);
        for (string, label) in strings.rows().into_iter().zip(&labels) {
            assert_eq!(balances(&string.to_vec()), *label == 1.0);
            for opening in [0, 2] {
                let count = |character| string.iter().filter(|x| **x == character).count();
                assert_eq!(count(opening), count(opening + 1), "counting must tell nothing");
            }
        }
        assert!(majority(&labels) < 0.6);
    }

    #[test]
    fn short_strings_are_learnt_and_the_weights_are_the_pinned_ones() {
        let mut classifier = train(16, 8, 300, |_, _| {}).unwrap();
        let test = strings(&mut ChaCha8Rng::seed_from_u64(9), 500, 8);
        let accuracy = accuracy(&mut classifier, &test);
        assert!(accuracy > 0.8, "{accuracy}");
        assert_eq!(classifier.weights_blake3(), "001b1a4a6e1c71ffe9f69595cae4efd9f5f302584ffc7d2bde86bb1ec0af0d6e");
    }
}
