//! A sequence classifier from the pieces: does a string of brackets balance?
//!
//! `([])()` does; `([)]()` does not, though it has the same characters. An LSTM reads a string character by character, one
//! linear output with the logistic function gives the probability that it balances, and the loss is the cross-entropy.
//! `cargo run --release --example brackets`
//!
//! Half of the strings are balanced ones with two characters exchanged, so that counting brackets tells nothing.

use flameout_cells::{Dense, Initialisation, Input, Inputs, Layer, Lstm, Sequence};
use flameout_kernels::Real;
use flameout_kernels::elementary::sigmoid;
use flameout_optim::{CosineDecay, LearningRate, Optimizer, OptimizerSettings, Schedule};
use ndarray::Array2;
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

/// Random strings `(count, length)`, and whether each balances: every other one, on average.
fn strings(rng: &mut ChaCha8Rng, count: usize, length: usize) -> (Array2<u16>, Vec<bool>) {
    let (mut indices, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let mut string = balanced(rng, length);
        let keep = below(rng, 2) == 0;
        if !keep {
            unbalance(rng, &mut string);
        }
        indices.extend(string);
        labels.push(keep);
    }
    (Array2::from_shape_vec((count, length), indices).expect("strings of one length"), labels)
}

/// An LSTM and one output over one flat buffer of parameters.
struct Classifier {
    lstm: Lstm<f32>,
    output: Dense<f32>,
    parameters: Vec<f32>,
    gradients: Vec<f32>,
}

impl Classifier {
    fn new(units: usize, seed: u64) -> Self {
        let lstm = Lstm::new(Inputs::Indices(ALPHABET.len()), units);
        let output = Dense::new(Inputs::Features(units), 1);
        let count = lstm.parameter_count() + output.parameter_count();
        let mut parameters = vec![0.0; count];
        let (of_lstm, of_output) = parameters.split_at_mut(lstm.parameter_count());
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        lstm.initialise(&Initialisation::keras_2(), of_lstm, &mut rng);
        output.initialise(&Initialisation::keras_2(), of_output, &mut rng);
        Self { lstm, output, parameters, gradients: vec![0.0; count] }
    }

    /// For each string the probability that it balances.
    fn probabilities(&mut self, strings: &Array2<u16>) -> Vec<f32> {
        let (of_lstm, of_output) = self.parameters.split_at(self.lstm.parameter_count());
        self.lstm.load(of_lstm);
        self.output.load(of_output);
        self.lstm.forward(Input::Indices(strings.view()));
        self.output.forward(Input::Sequence(self.lstm.output()));
        self.output.output().as_slice().iter().map(|x| sigmoid(*x)).collect()
    }

    /// The gradient of the mean cross-entropy: for the argument of the logistic function it is p − y.
    fn backward(&mut self, strings: &Array2<u16>, probabilities: &[f32], labels: &[bool]) {
        let batch = labels.len();
        let mut of_output = Sequence::filled(batch, 1, 1, 0.0);
        for ((slot, p), label) in of_output.rows_mut().iter_mut().zip(probabilities).zip(labels) {
            *slot = (p - f32::from(u8::from(*label))) / batch as f32;
        }
        let mut of_states = Sequence::filled(batch, 1, self.lstm.output().dim().2, 0.0);
        let (lstm_gradients, output_gradients) = self.gradients.split_at_mut(self.lstm.parameter_count());
        self.output.backward(Input::Sequence(self.lstm.output()), &of_output, output_gradients, Some(&mut of_states));
        self.lstm.backward(Input::Indices(strings.view()), &of_states, lstm_gradients, None);
    }

    /// The share of strings that are told right.
    fn accuracy(&mut self, (strings, labels): &(Array2<u16>, Vec<bool>)) -> f64 {
        let right = self.probabilities(strings).iter().zip(labels).filter(|(p, label)| (**p > 0.5) == **label).count();
        right as f64 / labels.len() as f64
    }

    /// The same number, the same weights to the bit (FNV-1a of their bytes).
    fn hash(&self) -> u64 {
        let mut bytes = Vec::new();
        self.parameters.iter().for_each(|x| x.extend_le_bytes(&mut bytes));
        bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3))
    }
}

/// Trains on new strings of `length` characters at every step; `report` sees the classifier before each.
fn train(units: usize, length: usize, steps: u64, mut report: impl FnMut(u64, &mut Classifier)) -> Classifier {
    let mut classifier = Classifier::new(units, 0);
    let mut optimizer = Optimizer::new(OptimizerSettings::default(), classifier.parameters.len()).expect("valid");
    let schedule = Schedule::Cosine(CosineDecay { learning_rate: 0.01, floor: 0.0, steps });
    let learning_rate = LearningRate::new(&schedule).expect("valid");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for step in 0..steps {
        report(step, &mut classifier);
        let (batch, labels) = strings(&mut rng, 32, length);
        let probabilities = classifier.probabilities(&batch);
        classifier.backward(&batch, &probabilities, &labels);
        let Classifier { parameters, gradients, .. } = &mut classifier;
        optimizer.step(parameters, gradients, learning_rate.at(step)).expect("lengths agree");
    }
    classifier
}

fn majority(labels: &[bool]) -> f64 {
    let share = labels.iter().filter(|label| **label).count() as f64 / labels.len() as f64;
    share.max(1.0 - share)
}

fn show(string: &[u16]) -> String {
    string.iter().filter_map(|&character| ALPHABET.chars().nth(character.into())).collect()
}

fn main() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let test = strings(&mut rng, 2000, 20);
    let longer = strings(&mut rng, 2000, 40);
    println!("Is it balanced? Some of the 2,000 test strings:");
    for (string, label) in test.0.rows().into_iter().zip(&test.1).take(4) {
        println!("  {}  {}", show(&string.to_vec()), if *label { "yes" } else { "no" });
    }
    println!("\nAlways the more frequent answer: {:.1} % right", 100.0 * majority(&test.1));
    let mut classifier = train(32, 20, 3000, |step, classifier| {
        if step % 500 == 0 {
            println!("LSTM(32) after {step:4} steps:      {:.1} % right", 100.0 * classifier.accuracy(&test));
        }
    });
    println!("LSTM(32) after training:        {:.1} % right", 100.0 * classifier.accuracy(&test));
    println!("  on strings twice as long:     {:.1} % right", 100.0 * classifier.accuracy(&longer));
    println!("\nweights: {:016x}, the same on every machine", classifier.hash());
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
            assert_eq!(balances(&string.to_vec()), *label);
            for opening in [0, 2] {
                let count = |character| string.iter().filter(|x| **x == character).count();
                assert_eq!(count(opening), count(opening + 1), "counting must tell nothing");
            }
        }
        assert!(majority(&labels) < 0.6);
    }

    #[test]
    fn short_strings_are_learnt_and_the_weights_are_the_pinned_ones() {
        let mut classifier = train(16, 8, 300, |_, _| {});
        let test = strings(&mut ChaCha8Rng::seed_from_u64(9), 500, 8);
        let accuracy = classifier.accuracy(&test);
        assert!(accuracy > 0.8, "{accuracy}");
        assert_eq!(format!("{:016x}", classifier.hash()), "1a85ca95938d8d02");
    }
}
