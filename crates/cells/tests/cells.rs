//! Every cell against its definition and against finite differences: several lengths, batch sizes, activations, input
//! kinds, and both ways of returning states.

mod common;

use common::{Cell, Kind, Noise, naive, one_hot, relative_error};
use flameout_cells::gradient_check::check_layer;
use flameout_cells::{
    Activation, Bidirectional, Dense, Dropout, Gru, Input, Inputs, Layer, Lstm, Pass, Reset, Sequence,
};
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, s};

const UNITS: usize = 5;
const ALPHABET: usize = 6;
const LENGTHS: [usize; 4] = [1, 2, 7, 19];
const BATCHES: [usize; 2] = [1, 3];
const KINDS: [Kind; 3] = [Kind::Lstm, Kind::Gru(Reset::Before), Kind::Gru(Reset::After)];
const ACTIVATIONS: [Activation; 6] = [
    Activation::Linear,
    Activation::Sigmoid,
    Activation::HardSigmoid,
    Activation::HardSigmoidSixth,
    Activation::Tanh,
    Activation::Relu,
];

fn layer(cell: Cell, inputs: Inputs, every_step: bool) -> Box<dyn Layer<f64>> {
    let mut layer: Box<dyn Layer<f64>> = match cell.kind {
        Kind::Lstm => Box::new(
            Lstm::new(UNITS)
                .activation(cell.activation)
                .gate_activation(cell.gate_activation)
                .return_sequences(every_step),
        ),
        Kind::Gru(reset) => Box::new(
            Gru::new(UNITS, reset)
                .activation(cell.activation)
                .gate_activation(cell.gate_activation)
                .return_sequences(every_step),
        ),
    };
    layer.set_inputs(inputs);
    layer
}

fn random_indices(batch: usize, time: usize, noise: &mut Noise) -> Array2<u16> {
    Array2::from_shape_fn((batch, time), |_| ((noise.next() + 1.0) * ALPHABET as f64 / 2.0) as u16)
}

/// Both kinds of input, and both ways of returning, for one cell, length and batch size.
fn check(cell: Cell, time: usize, batch: usize) {
    let mut noise = Noise::new((time * 100 + batch) as u64);
    let indices = random_indices(batch, time, &mut noise);
    let features = noise.sequence(batch, time, ALPHABET);
    for every_step in [false, true] {
        let input = Input::indices(indices.view());
        check_input(cell, Inputs::Indices(ALPHABET), input, &one_hot(&indices, ALPHABET), every_step, &mut noise);
        let input = Input::sequence(&features);
        let dense = features.view().as_standard_layout().into_owned();
        check_input(cell, Inputs::Features(ALPHABET), input, &dense, every_step, &mut noise);
    }
}

fn check_input(
    cell: Cell,
    inputs: Inputs,
    input: Input<'_, f64>,
    dense: &Array3<f64>,
    every_step: bool,
    noise: &mut Noise,
) {
    let (batch, time) = input.batch_and_time();
    let context = format!("{cell:?} {inputs:?} T={time} B={batch} every step: {every_step}");
    let mut layer = layer(cell, inputs, every_step);
    let parameters = noise.vector(layer.parameter_count(), 0.6);

    layer.load(&parameters);
    layer.forward(input);
    let (hidden, _) = naive(cell, ALPHABET, UNITS, &parameters, dense);
    let expected = if every_step { hidden } else { hidden.slice(s![.., time - 1..time, ..]).to_owned() };
    let expected = Sequence::from_array(expected.view());
    let error = relative_error(layer.output().as_slice(), expected.as_slice());
    assert!(error < 1e-13, "{context}: outputs differ by {error:e}");

    check_layer(layer.as_mut(), &parameters, input).unwrap_or_else(|mismatch| panic!("{context}: {mismatch}"));
}

#[test]
fn every_length_and_batch_size() {
    for kind in KINDS {
        for gate_activation in [Activation::Sigmoid, Activation::HardSigmoid] {
            for time in LENGTHS {
                for batch in BATCHES {
                    check(Cell { kind, activation: Activation::Tanh, gate_activation }, time, batch);
                }
            }
        }
    }
}

#[test]
fn every_pair_of_activations() {
    for kind in KINDS {
        for activation in ACTIVATIONS {
            for gate_activation in ACTIVATIONS {
                check(Cell { kind, activation, gate_activation }, 2, 2);
            }
        }
    }
}

