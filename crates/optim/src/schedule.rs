//! Learning-rate schedules: settings, and the state that one of them (reduce on plateau) carries through training.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::{require, require_count, require_not_negative, require_positive};

/// How the learning rate changes over training. In a file: `kind = "constant"`, `"step"`, `"exponential"`, `"cosine"`,
/// `"warm-up"` or `"reduce-on-plateau"`, and beside it that schedule's settings.
///
/// ```
/// # use flameout_optim::{LearningRate, Schedule};
/// let schedule: Schedule = serde_json::from_str(
///     r#"{ "kind": "warm-up", "steps": 100, "then": { "kind": "constant", "learning-rate": 0.001 } }"#,
/// )?;
/// let learning_rate = LearningRate::new(&schedule).unwrap();
/// assert_eq!(learning_rate.at(0), 0.00001);
/// assert_eq!(learning_rate.at(100), 0.001);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Schedule {
    /// The same learning rate throughout.
    Constant(Constant),
    /// Multiplied by a factor every so many steps.
    Step(StepDecay),
    /// Multiplied by the same factor every step.
    Exponential(ExponentialDecay),
    /// Half a cosine wave down to a floor.
    Cosine(CosineDecay),
    /// A linear rise, then any other schedule.
    WarmUp(WarmUp),
    /// Multiplied by a factor where the loss no longer falls.
    ReduceOnPlateau(ReduceOnPlateau),
}

impl Default for Schedule {
    /// 0.001 throughout, Keras' default for Adam.
    fn default() -> Self {
        Self::Constant(Constant { learning_rate: 0.001 })
    }
}

impl Schedule {
    /// Checks every setting's range.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first setting out of range.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Constant(constant) => require_not_negative("learning-rate", constant.learning_rate),
            Self::Step(step) => step.check(),
            Self::Exponential(exponential) => exponential.check(),
            Self::Cosine(cosine) => cosine.check(),
            Self::WarmUp(warm_up) => {
                require_count("steps", warm_up.steps)?;
                warm_up.then.check()
            }
            Self::ReduceOnPlateau(plateau) => plateau.check(),
        }
    }

    /// Its setting `learning-rate`: the rate that it begins with. None for a warm-up, where that is a setting of what follows it.
    #[must_use]
    pub const fn learning_rate(&self) -> Option<f64> {
        match self {
            Self::Constant(constant) => Some(constant.learning_rate),
            Self::Step(step) => Some(step.learning_rate),
            Self::Exponential(exponential) => Some(exponential.learning_rate),
            Self::Cosine(cosine) => Some(cosine.learning_rate),
            Self::WarmUp(_) => None,
            Self::ReduceOnPlateau(plateau) => Some(plateau.learning_rate),
        }
    }
}

/// The same learning rate throughout.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Constant {
    /// The learning rate, at least 0.
    pub learning_rate: f64,
}

/// `learning_rate · factor^⌊step/every⌋`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StepDecay {
    /// The learning rate of the first `every` steps, at least 0.
    pub learning_rate: f64,
    /// What it is multiplied by, in (0, 1].
    pub factor: f64,
    /// After how many steps, at least 1.
    pub every: u64,
}

impl StepDecay {
    fn check(&self) -> Result<(), Error> {
        require_not_negative("learning-rate", self.learning_rate)?;
        require_factor(self.factor, self.factor <= 1.0, "above 0 and at most 1")?;
        require_count("every", self.every)
    }

    fn at(&self, step: u64) -> f64 {
        self.learning_rate * libm::pow(self.factor, (step / self.every.max(1)) as f64)
    }
}

/// `learning_rate · factor^(step/steps)`, smoothly from step to step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExponentialDecay {
    /// The learning rate of the first step, at least 0.
    pub learning_rate: f64,
    /// What it has been multiplied by after `steps` steps, in (0, 1].
    pub factor: f64,
    /// Over how many steps the factor takes effect, at least 1.
    pub steps: u64,
}

