"""Makes healthy trainings of small networks in PyTorch and in Keras, and counts the false alarms.

    python crates/python/benchmarks/healthy.py --rows target/healthy.jsonl
    python crates/python/benchmarks/healthy.py --table --rows target/healthy.jsonl

Each run is a line of the file of rows; what is there already is not made again.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from flameout._native import wilson
from flameout.diagnosis import percent
from rows import add_arguments, append, read

KINDS = ("mlp", "cnn", "transformer", "lstm", "gru")
ROWS, INPUTS, CLASSES = 256, 16, 4
STEPS = 1600


@dataclass(frozen=True)
class Variation:
    """A way of training that is no fault."""

    batch: int = 32
    rate: float = 0.003
    #: The share of activations that are left out before the last layer.
    dropout: float = 0.0
    #: The share of rows with a class at random.
    noise: float = 0.0
    #: Steps after which the learning rate, falling along a cosine, is set back.
    restart: int | None = None


VARIATIONS = {
    "plain": Variation(),
    "small batches": Variation(batch=8),
    "dropout": Variation(dropout=0.3),
    "wrong classes": Variation(noise=0.1),
    "restarts": Variation(rate=0.01, restart=400),
}


class Task:
    """Rows of 16 numbers, and their classes: which of four sums is the largest."""

    def __init__(self, seed: int, noise: float) -> None:
        generator = np.random.default_rng(seed)
        self.x = generator.standard_normal((ROWS, INPUTS)).astype(np.float32)
        self.labels = (self.x @ generator.standard_normal((INPUTS, CLASSES))).argmax(axis=1)
        wrong = generator.random(ROWS) < noise
        self.labels[wrong] = generator.integers(CLASSES, size=ROWS)[wrong]


def main() -> None:
    """Make the runs that are asked for, or print the table of those that were made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frameworks", nargs="+", choices=["torch", "keras"], default=["torch", "keras"])
    add_arguments(parser, [0])
    options = parser.parse_args()
    rows = read(options.rows)
    if options.table:
        print(table([row for row in rows if row["seed"] in options.seeds]))
        return
    for known in [
        {"framework": framework, "kind": kind, "variation": variation, "seed": seed}
        for framework in options.frameworks
        for seed in options.seeds
        for variation in VARIATIONS
        for kind in KINDS
    ]:
        if not any(known.items() <= row.items() for row in rows):
            row = known | run(known)
            append(options.rows, row)
            print(json.dumps(row), flush=True)


def run(known: dict[str, Any]) -> dict[str, Any]:
    """Make a run; return how it ended and what the recorder makes of it."""
    variation = VARIATIONS[known["variation"]]
    train = importlib.import_module(f"healthy_{known['framework']}").train
    with tempfile.TemporaryDirectory() as folder:
        recorder = train(known["kind"], variation, Task(known["seed"], variation.noise), known["seed"], Path(folder) / "crash")
        losses = recorder.curve().loss.tolist()
        verdict = recorder.diagnose().verdict
    healthy = all(map(math.isfinite, losses)) and median(losses[-100:]) < 0.7 * median(losses[:10])
    row = {"steps": len(losses), "first": round(median(losses[:10]), 4), "last": round(median(losses[-100:]), 4)}
    return row | {"healthy": healthy, "verdict": verdict, "alarm": recorder.caught or verdict != "nothing wrong"}


def table(rows: list[dict[str, Any]]) -> str:
    """Return a table of the runs, one row for each framework and network."""
    lines = ["| framework | network | runs | that learnt | false alarms |", "| --- | --- | ---: | ---: | ---: |"]
    for framework, kind in dict.fromkeys((row["framework"], row["kind"]) for row in rows):
        runs = [row for row in rows if (row["framework"], row["kind"]) == (framework, kind)]
        sound = [row for row in runs if row["healthy"]]
        lines.append(f"| {framework} | {kind} | {len(runs)} | {len(sound)} | {sum(row['alarm'] for row in sound)} |")
    sound = [row for row in rows if row["healthy"]]
    alarms = sum(row["alarm"] for row in sound)
    lines.append(f"| both | all | {len(rows)} | {len(sound)} | {alarms} {percent(wilson(alarms, len(sound)))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
