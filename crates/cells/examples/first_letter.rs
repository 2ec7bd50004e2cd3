//! An LSTM of one unit learns to remember the first letter of a word.
use flameout_cells::{Initialisation, Input, Inputs, Layer, Lstm, Sequence};
use ndarray::Array2;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

fn main() {
    let words = Array2::from_shape_fn((16, 6), |(word, time)| ((word >> (time % 4)) % 2) as u16); // (batch, time)
    let targets = words.mapv(|letter| f32::from(letter) - 0.5).slice_move(ndarray::s![.., ..1]);
    let mut lstm = Lstm::<f32>::new(1).with_inputs(Inputs::Indices(2));
    let (mut parameters, mut gradient) = (vec![0.0; lstm.parameter_count()], vec![0.0; lstm.parameter_count()]);
    lstm.initialise(&Initialisation::keras_1(), &mut parameters, &mut ChaCha8Rng::seed_from_u64(0));
    for step in 0..=400 {
        lstm.load(&parameters);
        lstm.forward(Input::indices(words.view()));
        let errors = &lstm.output().view().remove_axis(ndarray::Axis(1)) - &targets; // (batch, units)
        let slopes = Sequence::from_array((&errors / 16.0).insert_axis(ndarray::Axis(1)).view());
        lstm.backward(Input::indices(words.view()), &slopes, &mut gradient, None);
        parameters.iter_mut().zip(&gradient).for_each(|(weight, slope)| *weight -= slope);
        if step % 100 == 0 {
            println!("step {step}: mean squared error {:.4}", errors.mapv(|error| error * error).mean().unwrap());
        }
    }
}