impl ExponentialDecay {
    fn check(&self) -> Result<(), Error> {
        require_not_negative("learning-rate", self.learning_rate)?;
        require_factor(self.factor, self.factor <= 1.0, "above 0 and at most 1")?;
        require_count("steps", self.steps)
    }

    fn at(&self, step: u64) -> f64 {
        self.learning_rate * libm::pow(self.factor, step as f64 / self.steps as f64)
    }
}

/// `floor + (learning_rate − floor)·(1 + cos(π·step/steps))/2`, and `floor` from then on
/// (Loshchilov & Hutter 2017, equation 5, without restarts).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CosineDecay {
    /// The learning rate of the first step, at least `floor`.
    pub learning_rate: f64,
    /// The learning rate at the end, at least 0. Default 0.
    #[serde(default)]
    pub floor: f64,
    /// After how many steps the floor is reached, at least 1.
    pub steps: u64,
}

impl CosineDecay {
    fn check(&self) -> Result<(), Error> {
        require_not_negative("learning-rate", self.learning_rate)?;
        require_not_negative("floor", self.floor)?;
        require(self.floor <= self.learning_rate, "floor", self.floor, "at most `learning-rate`")?;
        require_count("steps", self.steps)
    }

    fn at(&self, step: u64) -> f64 {
        if step >= self.steps {
            return self.floor;
        }
        let angle = std::f64::consts::PI * (step as f64 / self.steps as f64);
        self.floor + (self.learning_rate - self.floor) * (1.0 + libm::cos(angle)) / 2.0
    }
}

/// A linear rise to the first learning rate of another schedule, which begins where the rise ends.
///
/// At step s < `steps`: `(s+1)/steps` times that first learning rate; after it, the other schedule at `s − steps`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WarmUp {
    /// Over how many steps the learning rate rises, at least 1.
    pub steps: u64,
    /// What follows.
    pub then: Box<Schedule>,
}

/// The learning rate is multiplied by `factor` where the loss has not fallen for `patience` epochs (Keras'
/// `ReduceLROnPlateau`, without cooldown).
///
/// A loss counts as fallen if it lies more than `threshold` below the best so far; a NaN or infinite one never does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReduceOnPlateau {
    /// The learning rate of the first epoch, at least 0.
    pub learning_rate: f64,
    /// What it is multiplied by, in (0, 1). Default 0.1.
    #[serde(default = "default_factor")]
    pub factor: f64,
    /// After how many epochs without a better loss, at least 1. Default 10.
    #[serde(default = "default_patience")]
    pub patience: u64,
    /// How much lower (absolutely) a loss must be to count as better, at least 0. Default 1e-4.
    #[serde(default = "default_threshold")]
    pub threshold: f64,
    /// The learning rate is not lowered further than this, at least 0. Default 0.
    #[serde(default)]
    pub min_learning_rate: f64,
}

fn default_factor() -> f64 {
    0.1
}

fn default_patience() -> u64 {
    10
}

fn default_threshold() -> f64 {
    1e-4
}

impl ReduceOnPlateau {
    fn check(&self) -> Result<(), Error> {
        require_not_negative("learning-rate", self.learning_rate)?;
        require_factor(self.factor, self.factor < 1.0, "above 0 and below 1")?;
        require_count("patience", self.patience)?;
        require_not_negative("threshold", self.threshold)?;
        require_not_negative("min-learning-rate", self.min_learning_rate)
    }
}

fn require_factor(factor: f64, below_bound: bool, rule: &'static str) -> Result<(), Error> {
    require_positive("factor", factor)?;
    require(below_bound, "factor", factor, rule)
}

/// A schedule at work: the learning rate of every step, with the state that reduce-on-plateau needs.
///
/// Serialises completely; read back, it continues to the bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LearningRate(Rate);

/// [`Schedule`] with its state. (An enum of its own, tagged from outside: binary formats cannot read an inner tag.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Rate {
    Constant(Constant),
    Step(StepDecay),
    Exponential(ExponentialDecay),
    Cosine(CosineDecay),
    WarmUp { steps: u64, then: Box<Rate> },
    ReduceOnPlateau(Plateau),
}

