//! The settings, as near to the question's as the hunts have found, at which each network trains well and then collapses
//! within minutes.

use flameout_experiment::{Case, Settings, UncheckedSettings};
use flameout_model::Constraint;
use flameout_optim::{Constant, Schedule};

/// The settings of a case's collapse: what the question did not say, or what must differ for the collapse to come within
/// minutes. docs/results/learning-rate-and-size.md has the measurements.
pub fn settings(case: Case) -> Settings {
    // 29 steps an epoch.
    let (learning_rate, epochs) = match case {
        Case::GruSingle => (0.0125, 1035),
        Case::LstmSingle => (0.03, 3449),
        Case::LstmDouble => (0.01, 3449),
    };
    let change = |settings: &mut UncheckedSettings| {
        settings.model.units = Some(64);
        settings.data.words = 1000;
        settings.schedule = Schedule::Constant(Constant { learning_rate });
        settings.training.epochs = epochs;
        settings.training.stop_after_collapse = Some(1500);
    };
    Settings::for_case(case).with(change).expect("the settings of a known run")
}

/// Why a setting differs from the question's, if it does so by default.
pub fn reason(key: &str) -> Option<&'static str> {
    Some(match key {
        "model.units" => "a step takes a hundredth of the time",
        "data.words" => "few units learn few words",
        "schedule.learning-rate" => "the larger it is, the sooner the collapse",
        "training.epochs" => "the question does not say how many",
        "training.stop-after-collapse" => "by then all is seen",
        _ => return None,
    })
}

/// The largest L2 norm that the columns of a case's recurrent kernels may have, so that the run does not collapse: by
/// `gru-constraint.toml`, `lstm-constraint.toml` and `double-constraint.toml`.
fn bound(case: Case) -> f64 {
    match case {
        Case::GruSingle | Case::LstmDouble => 3.0,
        Case::LstmSingle => 8.0,
    }
}

/// The default run of a case with its recurrent kernels constrained; None for another run.
pub fn constrained(run: &Settings) -> Option<Settings> {
    let default = settings(run.case).with(|settings| settings.seed = run.seed).ok()?;
    let constraint = Constraint { tensor: "recurrent_kernel".into(), max_norm: bound(run.case) };
    if *run != default {
        return None;
    }
    default.with(|settings| settings.constraint = Some(constraint)).ok()
}

/// What the default run, with seed 0, comes to on every machine.
pub fn recorded(case: Case) -> Recorded {
    match case {
        Case::GruSingle => Recorded { onset: 19_610, weights_blake3: "357128e6a0f8d85c" },
        Case::LstmSingle => Recorded { onset: 53_556, weights_blake3: "9437f5a06674e0c8" },
        Case::LstmDouble => Recorded { onset: 78_081, weights_blake3: "0900d6d8c6dc1334" },
    }
}

/// Onset and final weights of a run.
#[derive(Debug)]
pub struct Recorded {
    /// The first step of the collapse.
    pub onset: u64,
    /// How the weights' hash begins.
    pub weights_blake3: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_default_runs_are_constrained() {
        let run = settings(Case::LstmDouble).with(|settings| settings.seed = 3).unwrap();
        let constrained = constrained(&run).unwrap();
        assert_eq!(constrained.entries()["constraint.max-norm"], "3.0");
        assert_eq!(constrained.with(|settings| settings.constraint = None).unwrap(), run);
        let mut larger = run;
        larger.set("model.units", "65").unwrap();
        assert_eq!(super::constrained(&larger), None);
    }
}
