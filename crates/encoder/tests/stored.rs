//! Encoders in files: what was written comes back, what was broken by hand does not.
#![cfg(feature = "serde")]

use flameout_encoder::{CasePolicy, CharEncoder, EncoderSettings, Refusal, Skipped, TooLongPolicy, UnknownPolicy};
use proptest::prelude::*;

const STORED: &str =
    r#"{"alphabet":["$","a","é"],"settings":{"length":5,"case":"lower","unknown":"map","too_long":"skip"}}"#;

fn encoder() -> CharEncoder {
    CharEncoder::builder()
        .length(5)
        .case(CasePolicy::Lower)
        .unknown(UnknownPolicy::Map)
        .too_long(TooLongPolicy::Skip)
        .build("aé")
        .unwrap()
}

#[test]
fn the_stored_form_is_plain() {
    assert_eq!(serde_json::to_string(&encoder()).unwrap(), STORED);
    assert_eq!(serde_json::from_str::<CharEncoder>(STORED).unwrap(), encoder());
}

#[test]
fn settings_left_out_take_their_defaults() {
    let settings: EncoderSettings = serde_json::from_str(r#"{"length": 7}"#).unwrap();
    assert_eq!(settings, EncoderSettings::default().length(7));
}

#[test]
fn edits_by_hand_are_checked() {
    assert!(serde_json::from_str::<CharEncoder>(STORED).is_ok());
    for (from, to, message) in [
        ("5", "1", "length 1 is not between"),
        ("5", "99999999999", "length 99999999999 is not between"),
        ("5", "-1", "invalid value: integer `-1`"),
        (r#""é""#, r#""a""#, "'a' (U+0061) twice"),
        (r#""é""#, r#""É""#, "'É' (U+00C9), which no word can contain"),
        (r#""é""#, r#""$""#, "'$' (U+0024) twice"),
        (r#""$","a","é""#, r#""a","$""#, "has `$` at index 1"),
        (r#""$","a","é""#, "", "no character besides `$`"),
        (r#""é""#, r#""éa""#, "expected a character"),
        ("lower", "upper", "unknown variant `upper`"),
        (r#""case""#, r#""cases""#, "unknown field `cases`"),
        (r#""alphabet""#, r#""alphabets""#, "unknown field `alphabets`"),
    ] {
        let edited = STORED.replacen(from, to, 1);
        assert_ne!(edited, STORED, "{from} is not in the stored form");
        let error = serde_json::from_str::<CharEncoder>(&edited).unwrap_err();
        assert!(error.to_string().contains(message), "{edited}: {error}");
    }
}

#[test]
fn skipped_words_can_be_stored() {
    let skipped =
        Skipped { position: 3, word: "où".into(), reason: Refusal::UnknownCharacter { character: 'ù', index: 1 } };
    let json = serde_json::to_string(&skipped).unwrap();
    assert_eq!(json, r#"{"position":3,"word":"où","reason":{"unknown_character":{"character":"ù","index":1}}}"#);
    assert_eq!(serde_json::from_str::<Skipped>(&json).unwrap(), skipped);
}

proptest! {
    #[test]
    fn learnt_encoders_come_back(words in proptest::collection::vec("[^$]{1,9}", 1..9)) {
        let encoder = CharEncoder::learn(&words).unwrap();
        let json = serde_json::to_string(&encoder).unwrap();
        prop_assert_eq!(serde_json::from_str::<CharEncoder>(&json).unwrap(), encoder);
    }
}