impl LearningRate {
    /// The schedule before the first step.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting out of range.
    pub fn new(schedule: &Schedule) -> Result<Self, Error> {
        schedule.check()?;
        Ok(Self(Rate::new(schedule)))
    }

    /// Goes on with another schedule, which begins anew: its steps are counted from the same 0. The state stays if the
    /// schedule is the one at work.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting out of range; nothing has changed then.
    pub fn change_schedule(&mut self, schedule: &Schedule) -> Result<(), Error> {
        let begun = Self::new(schedule)?;
        if self.0.schedule() != *schedule {
            *self = begun;
        }
        Ok(())
    }

    /// The learning rate of a step, counted from 0.
    #[must_use]
    pub fn at(&self, step: u64) -> f64 {
        self.0.at(step)
    }

    /// Tells the schedule the loss of the epoch that has just ended; only reduce-on-plateau listens.
    pub fn end_epoch(&mut self, loss: f64) {
        self.0.end_epoch(loss);
    }
}

impl Rate {
    fn new(schedule: &Schedule) -> Self {
        match schedule {
            Schedule::Constant(constant) => Self::Constant(*constant),
            Schedule::Step(step) => Self::Step(*step),
            Schedule::Exponential(exponential) => Self::Exponential(*exponential),
            Schedule::Cosine(cosine) => Self::Cosine(*cosine),
            Schedule::WarmUp(warm_up) => {
                Self::WarmUp { steps: warm_up.steps, then: Box::new(Self::new(&warm_up.then)) }
            }
            Schedule::ReduceOnPlateau(settings) => Self::ReduceOnPlateau(Plateau::new(*settings)),
        }
    }

    fn schedule(&self) -> Schedule {
        match self {
            Self::Constant(constant) => Schedule::Constant(*constant),
            Self::Step(step) => Schedule::Step(*step),
            Self::Exponential(exponential) => Schedule::Exponential(*exponential),
            Self::Cosine(cosine) => Schedule::Cosine(*cosine),
            Self::WarmUp { steps, then } => Schedule::WarmUp(WarmUp { steps: *steps, then: Box::new(then.schedule()) }),
            Self::ReduceOnPlateau(plateau) => Schedule::ReduceOnPlateau(plateau.settings),
        }
    }

    fn at(&self, step: u64) -> f64 {
        match self {
            Self::Constant(constant) => constant.learning_rate,
            Self::Step(decay) => decay.at(step),
            Self::Exponential(decay) => decay.at(step),
            Self::Cosine(decay) => decay.at(step),
            Self::WarmUp { steps, then } if step < *steps => then.at(0) * ((step + 1) as f64 / *steps as f64),
            Self::WarmUp { steps, then } => then.at(step - steps),
            Self::ReduceOnPlateau(plateau) => plateau.learning_rate,
        }
    }

    fn end_epoch(&mut self, loss: f64) {
        match self {
            Self::WarmUp { then, .. } => then.end_epoch(loss),
            Self::ReduceOnPlateau(plateau) => plateau.end_epoch(loss),
            Self::Constant(_) | Self::Step(_) | Self::Exponential(_) | Self::Cosine(_) => {}
        }
    }
}

/// The state of [`ReduceOnPlateau`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Plateau {
    settings: ReduceOnPlateau,
    learning_rate: f64,
    /// None before the first finite loss.
    best: Option<f64>,
    epochs_without_better: u64,
}

impl Plateau {
    fn new(settings: ReduceOnPlateau) -> Self {
        Self { settings, learning_rate: settings.learning_rate, best: None, epochs_without_better: 0 }
    }

