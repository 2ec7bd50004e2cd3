//! Losses that do not fall though all is well: of policies, of penalties, of networks against each other.

use crate::curve::Curve;
use crate::logs::names::{is_plain, words};

use super::judgement::Series;
use super::series::Look;

/// Words of losses that rise when all is well: of two networks against each other, and of penalties.
pub(super) const RISING: [&str; 16] = [
    "d",
    "g",
    "disc",
    "discriminator",
    "gen",
    "generator",
    "adv",
    "gan",
    "real",
    "fake",
    "kl",
    "kld",
    "reg",
    "penalty",
    "entropy",
    "critic",
];
/// Words of the loss of a policy.
const POLICY: [&str; 5] = ["policy", "actor", "pg", "ppo", "surrogate"];
/// Further words of losses that need not fall. A critic predicts rewards, which grow as its policy learns.
const FLAT: [&str; 15] = [
    "value_loss",
    "value_function",
    "vf",
    "qf",
    "qf1",
    "qf2",
    "clip_fraction",
    "clipfrac",
    "regularization",
    "regularisation",
    "regularizer",
    "regulariser",
    "gp",
    "adversarial",
    "wgan",
];

/// Says why the loss that tells most of the run did not fall and need not; `None` if it fell, or must.
pub(super) fn flat(look: &Look<'_>, curve: &Curve) -> Option<String> {
    let main = look.judged.first().filter(|main| matches!(main.series, Series::Loss | Series::ValidationLoss))?;
    let name = main.column.as_deref()?;
    if look.learnt(main.series) != Some(false) {
        return None;
    }
    if need_not_fall(name) {
        let why = "A loss of a policy, a penalty or an adversarial network need not fall, so this is no fault.";
        return Some(format!("The loss `{name}` did not fall. {why}"));
    }
    // The plain loss of reinforcement learning is the sum of the others.
    let of_policy = curve.others.iter().find(|other| has(&other.name, &POLICY)).filter(|_| is_plain(name))?;
    let why = "and a sum with it need not fall, so this is no fault.";
    Some(format!("The loss `{name}` did not fall. The log has a loss of a policy, `{}`, {why}", of_policy.name))
}

/// Tells whether a loss of this name need not fall.
fn need_not_fall(name: &str) -> bool {
    has(name, &POLICY) || has(name, &RISING) || has(name, &FLAT)
}

/// Tells whether a name has one of these among its words.
fn has(name: &str, listed: &[&str]) -> bool {
    // A cross-entropy must fall; the entropy of a policy's outputs is a penalty.
    let joined = format!("_{}_", words(name).join("_")).replace("_cross_entropy_", "_");
    listed.iter().any(|words| joined.contains(&format!("_{words}_")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_that_need_not_fall_are_told_by_their_words() {
        for name in [
            "policy_loss",
            "policy_gradient_loss",
            "actor_loss",
            "train/policy_gradient_loss",
            "train/entropy_loss",
            "train/value_loss",
            "losses/qf1_loss",
            "Loss/value_function",
            "clip_fraction",
            "train/clip_fraction",
            "kl_loss",
            "kl",
            "approx_kl",
            "KLLoss",
            "regularization_loss",
            "penalty",
            "gp",
            "gradient_penalty",
            "d_loss",
            "g_loss",
            "loss_D",
            "Loss_G",
            "lossG",
            "errD",
            "errG",
            "D loss",
            "loss.g",
            "loss-d",
            "discriminator_loss",
            "generatorLoss",
            "val_kl_loss",
        ] {
            assert!(need_not_fall(name), "{name}");
        }
        for name in [
            "loss",
            "train/loss",
            "val_loss",
            "Value",
            "loss_value",
            "cross_entropy",
            "Train-cross-entropy",
            "crossEntropyLoss",
            "clip_loss",
            "degree_loss",
            "gloss_loss",
            "regression_loss",
            "realistic_loss",
            "3d_loss",
            "",
        ] {
            assert!(!need_not_fall(name), "{name}");
        }
    }
}
