"""Whether a replay goes wrong, by its losses alone."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

#: Losses whose median is compared with the threshold.
WINDOW = 20
#: Steps for which the median must stay above the threshold. Whether a rise comes back later is chance: a spike counts.
STAY = 20


@dataclass(frozen=True)
class Goal:
    """When a replay has gone wrong, and when it has held."""

    threshold: float
    #: Steps without going wrong after which it has held.
    horizon: int

    def times(self, factor: float) -> Goal:
        """Return the same with a longer or shorter horizon."""
        return Goal(self.threshold, int(self.horizon * factor))


@dataclass(frozen=True)
class End:
    """How a replay ended."""

    wrong: bool
    losses: tuple[float, ...]


def follow(losses: Iterator[float], goal: Goal) -> End:
    """Take losses until they have gone wrong or held."""
    seen: list[float] = []
    recent: deque[float] = deque(maxlen=WINDOW)
    above = 0
    for loss in losses:
        seen.append(loss)
        if not math.isfinite(loss):
            return End(True, tuple(seen))
        recent.append(loss)
        above = above + 1 if len(recent) == WINDOW and median(recent) > goal.threshold else 0
        if above >= STAY:
            return End(True, tuple(seen))
        if len(seen) >= goal.horizon:
            break
    return End(False, tuple(seen))
