"""What a recorder does by itself when a training goes wrong; nothing, unless it is asked for."""

from __future__ import annotations

import json
import math
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

#: Lengths of gradients by which the usual one is known.
BAND = 200
#: Lengths that must be known before one is called too long.
LEAST = 50
#: Updates left out one after the other because their gradients are too long; then the usual length is learnt anew.
MOST_IN_A_ROW = 20


class Stopped(RuntimeError):
    """A guard has stopped the training."""


@dataclass(frozen=True)
class Guard:
    """What is done when a training goes wrong. Each of the three is off unless it is asked for."""

    #: Leave an update out if its gradient is not finite, or longer than `factor` times the usual.
    skip: bool = False
    #: Go back to the last sound state when the loss is not finite, or has risen and not come back; lower the learning rate.
    roll_back: bool = False
    #: Stop before a gradient that is not finite reaches the weights, and when the loss has risen and not come back.
    stop: bool = False
    #: How many times longer than usual a gradient may be.
    factor: float = 10.0
    #: What learning rates are multiplied by after going back.
    lower: float = 0.5
    #: How often the training goes back.
    most: int = 3

    def __post_init__(self) -> None:
        if not self.factor > 1 or not 0 < self.lower <= 1 or self.most < 0:
            raise ValueError(f"{self}: factor must be above 1, lower above 0 and at most 1, most at least 0")


@dataclass(frozen=True)
class Action:
    """Something that a guard has done."""

    step: int
    #: `skip`, `roll-back` or `stop`.
    kind: str
    reason: str
    #: Which samples the step's batch holds, if that was told; of Keras the epoch and the batch.
    batch: Any = None
    #: The step whose state the training went back to.
    to_step: int | None = None
    #: The learning rate from then on.
    learning_rate: float | None = None


class Sentry:
    """Carries a guard out: knows the usual length of gradients, and writes down what is done."""

    def __init__(self, guard: Guard, log: Path) -> None:
        self.guard = guard
        self.actions: list[Action] = []
        self._log = log
        self._lengths: deque[float] = deque(maxlen=BAND)
        self._in_a_row = 0

    @property
    def limit(self) -> float:
        """The length above which a gradient is too long, a `float32`; the largest one while the usual length is not known."""
        if not self.guard.skip or len(self._lengths) < LEAST:
            return float(np.finfo(np.float32).max)
        return float(np.float32(self.guard.factor * median(self._lengths)))

    @property
    def times_back(self) -> int:
        """How often the training has gone back."""
        return sum(action.kind == "roll-back" for action in self.actions)

    @property
    def may_go_back(self) -> bool:
        """Whether the training may go back once more."""
        return self.guard.roll_back and self.times_back < self.guard.most

    def objection(self, length: float) -> str | None:
        """Take in the length of a gradient; return why its update must not be made, or nothing."""
        limit = self.limit
        if not math.isfinite(length):
            return "the gradient is not finite"
        if length <= limit:
            self._lengths.append(length)
            self._in_a_row = 0
            return None
        self._in_a_row += 1
        if self._in_a_row >= MOST_IN_A_ROW:
            self._lengths.clear()
            self._in_a_row = 0
        return f"the gradient has the length {length:.4g}, usual is {limit / self.guard.factor:.4g}"

    def add(self, action: Action) -> None:
        """Write down what was done."""
        self.actions.append(action)
        line = {name: value for name, value in asdict(action).items() if value is not None}
        with open(self._log, "a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=_plain) + "\n")


def _plain(value: Any) -> Any:
    """Return what arrays and tensors hold as lists."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
