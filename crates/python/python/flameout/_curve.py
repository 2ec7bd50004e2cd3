"""The numbers of a run as they come, step by step."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flameout._native import Curve, EventWriter

#: Steps after which the numbers so far are handed to the operating system.
FLUSH_EVERY = 20


class CurveLog:
    """Loss, length of the gradient and learning rate of each step, from step 1; kept in memory and in an event file."""

    def __init__(self, path: Path | None) -> None:
        self.loss: list[float] = []
        self.gradient_norm: list[float] = []
        self.learning_rate: list[float] = []
        #: Steps whose updates a guard left out: they say nothing of the run.
        self.skipped: set[int] = set()
        #: The step that the curve is judged from: the first since the run went back.
        self.since = 1
        self._writer = EventWriter(path) if path is not None else None

    def add(self, loss: float, gradient_norm: float | None, learning_rate: float | None, skipped: bool = False) -> None:
        """Add the numbers of the next step; what is not known is `None`."""
        self.loss.append(loss)
        self.gradient_norm.append(np.nan if gradient_norm is None else gradient_norm)
        self.learning_rate.append(np.nan if learning_rate is None else learning_rate)
        step = len(self.loss)
        if skipped:
            self.skipped.add(step)
        numbers = {"loss": loss, "grad_norm": gradient_norm, "lr": learning_rate}
        if skipped:
            numbers = {"skipped": 1.0}
        known = [(name, number) for name, number in numbers.items() if number is not None]
        self._write(lambda writer: writer.add(step, known))
        if step % FLUSH_EVERY == 0:
            self.flush()

    def flush(self) -> None:
        """Hand the numbers so far to the operating system."""
        self._write(lambda writer: writer.flush())

    def _write(self, act: Callable[[EventWriter], None]) -> None:
        if self._writer is None:
            return
        try:
            act(self._writer)
        except OSError as error:  # a full disk must not end the training
            self._writer = None
            warnings.warn(f"{error}; the curve goes on in memory only", RuntimeWarning, stacklevel=2)

    def curve(self) -> Curve:
        """Return the numbers so far. Lengths of gradients are left out: a run is judged by its losses here."""
        steps = [step for step in range(self.since, len(self.loss) + 1) if step not in self.skipped]
        rates = [self.learning_rate[step - 1] for step in steps]
        losses = [self.loss[step - 1] for step in steps]
        return Curve(np.asarray(steps, dtype=np.uint64), np.asarray(losses, dtype=np.float64), learning_rate=_known(rates))

    def first_not_finite(self) -> int | None:
        """Return the first step of the judged part whose loss is not finite, and whose update was made."""
        steps = range(self.since, len(self.loss) + 1)
        return next((step for step in steps if step not in self.skipped and not np.isfinite(self.loss[step - 1])), None)

    def between(self, first: int, last: int) -> list[float]:
        """Return the losses of these steps, both included, without those whose updates were left out."""
        return [self.loss[step - 1] for step in range(max(first, self.since), last + 1) if step not in self.skipped]

    @classmethod
    def of(cls, curve: Curve) -> CurveLog:
        """Return the numbers that a file of events holds."""
        log = cls(None)
        steps = curve.steps.tolist()
        for name, known in (("loss", curve.loss), ("gradient_norm", curve.gradient_norm), ("learning_rate", curve.learning_rate)):
            column = np.full(steps[-1], np.nan)
            if known is not None:
                column[np.asarray(steps) - 1] = known
            setattr(log, name, column.tolist())
        log.skipped = set(range(1, steps[-1] + 1)) - set(steps)
        return log


def _known(values: list[float]) -> NDArray[np.float64] | None:
    array = np.asarray(values, dtype=np.float64)
    return array if array.size and np.isfinite(array).all() else None
