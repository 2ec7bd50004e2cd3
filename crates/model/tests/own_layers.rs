//! Networks of layers pushed one by one: what they are fed with, states, lengths, dropout.

use flameout_cells::gradient_check::{compare, differences};
use flameout_cells::{Bidirectional, Dense, Dropout, Gru, Initialisation, Inputs, Lstm, Reset};
use flameout_model::{Architecture, Examples, Flavour, LossKind, Sequential};
use flameout_optim::{Adam, AdamSettings, Optimizer};
use ndarray::{Array2, Array3, Axis, concatenate, s};

type Network<T> = Sequential<T, ()>;

fn features(batch: usize, time: usize) -> Array3<f64> {
    Array3::from_shape_fn((batch, time, 3), |(b, t, f)| ((b * 37 + t * 11 + f * 5) % 17) as f64 / 8.0 - 1.0)
}

fn targets(batch: usize) -> Array2<f64> {
    Array2::from_shape_fn((batch, 2), |(b, o)| ((b * 7 + o * 3) % 5) as f64 / 5.0 - 0.4)
}

/// Two recurrent layers under a dense one.
fn stacked() -> Network<f64> {
    let network =
        Sequential::new(Inputs::Features(3)).push(Lstm::new(5)).push(Gru::new(4, Reset::After)).push(Dense::new(2));
    network.build(&Initialisation::pytorch(), 7).unwrap()
}

#[test]
fn a_description_and_layers_pushed_give_the_same_bits() {
    let mut described = Sequential::<f32>::of(Architecture::lstm_single(6, 9, 4, Flavour::Keras3));
    described.initialise(&Initialisation::keras_2(), 5);
    let layers = Sequential::<f32, ()>::new(Inputs::Indices(6)).push(Lstm::new(9)).push(Dense::new(4));
    let mut pushed = layers.build(&Initialisation::keras_2(), 5).unwrap();
    assert_eq!(pushed.weights_blake3(), described.weights_blake3());
    let words = Array2::from_shape_fn((40, 7), |(b, t)| ((b * 5 + t * 3) % 6) as u16);
    assert_eq!(pushed.predict(&words).unwrap(), described.predict(&words).unwrap());
}

#[test]
fn what_does_not_fit_is_an_error_that_says_what() {
    let y = targets(2);
    let mut network = stacked();
    let message = |result: Result<f64, flameout_model::Error>| result.unwrap_err().to_string();
    let wide = Array3::zeros((2, 4, 5));
    assert!(message(network.forward_backward(&wide, y.view(), LossKind::Mse)).contains("5 features"));
    let none = Array3::zeros((2, 0, 3));
    assert!(message(network.forward_backward(&none, y.view(), LossKind::Mse)).contains("0 time steps"));
    let words = Array2::<u16>::zeros((2, 4));
    assert!(message(network.forward_backward(&words, y.view(), LossKind::Mse)).contains("indices"));
    let few = targets(1);
    assert!(message(network.forward_backward(&features(2, 4), few.view(), LossKind::Mse)).contains("(1, 2)"));
    let x = features(2, 4);
    for lengths in [&[4][..], &[0, 4], &[5, 1]] {
        let examples = Examples::from(&x).with_lengths(lengths);
        assert!(message(network.forward_backward(examples, y.view(), LossKind::Mse)).contains("length"), "{lengths:?}");
    }

    let mut reader = Sequential::<f64>::of(Architecture::lstm_single(6, 3, 2, Flavour::Keras1));
    let outside = ndarray::array![[0_u16, 1], [5, 6]];
    assert!(message(reader.forward_backward(&outside, y.view(), LossKind::Mse)).contains("index 6 in row 1, step 1"));
    assert!(reader.predict(&outside).is_err() && reader.forward(&outside).is_err());

    let mut steps =
        Sequential::new(Inputs::Features(3)).push(Dense::new(2)).build(&Initialisation::keras_2(), 0).unwrap();
    assert!(message(steps.forward_backward(&features(2, 4), y.view(), LossKind::Mse)).contains("4 time steps"));
    assert!(steps.forward_backward(&features(2, 1), y.view(), LossKind::Mse).is_ok());
    let build =
        |network: flameout_model::Builder<f64>| network.build(&Initialisation::keras_2(), 0).unwrap_err().to_string();
    assert!(build(Sequential::new(Inputs::Features(3))).contains("no layer"));
    assert!(build(Sequential::new(Inputs::Features(3)).push(Dense::new(0))).contains("layer 0 has no units"));
    assert!(build(Sequential::new(Inputs::Indices(70_000)).push(Dense::new(1))).contains("70000"));
}

#[test]
fn changed_parameters_are_never_forgotten() {
    let mut network = stacked();
    let x = features(2, 4);
    let before = network.forward(&x).unwrap().to_owned();
    network.parameters_mut().fill(0.0);
    assert!(network.forward(&x).unwrap().iter().all(|y| *y == 0.0));
    network.initialise(&Initialisation::pytorch(), 7);
    assert_eq!(network.forward(&x).unwrap(), before);
}

