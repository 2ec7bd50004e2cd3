"""What recording and replay need of a framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from flameout._random import RandomState
from flameout._tree import Tree

#: A gradient that is so many times longer than usual stands out.
FAR = 10.0


class RecordedStep:
    """A step of the run: what went in, and the states of the generators before the forward pass."""

    __slots__ = ("batch", "begins_epoch", "bytes", "random", "skipped", "step")

    def __init__(self, step: int, batch: Tree[Any], random: RandomState, begins_epoch: bool = False) -> None:
        self.step = step
        self.batch = batch
        self.random = random
        #: Whether running metrics start anew at this step.
        self.begins_epoch = begins_epoch
        #: Whether a guard left its update out.
        self.skipped = False
        self.bytes = batch.bytes

    @property
    def rows(self) -> int:
        """Samples in the batch: the length of its first tensor that has one."""
        shapes = [tensor.shape for tensor in self.batch.tensors.values()]
        return next((int(shape[0]) for shape in shapes if len(shape) > 0), 1)


@dataclass(frozen=True)
class Change:
    """One thing that is different in a replay."""

    #: Such as `learning-rate` or `freeze`; the frameworks know how to carry it out.
    kind: str
    #: How much, or which step.
    value: float | None = None
    #: Which tensor.
    tensor: str | None = None
    #: In words.
    name: str = ""
    #: The cause that it speaks for if it prevents the collapse; `None` if it only shows where to look.
    cause: str | None = None
    #: The remedy, as a line of the user's program.
    line: str | None = None
    #: How much from the start of a run, where that is another number than from shortly before the onset.
    from_start: float | None = None
    #: Whether it may only delay the collapse from the start of a run (docs/quality/python.md): a lower rate is the better remedy.
    may_delay: bool = False

    @property
    def is_placebo(self) -> bool:
        """Whether it leaves out a batch that is not suspected."""
        return self.kind == "skip" and self.cause is None


@dataclass(frozen=True)
class Moment:
    """What is known of the run near the onset: changes are made by it."""

    #: The first step of the replays.
    begin: int
    #: The usual length of the gradient before the onset, if known.
    usual_gradient: float | None
    #: The longest gradient near the onset, as a multiple of the usual one, if known.
    longest_gradient: float | None
    #: The first step near the onset whose gradient is far longer than usual; the one with the longest, if none is.
    worst_step: int | None
    #: Another step near it.
    other_step: int | None
    #: Samples in most batches.
    usual_rows: int
    #: Whether some batches are smaller.
    has_smaller: bool
    #: Whether the learning rate changed between the first step of the replays and the onset.
    rate_changed: bool


@dataclass(frozen=True)
class Birth:
    """Where the first number that is not finite was made."""

    step: int
    #: `data`, `parameters`, `forward`, `loss`, `backward` or `update`.
    phase: str
    #: The module (`data`: which part of the batch), as the framework names it.
    module: str
    #: What in it: an output, a parameter, a gradient.
    tensor: str
    #: Rows of the batch with such numbers, if it is in the data.
    rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        where = f"{self.tensor} of {self.module}" if self.module else self.tensor
        rows = f", rows {', '.join(map(str, self.rows))} of the batch" if self.rows else ""
        return f"step {self.step}, {self.phase}: {where}{rows}"


class Framework(Protocol):
    """A model in training, in one of the frameworks."""

    name: str

    def live(self) -> Tree[Any]:
        """Return everything that a run goes on from; its tensors are those of the run."""
        ...

    def copy(self, tree: Tree[Any]) -> Tree[Any]:
        """Copy tensors into the memory of the host."""
        ...

    def restore(self, state: Tree[Any]) -> None:
        """Go back to a state."""
        ...

    def nudged(self, state: Tree[Any], later: Tree[Any], share: float, generator: np.random.Generator) -> Tree[Any]:
        """Move each parameter of a state in a random direction, by a share of how far it has moved in a later state."""
        ...

    def random_tensors(self, previous: tuple[Any, ...] | None) -> tuple[Any, ...]:
        """Copy the states of the framework's generators; return `previous` itself if they are the same."""
        ...

    def restore_random(self, tensors: tuple[Any, ...]) -> None:
        """Set the framework's generators."""
        ...

    def save(self, tensors: Mapping[str, Any], path: Path, told: dict[str, str]) -> None:
        """Write tensors as safetensors, with what is told of them."""
        ...

    def load(self, path: Path) -> tuple[dict[str, Any], dict[str, str]]:
        """Read what `save` wrote."""
        ...

    def versions(self) -> dict[str, str]:
        """Name what numbers depend on."""
        ...

    def is_finite(self, tensor: Any) -> bool:
        """Say whether all numbers of a tensor are finite."""
        ...

    def replay_step(self, step: RecordedStep, own_order: bool) -> float:
        """Make a step from where the run is; return the loss before the update."""
        ...

    def measure_gradient(self, step: RecordedStep) -> float | None:
        """Return the length of the gradient of a step from where the run is, if it was not recorded; the run stays there."""
        ...

    def changes(self, moment: Moment) -> Sequence[Change]:
        """Name the changes that can be made to this model and optimiser, the most specific cause first."""
        ...

    def changed(self, change: Change, moment: Moment) -> AbstractContextManager[None]:
        """Carry out a change while the context lasts; it is entered after `restore`."""
        ...

    def find_birth(self, step: RecordedStep) -> Birth | None:
        """Make a step from where the run is; find the first number that is not finite."""
        ...
