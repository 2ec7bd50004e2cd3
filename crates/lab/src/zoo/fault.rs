//! Faults that are put into a healthy run, each with the causes that count as a right diagnosis.

use anyhow::Result;
use clap::ValueEnum;
use flameout_cells::Tensor;
use flameout_doctor::{Cause, Subject};
use flameout_experiment::{Case, Dataset, Settings, Trainer};
use flameout_optim::{AdamSettings, OptimizerSettings};
use ndarray::{Array1, Axis};
use serde::{Deserialize, Serialize};

use super::ground;
use super::sabotage::{FrozenLayers, NanInBatch, WildBatches, WrongSign, single};

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// One element of one training word's target is NaN.
    NanTarget,
    /// One weight is infinite before the first step.
    InfWeight,
    /// The learning rate × 100.
    LearningRate,
    /// Recurrent kernels with the gain [`GAIN`].
    RecurrentGain,
    /// All kernels are zero before the first step.
    ZeroWeights,
    /// A gate's biases keep it shut.
    SaturatedBiases,
    /// Targets × 1,000.
    LargeTargets,
    /// Every word has the same target.
    ConstantTargets,
    /// The words are sorted by their targets, and stay so.
    SortedWords,
    /// Targets were given to the wrong words.
    ShuffledLabels,
    /// Every word occurs [`SPELLINGS`] times, each time with another target.
    Contradictions,
    /// Adam's ε is [`EPSILON`].
    LargeEpsilon,
    /// Adam's β2 is [`BETA2`].
    SmallBeta2,
    /// One gate's gradient has the wrong sign.
    WrongSign,
    /// The recurrent layers are not trained, or the output layer is not.
    FrozenLayers,
    /// Words are padded to [`PADDED`] characters.
    Padding,
    /// Batches with wild targets, the first of which does no harm.
    WildBatch,
    /// A NaN in one of the first three batches.
    EarlyNan,
}

/// Of recurrent kernels. At this size a gain of 2 does no harm, and 4 hardly any; from 8 on networks do not train well.
const GAIN: f64 = 10.0;
/// Adam's β2. With 0.9 these networks train as well as with 0.999. Below β1² = 0.81, v forgets sooner than m, so that weights
/// whose gradient is silent for some steps (a rare letter's) go on with steps that grow: β2 = 0.1 lets none of them train.
const BETA2: f64 = 0.1;
/// Adam's ε: gradients are below 0.1.
const EPSILON: f64 = 1e3;
/// Times that each word occurs: the best that can be learnt is the mean of so many targets.
const SPELLINGS: usize = 8;
/// Characters of a word, with its padding. With 60 an LSTM still trains well, with 80 it begins to.
const PADDED: usize = 120;
/// What the targets of wild batches are multiplied by.
const WILD: f32 = -30.0;
/// The step of the wild batch that comes before anything is learnt that it could destroy.
const TOO_EARLY: u64 = 20;
/// The step of the second, with seed 0.
const LATE: u64 = 2000;

