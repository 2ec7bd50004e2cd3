//! Every optimiser against numbers from an independent script, and against its formula written as a plain loop.

use approx::assert_relative_eq;
use flameout_optim::{
    AdamForm, AdamSettings, AnyOptimizer, Optimizer, OptimizerSettings, RmsPropSettings, SgdSettings,
};

const START: [f64; 3] = [1.0, -0.5, 0.25];
/// The third parameter's gradients are near ε, where the forms of Adam differ.
const GRADIENTS: [[f64; 3]; 4] = [[0.1, -2.0, 1e-9], [0.3, 1.5, 0.0], [-0.2, 4.0, 3e-9], [0.0, 1e-3, 1e-9]];

fn four_steps(settings: OptimizerSettings, learning_rate: f64) -> [f64; 3] {
    let mut optimizer = AnyOptimizer::new(settings, 3).expect("valid settings");
    let mut parameters = START;
    for (step, gradients) in GRADIENTS.iter().enumerate() {
        let before = parameters;
        let report = optimizer.update(&mut parameters, gradients, learning_rate).expect("lengths agree");
        let squares: f64 = before.iter().zip(&parameters).map(|(old, new)| (new - old) * (new - old)).sum();
        assert_relative_eq!(report.update_norm, squares.sqrt(), max_relative = 1e-15);
        assert_eq!(optimizer.steps(), step as u64 + 1);
    }
    parameters
}

fn assert_close(found: [f64; 3], expected: [f64; 3]) {
    for (found, expected) in found.iter().zip(&expected) {
        assert_relative_eq!(found, expected, max_relative = 4e-15);
    }
}

/// The numbers are what this Python (doubles, `**` for the powers) prints after `START` and `GRADIENTS`:
///
/// ```python
/// for t, g in enumerate(GRADIENTS, 1):
///     c1 = 1 - b1**t; c2 = 1 - b2**t; l = lr
///     for i in range(3):
///         m[i] = b1*m[i] + (1-b1)*g[i]; v[i] = b2*v[i] + (1-b2)*g[i]*g[i]; top[i] = max(top[i], v[i])
///     u = top if amsgrad else v
///     if clip: l = lr / max(1, sqrt(sum(g[i]**2 / max(u[i]/c2, eps**2) for i in range(3)) / 3))
///     for i in range(3):
///         if keras: s = l*sqrt(c2)/c1 * m[i] / (sqrt(u[i]) + eps)
///         else:     s = l/c1 * m[i] / (sqrt(u[i])/sqrt(c2) + eps)
///         th[i] = th[i]*(1 - l*decay) - s
/// ```
#[test]
fn adam_in_all_its_variants() {
    let keras = AdamSettings::default();
    let pytorch = AdamSettings { form: AdamForm::PyTorch, ..keras };
    let cases = [
        (keras, [0.9976130604486019, -0.4998299431413236, 0.24997906141239773]),
        (AdamSettings { amsgrad: true, ..keras }, [0.9976131661043959, -0.4998297360966571, 0.2499790614157261]),
        (AdamSettings { weight_decay: 0.1, ..keras }, [0.9972136297508756, -0.4996302404470286, 0.2498790785412511]),
        (
            AdamSettings { clip_update_rms: true, ..keras },
            [0.9976173809988886, -0.4998214786737053, 0.24997918907387523],
        ),
        (
            AdamSettings { amsgrad: true, beta2: 0.5, ..keras },
            [0.9977696599282218, -0.4996479353658436, 0.2496847851631734],
        ),
        (AdamSettings { beta2: 0.5, ..keras }, [0.9976764802249803, -0.4997780225082537, 0.24967986770098632]),
        (pytorch, [0.9976130561360157, -0.49982994303545847, 0.24963550716787902]),
        (AdamSettings { amsgrad: true, ..pytorch }, [0.9976131617919771, -0.49982973599076597, 0.24963550862943976]),
        (AdamSettings { weight_decay: 0.1, ..pytorch }, [0.9972136254394038, -0.4996302403412083, 0.2495355701723884]),
        (
            AdamSettings { clip_update_rms: true, ..pytorch },
            [0.9976173766897554, -0.49982147856730363, 0.2496374986762639],
        ),
        (
            AdamSettings { amsgrad: true, beta2: 0.5, ..pytorch },
            [0.9977696598808221, -0.49964793536381125, 0.24964560722556728],
        ),
        (AdamSettings { beta2: 0.5, ..pytorch }, [0.9976764801772202, -0.49977802250625447, 0.24964022420536913]),
    ];
    for (settings, expected) in cases {
        assert_close(four_steps(OptimizerSettings::Adam(settings), 0.001), expected);
    }
}