#[test]
fn final_states() {
    for (kind, time) in KINDS.into_iter().flat_map(|kind| LENGTHS.map(|time| (kind, time))) {
        let mut noise = Noise::new(time as u64);
        let features = noise.sequence(3, time, ALPHABET);
        let dense = features.view().as_standard_layout().into_owned();
        let cell = Cell { kind, activation: Activation::Tanh, gate_activation: Activation::Sigmoid };
        let mut layer = layer(cell, Inputs::Features(ALPHABET), false);
        let parameters = noise.vector(layer.parameter_count(), 0.6);
        layer.load(&parameters);
        layer.forward(Input::sequence(&features));
        let (hidden, last_cell) = naive(cell, ALPHABET, UNITS, &parameters, &dense);
        let state = layer.final_state();
        approx::assert_relative_eq!(
            state[0].to_owned(),
            hidden.slice(s![.., time - 1, ..]).to_owned(),
            epsilon = 1e-13
        );
        if kind == Kind::Lstm {
            approx::assert_relative_eq!(state[1].to_owned(), last_cell, epsilon = 1e-13);
        }
    }
}

fn owned(state: Vec<ArrayView2<'_, f64>>) -> Vec<Array2<f64>> {
    state.iter().map(ArrayView2::to_owned).collect()
}

#[test]
fn a_sequence_cut_in_two_has_the_bits_of_the_whole() {
    for kind in KINDS {
        let cell = Cell { kind, activation: Activation::Tanh, gate_activation: Activation::HardSigmoid };
        let mut noise = Noise::new(8);
        let words = random_indices(9, 12, &mut noise);
        let mut layer = layer(cell, Inputs::Indices(ALPHABET), true);
        let parameters = noise.vector(layer.parameter_count(), 0.6);
        layer.load(&parameters);
        layer.forward(Input::indices(words.view()));
        let (whole, end) = (layer.output().view().to_owned(), owned(layer.final_state()));
        let (first, second) = words.view().split_at(Axis(1), 5);
        layer.forward(Input::indices(first));
        assert_eq!(layer.output().view(), whole.slice(s![.., ..5, ..]));
        let state = owned(layer.final_state());
        layer.set_initial_state(Some(&state));
        layer.forward(Input::indices(second));
        assert_eq!(layer.output().view(), whole.slice(s![.., 5.., ..]), "{kind:?}");
        assert_eq!(owned(layer.final_state()), end);
        layer.set_initial_state(None);
        layer.forward(Input::indices(words.view()));
        assert_eq!(layer.output().view(), whole, "{kind:?} from zero again");
    }
}

#[test]
fn gradients_from_an_initial_state_agree_with_differences() {
    for (kind, every_step) in KINDS.into_iter().flat_map(|kind| [false, true].map(|every_step| (kind, every_step))) {
        for time in [1, 4] {
            let cell = Cell { kind, activation: Activation::Tanh, gate_activation: Activation::Sigmoid };
            let mut noise = Noise::new(21);
            let mut layer = layer(cell, Inputs::Features(ALPHABET), every_step);
            let parameters = noise.vector(layer.parameter_count(), 0.6);
            let states = if kind == Kind::Lstm { 2 } else { 1 };
            let state: Vec<_> = (0..states).map(|_| noise.sequence(3, 1, UNITS).step(0).to_owned()).collect();
            layer.set_initial_state(Some(&state));
            check_layer(layer.as_mut(), &parameters, Input::sequence(&noise.sequence(3, time, ALPHABET)))
                .unwrap_or_else(|mismatch| panic!("{kind:?} {every_step} {time}: {mismatch}"));
        }
    }
}

/// Of a batch: 9 steps, 1, 4.
const UNEQUAL: [usize; 3] = [9, 1, 4];

/// Every kind of layer that reads sequences.
fn readers(inputs: Inputs, every_step: bool) -> Vec<Box<dyn Layer<f64>>> {
    let cell = |kind| Cell { kind, activation: Activation::Tanh, gate_activation: Activation::Sigmoid };
    let mut readers: Vec<_> = KINDS.map(|kind| layer(cell(kind), inputs, every_step)).into();
    let lstm = || directed(inputs, every_step);
    readers.push(Box::new(Bidirectional::new(lstm(), lstm()).with_inputs(inputs)));
    readers
}