#[test]
fn a_sequence_cut_in_two_has_the_bits_of_the_whole() {
    let mut network = stacked();
    let x = features(3, 9);
    let whole = network.forward(&x).unwrap().to_owned();
    let end = network.final_state().unwrap();
    network.forward(x.slice(s![.., ..4, ..])).unwrap();
    let state = network.final_state().unwrap();

    // In another network of the same make, as after a restart.
    let mut later = stacked();
    later.set_initial_state(Some(&state)).unwrap();
    assert_eq!(later.predict(x.slice(s![.., 4.., ..])).unwrap(), whole);
    assert_eq!(later.final_state().unwrap(), end);
    assert!(later.forward(&features(2, 4)).unwrap_err().to_string().contains("initial state has 3"));
    later.set_initial_state(None).unwrap();
    assert_eq!(later.forward(&x).unwrap(), whole);

    let foreign = Sequential::new(Inputs::Features(3)).push(Lstm::new(2)).push(Dense::new(2));
    let mut foreign: Network<f64> = foreign.build(&Initialisation::pytorch(), 7).unwrap();
    assert!(foreign.set_initial_state(Some(&state)).is_err());
    assert!(foreign.final_state().is_err(), "there has been no forward pass");
    let both = Bidirectional::new(Lstm::new(2), Lstm::new(2));
    let whole = Sequential::new(Inputs::Features(3)).push(both).push(Dense::new(2));
    let mut whole: Network<f64> = whole.build(&Initialisation::pytorch(), 7).unwrap();
    whole.forward(&x).unwrap();
    assert!(whole.final_state().unwrap_err().to_string().contains("layer 0"));
}

/// Compares the gradients of all parameters with differences.
fn check(network: &mut Network<f64>, x: Examples<'_, f64>, y: &Array2<f64>) {
    let pass = network.passes();
    network.forward_backward(x, y.view(), LossKind::Mse).unwrap();
    let gradients = network.gradients().to_vec();
    let at = network.parameters().to_vec();
    let numeric = differences(&at, |parameters| {
        network.parameters_mut().copy_from_slice(parameters);
        network.set_passes(pass);
        network.forward_backward(x, y.view(), LossKind::Mse).unwrap()
    });
    network.parameters_mut().copy_from_slice(&at);
    for tensor in network.tensors() {
        compare(&tensor.name, &gradients[tensor.range()], &numeric[tensor.range()]).unwrap();
    }
}

#[test]
fn sequences_of_different_lengths_are_each_what_they_are_alone() {
    let (x, y, lengths) = (features(3, 6), targets(3), [6, 1, 3]);
    let both = Bidirectional::new(Gru::new(3, Reset::Before), Gru::new(3, Reset::Before));
    let deep =
        Sequential::new(Inputs::Features(3)).push(both).push(Dense::new(4)).push(Lstm::new(3)).push(Dense::new(2));
    for mut network in [stacked(), deep.build(&Initialisation::pytorch(), 3).unwrap()] {
        let examples = Examples::from(&x).with_lengths(&lengths);
        let together = network.predict(examples).unwrap();
        let alone = lengths
            .iter()
            .enumerate()
            .map(|(row, &length)| network.forward(x.slice(s![row..=row, ..length, ..])).unwrap().to_owned());
        let alone: Vec<_> = alone.collect();
        let views: Vec<_> = alone.iter().map(|row| row.view()).collect();
        assert_eq!(together, concatenate(Axis(0), &views).unwrap());
        check(&mut network, examples, &y);

        let mut padded_otherwise = x.clone();
        padded_otherwise.slice_mut(s![2, 3.., ..]).fill(100.0);
        let again = network.predict(Examples::from(&padded_otherwise).with_lengths(&lengths)).unwrap();
        assert_eq!(again, together, "padding has no effect");
    }
}

fn with_dropout() -> Network<f64> {
    let layers =
        Sequential::new(Inputs::Features(3)).push(Dropout::new(0.2)).push(Lstm::new(5)).push(Dropout::new(0.5));
    layers.push(Dense::new(2)).build(&Initialisation::pytorch(), 11).unwrap()
}

#[test]
fn dropout_acts_in_training_alone_and_its_gradients_agree_with_differences() {
    let (x, y) = (features(4, 5), targets(4));
    let mut network = with_dropout();
    let prediction = network.forward(&x).unwrap().to_owned();
    assert_eq!(network.forward(&x).unwrap(), prediction);
    let first = network.forward_backward(&x, y.view(), LossKind::Mse).unwrap();
    assert_ne!(first, network.forward_backward(&x, y.view(), LossKind::Mse).unwrap(), "another pass, another choice");
    network.set_passes(0);
    assert_eq!(first, network.forward_backward(&x, y.view(), LossKind::Mse).unwrap(), "the same pass, the same choice");
    check(&mut network, (&x).into(), &y);
}

#[test]
fn a_training_with_dropout_that_is_taken_up_again_ends_with_the_same_bits() {
    let (x, y) = (features(4, 5), targets(4));
    let train = |network: &mut Network<f64>, adam: &mut Adam<f64>, steps: u64| {
        for _ in 0..steps {
            network.forward_backward(&x, y.view(), LossKind::Mse).unwrap();
            adam.step(network, 0.01).unwrap();
        }
    };
    let mut whole = with_dropout();
    let mut adam = Adam::new(AdamSettings::default(), &whole).unwrap();
    train(&mut whole, &mut adam, 3);
    let mut resumed = with_dropout();
    resumed.parameters_mut().copy_from_slice(whole.parameters());
    resumed.set_passes(whole.passes());
    let mut resumed_adam = adam.clone();
    train(&mut whole, &mut adam, 4);
    train(&mut resumed, &mut resumed_adam, 4);
    assert_eq!(resumed.weights_blake3(), whole.weights_blake3());
}
