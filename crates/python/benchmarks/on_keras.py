"""The question's networks in Keras 3, trained by `fit`, with Keras' own layers, initial weights and Adam."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

from pathlib import Path
from typing import Any

import flameout.keras
import keras
import numpy as np
from flameout.diagnosis import Diagnosis
from question import ALPHABET, BATCH, CASES, LENGTH, OUTPUTS, UNITS, Course, Outcome, Words


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of each epoch, in the order of `Words`; smaller ones weigh less if asked, and one step's weighs nothing."""

    def __init__(self, words: Words, weighed: bool = False, without: float | None = None) -> None:
        super().__init__()
        self._words, self._weighed, self._without = words, weighed, without
        self._epoch = 0
        self._letters = np.eye(len(ALPHABET), dtype=np.float32)[words.indices]

    def __len__(self) -> int:
        return self._words.steps_per_epoch

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        rows = self._words.batches(self._epoch)[index]
        weight = len(rows) / BATCH if self._weighed else 1.0
        # `fit` ends an epoch before the first one.
        if self._without == (self._epoch - 1) * len(self) + index + 1:
            weight = 0.0  # Adam goes on by what it remembers
        return self._letters[rows], self._words.targets[rows], np.full(len(rows), weight, np.float32)

    def on_epoch_end(self) -> None:
        """Go on to the next order."""
        self._epoch += 1


class Follow(keras.callbacks.Callback):  # type: ignore[misc]
    """Follows the losses of epochs; ends the training when a collapse is certain."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        self.course, self._steps = Course(words), words.steps_per_epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Take in the mean loss of an epoch, once for each of its steps."""
        if any([self.course.add(float(logs["loss"])) for _ in range(self._steps)]):
            self.model.stop_training = True


def network(case: str, seed: int, rate: float, kind: str | None = None, value: float | None = None) -> keras.Model:
    """Make a compiled network; `kind` and `value` are those of a remedy."""
    keras.utils.set_random_seed(seed)
    layers, value = keras.layers, value or 0.0
    held = {"recurrent_constraint": keras.constraints.MaxNorm(value, axis=0)} if kind == "hold" else {}
    model = keras.Sequential([keras.Input((LENGTH, len(ALPHABET)))])
    if case == "deep":
        model.add(layers.LSTM(UNITS, return_sequences=True, **held))
        model.add(layers.TimeDistributed(layers.Dense(UNITS, activation="sigmoid")))
        model.add(layers.LSTM(UNITS, **held))
        model.add(layers.Dense(UNITS // 2, activation="tanh"))
    else:
        model.add(layers.GRU(UNITS, **held) if case == "gru" else layers.LSTM(UNITS, **held))
    model.add(layers.Dense(OUTPUTS))
    settings: dict[str, Any] = {
        "learning-rate": {"learning_rate": rate * value},
        "epsilon": {"epsilon": value},
        "amsgrad": {"amsgrad": True},
        "beta2": {"beta_2": value},
        "clip": {"global_clipnorm": value},
    }.get(kind or "", {})
    model.compile(keras.optimizers.Adam(**({"learning_rate": rate} | settings)), "mse")
    return model


def _fit(model: keras.Model, case: str, words: Words, batches: Batches, more: list[Any]) -> Outcome:
    follow = Follow(words)
    epochs = -(-CASES[case].steps // words.steps_per_epoch)
    model.fit(batches, epochs=epochs, verbose=0, shuffle=False, callbacks=[*more, follow])
    return follow.course.outcome()


def recorded(case: str, seed: int, rate: float, out: Path) -> tuple[Outcome, flameout.keras.Recorder]:
    """Train with a recorder, until it catches something or all steps are made."""
    words = Words(seed)
    recorder = flameout.keras.Recorder(out=out, stop=True)
    return _fit(network(case, seed, rate), case, words, Batches(words), [recorder]), recorder


def read(case: str, seed: int, rate: float, out: Path) -> flameout.keras.Recorder:
    """Read a recorded training."""
    return flameout.keras.Recorder.read(out, network(case, seed, rate))


def diagnose(recorder: flameout.keras.Recorder) -> Diagnosis:
    """Ask for the cause."""
    return recorder.diagnose()


def from_the_start(case: str, seed: int, rate: float, kind: str | None, value: float | None) -> Outcome:
    """Train with a remedy from the start, without a recorder."""
    words = Words(seed)
    batches = Batches(words, kind == "weigh", value if kind == "skip" else None)
    return _fit(network(case, seed, rate, kind, value), case, words, batches, [])
