//! What holds for every word, alphabet and row of indices.

use flameout_encoder::{
    CasePolicy, CharEncoder, EncoderSettings, Error, Padding, Refusal, TooLongPolicy, UnknownPolicy,
};
use proptest::collection::vec;
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

/// Any characters but `$`; every second one of a script where normalisation has work to do.
fn letter() -> impl Strategy<Value = char> {
    let composing = prop_oneof![
        proptest::char::range('a', 'z'),
        proptest::char::range('À', 'ſ'),
        proptest::char::range('\u{300}', '\u{345}'), // combining accents
        proptest::char::range('Α', 'ω'),
        proptest::char::range('\u{1100}', '\u{11FF}'), // conjoining Hangul
        proptest::char::range('가', '힣'),
        proptest::char::range('\u{1E00}', '\u{1FFF}'),
        proptest::char::range('\u{915}', '\u{93C}'),
    ];
    prop_oneof![any::<char>(), composing].prop_filter("`$` is no letter", |&c| c != '$')
}

fn word() -> impl Strategy<Value = String> {
    vec(letter(), 1..24).prop_map(String::from_iter)
}

fn settings() -> impl Strategy<Value = EncoderSettings> {
    let case = prop_oneof![Just(CasePolicy::Keep), Just(CasePolicy::Lower)];
    let unknown = prop_oneof![Just(UnknownPolicy::Error), Just(UnknownPolicy::Skip), Just(UnknownPolicy::Map)];
    let too_long = prop_oneof![Just(TooLongPolicy::Error), Just(TooLongPolicy::Skip)];
    let padding = prop_oneof![Just(Padding::After), Just(Padding::Before), Just(Padding::Masked)];
    (2..40usize, case, unknown, too_long, padding).prop_map(|(length, case, unknown, too_long, padding)| {
        EncoderSettings { length, case, unknown, too_long, padding }
    })
}

proptest! {
    #[test]
    fn words_of_the_alphabet_come_back_normalised(words in vec(word(), 1..8)) {
        // Composition never adds characters beyond threefold (U+0390 and its like).
        let encoder = CharEncoder::builder().length(100).learn(&words).unwrap();
        for word in &words {
            let indices = encoder.encode(word).unwrap();
            prop_assert_eq!(encoder.decode(&indices).unwrap(), word.nfc().to_string());
        }
    }

    #[test]
    fn what_is_decoded_encodes_to_the_same_indices(
        settings in settings(),
        words in vec(word(), 1..8),
    ) {
        let encoder = settings.length(200).learn(&words).unwrap();
        for word in &words {
            let indices = encoder.encode(word).unwrap();
            let decoded = encoder.decode(&indices).unwrap();
            prop_assert_eq!(encoder.encode(&decoded).unwrap(), indices);
        }
    }

    #[test]
    fn any_string_is_encoded_to_the_length_or_refused_rightly(
        settings in settings(),
        known in word(),
        text in any::<String>(),
    ) {
        let encoder = settings.learn([known]).unwrap();
        match encoder.encode(&text) {
            Ok(indices) => {
                prop_assert_eq!(indices.len(), encoder.length());
                prop_assert_eq!(indices[0], 0);
                let width = encoder.alphabet_len();
                prop_assert!(indices.iter().all(|&i| usize::from(i) < width));
                let letters = encoder.decode(&indices).unwrap().chars().count();
                prop_assert!(letters <= encoder.max_word_len());
            }
            Err(Error::Word { word, reason }) => {
                prop_assert_eq!(&word, &text);
                let right = match reason {
                    Refusal::Empty => text.is_empty(),
                    Refusal::Marker { .. } => text.contains('$'),
                    Refusal::TooLong { letters, limit } => {
                        letters > limit && limit == encoder.max_word_len()
                    }
                    Refusal::UnknownCharacter { character, .. } => {
                        encoder.unknown_index().is_none() && encoder.index_of(character).is_none()
                    }
                    _ => false,
                };
                prop_assert!(right, "{reason:?}");
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
        if text.is_empty() || text.contains('$') {
            prop_assert!(encoder.encode(&text).is_err());
        }
    }

    #[test]
    fn batches_agree_with_single_words(
        settings in settings(),
        known in word(),
        words in vec(prop_oneof![word(), Just("a".to_owned())], 0..8),
    ) {
        let encoder = settings
            .unknown(UnknownPolicy::Skip)
            .too_long(TooLongPolicy::Skip)
            .learn([known, "a".to_owned()])
            .unwrap();
        let batch = encoder.encode_batch(&words).unwrap();
        prop_assert_eq!(batch.indices.dim(), (batch.kept.len(), encoder.length()));
        prop_assert_eq!(batch.kept.len() + batch.skipped.len(), words.len());
        for (row, &position) in batch.indices.outer_iter().zip(&batch.kept) {
            prop_assert_eq!(row.to_vec(), encoder.encode(&words[position]).unwrap());
        }
        for skipped in batch.skipped {
            let word = words[skipped.position].clone();
            prop_assert_eq!(&skipped.word, &word);
            let reason = skipped.reason;
            prop_assert_eq!(encoder.encode(&word), Err(Error::Word { word, reason }));
        }
    }

    #[test]
    fn composed_and_decomposed_forms_encode_alike(settings in settings(), word in word()) {
        let encoder = settings.length(100).learn([&word]).unwrap();
        let expected = encoder.encode(&word).unwrap();
        prop_assert_eq!(&encoder.encode(&word.nfc().to_string()).unwrap(), &expected);
        prop_assert_eq!(&encoder.encode(&word.nfd().to_string()).unwrap(), &expected);
    }

    #[test]
    fn learning_does_not_depend_on_order_form_or_repetition(
        settings in settings(),
        (words, shuffled) in vec(word(), 1..8)
            .prop_flat_map(|words| (Just(words.clone()), Just(words).prop_shuffle())),
    ) {
        let learnt = settings.clone().learn(&words).unwrap();
        prop_assert!(learnt.alphabet()[1..].is_sorted_by(|a, b| a < b));
        prop_assert_eq!(&settings.clone().learn(&shuffled).unwrap(), &learnt);
        let decomposed = shuffled.iter().map(|word| word.nfd().to_string());
        prop_assert_eq!(&settings.learn(decomposed.chain(words)).unwrap(), &learnt);
    }

    #[test]
    fn any_text_is_an_alphabet_or_an_error(settings in settings(), text in any::<String>()) {
        if let Ok(encoder) = settings.clone().build(&text) {
            prop_assert_eq!(encoder.alphabet()[0], '$');
            for (index, &character) in encoder.alphabet().iter().enumerate() {
                prop_assert_eq!(encoder.index_of(character).map(usize::from), Some(index));
            }
            let again = settings.build_from_chars(encoder.alphabet().iter().copied());
            prop_assert_eq!(again, Ok(encoder));
        }
    }

    #[test]
    fn decoding_any_indices_never_panics(
        settings in settings(),
        indices in vec(prop_oneof![0..6u16, any::<u16>()], 0..40),
    ) {
        let encoder = settings.length(indices.len().max(2)).build("abcd").unwrap();
        if let Ok(word) = encoder.decode(&indices) {
            prop_assert_eq!(encoder.encode(&word), Ok(indices));
        }
    }
}
