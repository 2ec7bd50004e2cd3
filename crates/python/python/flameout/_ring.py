"""States of a run in memory, dense near the present and sparse far back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flameout._tree import Tree


class Snapshot:
    """Everything that a run goes on from, as it was before a step."""

    __slots__ = ("bytes", "state", "step")

    def __init__(self, step: int, state: Tree[Any]) -> None:
        self.step = step
        self.state = state
        self.bytes = state.bytes


class Ring:
    """Snapshots under a limit of bytes.

    When room is needed, the oldest stays, and of the others the one goes whose neighbours' ages are nearest to each other in
    ratio: the ages come to lie evenly on a logarithmic scale, as in the Rust crate's `Ring`.
    """

    def __init__(self) -> None:
        self._snapshots: list[Snapshot] = []
        self.bytes = 0

    def __iter__(self) -> Iterator[Snapshot]:
        return iter(self._snapshots)

    def __len__(self) -> int:
        return len(self._snapshots)

    def push(self, snapshot: Snapshot) -> None:
        """Take the newest snapshot in."""
        self._snapshots.append(snapshot)
        self.bytes += snapshot.bytes

    def shrink_to(self, limit: int, coming: int) -> list[int]:
        """Drop snapshots before that of the step `coming`, until they take at most `limit` bytes; return their steps."""
        dropped = []
        while self.bytes > limit and len(self._snapshots) > 1:
            steps = [*(snapshot.step for snapshot in self._snapshots), coming]
            dropped.append(self._drop(_most_dispensable(steps)))
        return dropped

    def drop_oldest(self) -> int:
        """Drop the oldest snapshot; return its step."""
        return self._drop(0)

    def at_or_before(self, step: int) -> Snapshot | None:
        """Return the newest snapshot of this step or an earlier one."""
        return next((snapshot for snapshot in reversed(self._snapshots) if snapshot.step <= step), None)

    @property
    def newest(self) -> Snapshot | None:
        """The newest snapshot."""
        return self._snapshots[-1] if self._snapshots else None

    @property
    def oldest(self) -> Snapshot | None:
        """The oldest snapshot."""
        return self._snapshots[0] if self._snapshots else None

    def _drop(self, index: int) -> int:
        snapshot = self._snapshots.pop(index)
        self.bytes -= snapshot.bytes
        return snapshot.step


def _most_dispensable(steps: list[int]) -> int:
    ages = [steps[-1] - step + 1 for step in steps]
    return min(range(1, len(steps) - 1), key=lambda index: ages[index - 1] / ages[index + 1])
