//! `cargo xtask parity` as a user runs it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};

fn fixture(case: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("fixtures");
    fixtures.join("keras-1.0.7").join(case).with_extension("safetensors")
}

fn parity(arguments: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).arg("parity").args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The lines below the tables that say what failed.
fn failures(output: &Output) -> Vec<String> {
    stdout(output).lines().filter(|line| line.starts_with("FAIL ")).map(str::to_owned).collect()
}

fn verdict(output: &Output) -> String {
    stdout(output).lines().last().unwrap().to_owned()
}

/// A golden file to change.
struct Golden {
    metadata: HashMap<String, String>,
    tensors: HashMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
}

impl Golden {
    fn read(case: &str) -> Self {
        let bytes = std::fs::read(fixture(case)).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let owned = |view: TensorView<'_>| (view.dtype(), view.shape().to_vec(), view.data().to_vec());
        Self {
            metadata: header.metadata().clone().unwrap(),
            tensors: tensors.iter().map(|(name, view)| (name.to_owned(), owned(view))).collect(),
        }
    }

    fn write(&self, path: &Path) {
        let views = self
            .tensors
            .iter()
            .map(|(name, (dtype, shape, data))| (name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
        std::fs::write(path, serialize(views, Some(self.metadata.clone())).unwrap()).unwrap();
    }

    fn set_metadata(&mut self, key: &str, value: &str) {
        self.metadata.insert(key.into(), value.into());
    }

    fn values(&self, name: &str) -> Vec<f64> {
        self.tensors[name].2.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
    }

    fn set_values(&mut self, name: &str, shape: &[usize], values: &[f64]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensors.insert(name.into(), (Dtype::F64, shape.to_vec(), bytes));
    }

    fn change(&mut self, name: &str, by: f64) {
        let (mut values, shape) = (self.values(name), self.tensors[name].1.clone());
        values[0] += by;
        self.set_values(name, &shape, &values);
    }
}

/// The result for a directory with one changed copy of the LSTM's golden run, `changed.safetensors`.
fn parity_of_changed(change: impl FnOnce(&mut Golden)) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let mut golden = Golden::read("lstm-single");
    change(&mut golden);
    golden.write(&directory.path().join("changed.safetensors"));
    parity(&[directory.path()])
}

#[test]
fn the_recorded_runs_pass() {
    let output = parity(&[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(verdict(&output), "parity: 3 files, all within bounds");
    for case in ["lstm-single", "gru-single", "lstm-double"] {
        let rows = stdout(&output).lines().filter(|line| line.contains(case) && line.contains("✓ pass")).count();
        assert_eq!(rows, 2, "one row of {case} for each precision");
    }
}

#[test]
fn every_tensor_can_be_listed() {
    let output = parity(&[Path::new("--every-tensor")]);
    assert!(output.status.success(), "{output:?}");
    let listed = |tensor: &str| stdout(&output).contains(&format!("f64 gru-single.safetensors {tensor}: "));
    for tensor in ["predictions/initial", "first_batch/gradient/layer0/U_z", "history/accuracy", "final/layer1/b"] {
        assert!(listed(tensor), "{tensor} is missing");
    }
}

#[test]
fn a_changed_weight_fails_in_f64_and_hides_nothing() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::copy(fixture("gru-single"), directory.path().join("sound.safetensors")).unwrap();
    let mut golden = Golden::read("lstm-double");
    golden.change("final/layer2/U_o", 1e-6);
    golden.write(&directory.path().join("changed.safetensors"));

    let output = parity(&[directory.path()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let failures = failures(&output);
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].starts_with("FAIL changed.safetensors: f64: final/layer2/U_o: "), "{failures:?}");
    assert!(failures[0].ends_with(" > 1e-9"), "{failures:?}");
    assert_eq!(verdict(&output), "parity: 2 files, 1 failed: changed.safetensors");
}

#[test]
fn each_quantity_is_judged_in_both_precisions() {
    let judged = [
        ("predictions/initial", 2),
        ("first_batch/loss", 2),
        ("first_batch/gradient/layer0/b_f", 2),
        ("history/loss", 2),
        ("history/accuracy", 1),
        ("final/layer1/W", 2),
        ("predictions/final", 2),
    ];
    for (tensor, precisions) in judged {
        let output = parity_of_changed(|golden| golden.change(tensor, 0.125));
        assert_eq!(output.status.code(), Some(1));
        let failures = failures(&output);
        assert_eq!(failures.len(), precisions, "{failures:?}");
        assert!(failures.iter().all(|failure| failure.contains(&format!(": {tensor}: "))), "{failures:?}");
    }
}

#[test]
fn a_changed_initial_weight_is_noticed() {
    let output = parity_of_changed(|golden| golden.change("initial/layer0/U_i", 1e-6));
    assert_eq!(output.status.code(), Some(1));
    assert!(failures(&output).iter().any(|failure| failure.contains("f64: predictions/initial")), "{output:?}");
}

#[test]
fn letters_need_not_be_ascii() {
    let output = parity_of_changed(|golden| golden.set_metadata("alphabet", "$éöñßçåжλ한𝔞ĀāĂăĄąĆćĈĉĊċČčĎď"));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(verdict(&output), "parity: 1 file, all within bounds");
}

#[test]
fn a_batch_may_be_larger_than_the_data() {
    let output = parity_of_changed(|golden| {
        let (predictions, targets) = (golden.values("predictions/initial"), golden.values("targets"));
        let squares: f64 = predictions.iter().zip(&targets).map(|(p, t)| (p - t).powi(2)).sum();
        let loss = squares / targets.len() as f64;
        golden.set_metadata("batch", "1000");
        golden.set_metadata("epochs", "1");
        golden.set_values("first_batch/loss", &[1], &[loss]);
        golden.set_values("history/loss", &[1], &[loss]);
        golden.set_values("history/accuracy", &[1], &[0.0]);
    });
    let failures = failures(&output);
    assert!(failures.iter().any(|failure| failure.contains("final/")), "it was trained in other batches: {failures:?}");
    assert!(failures.iter().all(|failure| !failure.contains("loss")), "{failures:?}");
}

#[test]
fn what_cannot_be_compared_is_named_and_hides_nothing() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a-text.safetensors"), "no tensors at all").unwrap();
    std::fs::create_dir(directory.path().join("directory.safetensors")).unwrap();
    std::fs::copy(fixture("lstm-single"), directory.path().join("sound.safetensors")).unwrap();
    std::fs::write(directory.path().join("README.md"), "is not looked at").unwrap();
    let cut = std::fs::read(fixture("gru-single")).unwrap();
    std::fs::write(directory.path().join("z-cut.safetensors"), &cut[..cut.len() - 1]).unwrap();

    let output = parity(&[directory.path()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stdout(&output).contains("sound.safetensors"), "{output:?}");
    let failures = failures(&output);
    assert_eq!(failures.len(), 3, "{failures:?}");
    assert!(failures[0].starts_with("FAIL a-text.safetensors: is not a sound safetensors file: "), "{failures:?}");
    assert!(failures[1].starts_with("FAIL directory.safetensors: cannot be read: "), "{failures:?}");
    assert!(failures[2].starts_with("FAIL z-cut.safetensors: is not a sound safetensors file: "), "{failures:?}");
    assert_eq!(
        verdict(&output),
        "parity: 4 files, 3 failed: a-text.safetensors, directory.safetensors, z-cut.safetensors"
    );
}

#[test]
fn malformed_files_are_errors_that_name_the_place() {
    type Change = fn(&mut Golden);
    let cases: [(Change, &str); 18] = [
        (|g| drop(g.metadata.remove("batch")), "metadata `batch` is missing"),
        (|g| g.set_metadata("case", "transformer"), "metadata `case` is `transformer`"),
        (|g| g.set_metadata("epochs", "three"), "metadata `epochs` is `three`, which is no whole number"),
        (|g| g.set_metadata("batch", "0"), "metadata `batch` is 0"),
        (|g| g.set_metadata("words", "0"), "metadata `words` is 0"),
        (|g| g.set_metadata("words", "47"), "tensor `indices` has 48 rows, but metadata `words` is 47"),
        (|g| g.set_metadata("hidden", "17"), "metadata `hidden` is 17, but the layer's tensors have 16 columns"),
        (|g| g.set_metadata("outputs", "9"), "metadata `outputs` is 9"),
        (|g| g.set_metadata("epochs", "999999999999"), "tensor `history/loss` has shape [3]"),
        (
            |g| g.set_metadata("alphabet", "$ab"),
            "tensor `initial/layer0/W_i` has shape [27, 16], but it must have [3, 16]",
        ),
        (|g| g.set_metadata("case", "gru-single"), "layer 0 has the tensors of Lstm"),
        (|g| g.set_metadata("case", "lstm-double"), "layer 2 is missing"),
        (|g| drop(g.tensors.remove("initial/layer0/U_f")), "tensor `initial/layer0/U_f` is missing"),
        (
            |g| drop(g.tensors.remove("first_batch/gradient/layer1/b")),
            "tensor `first_batch/gradient/layer1/b` is missing",
        ),
        (|g| g.set_values("initial/layer2/W", &[1, 1], &[0.5]), "tensor `initial/layer2/W` belongs to no layer"),
        (|g| g.change("targets", f64::NAN), "tensor `targets`, element 0: NaN is not a finite number"),
        (|g| g.set_values("indices", &[48, 1], &[0.0; 48]), "tensor `indices` is F64, but it must be I32"),
        (
            |g| g.tensors.get_mut("indices").unwrap().2[4 * 21] = 27,
            "tensor `indices`, word 1, character 2: index 27 is not in the alphabet of 27",
        ),
    ];
    for (change, message) in cases {
        let output = parity_of_changed(change);
        assert_eq!(output.status.code(), Some(1), "{message}: {output:?}");
        let failures = failures(&output);
        assert!(
            failures.len() == 1
                && failures[0].starts_with("FAIL changed.safetensors: ")
                && failures[0].contains(message),
            "{message}: {failures:?}"
        );
    }
}

#[test]
fn a_directory_without_golden_runs_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    for (path, message) in [(directory.path(), "there is no golden run"), (&missing, "cannot read the directory")] {
        let output = parity(&[path]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(message) && stderr.contains(path.to_str().unwrap()), "{stderr}");
    }
}
