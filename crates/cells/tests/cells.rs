//! Every cell against its definition and against finite differences: several lengths, batch sizes, activations, input
//! kinds, and both ways of returning states.

mod common;

use common::{Cell, Kind, Noise, check_gradients, differences, naive, one_hot, relative_error, weighted_sum};
use flameout_cells::{
    Activation, Bidirectional, Dense, Gru, Input, Inputs, Layer, Lstm, Reset, Sequence, TimeDistributed,
};
use ndarray::{Array1, Array2, Array3, s};

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
    match cell.kind {
        Kind::Lstm => Box::new(
            Lstm::new(inputs, UNITS)
                .activation(cell.activation)
                .gate_activation(cell.gate_activation)
                .return_sequences(every_step),
        ),
        Kind::Gru(reset) => Box::new(
            Gru::new(inputs, UNITS, reset)
                .activation(cell.activation)
                .gate_activation(cell.gate_activation)
                .return_sequences(every_step),
        ),
    }
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
        let input = Input::Indices(indices.view());
        check_input(cell, Inputs::Indices(ALPHABET), input, &one_hot(&indices, ALPHABET), every_step, &mut noise);
        let input = Input::Sequence(&features);
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

    let weights = noise.sequence(batch, layer.output().dim().1, UNITS);
    let mut gradients = vec![f64::NAN; parameters.len()];
    let mut input_gradient = matches!(inputs, Inputs::Features(_)).then(Sequence::new);
    layer.backward(input, &weights, &mut gradients, input_gradient.as_mut());
    let tensors = layer.tensors().to_vec();
    check_gradients(
        &tensors,
        &parameters,
        &gradients,
        |parameters| {
            layer.load(parameters);
            layer.forward(input);
            weighted_sum(layer.output(), &weights)
        },
        &context,
    );

    if let Some(gradient) = input_gradient {
        layer.load(&parameters);
        let numeric = differences(dense.as_slice().unwrap(), &mut |x| {
            let x = Array3::from_shape_vec(dense.dim(), x.to_vec()).unwrap();
            layer.forward(Input::Sequence(&Sequence::from_array(x.view())));
            weighted_sum(layer.output(), &weights)
        });
        let numeric = Array3::from_shape_vec(dense.dim(), numeric).unwrap();
        let error = relative_error(gradient.as_slice(), Sequence::from_array(numeric.view()).as_slice());
        assert!(error <= 1e-7, "{context}: input gradient differs by {error:e}");
    }
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
    for time in LENGTHS {
        let mut noise = Noise::new(time as u64);
        let features = noise.sequence(3, time, ALPHABET);
        let dense = features.view().as_standard_layout().into_owned();
        let cell = |kind| Cell { kind, activation: Activation::Tanh, gate_activation: Activation::Sigmoid };

        let mut lstm = Lstm::new(Inputs::Features(ALPHABET), UNITS);
        let parameters = noise.vector(lstm.parameter_count(), 0.6);
        lstm.load(&parameters);
        lstm.forward(Input::Sequence(&features));
        let (hidden, last_cell) = naive(cell(Kind::Lstm), ALPHABET, UNITS, &parameters, &dense);
        let (h, c) = lstm.final_state();
        approx::assert_relative_eq!(h.to_owned(), hidden.slice(s![.., time - 1, ..]).to_owned(), epsilon = 1e-13);
        approx::assert_relative_eq!(c.to_owned(), last_cell, epsilon = 1e-13);

        for reset in [Reset::Before, Reset::After] {
            let mut gru = Gru::new(Inputs::Features(ALPHABET), UNITS, reset);
            let parameters = noise.vector(gru.parameter_count(), 0.6);
            gru.load(&parameters);
            gru.forward(Input::Sequence(&features));
            let (hidden, _) = naive(cell(Kind::Gru(reset)), ALPHABET, UNITS, &parameters, &dense);
            let expected = hidden.slice(s![.., time - 1, ..]).to_owned();
            approx::assert_relative_eq!(gru.final_state().to_owned(), expected, epsilon = 1e-13);
        }
    }
}