#[test]
fn what_follows_a_sequence_of_its_own_length_changes_nothing() {
    for every_step in [false, true] {
        for mut layer in readers(Inputs::Indices(ALPHABET), every_step) {
            let mut noise = Noise::new(31);
            let words = random_indices(3, 9, &mut noise);
            let parameters = noise.vector(layer.parameter_count(), 0.6);
            layer.load(&parameters);
            layer.forward(Input::indices(words.view()).with_lengths(Some(&UNEQUAL)));
            let together = layer.output().view().to_owned();
            for (row, length) in UNEQUAL.into_iter().enumerate() {
                layer.forward(Input::indices(words.slice(s![row..=row, ..length])));
                let steps = layer.output().dim().1;
                assert_eq!(layer.output().view(), together.slice(s![row..=row, ..steps, ..]), "{layer:?}");
            }
        }
    }
}

#[test]
fn gradients_of_sequences_of_different_lengths_agree_with_differences() {
    for every_step in [false, true] {
        for mut layer in readers(Inputs::Features(ALPHABET), every_step) {
            let mut noise = Noise::new(33);
            let features = noise.sequence(3, 9, ALPHABET);
            let parameters = noise.vector(layer.parameter_count(), 0.6);
            let input = Input::sequence(&features).with_lengths(Some(&UNEQUAL));
            check_layer(layer.as_mut(), &parameters, input).unwrap_or_else(|mismatch| panic!("{layer:?}: {mismatch}"));
        }
    }
}

#[test]
fn dense_layers() {
    let mut noise = Noise::new(4);
    for (activation, time) in ACTIVATIONS.into_iter().flat_map(|activation| LENGTHS.map(|time| (activation, time))) {
        let features = noise.sequence(3, time, ALPHABET);
        let mut layer = Dense::new(UNITS).activation(activation).with_inputs(Inputs::Features(ALPHABET));
        let parameters = noise.vector(layer.parameter_count(), 0.9);
        layer.load(&parameters);
        layer.forward(Input::sequence(&features));
        let (kernel, bias) = (layer.tensors()[0].view(&parameters), layer.tensors()[1].view(&parameters));
        for (b, t) in (0..3).flat_map(|b| (0..time).map(move |t| (b, t))) {
            let x: Array1<f64> = features.view().slice(s![b, t, ..]).to_owned();
            let expected = (x.dot(&kernel) + bias.row(0)).mapv(|x| common::activate(activation, x));
            let got = layer.output().view().slice(s![b, t, ..]).to_owned();
            approx::assert_relative_eq!(got, expected, epsilon = 1e-13);
        }
        check_layer(&mut layer, &parameters, Input::sequence(&features))
            .unwrap_or_else(|mismatch| panic!("dense {activation:?}: {mismatch}"));
    }
}

#[test]
fn single_precision_agrees_with_double() {
    for kind in KINDS {
        let cell = Cell { kind, activation: Activation::Tanh, gate_activation: Activation::HardSigmoid };
        let mut noise = Noise::new(9);
        let mut double = layer(cell, Inputs::Indices(ALPHABET), false);
        let mut single: Box<dyn Layer<f32>> = match kind {
            Kind::Lstm => Box::new(Lstm::new(UNITS).gate_activation(cell.gate_activation)),
            Kind::Gru(reset) => Box::new(Gru::new(UNITS, reset).gate_activation(cell.gate_activation)),
        };
        single.set_inputs(Inputs::Indices(ALPHABET));
        let parameters = noise.vector(double.parameter_count(), 0.6);
        let parameters_single: Vec<f32> = parameters.iter().map(|&x| x as f32).collect();
        double.load(&parameters);
        single.load(&parameters_single);
        let indices = random_indices(4, 19, &mut noise);
        double.forward(Input::indices(indices.view()));
        single.forward(Input::indices(indices.view()));
        let widened: Vec<f64> = single.output().as_slice().iter().map(|&x| f64::from(x)).collect();
        assert!(relative_error(&widened, double.output().as_slice()) < 1e-5);

        let mut gradients = vec![0.0; parameters.len()];
        let mut gradients_single = vec![0.0; parameters.len()];
        double.backward(Input::indices(indices.view()), &Sequence::filled(4, 1, UNITS, 1.0), &mut gradients, None);
        let ones = Sequence::filled(4, 1, UNITS, 1.0);
        single.backward(Input::indices(indices.view()), &ones, &mut gradients_single, None);
        let widened: Vec<f64> = gradients_single.iter().map(|&x| f64::from(x)).collect();
        assert!(relative_error(&widened, &gradients) < 1e-5);
    }
}

