//! A change as the line to write in a program.

use flameout_experiment::{Remainder, Settings};
use flameout_model::Constraint;
use flameout_optim::{Clipping, OptimizerSettings, Schedule};

use crate::{Change, Error};

/// What to write in three programs to have a change; None where a program needs more than a line for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prescription {
    /// An argument of the `flameout` command.
    pub flameout: Option<String>,
    /// A line of Keras 3.
    pub keras: Option<String>,
    /// A line of PyTorch.
    pub pytorch: Option<String>,
}

impl Prescription {
    /// How a run with these settings is given the change.
    ///
    /// # Errors
    /// [`Error::Experiment`] if the settings cannot be changed so.
    pub fn of(change: &Change, settings: &Settings) -> Result<Self, Error> {
        let both = |keras: &str, pytorch: &str| (Some(keras.to_owned()), Some(pytorch.to_owned()));
        let (keras, pytorch) = match change {
            Change::Settings(changes) => match &changes[..] {
                [(key, _)] => of_setting(key, &change.apply(settings)?),
                _ => (None, None),
            },
            Change::Shuffle => both("model.fit(…, shuffle=True)", "DataLoader(…, shuffle=True)"),
            Change::UnitTargets => both(
                "y -= y.mean(0); y /= numpy.linalg.norm(y, axis=1, keepdims=True)",
                "y = torch.nn.functional.normalize(y - y.mean(0))",
            ),
            Change::DrawWeights => {
                both("LSTM(units)  # with its default initializers", "module.reset_parameters()  # of every layer")
            }
            Change::Nothing
            | Change::SkipBatches(_)
            | Change::Freeze(_)
            | Change::Restore { .. }
            | Change::SecondMoment { .. }
            | Change::DropWords(_) => (None, None),
        };
        let flameout = match change {
            Change::Settings(changes) => {
                let arguments: Vec<String> = changes.iter().map(|(key, value)| argument(key, value)).collect();
                Some(arguments.join(" "))
            }
            Change::Shuffle => Some(argument("training.shuffle", "true")),
            Change::UnitTargets => Some(argument("data.normalization", "centred-then-unit")),
            _ => None,
        };
        Ok(Self { flameout, keras, pytorch })
    }

    /// Each program's name with its line, of those that have one.
    pub fn lines(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let lines = [("flameout", &self.flameout), ("Keras", &self.keras), ("PyTorch", &self.pytorch)];
        lines.into_iter().filter_map(|(program, line)| Some((program, line.as_deref()?)))
    }
}

/// `--set KEY=VALUE`, quoted where a shell would take it apart.
fn argument(key: &str, value: &str) -> String {
    format!("--set {}", flameout_curves::argument(format!("{key}={value}")))
}

