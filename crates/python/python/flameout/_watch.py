"""Notices while a run goes on that its loss is not finite, or has risen and not come back."""

from __future__ import annotations

import math
from collections import deque

#: Losses that are smoothed together.
WINDOW = 50
#: Steps for which a loss must stay up before the curve is judged, and between two judgements.
PATIENCE = 200


class Watch:
    """Looks at each loss; says when the whole curve is worth judging."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self._first: list[float] = []
        self._best = math.inf
        self._up = 0

    def is_suspicious(self, loss: float) -> bool:
        """Take in the loss of a step; return whether the curve should be judged now."""
        if not math.isfinite(loss):
            return True
        self._recent.append(loss)
        if len(self._first) < WINDOW:
            self._first.append(loss)
            return False
        smoothed = sum(self._recent) / len(self._recent)
        self._best = min(self._best, smoothed)
        learnt = sum(self._first) / len(self._first) - self._best
        self._up = self._up + 1 if smoothed > self._best + 0.25 * abs(learnt) else 0
        return self._up > 0 and self._up % PATIENCE == 0
