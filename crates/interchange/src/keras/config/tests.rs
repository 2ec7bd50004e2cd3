//! Descriptions of every version, and what is not to be guessed about them.

use super::*;
use crate::Choices;

fn described(version: &str, text: &str) -> Result<Network, String> {
    let path = Path::new("x.h5");
    let choices = Choices::default();
    let mut open = Open::new(&choices);
    network(path, Version::parse(path, Some(version)).unwrap(), text, "layers", &mut open)
        .map_err(|error| error.to_string())
}

fn read(version: &str, text: &str) -> Result<Vec<LayerKind>, String> {
    Ok(described(version, text)?.layers.iter().filter_map(|layer| layer.kind).collect())
}

#[test]
fn keras_1_has_other_words_for_the_same() {
    let text = r#"{"class_name": "Sequential", "config": [
        {"class_name": "GRU", "config": {"output_dim": 4, "activation": "tanh", "inner_activation": "hard_sigmoid"}},
        {"class_name": "Dense", "config": {"output_dim": 2, "activation": "linear"}},
        {"class_name": "Activation", "config": {"activation": "tanh"}}]}"#;
    let gate_activation = Activation::HardSigmoid;
    let gru = LayerKind::Gru { units: 4, gate_activation, reset: Reset::Before, return_sequences: false };
    assert_eq!(read("1.0.7", text).unwrap(), [gru, LayerKind::Dense { units: 2, activation: Activation::Tanh }]);
}

#[test]
fn branches_and_unknown_layers_are_named() {
    let text = r#"{"config": {"layers": [
        {"class_name": "InputLayer", "name": "a", "config": {}, "inbound_nodes": []},
        {"class_name": "Dropout", "name": "b", "config": {}, "inbound_nodes": [[["a", 0, 0]]]},
        {"class_name": "Dropout", "name": "c", "config": {}, "inbound_nodes": [[["b", 0, 0], ["a", 0, 0]]]}]}}"#;
    assert!(read("2.2.0", text).unwrap_err().contains("`c` is fed with `b`, `a`"));
    let text = r#"{"config": [{"class_name": "Masking", "config": {}}]}"#;
    assert!(read("2.2.0", text).unwrap_err().contains("`Masking`"));
    let text = r#"{"config": [{"class_name": "Dense", "config": {"units": 3, "activation": "softmax"}}]}"#;
    assert!(read("2.2.0", text).unwrap_err().contains("`softmax`"));
    assert!(read("2.2.0", "{").unwrap_err().contains("no JSON"));
}
/// A model of one bidirectional layer, and no more, with these pieces of JSON in its configuration.
fn bidirectional(mode: &str, forward: &str, backward: Option<&str>) -> Result<Vec<LayerKind>, String> {
    let layer = |more: &str| {
        format!(
            r#"{{"class_name": "LSTM", "config": {{"units": 4, "activation": "tanh", "recurrent_activation": "sigmoid"{more}}}}}"#
        )
    };
    let backward = backward.map(|more| format!(r#", "backward_layer": {}"#, layer(more))).unwrap_or_default();
    let config = format!(r#"{{"merge_mode": "{mode}", "layer": {}{backward}}}"#, layer(forward));
    read("3.0.0", &format!(r#"{{"config": [{{"class_name": "Bidirectional", "config": {config}}}]}}"#))
}

#[test]
fn two_directions_are_the_same_layer_twice_or_refused() {
    let (gate_activation, return_sequences) = (Activation::Sigmoid, false);
    let both =
        LayerKind::Bidirectional { cell: flameout_model::Cell::Lstm, units: 4, gate_activation, return_sequences };
    let backwards = r#", "go_backwards": true"#;
    assert_eq!(bidirectional("concat", "", None).unwrap(), [both]);
    assert_eq!(bidirectional("concat", "", Some(backwards)).unwrap(), [both]);
    assert!(bidirectional("sum", "", None).unwrap_err().contains("\"sum\""));
    assert!(bidirectional("concat", backwards, None).unwrap_err().contains("goes backwards"));
    assert!(bidirectional("concat", "", Some("")).unwrap_err().contains("differs from the forward one"));
    let other = r#", "go_backwards": true, "return_sequences": true"#;
    assert!(bidirectional("concat", "", Some(other)).unwrap_err().contains("differs from the forward one"));
}

const GRU: &str = r#""units": 4, "activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": true"#;

/// A functional model of Keras 3: an input, a GRU with this piece of JSON, and a dense layer that is fed with this output
/// of it; with these pieces between, and the model's outputs.
fn functional(gru: &str, output: u64, between: &str, source: &str, outputs: &str) -> Result<Vec<LayerKind>, String> {
    let tensor = |name: &str, output: u64| {
        format!(r#"{{"class_name": "__keras_tensor__", "config": {{"keras_history": ["{name}", 0, {output}]}}}}"#)
    };
    let text = format!(
        r#"{{"config": {{"layers": [
        {{"class_name": "InputLayer", "name": "in", "config": {{"batch_shape": [null, 6, 3]}}, "inbound_nodes": []}},
        {{"class_name": "GRU", "name": "gru", "config": {{{GRU}{gru}}},
          "inbound_nodes": [{{"args": [{}], "kwargs": {{"training": false, "mask": null}}}}]}},
        {between}
        {{"class_name": "Dense", "name": "out", "config": {{"units": 2, "activation": "linear"}},
          "inbound_nodes": [{{"args": [{}], "kwargs": {{}}}}]}}],
        "input_layers": ["in", 0, 0], "output_layers": {outputs}}}}}"#,
        tensor("in", 0),
        tensor(source, output),
    );
    read("3.15.1", &text)
}

const DENSE: LayerKind = LayerKind::Dense { units: 2, activation: Activation::Linear };

fn gru(return_sequences: bool) -> LayerKind {
    LayerKind::Gru { units: 4, gate_activation: Activation::Sigmoid, reset: Reset::After, return_sequences }
}

#[test]
fn which_output_goes_on_is_read() {
    let out = r#"["out", 0, 0]"#;
    assert_eq!(functional("", 0, "", "gru", out).unwrap(), [gru(false), DENSE]);
    let state = r#", "return_sequences": true, "return_state": true"#;
    assert_eq!(functional(state, 0, "", "gru", out).unwrap(), [gru(true), DENSE]);
    assert_eq!(functional(state, 1, "", "gru", out).unwrap(), [gru(false), DENSE], "the state is the last one");
    assert!(functional(state, 2, "", "gru", out).unwrap_err().contains("output number 2"));
    let two = functional("", 0, "", "gru", r#"[["out", 0, 0], ["gru", 0, 0]]"#).unwrap_err();
    assert!(two.contains("has 2 outputs: `out`, `gru`"), "{two}");
    let unused = functional("", 0, "", "gru", r#"["gru", 0, 0]"#).unwrap_err();
    assert!(unused.contains("`out` is not between"), "{unused}");
    assert!(functional("", 0, "", "nowhere", out).unwrap_err().contains("`nowhere`"));
    assert!(functional("", 0, "", "out", out).unwrap_err().contains("feeds itself"));
}

/// A layer between the GRU and the dense one, called with these arguments beside its input.
fn between(class: &str, config: &str, arguments: &str, kwargs: &str) -> String {
    format!(
        r#"{{"class_name": "{class}", "name": "mid", "config": {config}, "inbound_nodes": [{{"args": [{{
        "class_name": "__keras_tensor__", "config": {{"keras_history": ["gru", 0, 0]}}}}{arguments}], "kwargs": {kwargs}}}]}},"#
    )
}

