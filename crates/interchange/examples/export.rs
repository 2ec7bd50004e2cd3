//! Writes networks of made-up weights in every format that can say them, with what they make of made-up words, for other
//! software to be compared with: `cargo run --example export -- DIRECTORY UNITS WORDS`.
//!
//! `fixtures/interchange/check_written.py` does the comparing.

use std::error::Error;
use std::path::Path;

use flameout_interchange::{Model, keras, onnx, safetensors};

#[path = "../tests/common/mod.rs"]
mod common;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, units, words] = &arguments[..] else { return Err("give DIRECTORY UNITS WORDS".into()) };
    let (directory, units, words) = (Path::new(directory), units.parse()?, words.parse()?);
    std::fs::create_dir_all(directory)?;
    let indices = common::words(words);
    let wide: Vec<i64> = indices.iter().copied().map(i64::from).collect();
    std::fs::write(directory.join("indices.bin"), wide.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>())?;
    for (name, mut model) in common::models(units) {
        write_all(&model, directory, &name)?;
        let vectors = model.network.predict(indices.view())?;
        let bytes: Vec<u8> = vectors.iter().flat_map(|x| x.to_le_bytes()).collect();
        std::fs::write(directory.join(format!("{name}.vectors.bin")), bytes)?;
    }
    Ok(())
}

fn write_all(model: &Model, directory: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    onnx::write(model, &directory.join(format!("{name}.onnx")))?;
    keras::write(model, &directory.join(format!("{name}.keras")))?;
    keras::write(model, &directory.join(format!("{name}.weights.h5")))?;
    match safetensors::write(model, &directory.join(format!("{name}.safetensors"))) {
        Err(error) => println!("{name}: {error}"),
        Ok(()) => println!("{name}: written"),
    }
    Ok(())
}
