//! One of our optimisers, which settings name.

use std::ops::Range;

use flameout_kernels::Real;
use serde::{Deserialize, Serialize};

use crate::optimizer::Optimizer;
use crate::{Adam, AdamSettings, Error, RmsProp, RmsPropSettings, Sgd, SgdSettings, StepReport, Tensors};

/// Which optimiser, and its settings. The learning rate is not among them: it comes from a [`Schedule`](crate::Schedule).
///
/// In a file: `kind = "adam"`, `"rmsprop"` or `"sgd"`, and beside it the settings that differ from the defaults.
///
/// ```
/// # use flameout_optim::OptimizerSettings;
/// let settings: OptimizerSettings = serde_json::from_str(r#"{ "kind": "adam", "form": "pytorch", "weight-decay": 0.01 }"#)?;
/// # assert!(settings.check().is_ok());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OptimizerSettings {
    /// Adam and its variants.
    Adam(AdamSettings),
    /// RMSProp.
    #[serde(rename = "rmsprop")]
    RmsProp(RmsPropSettings),
    /// Stochastic gradient descent.
    Sgd(SgdSettings),
}

impl Default for OptimizerSettings {
    /// Adam as in Keras 1.0.7.
    fn default() -> Self {
        Self::Adam(AdamSettings::default())
    }
}

impl OptimizerSettings {
    /// Checks every setting's range.
    ///
    /// # Errors
    /// [`Error::Setting`] or [`Error::NesterovWithoutMomentum`].
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Adam(settings) => settings.check(),
            Self::RmsProp(settings) => settings.check(),
            Self::Sgd(settings) => settings.check(),
        }
    }

    /// Counts the numbers that an optimiser keeps of each parameter, at most.
    #[must_use]
    pub fn buffers(&self) -> u64 {
        match self {
            Self::Adam(settings) if settings.amsgrad => 3,
            Self::Adam(_) => 2,
            Self::RmsProp(_) | Self::Sgd(_) => 1,
        }
    }
}

/// One of our optimisers with its whole state: written with serde and read back, it continues to the bit.
///
/// The format must keep every float: a binary one does; JSON has no NaN and infinity, and `serde_json` reads floats exactly
/// only with its feature `float_roundtrip`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AnyOptimizer<T> {
    /// Adam and its variants.
    Adam(Adam<T>),
    /// RMSProp.
    RmsProp(RmsProp<T>),
    /// Stochastic gradient descent.
    Sgd(Sgd<T>),
}

impl<T: Real> AnyOptimizer<T> {
    /// An optimiser before its first step, for a buffer of `parameter_count` parameters that count as one tensor.
    ///
    /// # Errors
    /// [`Error::Setting`] or [`Error::NesterovWithoutMomentum`].
    pub fn new(settings: OptimizerSettings, parameter_count: usize) -> Result<Self, Error> {
        Self::for_tensors(settings, std::slice::from_ref(&(0..parameter_count)))
    }

    /// An optimiser before its first step, for the tensors of a network, or for ranges that lie one after the other in the
    /// buffer, from 0.
    ///
    /// # Errors
    /// As [`AnyOptimizer::new`], and [`Error::Tensor`] for tensors with gaps or overlaps.
    #[inline]
    pub fn for_tensors(settings: OptimizerSettings, tensors: &(impl Tensors + ?Sized)) -> Result<Self, Error> {
        Self::build(settings, tensors.ranges())
    }

    #[inline(never)] // compiled once: see `instances`
    pub(crate) fn build(settings: OptimizerSettings, tensors: Vec<Range<usize>>) -> Result<Self, Error> {
        Ok(match settings {
            OptimizerSettings::Adam(settings) => Self::Adam(Adam::new(settings, &tensors)?),
            OptimizerSettings::RmsProp(settings) => Self::RmsProp(RmsProp::new(settings, &tensors)?),
            OptimizerSettings::Sgd(settings) => Self::Sgd(Sgd::new(settings, &tensors)?),
        })
    }

