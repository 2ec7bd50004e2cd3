"""What other programs make of this package's command and files, and it of theirs."""

import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import flameout
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
COMMAND = Path(sysconfig.get_path("scripts")) / "flameout"


def sweep(*words):
    subprocess.run([COMMAND, "--quiet", "sweep", *map(str, words)], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.skipif(not find_spec("hyperqueue"), reason="needs hyperqueue")
@pytest.mark.skipif(sys.platform != "linux", reason="HyperQueue runs on Linux")
def test_hyperqueues_workers_make_the_rows_of_one_program(tmp_path):
    plan, alone, shared = ROOT / "fixtures" / "small-plan.toml", tmp_path / "alone", tmp_path / "shared"
    sweep(plan, "--results", alone, "--jobs", "1")
    script = [sys.executable, ROOT / "docs/how-to/cluster/on_hyperqueue.py", plan, "--results", shared, "--flameout", COMMAND]
    told = subprocess.run([*script, "--workers", "2", "--kill", "2"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert told.returncode == 0, told.stderr
    assert (shared / "results.jsonl").read_bytes() == (alone / "results.jsonl").read_bytes()


@pytest.mark.skipif(not find_spec("gensim"), reason="needs gensim")
def test_vectors_of_a_fasttext_model_are_those_that_gensim_gives(tmp_path):
    from gensim.models import FastText
    from gensim.models.fasttext import save_facebook_model

    random = np.random.default_rng(3)
    parts = ["ba", "ke", "li", "mo", "nu", "ra", "sé", "ti", "vo", "日本"]
    words = ["".join(random.choice(parts, size=random.integers(3, 8))) for _ in range(12_000)]
    known, sentences = words[:6_000], [words[at : at + 10] for at in range(0, 6_000, 10)]
    model = FastText(sentences, vector_size=20, min_count=1, bucket=5_000, min_n=2, max_n=5, epochs=1, workers=1, seed=1)
    save_facebook_model(model, str(tmp_path / "model.bin"))
    asked = sorted(set(words))
    unseen = [word for word in asked if word not in model.wv.key_to_index]
    assert len(asked) > 10_000 and len(unseen) > 4_000 and set(known) <= set(model.wv.key_to_index)
    kept, vectors = flameout.Embedder.open(tmp_path / "model.bin").embed(asked)
    assert len(kept) == len(asked)
    assert np.abs(vectors - np.stack([model.wv[word] for word in asked])).max() <= 1e-6
