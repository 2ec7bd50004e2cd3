//! Text and bytes that are nearly logs: none makes the reader panic, and no row is invented.

use std::collections::HashSet;

use flameout_curves::{Curve, Names, logs};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{fixture, read_bytes};

/// Text that is nearly a log.
fn nearly_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "step",
        "epoch",
        "loss",
        "val_loss",
        "batch",
        ",",
        ";",
        "\n",
        "\r\n",
        "\"",
        "{",
        "}",
        ":",
        "1",
        "0",
        "-",
        "2.5",
        "1e400",
        "nan",
        "NaN",
        "Infinity",
        "null",
        "#",
        "\u{feff}",
        "\t",
        " ",
        "{\"loss\":1}\n",
        "step,loss\n",
        "99999999999999999999",
    ]);
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Lines as programs print them, and what they are made of.
fn nearly_lines() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "Epoch 3/30\n",
        "Epoch 2: ",
        "100%|███| 9/9 [00:12<00:00, ",
        " 45%|██ | 4/9 [00:01<00:02, 3.1it/s, ",
        "9/9 [=====] - 3s 12ms/step - ",
        "\r",
        "\n",
        "\u{8}",
        "\u{1b}[32m",
        "loss: ",
        "loss=",
        "val_loss: ",
        "val_acc=",
        "accuracy ",
        "Average loss at step ",
        "Cost after iteration ",
        "(for one batch) ",
        "[1,  2000] ",
        "[10]\t",
        "train-rmse:",
        "valid_0's l2: ",
        "1000: 2.345, 2.456 avg, 0.001 rate\n",
        "Minibatch[   1- 100]: ",
        "Finished Epoch[ 1 of 30]: [Training] ",
        " * 6400, ",
        "0.312",
        "12",
        "-0.5",
        "nan",
        "80%",
        "step 7 ",
        ", ",
        " | ",
        "]",
        "(0.25)",
        "é",
        "'",
    ]);
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Every number that stands in a text, by its bits.
fn numbers_in(text: &str) -> HashSet<u64> {
    let ends = |from: usize| (from + 1..=(from + 16).min(text.len())).filter(|end| text.is_char_boundary(*end));
    let starts = (0..text.len()).filter(|&from| text.is_char_boundary(from));
    let parts = starts.flat_map(|from| ends(from).map(move |end| &text[from..end]));
    parts.filter_map(|part| part.parse::<f64>().ok()).map(f64::to_bits).collect()
}

fn is_sound(curve: &Curve) -> bool {
    curve.points.windows(2).all(|pair| pair[0].step < pair[1].step)
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in nearly_text()) {
        if let Ok(curve) = read_bytes(text.as_bytes()) {
            prop_assert!(is_sound(&curve), "{:?}", curve);
        }
    }

    #[test]
    fn no_line_makes_it_panic_and_no_row_is_invented(text in nearly_lines()) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &text).unwrap();
        let Ok(curves) = logs::read(file.path(), &Names::default()) else { return Ok(()) };
        // A list is a row for each of its numbers.
        let separators: &[char] = if text.contains(']') { &['\n', '\r', '\u{8}', ',', ' '] } else { &['\n', '\r', '\u{8}'] };
        let (numbers, states) = (numbers_in(&text), text.split(separators).count());
        prop_assert!(curves.iter().map(|curve| curve.rows).sum::<usize>() <= states, "{:?}", curves);
        for curve in &curves {
            prop_assert!(is_sound(curve), "{:?}", curve);
            let points = curve.points.iter().flat_map(|point| [Some(point.loss), point.accuracy]);
            let tests = curve.epochs.iter().flat_map(|test| [test.test_loss, test.test_accuracy]);
            for value in points.chain(tests).flatten().filter(|value| !value.is_nan()) {
                prop_assert!(numbers.contains(&value.to_bits()), "{} is not in {:?}", value, text);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..400)) {
        if let Ok(curve) = read_bytes(&bytes) {
            prop_assert!(is_sound(&curve), "{:?}", curve);
        }
    }

    #[test]
    fn no_damage_to_an_event_file_makes_it_panic(at in 0usize..4000, with in vec(any::<u8>(), 1..40), end in 0usize..4600) {
        let mut bytes = std::fs::read(fixture("tensorboard-pytorch/events.out.tfevents")).unwrap();
        bytes.splice(at..(at + with.len()).min(bytes.len()), with);
        bytes.truncate(end.max(1));
        if let Ok(curve) = read_bytes(&bytes) {
            prop_assert!(is_sound(&curve), "{:?}", curve);
        }
    }

    #[test]
    fn what_is_written_is_read(values in vec((0.0..1e6f64, -1e3..1e3f64), 1..40), separator in prop::sample::select(vec![',', ';', '\t'])) {
        let mut text = format!("lr{separator}step{separator}loss\n");
        for (number, (rate, loss)) in values.iter().enumerate() {
            text += &format!("{rate}{separator}{}{separator}{loss}\n", 3 * number + 1);
        }
        let curve = read_bytes(text.as_bytes()).unwrap();
        let read: Vec<(f64, f64)> = curve.points.iter().map(|point| (point.learning_rate.unwrap(), point.loss)).collect();
        prop_assert_eq!(read, values);
    }
}