#[test]
fn dense_layers() {
    let mut noise = Noise::new(4);
    for activation in ACTIVATIONS {
        for time in LENGTHS {
            let features = noise.sequence(3, time, ALPHABET);
            let dense = Dense::new(Inputs::Features(ALPHABET), UNITS).activation(activation);
            let mut layer = TimeDistributed(dense);
            let parameters = noise.vector(layer.parameter_count(), 0.9);
            layer.load(&parameters);
            layer.forward(Input::Sequence(&features));

            let (kernel, bias) = (layer.tensors()[0].view(&parameters), layer.tensors()[1].view(&parameters));
            for b in 0..3 {
                for t in 0..time {
                    let x: Array1<f64> = features.view().slice(s![b, t, ..]).to_owned();
                    let expected = (x.dot(&kernel) + bias.row(0)).mapv(|x| common::activate(activation, x));
                    let got = layer.output().view().slice(s![b, t, ..]).to_owned();
                    approx::assert_relative_eq!(got, expected, epsilon = 1e-13);
                }
            }

            let weights = noise.sequence(3, time, UNITS);
            let mut gradients = vec![f64::NAN; parameters.len()];
            let mut input_gradient = Sequence::new();
            layer.backward(Input::Sequence(&features), &weights, &mut gradients, Some(&mut input_gradient));
            let loss = |parameters: &[f64]| {
                layer.load(parameters);
                layer.forward(Input::Sequence(&features));
                weighted_sum(layer.output(), &weights)
            };
            let context = format!("dense {activation:?}");
            check_gradients(
                Dense::<f64>::new(Inputs::Features(ALPHABET), UNITS).tensors(),
                &parameters,
                &gradients,
                loss,
                &context,
            );

            layer.load(&parameters);
            let x = features.view().as_standard_layout().into_owned();
            let numeric = differences(x.as_slice().unwrap(), &mut |x: &[f64]| {
                let x = Array3::from_shape_vec((3, time, ALPHABET), x.to_vec()).unwrap();
                layer.forward(Input::Sequence(&Sequence::from_array(x.view())));
                weighted_sum(layer.output(), &weights)
            });
            let numeric = Array3::from_shape_vec((3, time, ALPHABET), numeric).unwrap();
            let numeric = Sequence::from_array(numeric.view());
            assert!(relative_error(input_gradient.as_slice(), numeric.as_slice()) <= 1e-7, "{context}");
        }
    }
}

#[test]
fn single_precision_agrees_with_double() {
    for kind in KINDS {
        let cell = Cell { kind, activation: Activation::Tanh, gate_activation: Activation::HardSigmoid };
        let mut noise = Noise::new(9);
        let mut double = layer(cell, Inputs::Indices(ALPHABET), false);
        let mut single: Box<dyn Layer<f32>> = match kind {
            Kind::Lstm => Box::new(Lstm::new(Inputs::Indices(ALPHABET), UNITS).gate_activation(cell.gate_activation)),
            Kind::Gru(reset) => {
                Box::new(Gru::new(Inputs::Indices(ALPHABET), UNITS, reset).gate_activation(cell.gate_activation))
            }
        };
        let parameters = noise.vector(double.parameter_count(), 0.6);
        let parameters_single: Vec<f32> = parameters.iter().map(|&x| x as f32).collect();
        double.load(&parameters);
        single.load(&parameters_single);
        let indices = random_indices(4, 19, &mut noise);
        double.forward(Input::Indices(indices.view()));
        single.forward(Input::Indices(indices.view()));
        let widened: Vec<f64> = single.output().as_slice().iter().map(|&x| f64::from(x)).collect();
        assert!(relative_error(&widened, double.output().as_slice()) < 1e-5);

        let mut gradients = vec![0.0; parameters.len()];
        let mut gradients_single = vec![0.0; parameters.len()];
        double.backward(Input::Indices(indices.view()), &Sequence::filled(4, 1, UNITS, 1.0), &mut gradients, None);
        let ones = Sequence::filled(4, 1, UNITS, 1.0);
        single.backward(Input::Indices(indices.view()), &ones, &mut gradients_single, None);
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
        by_index.forward(Input::Indices(indices.view()));
        by_vector.forward(Input::Sequence(&dense));
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
            layer.forward(Input::Indices(small.view()));
            let mut gradients = vec![0.0; parameters.len()];
            layer.backward(Input::Indices(small.view()), &ones, &mut gradients, None);
            (layer.output().clone(), gradients)
        };
        used.load(&parameters);
        fresh.load(&parameters);
        used.forward(Input::Indices(large.view()));
        used.backward(
            Input::Indices(large.view()),
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
        layer.forward(Input::Indices(words.view()));
        let expected = layer.output().clone();
        for (indices, parents) in steps {
            let indices = Array2::from_shape_vec((indices.len(), 1), indices.to_vec()).unwrap();
            layer.step(Input::Indices(indices.view()), parents);
        }
        assert_eq!(*layer.step_output(), expected, "{kind:?}");
    }
}