    fn end_epoch(&mut self, loss: f64) {
        let better = loss.is_finite() && self.best.is_none_or(|best| loss < best - self.settings.threshold);
        if better {
            self.best = Some(loss);
            self.epochs_without_better = 0;
            return;
        }
        self.epochs_without_better = self.epochs_without_better.saturating_add(1);
        if self.epochs_without_better >= self.settings.patience {
            self.epochs_without_better = 0;
            let lowered = (self.learning_rate * self.settings.factor).max(self.settings.min_learning_rate);
            self.learning_rate = self.learning_rate.min(lowered); // it may start below the minimum
        }
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    fn rate(schedule: Schedule) -> LearningRate {
        LearningRate::new(&schedule).expect("valid settings")
    }

    fn plateau(patience: u64, min_learning_rate: f64) -> ReduceOnPlateau {
        ReduceOnPlateau { learning_rate: 1.0, factor: 0.5, patience, threshold: 0.01, min_learning_rate }
    }

    #[test]
    fn a_schedule_tells_its_own_learning_rate() {
        let cosine = Schedule::Cosine(CosineDecay { learning_rate: 0.1, floor: 0.01, steps: 10 });
        assert_eq!((Schedule::default().learning_rate(), cosine.learning_rate()), (Some(0.001), Some(0.1)));
        let warm_up = Schedule::WarmUp(WarmUp { steps: 3, then: Box::new(cosine) });
        assert_eq!(warm_up.learning_rate(), None);
    }

    #[test]
    fn step_decay_at_known_points() {
        let rate = rate(Schedule::Step(StepDecay { learning_rate: 0.8, factor: 0.5, every: 10 }));
        assert_eq!([0, 9, 10, 19, 20, 30].map(|step| rate.at(step)), [0.8, 0.8, 0.4, 0.4, 0.2, 0.1]);
    }

    #[test]
    fn exponential_decay_at_known_points() {
        let rate = rate(Schedule::Exponential(ExponentialDecay { learning_rate: 0.8, factor: 0.25, steps: 10 }));
        assert_eq!([0, 5, 10, 20].map(|step| rate.at(step)), [0.8, 0.4, 0.2, 0.05]);
        // Python: 0.8 * 0.25 ** 0.3
        assert_relative_eq!(rate.at(3), 0.5278031643091577, max_relative = 1e-15);
    }

    #[test]
    fn cosine_decay_at_known_points() {
        let rate = rate(Schedule::Cosine(CosineDecay { learning_rate: 1.0, floor: 0.2, steps: 100 }));
        assert_eq!(rate.at(0), 1.0);
        assert_relative_eq!(rate.at(50), 0.6, max_relative = 1e-15);
        assert_relative_eq!(rate.at(25), 0.2 + 0.4 * (1.0 + 0.5_f64.sqrt()), max_relative = 1e-15);
        assert_eq!([100, 101, u64::MAX].map(|step| rate.at(step)), [0.2; 3]);
        assert!((0..100).all(|step| rate.at(step + 1) < rate.at(step)));
    }

    #[test]
    fn warm_up_rises_and_hands_over() {
        let then = Schedule::Step(StepDecay { learning_rate: 1.0, factor: 0.5, every: 2 });
        let rate = rate(Schedule::WarmUp(WarmUp { steps: 4, then: Box::new(then) }));
        let rates: Vec<f64> = (0..9).map(|step| rate.at(step)).collect();
        assert_eq!(rates, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25]);
    }

    #[test]
    fn plateau_waits_for_its_patience() {
        let mut rate = rate(Schedule::ReduceOnPlateau(plateau(2, 0.2)));
        // The second loss is better by less than the threshold; the fifth is truly better.
        let losses = [1.0, 0.995, 1.0, 1.0, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6];
        let rates = losses.map(|loss| {
            rate.end_epoch(loss);
            rate.at(123)
        });
        assert_eq!(rates, [1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]);
    }