#[test]
fn indices_and_one_hot_vectors_give_the_same_bits() {
    for kind in KINDS {
        let cell = Cell { kind, activation: Activation::Tanh, gate_activation: Activation::Sigmoid };
        let mut noise = Noise::new(2);
        let indices = random_indices(3, 7, &mut noise);
        let dense = Sequence::from_array(one_hot(&indices, ALPHABET).view());
        let mut by_index = layer(cell, Inputs::Indices(ALPHABET), true);
        let mut by_vector = layer(cell, Inputs::Features(ALPHABET), true);
        let parameters = noise.vector(by_index.parameter_count(), 0.6);
        by_index.load(&parameters);
        by_vector.load(&parameters);
        by_index.forward(Input::indices(indices.view()));
        by_vector.forward(Input::sequence(&dense));
        assert_eq!(by_index.output(), by_vector.output());
    }
}

#[test]
fn a_smaller_batch_after_a_larger_one_computes_the_same() {
    for kind in KINDS {
        let cell = Cell { kind, activation: Activation::Tanh, gate_activation: Activation::Sigmoid };
        let mut noise = Noise::new(5);
        let large = random_indices(9, 19, &mut noise);
        let small = random_indices(2, 7, &mut noise);
        let ones = Sequence::filled(2, 1, UNITS, 1.0);
        let mut used = layer(cell, Inputs::Indices(ALPHABET), false);
        let mut fresh = layer(cell, Inputs::Indices(ALPHABET), false);
        let parameters = noise.vector(used.parameter_count(), 0.6);
        let run = |layer: &mut Box<dyn Layer<f64>>| {
            layer.forward(Input::indices(small.view()));
            let mut gradients = vec![0.0; parameters.len()];
            layer.backward(Input::indices(small.view()), &ones, &mut gradients, None);
            (layer.output().clone(), gradients)
        };
        used.load(&parameters);
        fresh.load(&parameters);
        used.forward(Input::indices(large.view()));
        used.backward(
            Input::indices(large.view()),
            &Sequence::filled(9, 1, UNITS, 1.0),
            &mut vec![0.0; parameters.len()],
            None,
        );
        assert_eq!(run(&mut used), run(&mut fresh));
    }
}

/// Sequences 0 and 1 share two steps, 2 shares one with them, 3 none.
#[test]
fn steps_with_shared_beginnings_give_the_same_bits() {
    let words = ndarray::array![[1_u16, 2, 3, 0], [1, 2, 5, 4], [1, 3, 3, 3], [0, 2, 3, 1]];
    let steps: [(&[u16], Option<&[usize]>); 4] = [
        (&[1, 0], None),
        (&[2, 3, 2], Some(&[0, 0, 1])),
        (&[3, 5, 3, 3], Some(&[0, 0, 1, 2])),
        (&[0, 4, 3, 1], Some(&[0, 1, 2, 3])),
    ];
    for kind in KINDS {
        let cell = Cell { kind, activation: Activation::Tanh, gate_activation: Activation::HardSigmoid };
        let mut layer = layer(cell, Inputs::Indices(ALPHABET), false);
        let parameters = Noise::new(3).vector(layer.parameter_count(), 0.6);
        layer.load(&parameters);
        layer.forward(Input::indices(words.view()));
        let expected = layer.output().clone();
        for (indices, parents) in steps {
            let indices = Array2::from_shape_vec((indices.len(), 1), indices.to_vec()).unwrap();
            layer.as_step_layer_mut().unwrap().step(Input::indices(indices.view()), parents);
        }
        assert_eq!(*layer.as_step_layer().unwrap().step_output(), expected, "{kind:?}");
    }
}