impl Fault {
    /// What counts as a right diagnosis: causes whose removal alone lets the run train well. Most faults have one.
    pub fn truth(self) -> &'static [Cause] {
        match self {
            Self::NanTarget => &[Cause::NonFiniteTargets],
            Self::InfWeight => &[Cause::NonFiniteWeights],
            Self::LearningRate => &[Cause::LearningRate],
            // Gates saturate too, but from the second character on, and weights drawn again do not help.
            Self::RecurrentGain => &[Cause::RecurrentGain],
            Self::ZeroWeights => &[Cause::DegenerateWeights],
            // Behind a shut gate nothing moves, but nothing has a gradient either: no tensor is frozen.
            Self::SaturatedBiases => &[Cause::SaturatedGates],
            Self::LargeTargets => &[Cause::TargetScale],
            Self::ConstantTargets => &[Cause::ConstantTargets],
            Self::SortedWords => &[Cause::UnbalancedBatches],
            Self::ShuffledLabels => &[Cause::UnlearnableTargets],
            Self::Contradictions => &[Cause::ContradictoryTargets],
            Self::LargeEpsilon => &[Cause::UpdatesTooSmall],
            // At a third of the learning rate, half of these runs train well.
            Self::SmallBeta2 => &[Cause::SecondMoment, Cause::LearningRate],
            Self::WrongSign => &[Cause::WrongGradient],
            Self::FrozenLayers => &[Cause::FrozenTensor],
            Self::Padding => &[Cause::Padding],
            // Not the learning rate: at a third of it, one run in six trains well and holds.
            Self::WildBatch => &[Cause::HarmfulBatch],
            // The data set is sound: it is a batch that holds a target that is not finite. Either way to say so is right.
            Self::EarlyNan => &[Cause::NonFiniteTargets, Cause::HarmfulBatch],
        }
    }

    /// The run with the fault.
    pub fn subject(self, case: Case, seed: u64) -> Result<Subject> {
        let (settings, dataset) = self.ground(case, seed)?;
        self.inject(settings, dataset)
    }

    /// The same run without the fault.
    pub fn repaired(self, case: Case, seed: u64) -> Result<Subject> {
        let (settings, dataset) = self.ground(case, seed)?;
        Ok(Subject::new(settings, dataset)?)
    }

    /// Settings and words of the healthy run that the fault is put into.
    fn ground(self, case: Case, seed: u64) -> Result<(Settings, Dataset)> {
        let mut settings = ground::settings(case, seed);
        let dataset = match self {
            // Meanings are learnt by heart, in any order and whoever they belong to: these two need words that can be
            // understood (see `spelt_dataset`).
            Self::SortedWords | Self::ShuffledLabels => ground::spelt_dataset(&mut settings)?,
            _ => ground::dataset(&mut settings)?,
        };
        Ok((settings, dataset))
    }

    fn inject(self, settings: Settings, dataset: Dataset) -> Result<Subject> {
        match self {
            Self::NanTarget
            | Self::LargeTargets
            | Self::ConstantTargets
            | Self::SortedWords
            | Self::ShuffledLabels
            | Self::Contradictions => self.inject_data(settings, dataset),
            Self::LearningRate | Self::RecurrentGain | Self::LargeEpsilon | Self::SmallBeta2 | Self::Padding => {
                self.inject_settings(settings, dataset)
            }
            Self::InfWeight | Self::ZeroWeights | Self::SaturatedBiases => self.inject_weights(settings, dataset),
            Self::WrongSign | Self::FrozenLayers | Self::WildBatch | Self::EarlyNan => {
                self.inject_program(settings, dataset)
            }
        }
    }

    fn inject_data(self, mut settings: Settings, mut dataset: Dataset) -> Result<Subject> {
        let (words, seed) = (dataset.words.len(), settings.seed as usize);
        let some_word = dataset.train[(7 * seed + 3) % dataset.train.len()];
        match self {
            Self::NanTarget => {
                let element = seed % dataset.targets.ncols();
                dataset.targets[[some_word, element]] = f32::NAN;
            }
            Self::LargeTargets => dataset.targets *= 1000.0,
            Self::ConstantTargets => {
                let target: Array1<f32> = dataset.targets.row(some_word).to_owned();
                dataset.targets.rows_mut().into_iter().for_each(|mut row| row.assign(&target));
            }
            Self::SortedWords => {
                settings = settings.with(|settings| settings.training.shuffle = false)?;
                sort_by_targets(&mut dataset);
            }
            Self::ShuffledLabels => {
                // A prime that does not divide the number of words: each target goes to one word.
                let order: Vec<usize> = (0..words).map(|row| (7919 * row + 31 * seed + 1) % words).collect();
                dataset.targets = dataset.targets.select(Axis(0), &order);
            }
            Self::Contradictions => {
                for row in 0..words {
                    let first = row - row % SPELLINGS;
                    dataset.words[row] = dataset.words[first].clone();
                    let indices = dataset.indices.row(first).to_owned();
                    dataset.indices.row_mut(row).assign(&indices);
                }
            }
            _ => unreachable!("{self:?} is no fault of the data"),
        }
        Ok(Subject::new(settings, dataset)?)
    }

    fn inject_settings(self, settings: Settings, mut dataset: Dataset) -> Result<Subject> {
        let adam = AdamSettings::default();
        let mut settings = settings.with(|settings| match self {
            Self::LearningRate => ground::scale_learning_rate(settings, 100.0),
            Self::RecurrentGain => settings.model.recurrent_gain = Some(GAIN),
            Self::LargeEpsilon => {
                settings.optimizer = OptimizerSettings::Adam(AdamSettings { epsilon: EPSILON, ..adam })
            }
            Self::SmallBeta2 => settings.optimizer = OptimizerSettings::Adam(AdamSettings { beta2: BETA2, ..adam }),
            Self::Padding => settings.data.length = PADDED,
            _ => unreachable!("{self:?} is no fault of the settings"),
        })?;
        if matches!(self, Self::Padding) {
            dataset = ground::dataset(&mut settings)?;
        }
        Ok(Subject::new(settings, dataset)?)
    }

    fn inject_weights(self, settings: Settings, dataset: Dataset) -> Result<Subject> {
        let (case, seed) = (settings.case, settings.seed as usize);
        let tensors = tensors(&settings, &dataset)?;
        let mut subject = Subject::new(settings, dataset)?;
        let parameters = single(subject.start.parameters_mut());
        match self {
            Self::InfWeight => {
                // Not in the kernel of a first layer: a gate that is wide open does no harm by itself.
                let name =
                    if seed.is_multiple_of(2) { "layer0/recurrent_kernel".into() } else { output(&tensors) + "kernel" };
                let mut tensor = find(&tensors, &name).view_mut(parameters);
                let (rows, columns) = tensor.dim();
                tensor[[seed % rows, (5 * seed) % columns]] = f32::INFINITY;
            }
            Self::ZeroWeights => {
                let kernels = tensors.iter().filter(|tensor| tensor.shape.len() == 2);
                kernels.for_each(|tensor| parameters[tensor.range()].fill(0.0));
            }
            Self::SaturatedBiases => {
                // Closes the LSTM's input or output gate; opens the GRU's update gate, so that the old state stays.
                let (gates, gate, bias) = match case {
                    Case::GruSingle => (3, 0, 20.0),
                    Case::LstmSingle | Case::LstmDouble => (4, if seed.is_multiple_of(2) { 0 } else { 3 }, -20.0),
                };
                let mut tensor = find(&tensors, "layer0/bias").view_mut(parameters);
                let width = tensor.ncols() / gates;
                let of_gate = tensor.axis_chunks_iter_mut(Axis(1), width).nth(gate);
                of_gate.expect("the layer has this gate").fill(bias);
            }
            _ => unreachable!("{self:?} is no fault of the weights"),
        }
        Ok(subject)
    }

    fn inject_program(self, settings: Settings, dataset: Dataset) -> Result<Subject> {
        let (case, seed) = (settings.case, settings.seed);
        let tensors = tensors(&settings, &dataset)?;
        let subject = Subject::new(settings, dataset)?;
        Ok(match self {
            Self::WrongSign => {
                // Not the LSTM's forget gate or the GRU's reset gate: networks train well in spite of those.
                let (gates, harmful): (usize, &[usize]) =
                    if case == Case::GruSingle { (3, &[0, 2]) } else { (4, &[0, 2, 3]) };
                let gate = harmful[seed as usize % harmful.len()];
                let fault = WrongSign { layer: "layer0/".into(), gate, gates };
                subject.with_intervention(move || fault.clone())
            }
            Self::FrozenLayers => {
                // Of two recurrent layers both: a network can do without one of them.
                let layers = if seed.is_multiple_of(2) { recurrent(&tensors) } else { vec![output(&tensors)] };
                let fault = FrozenLayers { layers, start: subject.start.parameters().to_vec() };
                subject.with_intervention(move || fault.clone())
            }
            Self::WildBatch => {
                let fault = WildBatches { steps: vec![TOO_EARLY, LATE + 50 * seed], factor: WILD };
                subject.with_intervention(move || fault.clone())
            }
            Self::EarlyNan => {
                let fault = NanInBatch { step: 1 + seed % 3 };
                subject.with_intervention(move || fault.clone())
            }
            _ => unreachable!("{self:?} is no fault of the program"),
        })
    }
}

