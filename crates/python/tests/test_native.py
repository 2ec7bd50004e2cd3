from pathlib import Path

import flameout
import numpy as np
import pytest

VECTORS = Path(__file__).resolve().parents[3] / "fixtures" / "glove-100d-4k.bin"


def curve(losses):
    return flameout.Curve(np.arange(1, len(losses) + 1, dtype=np.uint64), np.asarray(losses, dtype=np.float64))


def test_curves_are_judged():
    falling = 0.37 + 2.0 * 0.98 ** np.arange(300)
    assert flameout.judge(curve(falling)).verdict == "nothing-wrong"
    judgement = flameout.judge(curve([*falling, *[2.3] * 300]))
    assert judgement.verdict == "collapse" and judgement.is_wrong and judgement.onset() == 301
    assert flameout.judge(curve([*falling, np.nan, np.nan, np.nan])).verdict == "not-finite"


def test_columns_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="accuracy has 1 numbers for 2 steps"):
        flameout.Curve(np.array([1, 2], dtype=np.uint64), np.ones(2), accuracy=np.ones(1))
    with pytest.raises(ValueError, match="must rise"):
        flameout.Curve(np.array([2, 2], dtype=np.uint64), np.ones(2))


def test_logs_are_read(tmp_path):
    log = tmp_path / "training.log"
    log.write_text("epoch,acc,loss,val_acc,val_loss\n0,0.5,0.7,0.4,0.8\n1,0.9,0.2,0.8,0.3\n")
    (read,) = flameout.read_log(log)
    assert read.unit == "epoch" and read.loss.tolist() == [0.7, 0.2]
    assert read.validation_accuracy.tolist() == [0.4, 0.8] and read.gradient_norm is None
    with pytest.raises(OSError, match="nowhere"):
        flameout.read_log(tmp_path / "nowhere")


def test_word_vectors_are_found_sliced_and_written(tmp_path):
    kv = flameout.WordVectors.load(VECTORS)
    assert len(kv) == 4000 and "king" in kv and "zzzz" not in kv and kv.vector_size == 100
    assert kv["king"].dtype == np.float32 and kv[["king", "queen"]].shape == (2, 100)
    assert np.array_equal(kv[:10], kv.vectors[:10]) and kv[10:0:-3].shape == (4, 100)
    kept, vectors = kv.embed(["king", "zzzz", "queen"])
    assert kept == ["king", "queen"] and np.array_equal(vectors[1], kv["queen"])
    unit = kv.vectors / np.linalg.norm(kv.vectors, axis=1, keepdims=True)
    cosines = unit @ (kv["king"] / np.linalg.norm(kv["king"]))
    expected = [kv.index_to_key[row] for row in np.argsort(-cosines)[1:6]]
    assert [word for word, _ in kv.most_similar("king", topn=5)] == expected
    with pytest.raises(KeyError, match="zzzz"):
        kv["zzzz"]
    kv.save_word2vec_format(tmp_path / "again.bin", binary=True)
    assert np.array_equal(flameout.WordVectors.load(tmp_path / "again.bin").vectors, kv.vectors)


def test_what_is_no_model_is_named(tmp_path):
    with pytest.raises(ValueError, match="holds no model"):
        flameout.Embedder.open(tmp_path)