    /// Goes on with other settings. Adam keeps its moments; an optimiser of another kind begins without any.
    ///
    /// # Errors
    /// As [`AnyOptimizer::new`]; nothing has changed then.
    #[inline(never)] // compiled once: see `instances`
    pub fn change_settings(&mut self, settings: OptimizerSettings) -> Result<(), Error> {
        if self.settings() == settings {
            return Ok(());
        }
        match (&mut *self, settings) {
            (Self::Adam(adam), OptimizerSettings::Adam(settings)) => adam.change_settings(settings),
            (_, settings) => {
                *self = Self::new(settings, self.parameter_count())?;
                Ok(())
            }
        }
    }

    /// The settings at work.
    #[must_use]
    pub fn settings(&self) -> OptimizerSettings {
        match self {
            Self::Adam(adam) => OptimizerSettings::Adam(*adam.settings()),
            Self::RmsProp(rmsprop) => OptimizerSettings::RmsProp(*rmsprop.settings()),
            Self::Sgd(sgd) => OptimizerSettings::Sgd(*sgd.settings()),
        }
    }

    /// The number of parameters it was built for.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        match self {
            Self::Adam(adam) => adam.first_moment().len(),
            Self::RmsProp(rmsprop) => rmsprop.second_moment().len(),
            Self::Sgd(sgd) => sgd.parameter_count(),
        }
    }

    /// Steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        match self {
            Self::Adam(adam) => adam.steps(),
            Self::RmsProp(rmsprop) => rmsprop.steps(),
            Self::Sgd(sgd) => sgd.steps(),
        }
    }

    /// The moving average of the gradient (Adam's m), one a parameter; None where the optimiser keeps none.
    #[must_use]
    pub fn first_moment(&self) -> Option<&[T]> {
        match self {
            Self::Adam(adam) => Some(adam.first_moment()),
            Self::RmsProp(_) | Self::Sgd(_) => None,
        }
    }

    /// The moving average of the squared gradient (Adam's v), one a parameter; None where the optimiser keeps none.
    #[must_use]
    pub fn second_moment(&self) -> Option<&[T]> {
        match self {
            Self::Adam(adam) => Some(adam.second_moment()),
            Self::RmsProp(rmsprop) => Some(rmsprop.second_moment()),
            Self::Sgd(_) => None,
        }
    }

    /// The moving average of the squared gradient, to write: what an optimiser would do that remembers other gradients.
    /// AMSGrad's largest v stays as it is.
    pub fn second_moment_mut(&mut self) -> Option<&mut [T]> {
        match self {
            Self::Adam(adam) => Some(adam.second_moment_mut()),
            Self::RmsProp(rmsprop) => Some(rmsprop.second_moment_mut()),
            Self::Sgd(_) => None,
        }
    }

    /// How many numbers of type `T` the state holds: two (with AMSGrad three) a parameter for Adam, one for RMSProp and for
    /// SGD with momentum, none for plain SGD.
    #[must_use]
    pub fn state_len(&self) -> usize {
        match self {
            Self::Adam(adam) => adam.first_moment().len() * if adam.max_second_moment().is_some() { 3 } else { 2 },
            Self::RmsProp(rmsprop) => rmsprop.second_moment().len(),
            Self::Sgd(sgd) => sgd.velocity().map_or(0, <[T]>::len),
        }
    }
}

