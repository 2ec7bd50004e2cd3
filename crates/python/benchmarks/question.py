"""The question's task, and when a network has learnt it and lost it; the same for every framework."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import flameout
import numpy as np

VECTORS = Path(__file__).resolve().parents[3] / "fixtures" / "glove-100d-4k.bin"
ALPHABET = "$abcdefghijklmnopqrstuvwxyz"
LENGTH = 19
WORDS = 1000
BATCH = 32
UNITS = 64
OUTPUTS = 100


@dataclass(frozen=True)
class Case:
    """One of the question's networks at the size of `flameout repro`."""

    rate: float
    steps: int


CASES = {"gru": Case(0.0125, 30_000), "lstm": Case(0.03, 100_000), "deep": Case(0.01, 100_000)}


class Words:
    """The training words of a seed: `indices` of shape `(900, 19)`, `targets` of shape `(900, 100)`."""

    def __init__(self, seed: int) -> None:
        vectors = flameout.WordVectors.load(VECTORS)
        words = vectors.index_to_key[:WORDS]
        targets = vectors.vectors[:WORDS].astype(np.float64)
        targets -= targets.mean(axis=0)
        targets /= np.linalg.norm(targets, axis=1, keepdims=True)
        padded = [f"${word}".ljust(LENGTH, "$") for word in words]
        indices = np.array([[ALPHABET.index(letter) for letter in word] for word in padded], dtype=np.int64)
        self.seed = seed
        train = np.sort(np.random.default_rng([seed, 0]).permutation(WORDS)[WORDS // 10 :])
        self.indices, self.targets = indices[train], targets[train].astype(np.float32)
        #: Of predicting the mean vector for every word.
        self.baseline = float(np.mean((self.targets - self.targets.mean(axis=0)) ** 2))
        self.steps_per_epoch = -(-len(train) // BATCH)

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Rows of an epoch's batches: 28 of 32 words and one of 4."""
        order = np.random.default_rng([self.seed, 1, epoch]).permutation(len(self.indices))
        return [order[start : start + BATCH] for start in range(0, len(order), BATCH)]


@dataclass(frozen=True)
class Outcome:
    """What became of a run (docs/reference/glossary.md), by the training loss alone; losses are shares of the baseline."""

    steps: int
    best: float
    trained_well: int | None
    collapsed: int | None
    final: float


class Course:
    """Follows the losses of a run, smoothed over an epoch."""

    def __init__(self, words: Words) -> None:
        self._baseline = words.baseline
        self._window = words.steps_per_epoch
        self._recent: list[float] = []
        self._above = 0
        self._steps = 0
        self.best = np.inf
        self.trained_well: int | None = None
        self.collapsed: int | None = None

    def add(self, loss: float) -> bool:
        """Take in a loss; return whether a collapse is certain: it stayed above half-way for 1,000 steps."""
        self._steps += 1
        self._recent = [*self._recent[1 - self._window :], loss / self._baseline]
        smoothed = float(np.mean(self._recent))
        if len(self._recent) == self._window and smoothed < self.best:
            self.best = smoothed
        if self.trained_well is None and self.best <= 0.7:
            self.trained_well = self._steps
        if self.trained_well is None:
            return not np.isfinite(loss)
        half_way = self.best + 0.5 * (1 - self.best)
        if not np.isfinite(loss) or (self.collapsed is None and smoothed >= 0.9):
            self.collapsed = self._steps
        if smoothed < half_way:
            self.collapsed = None
        self._above = self._above + 1 if self.collapsed is not None else 0
        return not np.isfinite(loss) or self._above >= 1000

    def outcome(self) -> Outcome:
        """Return what became of it so far."""
        final = float(np.mean(self._recent)) if self._recent else np.nan
        return Outcome(self._steps, float(self.best), self.trained_well, self.collapsed, final)
