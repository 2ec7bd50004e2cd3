//! `flameout import`: a model of another program.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;
use flameout_cells::{Activation, Reset};
use flameout_curves::argument;
use flameout_encoder::{CharEncoder, EncoderSettings};
use flameout_experiment::run_directory::{ENCODER, LAST_MODEL};
use flameout_files::write_atomically;
use flameout_interchange::{Choice, Choices, Error, Imported, LastStates, Model, import};

use crate::space::{self, Space};

/// Makes a model of another program usable here: weights of Keras (.h5, .weights.h5, .keras) or PyTorch (.safetensors).
///
/// A word is spelt for it as flameout does: `$`, its letters, `$` up to the length. A file that flameout has written says
/// with which letters and what length; of another file you must say so.
///
/// A file of weights alone does not say which network they belong to. Each assumption is printed on standard error, with the
/// option that changes it. What cannot be assumed is an error that names the option. Compare a vector or two with those of
/// your own program before you trust the others.
///
/// Examples:
///
///   flameout import first.keras --out models/first
///   flameout import theirs.safetensors --alphabet '$abcdefghijklmnopqrstuvwxyz' --length 19 --out models/theirs
///   flameout import theirs.safetensors --alphabet '$abc' --length 9 --bidirectional last --out models/theirs
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The file.
    file: PathBuf,

    /// The directory to write the model to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// The characters in the order of the network's inputs, `$` first, if the file does not say.
    #[arg(long, value_name = "CHARACTERS")]
    alphabet: Option<String>,

    /// Length of an encoded word, the opening `$` included, if the file does not say.
    #[arg(long, value_name = "N")]
    length: Option<usize>,

    /// Where the reset gate of a GRU acts: before or after the product with the recurrent kernel.
    #[arg(long, value_enum, value_name = "PLACE", help_heading = "What a file of weights may leave open")]
    reset: Option<Place>,

    /// Activation of the gates.
    #[arg(long, value_enum, value_name = "FUNCTION", help_heading = "What a file of weights may leave open")]
    gate_activation: Option<Function>,

    /// Activation of the dense (linear) layers before the last layer.
    #[arg(long, value_enum, value_name = "FUNCTION", help_heading = "What a file of weights may leave open")]
    hidden_activation: Option<Function>,

    /// Activation of the last layer, if it is dense (linear).
    #[arg(long, value_enum, value_name = "FUNCTION", help_heading = "What a file of weights may leave open")]
    last_activation: Option<Function>,

    /// The layers' names from input to output, with commas between.
    #[arg(long, value_delimiter = ',', value_name = "NAMES", help_heading = "What a file of weights may leave open")]
    order: Option<Vec<String>>,

    /// Which states of the last bidirectional layer go on.
    #[arg(long, value_enum, value_name = "STATES", help_heading = "What a file of weights may leave open")]
    bidirectional: Option<States>,
}

/// Places of a reset gate.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Place {
    /// Keras 1, and Keras 2 before TensorFlow 2.
    Before,
    /// Keras 3, TensorFlow 2, PyTorch.
    After,
}

/// Activations.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Function {
    /// None.
    Linear,
    /// 1/(1 + e^(−x)).
    Sigmoid,
    /// Keras 1 and 2: clip(0.2·x + 0.5, 0, 1).
    HardSigmoid,
    /// Keras 3 and PyTorch: clip(x/6 + 0.5, 0, 1).
    HardSigmoidSixth,
    /// The hyperbolic tangent.
    Tanh,
    /// max(x, 0).
    Relu,
}

/// States of a bidirectional layer.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum States {
    /// Each direction's own last one: PyTorch's h_n, Keras' return_sequences=False.
    Ends,
    /// Both directions' at the last time step: output[:, -1].
    Last,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let Imported { model, assumed, unused } = read(&args.file, &choices(args))?;
    if let Some(&choice) = unused.first() {
        bail!("{}: the file leaves nothing open that {} decides: leave it out", args.file.display(), option(choice));
    }
    let encoder = encoder(args, &model)?;
    let inputs = model.network.architecture().alphabet;
    if encoder.alphabet_len() != inputs {
        bail!("the network has {inputs} inputs, the alphabet {} characters: --alphabet", encoder.alphabet_len());
    }
    let here = || format!("writing {}", args.out.display());
    std::fs::create_dir_all(&args.out).with_context(here)?;
    if args.out.join("settings.toml").exists() {
        bail!("{} is a run's directory; choose another one", args.out.display());
    }
    // Of an earlier import.
    let _ = std::fs::remove_file(args.out.join(space::FILE));
    if let Some(text) = model.metadata.other.get(space::KEY) {
        let space = Space::from_json(text);
        let space = space.map_err(|problem| anyhow!("{}: its `{}` {problem}", args.file.display(), space::KEY))?;
        write_atomically(&args.out.join(space::FILE), &[space.to_json().as_bytes()]).with_context(here)?;
    }
    for assumption in assumed {
        match assumption.choice {
            Some(choice) => tell!("assumed: {}; {} changes that", assumption.what, option(choice)),
            None => tell!("assumed: {}", assumption.what),
        }
    }
    if let (Some(given), Some(held)) = (args.length, model.metadata.length)
        && given != held
    {
        tell!("note: the file's network reads words of length {held}; --length makes it {given}");
    }
    model.network.save(&args.out.join(LAST_MODEL))?;
    let json = serde_json::to_vec_pretty(&encoder)?;
    write_atomically(&args.out.join(ENCODER), &[&json]).with_context(here)?;
    say!("Next:  flameout embed --model {} WORD…", argument(&args.out))?;
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path, choices: &Choices) -> Result<Imported> {
    import(path, choices).map_err(|error| match error {
        Error::Undetermined { choice, .. } => anyhow!("{error}: say it with {}", option(choice)),
        other => other.into(),
    })
}

fn choices(args: &Args) -> Choices {
    Choices {
        reset: args.reset.map(|place| match place {
            Place::Before => Reset::Before,
            Place::After => Reset::After,
        }),
        gate_activation: args.gate_activation.map(activation),
        hidden_activation: args.hidden_activation.map(activation),
        last_activation: args.last_activation.map(activation),
        order: args.order.clone(),
        bidirectional: args.bidirectional.map(|states| match states {
            States::Ends => LastStates::Ends,
            States::Last => LastStates::Last,
        }),
    }
}

fn activation(function: Function) -> Activation {
    match function {
        Function::Linear => Activation::Linear,
        Function::Sigmoid => Activation::Sigmoid,
        Function::HardSigmoid => Activation::HardSigmoid,
        Function::HardSigmoidSixth => Activation::HardSigmoidSixth,
        Function::Tanh => Activation::Tanh,
        Function::Relu => Activation::Relu,
    }
}

/// The option that makes a choice has its name.
fn option(choice: Choice) -> String {
    format!("--{}", choice.name())
}

fn encoder(args: &Args, model: &Model) -> Result<CharEncoder> {
    let alphabet = args.alphabet.as_ref().or(model.metadata.alphabet.as_ref());
    let alphabet = alphabet.context("the file does not say which characters its inputs are: --alphabet")?;
    let length = args.length.or(model.metadata.length);
    let length = length.context("the file does not say how long a word is: --length")?;
    EncoderSettings::default().length(length).build(alphabet).context("--alphabet, --length")
}