#[test]
#[should_panic(expected = "backward needs a forward pass")]
fn backward_twice_is_refused() {
    let mut lstm = Lstm::<f64>::new(Inputs::Indices(3), 2);
    let parameters = vec![0.1; lstm.parameter_count()];
    let indices = Array2::zeros((1, 2));
    let ones = Sequence::filled(1, 1, 2, 1.0);
    let mut gradients = parameters.clone();
    lstm.load(&parameters);
    lstm.forward(Input::Indices(indices.view()));
    lstm.backward(Input::Indices(indices.view()), &ones, &mut gradients, None);
    lstm.backward(Input::Indices(indices.view()), &ones, &mut gradients, None);
}

fn directed(inputs: Inputs, every_step: bool) -> Lstm<f64> {
    Lstm::new(inputs, UNITS).return_sequences(every_step)
}

#[test]
fn each_direction_is_what_a_layer_of_its_own_computes() {
    let words = ndarray::array![[0_u16, 2, 1, 1], [0, 1, 2, 0], [2, 2, 2, 1]];
    let backwards = words.slice(s![.., ..;-1]).to_owned();
    for every_step in [false, true] {
        let alone = |part: &[f64], words: &Array2<u16>| {
            let mut layer = directed(Inputs::Indices(ALPHABET), every_step);
            layer.load(part);
            layer.forward(Input::Indices(words.view()));
            layer.output().view().to_owned()
        };
        let make = || directed(Inputs::Indices(ALPHABET), every_step);
        let mut both = Bidirectional::new(make(), make());
        let parameters = Noise::new(1).vector(both.parameter_count(), 0.6);
        both.load(&parameters);
        both.forward(Input::Indices(words.view()));
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
    for (every_step, time) in [(false, 1), (false, 5), (true, 5)] {
        let make = || directed(Inputs::Features(ALPHABET), every_step);
        check_bidirectional(Bidirectional::new(make(), make()), time);
        let make = || Gru::<f64>::new(Inputs::Features(ALPHABET), UNITS, Reset::After).return_sequences(every_step);
        check_bidirectional(Bidirectional::new(make(), make()), time);
    }
}

fn check_bidirectional(mut layer: impl Layer<f64>, time: usize) {
    let mut noise = Noise::new(time as u64);
    let features = noise.sequence(2, time, ALPHABET);
    let parameters = noise.vector(layer.parameter_count(), 0.6);
    layer.load(&parameters);
    layer.forward(Input::Sequence(&features));
    let (batch, steps, units) = layer.output().dim();
    assert_eq!((batch, units), (2, 2 * UNITS));
    let weights = noise.sequence(2, steps, units);
    let mut gradients = vec![f64::NAN; parameters.len()];
    let mut input_gradient = Sequence::new();
    layer.backward(Input::Sequence(&features), &weights, &mut gradients, Some(&mut input_gradient));

    let tensors = layer.tensors().to_vec();
    let of_parameters = |parameters: &[f64]| {
        layer.load(parameters);
        layer.forward(Input::Sequence(&features));
        weighted_sum(layer.output(), &weights)
    };
    check_gradients(&tensors, &parameters, &gradients, of_parameters, "bidirectional");

    layer.load(&parameters);
    let array = features.view().as_standard_layout().into_owned();
    let numeric = differences(array.as_slice().unwrap(), &mut |x| {
        let x = Array3::from_shape_vec(array.dim(), x.to_vec()).unwrap();
        layer.forward(Input::Sequence(&Sequence::from_array(x.view())));
        weighted_sum(layer.output(), &weights)
    });
    let numeric = Array3::from_shape_vec(array.dim(), numeric).unwrap();
    let error = relative_error(input_gradient.as_slice(), Sequence::from_array(numeric.view()).as_slice());
    assert!(error <= 1e-7, "input gradient differs by {error:e}");
}