/// Puts each training word beside the one with the most similar target that is left: neighbours are alike.
fn sort_by_targets(dataset: &mut Dataset) {
    let mut left = std::mem::take(&mut dataset.train);
    let mut last = left.remove(0);
    dataset.train.push(last);
    while !left.is_empty() {
        let similarity = |row: usize| dataset.targets.row(row).dot(&dataset.targets.row(last));
        let next = (0..left.len()).max_by(|&a, &b| similarity(left[a]).total_cmp(&similarity(left[b])));
        last = left.remove(next.expect("words are left"));
        dataset.train.push(last);
    }
}

fn tensors(settings: &Settings, dataset: &Dataset) -> Result<Vec<Tensor>> {
    Ok(Trainer::new(settings, dataset)?.tensors().to_vec())
}

fn find<'a>(tensors: &'a [Tensor], name: &str) -> &'a Tensor {
    tensors.iter().find(|tensor| tensor.name == name).expect("the network has this tensor")
}

/// What the names of the output layer's tensors begin with.
fn output(tensors: &[Tensor]) -> String {
    let last = tensors.last().expect("a network has tensors");
    last.name.trim_end_matches("bias").to_owned()
}

/// What the names of the recurrent layers' tensors begin with.
fn recurrent(tensors: &[Tensor]) -> Vec<String> {
    tensors.iter().filter_map(|tensor| Some(tensor.name.strip_suffix("recurrent_kernel")?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_doctor::{Condition, Course};
    use flameout_experiment::FloatsMut;

    /// The weights after the steps that even the latest fault takes to show.
    fn weights(subject: &Subject) -> String {
        let mut trainer = Trainer::new(&subject.settings, &subject.dataset).unwrap();
        trainer.restore(&subject.dataset, subject.start.clone()).unwrap();
        let mut intervention = subject.intervention();
        for _ in 0..TOO_EARLY {
            trainer.step_with(&subject.dataset, intervention.as_mut()).unwrap();
        }
        trainer.weights_blake3()
    }

    #[test]
    fn every_fault_changes_its_run() {
        for &fault in Fault::value_variants() {
            for case in Case::ALL {
                let (with, without) = (fault.subject(case, 1).unwrap(), fault.repaired(case, 1).unwrap());
                assert_ne!(weights(&with), weights(&without), "{fault:?} in {case:?} leaves every weight as it is");
            }
        }
    }

    #[test]
    fn a_wrong_sign_is_that_of_one_gate() {
        let subject = Fault::WrongSign.subject(Case::LstmSingle, 1).unwrap();
        let tensors = tensors(&subject.settings, &subject.dataset).unwrap();
        let mut gradients = vec![1.0; subject.start.parameters().len()];
        subject.intervention().gradients(1, &tensors, FloatsMut::F32(&mut gradients));
        let kernel = find(&tensors, "layer0/recurrent_kernel").view(&gradients);
        // The candidate's columns are the third quarter.
        assert!(kernel.indexed_iter().all(|((_, column), x)| *x == if column / 32 == 2 { -1.0 } else { 1.0 }));
        assert!(find(&tensors, "layer1/kernel").view(&gradients).iter().all(|x| *x == 1.0));
    }

    #[test]
    fn sorted_words_are_the_same_words_and_neighbours_are_alike() {
        // Of neighbours, on average.
        let distance = |subject: &Subject| -> f32 {
            let Dataset { train, targets, .. } = &subject.dataset;
            let distances = train.windows(2).map(|pair| 1.0 - targets.row(pair[0]).dot(&targets.row(pair[1])));
            distances.sum::<f32>() / (train.len() - 1) as f32
        };
        let mut sorted = Fault::SortedWords.subject(Case::GruSingle, 0).unwrap();
        let shuffled = Fault::SortedWords.repaired(Case::GruSingle, 0).unwrap();
        let (least, usual) = (distance(&sorted), distance(&shuffled));
        assert!(least < 0.3 * usual, "{least} {usual}");
        sorted.dataset.train.sort_unstable();
        assert_eq!(sorted.dataset.train, shuffled.dataset.train);
    }

    #[test]
    fn a_wild_batch_does_harm_in_one_state_and_not_in_another() {
        let event = |step| {
            let fault = WildBatches { steps: vec![step], factor: WILD };
            let subject =
                Fault::WildBatch.repaired(Case::GruSingle, 0).unwrap().with_intervention(move || fault.clone());
            Course::train(&subject, 64 << 20, &mut |_| ()).unwrap().condition()
        };
        assert_eq!(event(TOO_EARLY), Condition::Healthy);
        assert!(matches!(event(LATE), Condition::Rose { onset } if (LATE..LATE + 50).contains(&onset)));
    }

    #[test]
    fn labels_are_shuffled_without_loss() {
        let rows = |subject: Subject| {
            let mut rows: Vec<Vec<u32>> = subject
                .dataset
                .targets
                .rows()
                .into_iter()
                .map(|row| row.iter().map(|x| x.to_bits()).collect())
                .collect();
            rows.sort_unstable();
            rows
        };
        let shuffled = Fault::ShuffledLabels.subject(Case::GruSingle, 3).unwrap();
        assert_eq!(rows(shuffled), rows(Fault::ShuffledLabels.repaired(Case::GruSingle, 3).unwrap()));
    }
}
