//! `flameout import`: a model of another program.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use flameout_encoder::{CharEncoder, EncoderSettings};
use flameout_experiment::run_directory::{ENCODER, LAST_MODEL};
use flameout_interchange::{Model, keras, safetensors};
use flameout_model::checkpoint::write_atomically;

use crate::space::{self, Space};

/// Makes a model of another program usable here: weights of Keras (.h5, .weights.h5, .keras) or PyTorch (.safetensors).
///
/// A word is spelt for it as flameout does: `$`, its letters, `$` up to the length. A file that flameout has written says
/// with which letters and what length; of another file you must say so.
///
/// Examples:
///
///   flameout import first.keras --out models/first
///   flameout import theirs.safetensors --alphabet '$abcdefghijklmnopqrstuvwxyz' --length 19 --out models/theirs
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
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let model = read(&args.file)?;
    let encoder = encoder(args, &model)?;
    let inputs = model.network.architecture().alphabet;
    if encoder.alphabet_len() != inputs {
        bail!("the network has {inputs} inputs, the alphabet {} characters", encoder.alphabet_len());
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
    model.network.save(&args.out.join(LAST_MODEL))?;
    let json = serde_json::to_vec_pretty(&encoder)?;
    write_atomically(&args.out.join(ENCODER), &[&json]).with_context(here)?;
    say!("Next:  flameout embed --model {} WORD…", args.out.display())?;
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Model> {
    Ok(match path.extension().and_then(OsStr::to_str) {
        Some("safetensors") => safetensors::read(path)?,
        Some("h5" | "hdf5" | "keras") => keras::read(path)?,
        _ => bail!("{}: its name must end in .safetensors, .h5, .hdf5 or .keras", path.display()),
    })
}

fn encoder(args: &Args, model: &Model) -> Result<CharEncoder> {
    let alphabet = args.alphabet.as_ref().or(model.metadata.alphabet.as_ref());
    let alphabet = alphabet.context("the file does not say which characters its inputs are: --alphabet")?;
    let length = args.length.or(model.metadata.length);
    let length = length.context("the file does not say how long a word is: --length")?;
    EncoderSettings::default().length(length).build(alphabet).context("--alphabet, --length")
}