#[test]
fn the_last_step_is_taken_where_it_is_asked_for() {
    let whole = r#"{"class_name": "__slice__", "config": {"start": null, "stop": null, "step": null}}"#;
    let part = r#"{"class_name": "__slice__", "config": {"start": 1, "stop": null, "step": null}}"#;
    let sequences = r#", "return_sequences": true"#;
    let read = |gru: &str, slice: String| {
        functional(gru, 0, &between("GetItem", "{}", &format!(", {slice}"), "{}"), "mid", r#"["out", 0, 0]"#)
    };
    assert_eq!(read(sequences, format!("[{whole}, -1]")).unwrap(), [gru(false), DENSE]);
    assert_eq!(read(sequences, format!("[{whole}, -1, {whole}]")).unwrap(), [gru(false), DENSE]);
    assert!(read(sequences, format!("[{whole}, 0]")).unwrap_err().contains("only `[:, -1]`"));
    assert!(read(sequences, format!("[{part}, -1]")).unwrap_err().contains("only `[:, -1]`"));
    assert!(read("", format!("[{whole}, -1]")).unwrap_err().contains("no sequence"));

    // Keras 2 has it among the named arguments.
    let text = r#"{"config": {"layers": [
        {"class_name": "InputLayer", "name": "in", "config": {}, "inbound_nodes": []},
        {"class_name": "Bidirectional", "name": "both", "config": {"merge_mode": "concat", "layer": {"class_name": "LSTM",
         "config": {"units": 4, "activation": "tanh", "recurrent_activation": "sigmoid", "return_sequences": true}}},
         "inbound_nodes": [[["in", 0, 0, {}]]]},
        {"class_name": "SlicingOpLambda", "name": "op", "config": {"function": "__operators__.getitem"}, "inbound_nodes":
         [["both", 0, 0, {"slice_spec": {"class_name": "__tuple__", "items":
          [{"start": null, "stop": null, "step": null}, -1]}}]]}],
        "output_layers": [["op", 0, 0]]}}"#;
    let kinds = super::tests::read("2.13.1", text).unwrap();
    assert_eq!(kinds[1..], [LayerKind::LastStep { units: 8 }]);
}

