//! What a training needs of memory, so that it is refused before anything is built, rather than aborted on its way.

use flameout_files::{has_room, readable};
use flameout_model::{Architecture, LayerKind};

use crate::error::Error;
use crate::settings::Settings;

/// Whatever else a training allocates: lists of names, progress, the last steps' losses.
const REST: u64 = 16 << 20;
/// Words whose vectors are predicted at a time where the whole sequence must be known.
const PREDICTED: u64 = 1024;

/// How much there is of the words that a network is trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words {
    /// How many there are.
    pub(crate) count: usize,
    /// Characters of an encoded word.
    pub(crate) length: usize,
    /// Numbers of a word's vector.
    pub(crate) numbers: usize,
}

/// The most that a training allocates, by what it depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Need {
    weights: u64,
    activations: u64,
    words: u64,
}

/// Whether there is memory enough to train this network on these words.
///
/// # Errors
/// [`Error::Memory`] says how much it takes and which setting decides that.
pub(crate) fn require(settings: &Settings, architecture: &Architecture, words: Words) -> Result<(), Error> {
    let need = Need::of(settings, architecture, words);
    let bytes = [need.weights, need.activations, need.words, REST].iter().fold(0_u64, |sum, x| sum.saturating_add(*x));
    if has_room(bytes) {
        return Ok(());
    }
    let parameters = architecture.parameter_count();
    let (what, remedy) = if need.weights >= need.activations.max(need.words) {
        (format!("the network has {parameters} parameters"), fewer_units(settings))
    } else if need.activations >= need.words {
        let (batch, length) = (settings.training.batch, settings.data.length);
        let what = format!("batches of {batch} words of {length} letters");
        (what, "lower `training.batch`, `data.length` or the units".to_owned())
    } else {
        (format!("there are {} words", words.count), "lower `data.words`".to_owned())
    };
    Err(Error::Memory { needed: readable(bytes), what, remedy })
}

fn fewer_units(settings: &Settings) -> String {
    match &settings.model.layers {
        Some(_) => "lower the units in `model.layers`".into(),
        None => format!("lower `model.units`, which is {}", settings.model.units.unwrap_or(settings.case.units())),
    }
}

/// Whether there is memory enough to encode these words.
pub(crate) fn require_words(words: Words) -> Result<(), Error> {
    let Words { count, length, numbers } = words;
    // Indices; the numbers as they were read, and as they are trained on.
    let each = (2 * length as u64).saturating_add(8_u64.saturating_mul(numbers as u64));
    let bytes = each.saturating_mul(count as u64);
    if has_room(bytes) {
        return Ok(());
    }
    let what = format!("there are {count} words of {length} letters, with vectors of {numbers} numbers");
    Err(Error::Memory { needed: readable(bytes), what, remedy: "lower `data.words` or `data.length`".into() })
}

impl Need {
    fn of(settings: &Settings, architecture: &Architecture, words: Words) -> Self {
        let (outputs, length) = (words.numbers as u64, words.length as u64);
        let number = settings.model.precision.bytes();
        let words = words.count as u64;
        let at_once = (settings.training.batch as u64).min(words).max(if is_causal(architecture) {
            0
        } else {
            PREDICTED.min(words)
        });
        let steps = at_once.saturating_mul(length);
        Self {
            weights: (architecture.parameter_count() as u64).saturating_mul(number * copies(settings)),
            activations: steps.saturating_mul(number).saturating_mul(numbers_a_step(architecture)),
            // Predictions, targets and batches of all words, and the words among which the nearest are looked for.
            words: words.saturating_mul(number).saturating_mul(6 * outputs + length),
        }
    }
}

/// How many numbers are kept for each parameter: itself, its gradient, it twice in the order of the kernels, and the
/// optimiser's state; parameters and state again in a checkpoint that is being written, and in a state for the doctor.
fn copies(settings: &Settings) -> u64 {
    let state = settings.optimizer.buffers() + settings.guard.map_or(0, |guard| guard.buffers());
    4 + state + 2 * (1 + state)
}

/// How many numbers all layers keep of a word at each of its letters: gates, states, their gradients, and operands.
fn numbers_a_step(architecture: &Architecture) -> u64 {
    let of_layer = |layer: &LayerKind| match layer {
        LayerKind::Lstm { units, .. } => 16 * *units as u64,
        LayerKind::Gru { units, .. } => 14 * *units as u64,
        LayerKind::Bidirectional { units, .. } => 40 * *units as u64,
        LayerKind::TimeDistributed { units, .. } => 8 * *units as u64,
        // Once a word, but for its input.
        _ => layer.units() as u64,
    };
    architecture.layers.iter().map(of_layer).sum()
}

fn is_causal(architecture: &Architecture) -> bool {
    !architecture.layers.iter().any(|layer| matches!(layer, LayerKind::Bidirectional { .. }))
}