/// The same script, 1000 steps down θ₀²/2 + 5·θ₁² + θ₂²/20: the running products of β must not drift from the powers.
#[test]
fn adam_after_a_thousand_steps() {
    let cases = [
        (AdamForm::Keras, [0.2576650374586196, -0.013533010870502753, 3.7390327422960898e-06]),
        (AdamForm::PyTorch, [0.25766503058980406, -0.013533010583644913, 3.738953384163398e-06]),
    ];
    for (form, expected) in cases {
        let settings = OptimizerSettings::Adam(AdamSettings { form, ..AdamSettings::default() });
        let mut optimizer = AnyOptimizer::new(settings, 3).expect("valid settings");
        let mut parameters = START;
        for _ in 0..1000 {
            let gradients = [parameters[0], 10.0 * parameters[1], 0.1 * parameters[2]];
            optimizer.update(&mut parameters, &gradients, 0.001).expect("lengths agree");
        }
        for (found, expected) in parameters.iter().zip(&expected) {
            assert_relative_eq!(found, expected, epsilon = 1e-14);
        }
    }
}

/// Python: `a = .9*a + .1*g*g; th -= lr*g/(sqrt(a)+eps)`; `u = mu*u - lr*g; th += mu*u - lr*g if nesterov else u`.
#[test]
fn rmsprop_and_sgd() {
    let rmsprop = OptimizerSettings::RmsProp(RmsPropSettings::default());
    assert_close(four_steps(rmsprop, 0.001), [0.995582829731292, -0.5015426159552826, 0.24953912108578083]);
    let sgd = |momentum, nesterov| OptimizerSettings::Sgd(SgdSettings { momentum, nesterov });
    assert_close(four_steps(sgd(0.0, false), 0.01), [0.998, -0.53501, 0.24999999995]);
    assert_close(four_steps(sgd(0.9, false), 0.01), [0.992231, -0.54788, 0.24999999989861002]);
    assert_close(four_steps(sgd(0.9, true), 0.01), [0.9910078999999999, -0.578102, 0.24999999985874902]);
}

/// Over lengths with tails and several chunks, blocks and threads must give the plain loop's bits.
#[test]
fn the_fast_path_has_the_plain_loops_bits() {
    for length in [1, 7, 8, 13, 4096, 4099, 70_001] {
        let gradient = |step: usize, i: usize| ((i * 37 + step * 101) % 211) as f32 * 1e-3 - 0.1;
        let mut expected: Vec<f32> = (0..length).map(|i| (i % 17) as f32 * 0.1).collect();
        let mut parameters = expected.clone();
        let (mut m, mut v) = (vec![0.0_f32; length], vec![0.0_f32; length]);
        let (mut power1, mut power2) = (1.0_f64, 1.0_f64);
        let mut adam = AnyOptimizer::new(OptimizerSettings::default(), length).expect("valid settings");
        for step in 0..5 {
            let gradients: Vec<f32> = (0..length).map(|i| gradient(step, i)).collect();
            adam.update(&mut parameters, &gradients, 0.01).expect("lengths agree");
            power1 *= 0.9;
            power2 *= 0.999;
            let rate = (0.01 * (1.0 - power2).sqrt() / (1.0 - power1)) as f32;
            for i in 0..length {
                let g = gradients[i];
                m[i] = 0.9 * m[i] + (1.0_f64 - 0.9) as f32 * g;
                v[i] = 0.999 * v[i] + (1.0_f64 - 0.999) as f32 * (g * g);
                expected[i] -= rate * m[i] / (v[i].sqrt() + 1e-8);
            }
        }
        assert!(parameters.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()), "length {length}");
        assert_eq!(adam.first_moment(), Some(&m[..]));
        assert_eq!(adam.second_moment(), Some(&v[..]));
    }
}