    #[test]
    fn plateau_counts_a_loss_that_is_not_finite_as_no_better() {
        let mut rate = rate(Schedule::ReduceOnPlateau(plateau(1, 0.0)));
        for loss in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            rate.end_epoch(loss);
        }
        assert_eq!(rate.at(0), 0.125);
        rate.end_epoch(3.0);
        assert_eq!(rate.at(0), 0.125);
    }

    #[test]
    fn plateau_never_raises_the_learning_rate() {
        let mut rate = rate(Schedule::ReduceOnPlateau(plateau(1, 2.0)));
        rate.end_epoch(1.0);
        rate.end_epoch(1.0);
        assert_eq!(rate.at(0), 1.0);
    }

    #[test]
    fn plateau_hears_through_a_warm_up_and_continues_when_read_back() {
        let then = Box::new(Schedule::ReduceOnPlateau(plateau(2, 0.0)));
        let mut rate = rate(Schedule::WarmUp(WarmUp { steps: 2, then }));
        rate.end_epoch(1.0);
        rate.end_epoch(1.0);
        let json = serde_json::to_string(&rate).expect("serialises");
        let binary = bincode::serde::encode_to_vec(&rate, bincode::config::standard()).expect("serialises");
        let from_json: LearningRate = serde_json::from_str(&json).expect("reads back");
        let (from_binary, _): (LearningRate, usize) =
            bincode::serde::decode_from_slice(&binary, bincode::config::standard()).expect("reads back");
        for mut copy in [rate, from_json, from_binary] {
            assert_eq!(copy.at(2), 1.0);
            copy.end_epoch(1.0); // the second epoch without a better loss
            assert_eq!([copy.at(0), copy.at(1), copy.at(2)], [0.25, 0.5, 0.5]);
        }
    }

    #[test]
    fn settings_as_files_spell_them() {
        let read = |text: &str| serde_json::from_str::<Schedule>(text).map_err(|error| error.to_string());
        assert_eq!(
            read(r#"{"kind":"reduce-on-plateau","learning-rate":1}"#),
            Ok(Schedule::ReduceOnPlateau(ReduceOnPlateau {
                learning_rate: 1.0,
                factor: 0.1,
                patience: 10,
                threshold: 1e-4,
                min_learning_rate: 0.0,
            }))
        );
        for schedule in [
            r#"{"kind":"constant","learning-rate":0.1}"#,
            r#"{"kind":"step","learning-rate":0.1,"factor":0.5,"every":10}"#,
            r#"{"kind":"exponential","learning-rate":0.1,"factor":0.5,"steps":10}"#,
            r#"{"kind":"cosine","learning-rate":0.1,"floor":0.01,"steps":10}"#,
            r#"{"kind":"warm-up","steps":3,"then":{"kind":"constant","learning-rate":0.1}}"#,
        ] {
            let value = read(schedule).expect(schedule);
            assert_eq!(serde_json::to_string(&value).expect("serialises"), schedule);
            let unknown = schedule.replacen("}", r#","typo":1}"#, 1);
            assert!(read(&unknown).is_err_and(|error| error.contains("typo")), "{unknown} was accepted");
        }
        assert!(read(r#"{"kind":"constant"}"#).is_err(), "the learning rate has no default");
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let constant = |learning_rate| Schedule::Constant(Constant { learning_rate });
        let wrong = [
            (constant(-1.0), "learning-rate"),
            (constant(f64::NAN), "learning-rate"),
            (Schedule::Step(StepDecay { learning_rate: 1.0, factor: 1.5, every: 1 }), "factor"),
            (Schedule::Step(StepDecay { learning_rate: 1.0, factor: 0.5, every: 0 }), "every"),
            (Schedule::Exponential(ExponentialDecay { learning_rate: 1.0, factor: 0.0, steps: 1 }), "factor"),
            (Schedule::Cosine(CosineDecay { learning_rate: 1.0, floor: 2.0, steps: 1 }), "floor"),
            (Schedule::WarmUp(WarmUp { steps: 0, then: Box::default() }), "steps"),
            (Schedule::WarmUp(WarmUp { steps: 1, then: Box::new(constant(f64::INFINITY)) }), "learning-rate"),
            (Schedule::ReduceOnPlateau(plateau(0, 0.0)), "patience"),
            (Schedule::ReduceOnPlateau(ReduceOnPlateau { factor: 1.0, ..plateau(1, 0.0) }), "factor"),
        ];
        for (schedule, setting) in wrong {
            let error = LearningRate::new(&schedule).expect_err("out of range");
            assert!(matches!(error, Error::Setting { name, .. } if name == setting), "{schedule:?}: {error}");
        }
    }
}
