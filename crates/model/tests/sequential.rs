//! Whole networks: gradients against finite differences, threads, files.

use flameout_model::{Architecture, Flavour, LossKind, Sequential};
use flameout_optim::{Adam, AdamSettings, Clipping, Optimizer, clip};
use ndarray::Array2;

type Preset = fn(usize, usize, usize, Flavour) -> Architecture;
const PRESETS: [Preset; 4] =
    [Architecture::lstm_single, Architecture::gru_single, Architecture::lstm_double, Architecture::lstm_bidirectional];
const FLAVOURS: [Flavour; 4] = [Flavour::Keras1, Flavour::Keras2, Flavour::Keras3, Flavour::PyTorch];

/// Of the central differences (of fourth order): where truncation and rounding are both far below the tolerance.
const STEP: f64 = 2e-4;

fn data(batch: usize) -> (Array2<u16>, Array2<f64>) {
    let indices = Array2::from_shape_fn((batch, 7), |(b, t)| if t == 0 { 0 } else { ((b * 5 + t * 3) % 6) as u16 });
    let targets = Array2::from_shape_fn((batch, 4), |(b, d)| ((b * 7 + d * 3) % 5) as f64 / 5.0 - 0.4);
    (indices, targets)
}

#[test]
fn gradients_of_every_preset_agree_with_differences() {
    let (indices, targets) = data(3);
    for preset in PRESETS {
        for flavour in FLAVOURS {
            for loss in [LossKind::Mse, LossKind::Cosine] {
                let mut model = Sequential::<f64>::of(preset(6, 6, 4, flavour));
                // Larger than initial weights, so that no gradient is so small that the differences are rounding noise.
                let mut state = 1_u32;
                for parameter in model.parameters_mut() {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    *parameter = f64::from(state >> 8) / f64::from(1 << 23) - 1.0;
                }
                model.forward_backward(&indices, targets.view(), loss).unwrap();
                let gradients = model.gradients().to_vec();
                for tensor in model.tensors().to_vec() {
                    let (mut error, mut norm) = (0.0, 0.0);
                    for i in tensor.range() {
                        let mut moved = |step: f64| {
                            let held = model.parameters()[i];
                            model.parameters_mut()[i] = held + step;
                            let value = model.forward_backward(&indices, targets.view(), loss).unwrap();
                            model.parameters_mut()[i] = held;
                            value
                        };
                        let numeric = (8.0 * (moved(STEP) - moved(-STEP)) - moved(2.0 * STEP) + moved(-2.0 * STEP))
                            / (12.0 * STEP);
                        error += (gradients[i] - numeric).powi(2);
                        norm += numeric.powi(2);
                    }
                    let relative = (error / norm).sqrt();
                    assert!(relative <= 1e-7, "{flavour:?} {loss:?} {}: {relative:e}", tensor.name);
                }
            }
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    flameout_kernels::team::oversubscribe(3);
    let (indices, targets) = data(40);
    for (preset, flavour) in PRESETS.into_iter().flat_map(|preset| FLAVOURS.map(|flavour| (preset, flavour))) {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut model = Sequential::<f32>::of(preset(6, 130, 4, flavour));
                model.initialise(&flavour.initialisation(), 3);
                let targets = targets.mapv(|x| x as f32);
                let loss = model.forward_backward(indices.view(), targets.view(), LossKind::Mse).unwrap();
                let gradients: Vec<u32> = model.gradients().iter().map(|g| g.to_bits()).collect();
                (model.weights_blake3(), loss.to_bits(), gradients)
            })
        };
        let alone = run(1);
        assert!(alone == run(2) && alone == run(3), "{flavour:?}");
    }
}

/// What this test prints when it runs itself again on another kernel path.
const HASH: &str = "hash after training: ";

/// Three steps at the question's own sizes, where the recurrent weights (more than 4 MiB) are shared out product by product.
fn train_at_full_size(preset: Preset, units: usize, threads: usize) -> String {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let indices = Array2::from_shape_fn((9, 2), |(b, t)| ((b * 5 + t * 3) % 27) as u16);
        let targets = Array2::from_shape_fn((9, 100), |(b, d)| ((b * 7 + d * 3) % 5) as f32 / 5.0 - 0.4);
        let mut model = Sequential::<f32>::of(preset(27, units, 100, Flavour::Keras1));
        // Not orthogonal: that takes seconds to draw.
        model.initialise(&Flavour::PyTorch.initialisation(), 3);
        let mut adam = Adam::new(AdamSettings::default(), &model).unwrap();
        for _ in 0..3 {
            model.forward_backward(&indices, targets.view(), LossKind::Mse).unwrap();
            let (parameters, gradients) = model.parameters_and_gradients();
            assert!(clip(gradients, &Clipping::GlobalNorm { limit: 1e-5 }) > 1e-5);
            adam.update(parameters, gradients, 1e-3).unwrap();
        }
        model.weights_blake3()
    })
}