/// In Keras and PyTorch, the setting of this name as it is in `settings`.
fn of_setting(key: &str, settings: &Settings) -> (Option<String>, Option<String>) {
    let both = |keras: String, pytorch: String| (Some(keras), Some(pytorch));
    let adam = |keras: &str, pytorch: &str, value: f64| {
        both(
            format!("keras.optimizers.Adam({keras}={value:?})"),
            format!("torch.optim.Adam(model.parameters(), {pytorch}={value:?})"),
        )
    };
    match (key, &settings.optimizer) {
        ("schedule" | "schedule.learning-rate", _) => match &settings.schedule {
            Schedule::Constant(constant) => adam("learning_rate", "lr", constant.learning_rate),
            _ => (None, None),
        },
        ("clipping", _) => match settings.clipping {
            Clipping::GlobalNorm { limit } => both(
                format!("keras.optimizers.Adam(global_clipnorm={limit:?})"),
                format!("torch.nn.utils.clip_grad_norm_(model.parameters(), {limit:?})  # before optimizer.step()"),
            ),
            _ => (None, None),
        },
        ("optimizer.epsilon", OptimizerSettings::Adam(settings)) => adam("epsilon", "eps", settings.epsilon),
        ("optimizer.beta2", OptimizerSettings::Adam(settings)) => both(
            format!("keras.optimizers.Adam(beta_2={:?})", settings.beta2),
            format!("torch.optim.Adam(model.parameters(), betas=({:?}, {:?}))", settings.beta1, settings.beta2),
        ),
        ("optimizer.amsgrad", _) => both(
            "keras.optimizers.Adam(amsgrad=True)".into(),
            "torch.optim.Adam(model.parameters(), amsgrad=True)".into(),
        ),
        ("optimizer.weight-decay", OptimizerSettings::Adam(settings)) => both(
            format!("keras.optimizers.AdamW(weight_decay={:?})", settings.weight_decay),
            format!("torch.optim.AdamW(model.parameters(), weight_decay={:?})", settings.weight_decay),
        ),
        ("model.recurrent-gain", _) => match settings.model.recurrent_gain {
            Some(gain) => both(
                format!("LSTM(units, recurrent_initializer=keras.initializers.Orthogonal(gain={gain:?}))"),
                format!("torch.nn.init.orthogonal_(layer.weight_hh_l0, gain={gain:?})"),
            ),
            None => (None, None),
        },
        ("constraint", _) => match &settings.constraint {
            Some(Constraint { tensor, max_norm }) if tensor == "recurrent_kernel" => both(
                format!("LSTM(units, recurrent_constraint=keras.constraints.MaxNorm({max_norm:?}, axis=0))"),
                format!("layer.weight_hh_l0.data.renorm_(2, 0, {max_norm:?})  # after optimizer.step()"),
            ),
            _ => (None, None),
        },
        ("training.batch", _) => both(
            format!("model.fit(…, batch_size={})", settings.training.batch),
            format!("DataLoader(…, batch_size={})", settings.training.batch),
        ),
        ("training.remainder", _) => match settings.training.remainder {
            Some(Remainder::Drop) => {
                both("dataset.batch(…, drop_remainder=True)  # tf.data".into(), "DataLoader(…, drop_last=True)".into())
            }
            // A sum gives every word the same weight; that it is longer than a mean, Adam divides out.
            Some(Remainder::Weigh) => both(
                "keras.losses.MeanSquaredError(reduction=\"sum\")".into(),
                "loss = loss * len(x) / batch_size  # before loss.backward()".into(),
            ),
            _ => (None, None),
        },
        ("data.length", _) => {
            let length = settings.data.length;
            both(format!("keras.utils.pad_sequences(…, maxlen={length})"), format!("indices = indices[:, :{length}]"))
        }
        _ => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_experiment::Case;

    fn lines(change: &Change) -> Vec<(&'static str, String)> {
        let prescription = Prescription::of(change, &Settings::for_case(Case::GruSingle)).unwrap();
        prescription.lines().map(|(program, line)| (program, line.to_owned())).collect()
    }

    #[test]
    fn a_learning_rate_is_told_in_three_programs() {
        let expected = [
            ("flameout", "--set schedule.learning-rate=1e-2".to_owned()),
            ("Keras", "keras.optimizers.Adam(learning_rate=0.01)".to_owned()),
            ("PyTorch", "torch.optim.Adam(model.parameters(), lr=0.01)".to_owned()),
        ];
        assert_eq!(lines(&Change::setting("schedule.learning-rate", "1e-2")), expected);
    }

    #[test]
    fn values_come_from_the_changed_settings() {
        let clipping = lines(&Change::setting("clipping", "{ kind = \"global-norm\", limit = 2e-2 }"));
        assert_eq!(clipping[0].1, "--set 'clipping={ kind = \"global-norm\", limit = 2e-2 }'");
        assert_eq!(clipping[1].1, "keras.optimizers.Adam(global_clipnorm=0.02)");
        let schedule = lines(&Change::setting("schedule", "{ kind = \"constant\", learning-rate = 0.004 }"));
        assert_eq!(schedule[2].1, "torch.optim.Adam(model.parameters(), lr=0.004)");
        assert_eq!(lines(&Change::setting("optimizer.beta2", 0.999))[2].1.matches("(0.9, 0.999)").count(), 1);
    }

    #[test]
    fn a_small_last_batch_is_left_out_or_weighed() {
        let drop = lines(&Change::setting("training.remainder", "drop"));
        assert_eq!(drop[0].1, "--set training.remainder=drop");
        assert_eq!(drop[2].1, "DataLoader(…, drop_last=True)");
        let weigh = lines(&Change::setting("training.remainder", "weigh"));
        assert_eq!(weigh[1].1, "keras.losses.MeanSquaredError(reduction=\"sum\")");
        assert_eq!(weigh[2].1, "loss = loss * len(x) / batch_size  # before loss.backward()");
    }

    #[test]
    fn a_recurrent_kernel_is_held_by_a_constraint() {
        let held = lines(&Change::setting("constraint", "{ tensor = \"recurrent_kernel\", max-norm = 3.0 }"));
        assert_eq!(held[1].1, "LSTM(units, recurrent_constraint=keras.constraints.MaxNorm(3.0, axis=0))");
        assert_eq!(held[2].1, "layer.weight_hh_l0.data.renorm_(2, 0, 3.0)  # after optimizer.step()");
    }

    #[test]
    fn what_only_the_data_can_give_has_no_line() {
        assert!(lines(&Change::DropWords(vec![3])).is_empty());
        assert!(lines(&Change::Nothing).is_empty());
    }

    #[test]
    fn a_change_that_cannot_be_is_an_error() {
        let change = Change::setting("optimizer.epsilom", 1);
        assert!(Prescription::of(&change, &Settings::for_case(Case::GruSingle)).is_err());
    }
}