#[test]
fn what_a_layer_is_called_with_is_not_ignored() {
    let read = |class: &str, config: &str, arguments: &str, kwargs: &str| {
        functional("", 0, &between(class, config, arguments, kwargs), "mid", r#"["out", 0, 0]"#)
    };
    assert_eq!(read("Dropout", r#"{"rate": 0.5}"#, "", r#"{"training": false}"#).unwrap(), [gru(false), DENSE]);
    let message = read("Dropout", r#"{"rate": 0.5}"#, "", r#"{"training": true}"#).unwrap_err();
    assert!(message.contains("`training=True`"), "{message}");
    let dense = r#"{"units": 4, "activation": "tanh"}"#;
    assert!(read("Dense", dense, "", r#"{"initial_state": [1]}"#).unwrap_err().contains("`initial_state`"));
    assert!(read("Dense", dense, ", 3", "{}").unwrap_err().contains("called with `3`"));
}

/// A layer of Keras 3 in a sequential model, and the message if it is refused.
fn one(class: &str, config: &str) -> Result<Vec<LayerKind>, String> {
    read("3.15.1", &format!(r#"{{"config": {{"layers": [{{"class_name": "{class}", "config": {{{config}}}}}]}}}}"#))
}

#[test]
fn layers_that_do_nothing_are_left_out() {
    for class in ["Dropout", "SpatialDropout1D", "GaussianNoise", "GaussianDropout", "AlphaDropout", "Identity"] {
        assert_eq!(one(class, "").unwrap(), []);
        assert_eq!(
            one("TimeDistributed", &format!(r#""layer": {{"class_name": "{class}", "config": {{}}}}"#)).unwrap(),
            []
        );
    }
    let inner = format!(r#""layers": [{{"class_name": "GRU", "config": {{{GRU}}}}}]"#);
    assert_eq!(one("Sequential", &inner).unwrap(), [gru(false)]);
}

#[test]
fn what_cannot_be_computed_is_named() {
    let message = |class: &str, config: &str| one(class, config).unwrap_err();
    for class in ["Masking", "Flatten", "BatchNormalization", "Lambda", "RNN"] {
        assert!(message(class, "").contains(&format!("`{class}`")));
    }
    assert!(message("Embedding", r#""mask_zero": true"#).contains("mask_zero"));
    assert!(message("GRU", &format!(r#"{GRU}, "time_major": true"#)).contains("time-major"));
    assert!(message("GRU", &format!(r#"{GRU}, "go_backwards": true"#)).contains("backwards"));
    assert!(
        message("GRU", r#""units": 4, "activation": "tanh", "recurrent_activation": "sigmoid""#)
            .contains("reset_after")
    );
    assert!(
        message("LSTM", r#""units": 4, "activation": "relu", "recurrent_activation": "sigmoid""#)
            .contains("relu states")
    );
    let object = r#""units": 4, "activation": {"module": "keras.layers", "class_name": "LeakyReLU", "config": {}}"#;
    assert!(message("Dense", object).contains("`activation` is `LeakyReLU`"));
    let own = r#""units": 4, "activation": {"module": "builtins", "class_name": "function", "config": "tanh"}"#;
    assert!(message("Dense", own).contains("no function"), "a function of that name, but the author's own");
    let named =
        r#""units": 4, "activation": {"module": "keras.activations", "class_name": "function", "config": "tanh"}"#;
    assert_eq!(one("Dense", named).unwrap(), [LayerKind::Dense { units: 4, activation: Activation::Tanh }]);
    let quantised = r#""units": 4, "activation": "tanh", "dtype": {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8"}}"#;
    assert!(message("Dense", quantised).contains("quantised"));
    let text = r#"{"config": [{"class_name": "LSTM", "module": "__main__", "config": {}}]}"#;
    assert!(read("3.15.1", text).unwrap_err().contains("not Keras' own"));
    let text = r#"{"config": [{"class_name": "LSTM", "registered_name": "Mine>LSTM", "config": {}}]}"#;
    assert!(read("3.15.1", text).unwrap_err().contains("not Keras' own"));
    let hostile = format!("\\u001b[31m{}", "x".repeat(5000));
    let message = message(&hostile, "");
    assert!(message.chars().count() < 300 && !message.contains('\u{1b}'), "{message:?}");
}

#[test]
fn the_input_tells_how_long_a_word_is() {
    let input = r#"{"config": [{"class_name": "InputLayer", "config": {"batch_input_shape": [null, 6, 3]}}]}"#;
    assert_eq!(described("2.13.1", input).unwrap().length, Some(6));
    let input = r#"{"config": [{"class_name": "InputLayer", "config": {"batch_shape": [null, null, 3]}}]}"#;
    assert_eq!(described("3.0.0", input).unwrap().length, None);
}
