//! What must hold for all gradients.

use flameout_optim::{AdamSettings, AnyOptimizer, Clipping, Optimizer, OptimizerSettings, clip, l2_norm};
use proptest::prelude::*;

fn gradients() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-1e6..1e6_f64, 1..200)
}

proptest! {
    #[test]
    fn global_norm_never_exceeds_the_limit_nor_the_norm(before in gradients(), limit in 1e-3..1e7_f64) {
        let mut after = before.clone();
        let norm = clip(&mut after, &Clipping::GlobalNorm { limit });
        prop_assert_eq!(norm.to_bits(), l2_norm(&before).to_bits());
        prop_assert!(l2_norm(&after) <= norm.min(limit) * (1.0 + 1e-14));
        if norm <= limit {
            prop_assert_eq!(after, before);
        }
    }

    #[test]
    fn global_norm_keeps_the_direction(before in gradients(), limit in 1e-3..1e3_f64) {
        let mut after = before.clone();
        let norm = clip(&mut after, &Clipping::GlobalNorm { limit });
        let factor = (limit / norm).min(1.0);
        for (after, before) in after.iter().zip(&before) {
            prop_assert!((after - before * factor).abs() <= before.abs() * factor * 1e-15);
        }
    }

    #[test]
    fn value_bounds_each_element_and_keeps_the_others(before in gradients(), limit in 1e-3..1e6_f64) {
        let mut after = before.clone();
        clip(&mut after, &Clipping::Value { limit });
        for (after, before) in after.iter().zip(&before) {
            prop_assert_eq!(*after, before.clamp(-limit, limit));
        }
    }

    /// Kingma & Ba 2015, section 2.1: the first step of Adam is at most the learning rate in each parameter.
    #[test]
    fn adams_first_step_is_at_most_the_learning_rate(gradients in gradients(), learning_rate in 1e-6..1.0_f64) {
        let mut parameters = vec![0.0; gradients.len()];
        let mut adam = AnyOptimizer::new(OptimizerSettings::default(), gradients.len()).unwrap();
        adam.update(&mut parameters, &gradients, learning_rate).unwrap();
        for (parameter, gradient) in parameters.iter().zip(&gradients) {
            prop_assert!(parameter.abs() <= learning_rate * (1.0 + 1e-12));
            prop_assert!(parameter * gradient <= 0.0, "against the gradient");
        }
    }

    #[test]
    fn update_clipping_never_lengthens_a_step(first in gradients(), growth in 1e-3..1e3_f64) {
        let update = |clip_update_rms| {
            let settings = AdamSettings { clip_update_rms, ..AdamSettings::default() };
            let mut adam = AnyOptimizer::new(OptimizerSettings::Adam(settings), first.len()).unwrap();
            let mut parameters = vec![0.0; first.len()];
            adam.update(&mut parameters, &first, 0.001).unwrap();
            let second: Vec<f64> = first.iter().map(|g| g * growth).collect();
            adam.update(&mut parameters, &second, 0.001).unwrap().update_norm
        };
        prop_assert!(update(true) <= update(false) * (1.0 + 1e-12));
    }
}