#[test]
#[should_panic(expected = "backward needs a forward pass")]
fn backward_twice_is_refused() {
    let mut lstm = Lstm::<f64>::new(2).with_inputs(Inputs::Indices(3));
    let parameters = vec![0.1; lstm.parameter_count()];
    let indices = Array2::zeros((1, 2));
    let ones = Sequence::filled(1, 1, 2, 1.0);
    let mut gradients = parameters.clone();
    lstm.load(&parameters);
    lstm.forward(Input::indices(indices.view()));
    lstm.backward(Input::indices(indices.view()), &ones, &mut gradients, None);
    lstm.backward(Input::indices(indices.view()), &ones, &mut gradients, None);
}

fn directed(inputs: Inputs, every_step: bool) -> Lstm<f64> {
    Lstm::new(UNITS).return_sequences(every_step).with_inputs(inputs)
}

#[test]
fn each_direction_is_what_a_layer_of_its_own_computes() {
    let words = ndarray::array![[0_u16, 2, 1, 1], [0, 1, 2, 0], [2, 2, 2, 1]];
    let backwards = words.slice(s![.., ..;-1]).to_owned();
    for every_step in [false, true] {
        let alone = |part: &[f64], words: &Array2<u16>| {
            let mut layer = directed(Inputs::Indices(ALPHABET), every_step);
            layer.load(part);
            layer.forward(Input::indices(words.view()));
            layer.output().view().to_owned()
        };
        let make = || directed(Inputs::Indices(ALPHABET), every_step);
        let mut both = Bidirectional::new(make(), make()).with_inputs(Inputs::Indices(ALPHABET));
        let parameters = Noise::new(1).vector(both.parameter_count(), 0.6);
        both.load(&parameters);
        both.forward(Input::indices(words.view()));
        let (first, second) = parameters.split_at(parameters.len() / 2);
        let output = both.output().view();
        assert_eq!(output.slice(s![.., .., ..UNITS]), alone(first, &words));
        assert_eq!(output.slice(s![.., .., UNITS..]), alone(second, &backwards).slice(s![.., ..;-1, ..]));
        assert_eq!(both.tensors()[0].name, "forward/kernel");
        assert_eq!(both.tensors()[3].name, "backward/kernel");
    }
}

#[test]
fn gradients_of_both_directions_agree_with_differences() {
    let inputs = Inputs::Features(ALPHABET);
    for (every_step, time) in [(false, 1), (false, 5), (true, 5)] {
        let lstm = || directed(inputs, every_step);
        let gru = || Gru::new(UNITS, Reset::After).return_sequences(every_step);
        let both: [Box<dyn Layer<f64>>; 2] = [
            Box::new(Bidirectional::new(lstm(), lstm()).with_inputs(inputs)),
            Box::new(Bidirectional::new(gru(), gru()).with_inputs(inputs)),
        ];
        for mut layer in both {
            let mut noise = Noise::new(time as u64);
            let features = noise.sequence(2, time, ALPHABET);
            let parameters = noise.vector(layer.parameter_count(), 0.6);
            assert_eq!(layer.units(), 2 * UNITS);
            check_layer(layer.as_mut(), &parameters, Input::sequence(&features)).unwrap();
        }
    }
}

#[test]
fn dropout_keeps_the_mean_and_chooses_anew_in_each_pass() {
    let ones = Sequence::filled(50, 4, 20, 1.0);
    let mut layer = Dropout::<f64>::new(0.25).with_inputs(Inputs::Features(20));
    let mut outputs = |pass: Option<Pass>| {
        layer.forward(Input::sequence(&ones).in_pass(pass));
        layer.output().as_slice().to_vec()
    };
    let pass = Pass { seed: 3, number: 7, layer: 1 };
    let dropped = outputs(Some(pass));
    assert_eq!(dropped, outputs(Some(pass)), "the same pass, the same choice");
    for other in [Pass { seed: 4, ..pass }, Pass { number: 8, ..pass }, Pass { layer: 2, ..pass }] {
        assert_ne!(dropped, outputs(Some(other)));
    }
    assert!(dropped.iter().all(|x| *x == 0.0 || (x - 4.0 / 3.0).abs() < 1e-15));
    let share = dropped.iter().filter(|x| **x == 0.0).count() as f64 / dropped.len() as f64;
    assert!((share - 0.25).abs() < 0.03, "{share}");
    assert!(outputs(None).iter().all(|x| *x == 1.0));

    let features = Noise::new(3).sequence(3, 4, 20);
    check_layer(&mut layer, &[], Input::sequence(&features).in_pass(Some(pass))).unwrap();
}