impl<T: Real> Optimizer<T> for AnyOptimizer<T> {
    #[inline(never)] // compiled once: see `instances`
    fn update(&mut self, parameters: &mut [T], gradients: &[T], learning_rate: f64) -> Result<StepReport, Error> {
        match self {
            Self::Adam(adam) => adam.update(parameters, gradients, learning_rate),
            Self::RmsProp(rmsprop) => rmsprop.update(parameters, gradients, learning_rate),
            Self::Sgd(sgd) => sgd.update(parameters, gradients, learning_rate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AdamForm;

    fn read(text: &str) -> Result<OptimizerSettings, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_as_files_spell_them() {
        assert_eq!(read(r#"{"kind":"adam"}"#), Ok(OptimizerSettings::default()));
        let keras = AdamSettings::default();
        assert_eq!((keras.beta1, keras.beta2, keras.epsilon, keras.form), (0.9, 0.999, 1e-8, AdamForm::Keras));
        assert_eq!(
            read(r#"{"kind":"adam","form":"pytorch","weight-decay":1,"amsgrad":true}"#),
            Ok(OptimizerSettings::Adam(AdamSettings {
                form: AdamForm::PyTorch,
                weight_decay: 1.0,
                amsgrad: true,
                ..keras
            }))
        );
        assert_eq!(
            read(r#"{"kind":"rmsprop"}"#),
            Ok(OptimizerSettings::RmsProp(RmsPropSettings { rho: 0.9, epsilon: 1e-8 }))
        );
        assert_eq!(
            read(r#"{"kind":"sgd","momentum":0.9,"nesterov":true}"#),
            Ok(OptimizerSettings::Sgd(SgdSettings { momentum: 0.9, nesterov: true }))
        );
        for kind in ["adam", "rmsprop", "sgd"] {
            let typo = format!(r#"{{"kind":"{kind}","typo":1}}"#);
            assert!(read(&typo).is_err_and(|error| error.contains("typo")), "{typo} was accepted");
        }
        assert!(read(r#"{"kind":"adam","lr":0.1}"#).is_err(), "the learning rate belongs to the schedule");
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let adam = AdamSettings::default();
        let wrong = [
            (OptimizerSettings::Adam(AdamSettings { beta1: 1.0, ..adam }), "beta1"),
            (OptimizerSettings::Adam(AdamSettings { beta2: -0.1, ..adam }), "beta2"),
            (OptimizerSettings::Adam(AdamSettings { beta2: f64::NAN, ..adam }), "beta2"),
            (OptimizerSettings::Adam(AdamSettings { epsilon: 0.0, ..adam }), "epsilon"),
            (OptimizerSettings::Adam(AdamSettings { weight_decay: f64::INFINITY, ..adam }), "weight-decay"),
            (OptimizerSettings::RmsProp(RmsPropSettings { rho: 2.0, epsilon: 1e-8 }), "rho"),
            (OptimizerSettings::RmsProp(RmsPropSettings { rho: 0.9, epsilon: -1.0 }), "epsilon"),
            (OptimizerSettings::Sgd(SgdSettings { momentum: 1.0, nesterov: false }), "momentum"),
        ];
        for (settings, setting) in wrong {
            let error = settings.check().expect_err("out of range");
            assert!(matches!(error, Error::Setting { name, .. } if name == setting), "{settings:?}: {error}");
            assert_eq!(
                AnyOptimizer::<f32>::new(settings, 1).map_err(|error| error.to_string()),
                Err(error.to_string())
            );
        }
        let nesterov = OptimizerSettings::Sgd(SgdSettings { momentum: 0.0, nesterov: true });
        assert_eq!(nesterov.check(), Err(Error::NesterovWithoutMomentum));
        let error = Error::Setting { name: "beta1", value: 1.0, rule: "at least 0 and below 1" };
        assert_eq!(error.to_string(), "`beta1` is 1, but it must be at least 0 and below 1");
    }

    #[test]
    fn changed_settings_act_on_the_same_moments() {
        let run = |settings: OptimizerSettings, then: OptimizerSettings| {
            let mut optimizer = AnyOptimizer::new(settings, 1).expect("valid settings");
            let mut parameter = [0.0_f64];
            optimizer.update(&mut parameter, &[1.0], 0.1).expect("lengths agree");
            optimizer.change_settings(then).expect("valid settings");
            optimizer.update(&mut parameter, &[0.0], 0.1).expect("lengths agree");
            (parameter[0], optimizer)
        };
        let adam = AdamSettings::default();
        let plain = OptimizerSettings::Adam(adam);
        let amsgrad = OptimizerSettings::Adam(AdamSettings { amsgrad: true, ..adam });
        let sgd = OptimizerSettings::Sgd(SgdSettings::default());
        // The first step filled v; the second, with the largest v so far, is smaller than with the v that has decayed.
        let (with_v, with_largest_v) = (run(plain, plain).0, run(plain, amsgrad).0);
        assert!(with_v < with_largest_v && with_largest_v < -0.1, "{with_v} {with_largest_v}");
        assert_eq!(
            run(plain, sgd),
            (
                run(plain, sgd).0,
                AnyOptimizer::new(sgd, 1)
                    .map(|mut sgd| {
                        sgd.update(&mut [0.0], &[0.0], 0.1).expect("lengths agree");
                        sgd
                    })
                    .expect("valid settings")
            )
        );
        let mut unchanged = run(plain, plain).1;
        let before = unchanged.clone();
        let wrong = OptimizerSettings::Adam(AdamSettings { beta2: 1.0, ..adam });
        assert!(unchanged.change_settings(wrong).is_err());
        assert_eq!(unchanged, before);
    }

    #[test]
    fn the_state_is_as_long_as_its_buffers() {
        let adam = AdamSettings::default();
        for (settings, expected) in [
            (OptimizerSettings::Adam(adam), 14),
            (OptimizerSettings::Adam(AdamSettings { amsgrad: true, ..adam }), 21),
            (OptimizerSettings::RmsProp(RmsPropSettings::default()), 7),
            (OptimizerSettings::Sgd(SgdSettings::default()), 0),
            (OptimizerSettings::Sgd(SgdSettings { momentum: 0.9, nesterov: false }), 7),
        ] {
            assert_eq!(AnyOptimizer::<f32>::new(settings, 7).map(|o| o.state_len()), Ok(expected), "{settings:?}");
        }
    }

    #[test]
    fn tensors_must_lie_one_after_the_other() {
        let build = |tensors: &[Range<usize>]| {
            AnyOptimizer::<f32>::for_tensors(OptimizerSettings::default(), tensors).map(|o| o.parameter_count())
        };
        assert_eq!(build(&[0..3, 3..3, 3..10]), Ok(10));
        assert_eq!(build(&[]), Ok(0));
        let gap = build(&[0..3, 4..10]);
        assert_eq!(gap, Err(Error::Tensor { index: 1, range: 4..10, expected_start: 3 }));
        #[allow(clippy::reversed_empty_ranges)] // what a wrong caller would pass
        let backwards = [0..3, 3..1];
        assert!(build(&[1..3, 3..4]).is_err() && build(&[0..3, 2..5]).is_err() && build(&backwards).is_err());
    }

    #[test]
    fn wrong_lengths_and_learning_rates_change_nothing() {
        let all = [
            OptimizerSettings::default(),
            OptimizerSettings::Adam(AdamSettings { amsgrad: true, clip_update_rms: true, ..AdamSettings::default() }),
            OptimizerSettings::RmsProp(RmsPropSettings::default()),
            OptimizerSettings::Sgd(SgdSettings::default()),
            OptimizerSettings::Sgd(SgdSettings { momentum: 0.9, nesterov: false }),
        ];
        for settings in all {
            let fresh = AnyOptimizer::<f32>::new(settings, 3).expect("valid settings");
            let mut optimizer = fresh.clone();
            let mut parameters = [1.0; 3];
            let short = optimizer.update(&mut parameters[..2], &[1.0; 3], 0.1);
            assert_eq!(short, Err(Error::Length { what: "the parameter buffer", expected: 3, found: 2 }));
            let long = optimizer.update(&mut parameters, &[1.0; 4], 0.1);
            assert_eq!(long, Err(Error::Length { what: "the gradient buffer", expected: 3, found: 4 }));
            for learning_rate in [-0.1, f64::NAN, f64::INFINITY] {
                let error = optimizer.update(&mut parameters, &[1.0; 3], learning_rate).expect_err("refused");
                assert!(matches!(error, Error::LearningRate { .. }));
            }
            assert_eq!((optimizer, parameters), (fresh, [1.0; 3]));
        }
    }

    #[test]
    fn damaged_state_is_an_error_not_a_panic() {
        let mut optimizer = AnyOptimizer::<f64>::new(OptimizerSettings::default(), 2).expect("valid settings");
        optimizer.update(&mut [1.0, 2.0], &[0.5, 0.25], 0.1).expect("lengths agree");
        let json = serde_json::to_string(&optimizer).expect("serialises");
        for (from, to) in [
            (r#""second_moment":["#, r#""second_moment":[0.5,"#),
            (r#""first_moment":["#, r#""first_moment":[0.5,"#),
            (r#""end":2"#, r#""end":18446744073709551615"#),
            (r#""start":0"#, r#""start":1"#),
        ] {
            let damaged = json.replace(from, to);
            assert_ne!(damaged, json);
            let mut optimizer: AnyOptimizer<f64> = serde_json::from_str(&damaged).expect("well formed");
            assert!(optimizer.update(&mut [1.0, 2.0], &[0.5, 0.25], 0.1).is_err(), "{damaged}");
        }
    }
}
