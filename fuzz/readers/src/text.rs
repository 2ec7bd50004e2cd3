//! Settings, summaries, encoders and similarity sets.

use flameout::similarity as sets;
use flameout_encoder::CharEncoder;
use flameout_experiment::{Case, RunDirectory, Settings, Summary};

use crate::file::with_file;
use crate::memory::Bound;

/// A value may be two bytes, and takes some 100 in the tree of values with their places in the text.
pub const SETTINGS: Bound = Bound { per_byte: 256, constant: 1 << 20 };
/// JSON of fixed fields, read as it comes.
pub const JSON: Bound = Bound { per_byte: 24, constant: 1 << 16 };
/// A pair may be six bytes, and takes 56, three times as many while the list grows.
pub const SIMILARITY: Bound = Bound { per_byte: 48, constant: 1 << 16 };

/// Settings of a run; and, what comes after `[model]`, custom layers among it.
pub fn settings(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    settings_text(text);
    settings_text(&format!("case = \"gru-single\"\n[model]\n{text}"));
}

fn settings_text(text: &str) {
    let Ok(settings) = SETTINGS.holds(text.len(), || Settings::from_toml(text)) else { return };
    let back = Settings::from_toml(&settings.to_toml()).expect("what was written is read");
    assert_eq!(format!("{back:?}"), format!("{settings:?}"));
    assert_eq!(back.hash(), settings.hash());
    settings.architecture(2, 1).check().expect("checked settings make a network");
    let mut again = Settings::for_case(Case::LstmSingle);
    // A value may be out of range as long as another one is not yet set.
    for (key, value) in settings.entries() {
        let _ = again.set(&key, &value);
    }
}

/// The summary of a run.
pub fn summary(data: &[u8]) {
    with_file("summary.json", data, |path| {
        std::fs::write(path.with_file_name("settings.toml"), "").expect("a temporary file");
        let directory = RunDirectory::open(path.parent().expect("a directory")).expect("a run");
        let Ok(Some(summary)) = JSON.holds(data.len(), || directory.summary()) else { return };
        let written = serde_json::to_vec(&summary).expect("plain data");
        let back: Summary = serde_json::from_slice(&written).expect("what was written is read");
        assert_eq!(format!("{back:?}"), format!("{summary:?}"), "as text, in which NaN is NaN");
    });
}

/// `encoder.json` of a run.
pub fn encoder(data: &[u8]) {
    let read = JSON.holds(data.len(), || serde_json::from_slice::<CharEncoder>(data));
    let Ok(encoder) = read else { return };
    let written = serde_json::to_vec(&encoder).expect("plain data");
    let back: CharEncoder = serde_json::from_slice(&written).expect("what was written is read");
    assert_eq!(back, encoder);
    if let Ok(indices) = encoder.encode("word") {
        assert!(encoder.decode(&indices).is_ok());
    }
}

/// A set of word pairs with scores.
pub fn similarity(data: &[u8]) {
    with_file("set.tsv", data, |path| {
        let Ok(pairs) = SIMILARITY.holds(data.len(), || sets::read(path)) else { return };
        let line = |pair: &sets::Pair| format!("{}\t{}\t{}\n", pair.words[0], pair.words[1], pair.score);
        let written: String = pairs.iter().map(line).collect();
        std::fs::write(path, &written).expect("a temporary file");
        // A first word that is a number is taken for one before the words.
        let numbered = pairs.iter().any(|pair| pair.words[0].parse::<u64>().is_ok());
        if !numbered {
            assert_eq!(sets::read(path).expect("what was written is read"), pairs);
        }
        let _ = sets::words(&pairs);
    });
}
