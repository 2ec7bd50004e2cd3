"""The numbers of a run as they come, step by step."""

from __future__ import annotations

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
        self._writer = EventWriter(path) if path is not None else None

    def add(self, loss: float, gradient_norm: float | None, learning_rate: float | None) -> None:
        """Add the numbers of the next step; what is not known is `None`."""
        self.loss.append(loss)
        self.gradient_norm.append(np.nan if gradient_norm is None else gradient_norm)
        self.learning_rate.append(np.nan if learning_rate is None else learning_rate)
        if self._writer is None:
            return
        scalars = [("loss", loss)]
        if gradient_norm is not None:
            scalars.append(("grad_norm", gradient_norm))
        if learning_rate is not None:
            scalars.append(("lr", learning_rate))
        self._writer.add(len(self.loss), scalars)
        if len(self.loss) % FLUSH_EVERY == 0:
            self._writer.flush()

    def flush(self) -> None:
        """Hand the numbers so far to the operating system."""
        if self._writer is not None:
            self._writer.flush()

    def curve(self) -> Curve:
        """Return the numbers so far. Lengths of gradients are left out: a run is judged by its losses here."""
        steps = np.arange(1, len(self.loss) + 1, dtype=np.uint64)
        return Curve(steps, np.asarray(self.loss, dtype=np.float64), learning_rate=_known(self.learning_rate))


def _known(values: list[float]) -> NDArray[np.float64] | None:
    array = np.asarray(values, dtype=np.float64)
    return array if array.size and np.isfinite(array).all() else None