#[test]
fn training_at_full_size_has_the_same_bits_on_any_number_of_threads() {
    flameout_kernels::team::oversubscribe(3);
    for (preset, units) in [(PRESETS[0], 1024), (PRESETS[1], 1024), (PRESETS[2], 544)] {
        let alone = train_at_full_size(preset, units, 1);
        assert!([2, 3].iter().all(|&threads| train_at_full_size(preset, units, threads) == alone), "{units} units");
    }
}

/// The portable path takes long, so units are as few as have weights of more than 4 MiB. A path is chosen once a process.
#[test]
fn training_at_full_size_has_the_same_bits_on_every_kernel_path() {
    println!("{HASH}{}", train_at_full_size(PRESETS[0], 520, 2));
    if std::env::var_os("FULL_SIZE_ON_ONE_PATH").is_some() {
        return;
    }
    let hashes = flameout_kernels::Path::available().into_iter().map(|path| {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "training_at_full_size_has_the_same_bits_on_every_kernel_path", "--nocapture"])
            .env("FULL_SIZE_ON_ONE_PATH", "1")
            .env("FLAMEOUT_KERNELS", path.name())
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let from = printed.find(HASH).unwrap_or_else(|| panic!("{path:?} printed {printed}")) + HASH.len();
        printed[from..from + 64].to_owned()
    });
    let hashes: Vec<String> = hashes.collect();
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
}

#[test]
fn predictions_that_share_beginnings_are_those_of_a_forward_pass() {
    // Many words begin alike, some are equal.
    let indices = Array2::from_shape_fn((1500, 7), |(b, t)| ((b * b + b * t) / (1 + 50 * t) % 6) as u16);
    for preset in PRESETS {
        for flavour in FLAVOURS {
            let mut model = Sequential::<f32>::of(preset(6, 9, 4, flavour));
            model.initialise(&flavour.initialisation(), 5);
            let predictions = model.predict(&indices).unwrap();
            for (word, prediction) in predictions.rows().into_iter().enumerate().step_by(97) {
                let alone = indices.slice_axis(ndarray::Axis(0), (word..word + 1).into());
                assert_eq!(model.forward(alone).unwrap().row(0), prediction, "{flavour:?}, word {word}");
            }
            assert_eq!(model.forward(&indices).unwrap(), predictions);
        }
    }
    assert_eq!(
        Sequential::<f32>::of(PRESETS[0](6, 9, 4, FLAVOURS[0])).predict(&Array2::zeros((0, 7))).unwrap().dim(),
        (0, 4)
    );
}

#[test]
fn a_saved_model_predicts_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.flameout");
    let (indices, _) = data(5);
    let mut model = Sequential::<f32>::of(Architecture::lstm_double(6, 8, 4, Flavour::Keras1));
    model.initialise(&Flavour::Keras1.initialisation(), 1);
    model.save(&path).unwrap();
    let mut loaded = Sequential::<f32>::load(&path).unwrap();
    assert_eq!(loaded.weights_blake3(), model.weights_blake3());
    assert_eq!(loaded.predict(&indices).unwrap(), model.predict(&indices).unwrap());
    assert_eq!(Sequential::<f64>::load(&path).unwrap().parameters()[0] as f32, model.parameters()[0]);
}

#[test]
fn one_nan_is_as_good_as_another_for_the_hash() {
    let hash_with = |value: f32| {
        let mut model = Sequential::<f32>::of(Architecture::gru_single(6, 8, 4, Flavour::Keras1));
        model.initialise(&Flavour::Keras1.initialisation(), 1);
        model.parameters_mut()[3] = value;
        model.weights_blake3()
    };
    // The NaN that x86-64 makes of 0/0, and the one that AArch64 makes of it.
    assert_eq!(hash_with(f32::from_bits(0xFFC0_0000)), hash_with(f32::from_bits(0x7FC0_0000)));
    assert_ne!(hash_with(f32::NAN), hash_with(f32::INFINITY));
    assert_ne!(hash_with(0.0), hash_with(-0.0));
}

#[test]
fn a_file_that_is_no_model_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.flameout");
    std::fs::write(&path, "word 1.0 2.0\n".repeat(10)).unwrap();
    let message = Sequential::<f32>::load(&path).unwrap_err().to_string();
    assert!(message.contains("no checkpoint of flameout") && message.contains("model.flameout"), "{message}");
}
