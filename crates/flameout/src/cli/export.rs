//! `flameout export`: a model for other programs.

mod card;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use flameout_encoder::Padding;
use flameout_interchange::{Metadata, Model, keras, onnx, safetensors};
use flameout_word2vec::{Format, WordVectors};

use self::card::Card;
use super::known;
use super::reading::Reading;
use crate::{Embedder, space};

/// Writes a model as a file that other programs read.
///
/// A network that a format cannot say is an error which tells why. Beside FILE a model card is written, FILE.md: what the file
/// holds, what the model was trained on, and its score on the words that were kept for testing.
///
/// Examples:
///
///   flameout export --model runs/first --to onnx --out first.onnx
///   flameout export --model runs/first --to keras --out first.keras
///   flameout export --model runs/first --to word2vec --out all-words.bin
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A run's directory, or that of an imported model.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,

    /// The format.
    #[arg(long, value_enum)]
    to: Target,

    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// With --to word2vec: the words, if not those of the vectors that the run names.
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,

    /// The licence of the vectors that the model was trained on, for the model card.
    #[arg(long, value_name = "TEXT")]
    licence: Option<String>,

    #[command(flatten)]
    reading: Reading,
}

/// Formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// The weights under PyTorch's names; loads into nn.LSTM and nn.GRU.
    Safetensors,
    /// The network from character indices to vectors, for ONNX Runtime.
    Onnx,
    /// For Keras 3: FILE.keras, or FILE.weights.h5 for the weights alone.
    Keras,
    /// No network: the predicted vectors of all known words, in word2vec's binary format.
    Word2vec,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut embedder = Embedder::open(&args.model)?;
    let card = Card::of(&args.model, &mut embedder)?;
    let what = if args.to == Target::Word2vec {
        predicted(args, &mut embedder)?;
        "no network, but predicted vectors of words".to_owned()
    } else {
        // So that what is imported again gives the same vectors.
        let space = embedder.space().map(|space| (space::KEY.to_owned(), space.to_json()));
        let network = embedder.into_network();
        let (network, encoder) =
            network.context("a model of n-grams is no network; --to word2vec writes its vectors")?;
        ensure!(
            encoder.settings().padding == Padding::After,
            "the network was trained with a data.padding that the file would not tell; --to word2vec writes its vectors"
        );
        let alphabet = Some(encoder.alphabet().iter().collect());
        let what = format!("{}, fed with {} characters a word", network.architecture(), encoder.length());
        let metadata = Metadata { alphabet, length: Some(encoder.length()), other: space.into_iter().collect() };
        let model = Model { network, metadata };
        match args.to {
            Target::Safetensors => safetensors::write(&model, &args.out)?,
            Target::Onnx => onnx::write(&model, &args.out)?,
            _ => keras::write(&model, &args.out)?,
        }
        what
    };
    let card = card.write(&args.out, &what, args.licence.as_deref())?;
    tell!("model card: {}", card.display());
    say!("{}", args.out.display())?;
    Ok(ExitCode::SUCCESS)
}

fn predicted(args: &Args, embedder: &mut Embedder) -> Result<()> {
    let (words, _) = known::vectors(&args.model, args.vectors.as_deref(), args.reading)?.into_parts();
    let embedded = embedder.embed(&words);
    if embedded.kept.is_empty() {
        bail!("none of the words can be spelt for the network");
    }
    let kept = embedded.kept.iter().map(|&position| words[position].clone()).collect();
    let vectors = WordVectors::new(kept, embedded.vectors)?;
    vectors.save(&args.out, Format::Word2vecBinary).with_context(|| format!("writing {}", args.out.display()))
}
