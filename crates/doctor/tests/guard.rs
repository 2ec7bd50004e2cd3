//! Runs that collapse without a guard and do not with one.

use std::path::Path;

use flameout_cells::Tensor;
use flameout_curves::warning::Warning;
use flameout_doctor::Guard;
use flameout_experiment::{Case, Dataset, Intervention, Settings, Trainer};

/// Between these steps gradients are 10,000 times as long as they should be, and of the wrong sign.
const EXPLOSION: std::ops::Range<u64> = 900..903;

/// The fault, and after it the guard.
struct Exploding(Option<Guard<f32>>);

impl Intervention<f32> for Exploding {
    fn gradients(&mut self, step: u64, tensors: &[Tensor], gradients: &mut [f32]) {
        if EXPLOSION.contains(&step) {
            gradients.iter_mut().for_each(|x| *x *= -1e4);
        }
        if let Some(guard) = &mut self.0 {
            guard.gradients(step, tensors, gradients);
        }
    }

    fn parameters(&mut self, step: u64, tensors: &[Tensor], parameters: &mut [f32]) {
        if let Some(guard) = &mut self.0 {
            guard.parameters(step, tensors, parameters);
        }
    }
}

/// What became of a small run: its collapse, the steps at which the guard acted, and its weights.
fn run(guard: Option<Guard<f32>>) -> (Option<u64>, Vec<u64>, String) {
    let mut settings = Settings::for_case(Case::GruSingle);
    for (key, value) in [
        ("model.units", "16"),
        ("data.words", "60"),
        ("training.batch", "10"),
        ("training.epochs", "420"),
        ("schedule.learning-rate", "0.02"),
    ] {
        settings.set(key, value).unwrap();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dataset = Dataset::open(&settings, &root).unwrap();
    let mut trainer = Trainer::<f32>::new(&settings, &dataset).unwrap();
    let mut intervention = Exploding(guard);
    while !trainer.finished() {
        trainer.step_with(&dataset, &mut intervention).unwrap();
        if trainer.at_end_of_epoch() {
            trainer.end_epoch(&dataset, 0.0);
        }
    }
    let trained = trainer.outcome().trained_well_at().expect("it trains well");
    assert!(trained < EXPLOSION.start, "{trained}");
    let acted = intervention.0.map(|guard| guard.acted().to_vec()).unwrap_or_default();
    (trainer.outcome().collapse_onset(), acted, trainer.model().weights_blake3())
}

#[test]
fn a_guard_prevents_the_collapse_and_is_reproducible() {
    let (onset, ..) = run(None);
    assert!(onset.is_some_and(|onset| onset >= EXPLOSION.start), "{onset:?}");

    for guard in [Guard::clip(2.0), Guard::roll_back(Warning::default(), 0.5)] {
        let (onset, acted, weights) = run(Some(guard.clone()));
        assert_eq!(onset, None, "{guard:?}");
        assert!(acted.iter().any(|step| EXPLOSION.contains(step)), "{acted:?}");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(pool.install(|| run(Some(guard))), (onset, acted, weights));
    }
}
