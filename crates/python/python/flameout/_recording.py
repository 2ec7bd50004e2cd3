"""What is kept of a run, whatever the framework, in memory and on disk."""

from __future__ import annotations

import os
import re
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from flameout import _random
from flameout._curve import CurveLog
from flameout._directory import Directory
from flameout._framework import Framework, RecordedStep
from flameout._native import read_log
from flameout._random import RandomState
from flameout._ring import Ring, Snapshot
from flameout._tree import Tree
from flameout._watch import Watch
from flameout.judgement import Judgement, judge

#: Batches since the newest state may take the limit of memory divided by this.
SLACK = 8
#: The limit divided by this stays free: what the system and the framework need around what is kept varies by as much.
MARGIN = 10
#: Verdicts upon which a run is written down. `rose-at-the-end` may come back yet.
_CAUGHT = frozenset({"collapse", "collapse-of-training", "diverged", "not-finite", "lasting-rise", "gradients-exploded"})


def bytes_of(memory: int | str) -> int:
    """Return a number of bytes: `1 << 30`, `"1 GiB"` or `"500 MB"`."""
    if isinstance(memory, int):
        return memory
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]i?)?B?\s*", memory)
    if match is None:
        raise ValueError(f'memory is {memory!r}; a number of bytes or text such as "1 GiB" is needed')
    number, unit = match.groups()
    base = 1024 if unit and unit.endswith("i") else 1000
    return int(float(number) * base ** (" KMGT".index(unit[0]) if unit else 0))


class Recording:
    """States, batches, states of generators and the curve of a run."""

    def __init__(self, framework: Framework, out: str | os.PathLike[str], memory: int | str, every: int) -> None:
        if every < 1:
            raise ValueError(f"every is {every}; must be at least 1")
        self.framework = framework
        self.directory = Directory(Path(out), framework)
        self.limit = bytes_of(memory)
        self.every = every
        self.ring = Ring()
        self.steps: deque[RecordedStep] = deque()
        self.judgement: Judgement | None = None
        self._bytes = 0
        self._watch = Watch()
        self._random: RandomState | None = None
        #: Bytes of the batches since the newest state.
        self._bytes_since = 0
        self.curve = CurveLog(self.directory.create())

    @property
    def caught(self) -> bool:
        """Whether something has gone wrong and was written down; only the curve is recorded since."""
        return self.judgement is not None

    @property
    def next_step(self) -> int:
        """The number of the next step, from 1."""
        return len(self.curve.loss) + 1

    @property
    def bytes(self) -> int:
        """The memory that states and batches take."""
        return self._bytes + self.ring.bytes

    def begin(self, batch: Tree[Any], begins_epoch: bool = False) -> None:
        """Keep what the next step starts from; to be called before its forward pass."""
        if self.caught:
            return
        step = self.next_step
        # Batches since the newest state cannot be dropped: before they take too much, a state is kept out of turn.
        reserve = max(self.limit // SLACK, batch.bytes)
        due = self.ring.newest is None or (step - 1) % self.every == 0 or self._bytes_since + batch.bytes > reserve
        if due:
            self._take_snapshot(step, reserve)
        previous = self._random
        tensors = self.framework.random_tensors(previous.framework if previous else None)
        self._random = _random.capture(previous, tensors)
        kept = RecordedStep(step, batch, self._random, begins_epoch)
        kept.bytes += _random.bytes_beside(previous, self._random)
        self.steps.append(kept)
        self._add_bytes(kept.bytes)

    def _add_bytes(self, count: int) -> None:
        self._bytes += count
        self._bytes_since += count

    def _take_snapshot(self, step: int, reserve: int) -> None:
        self._write_steps()
        live = self.framework.live()
        free = reserve + self.limit // MARGIN
        needed = 2 * live.bytes + free
        if needed > self.limit:
            raise MemoryError(
                f"memory is {self.limit} bytes, but two states of this run, some batches and a margin take {needed}; "
                "give the recorder more with memory="
            )
        self._make_room(step, self.limit - free - live.bytes)
        snapshot = Snapshot(step, self.framework.copy(live))
        self.ring.push(snapshot)
        self._bytes_since = 0
        self.directory.write_state(snapshot)

    def _write_steps(self) -> None:
        """Write the curve so far, and the batches since the newest state."""
        self.curve.flush()
        newest = self.ring.newest
        since = [kept for kept in self.steps if newest is not None and kept.step >= newest.step]
        if since:
            self.directory.write_steps(since)

    def _make_room(self, coming: int, room: int) -> None:
        """Drop states before that of the step `coming`, and batches, until they take at most `room`.

        Batches take at most half of the memory. They are needed since the oldest state, so that state goes with them.
        """
        oldest = self.ring.oldest
        while oldest is not None and (self._bytes > self.limit // 2 or self._bytes + oldest.bytes > room):
            self.directory.drop_state(self.ring.drop_oldest())
            oldest = self.ring.oldest
            since = coming if oldest is None else oldest.step
            while self.steps and self.steps[0].step < since:
                self._bytes -= self.steps.popleft().bytes
            self.directory.drop_steps_before(since)
        for step in self.ring.shrink_to(room - self._bytes, coming):
            self.directory.drop_state(step)

    def forget(self) -> None:
        """Drop the step that has begun: it was not finished."""
        if not self.caught and self.steps and self.steps[-1].step == self.next_step:
            self._add_bytes(-self.steps.pop().bytes)

    def end(self, loss: float, gradient_norm: float | None, learning_rate: float | None, skipped: bool = False) -> None:
        """Take in the numbers of the step that has begun; write the run down if something has gone wrong."""
        if skipped and not self.caught:
            self.steps[-1].skipped = True
        self.curve.add(loss, gradient_norm, learning_rate, skipped)
        if self.caught or skipped or not self._watch.is_suspicious(loss):
            return
        judgement = judge(self.curve.curve())
        if judgement.verdict in _CAUGHT or not np.isfinite(loss):
            self.write(judgement)

    def sound_state(self) -> Snapshot | None:
        """Return the newest state whose numbers are all finite from well before the first sign; else from just before it."""
        onset = self.judgement.onset() if self.judgement is not None else None
        onset = onset or self.curve.first_not_finite() or self.next_step
        for last in (onset - self.every, onset):
            for snapshot in reversed(list(self.ring)):
                if snapshot.step <= last and all(map(self.framework.is_finite, snapshot.state.tensors.values())):
                    return snapshot
        return None

    def begin_anew(self, number: int) -> None:
        """Go on after the run went back for the `number`th time: what was kept is set aside on disk."""
        self.directory.set_aside(number, self.next_step)
        self.ring, self.steps, self._watch = Ring(), deque(), Watch()
        self.judgement, self._random = None, None
        self._bytes = self._bytes_since = 0
        self.curve.since = self.next_step

    def write(self, judgement: Judgement) -> None:
        """Write what is not yet in the directory: the steps since the newest state, and the verdict."""
        self.judgement = judgement
        self._write_steps()
        self.directory.write_head(judgement.verdict)

    def write_diagnosis(self, text: str) -> None:
        """Write what replays came to beside the states."""
        self.directory.write_text("replay.json", text)

    @classmethod
    def read(cls, framework: Framework, directory: str | os.PathLike[str]) -> Recording:
        """Read what a recording left, be it by its own end or by a kill; it cannot be gone on with, but replayed."""
        recording = cls.__new__(cls)
        recording.framework, recording.directory = framework, Directory(Path(directory), framework)
        recording.directory.read_head()
        recording.ring = Ring()
        recording.steps = deque(recording.directory.read_steps())
        if not recording.steps:
            raise ValueError(f"{directory} holds no batches: the run ended before its second state was written")
        for snapshot in recording.directory.read_states():
            if snapshot.step >= recording.steps[0].step:  # a kill may come between the removal of a state and that of its steps
                recording.ring.push(snapshot)
        recording._read_curve()
        recording.judgement = judge(recording.curve.curve())
        return recording

    def _read_curve(self) -> None:
        curves = read_log(self.directory.path)
        if len(curves) != 1:
            raise ValueError(f"{self.directory.path} holds {len(curves)} curves; must be one")
        self.curve = CurveLog.of(curves[0])
        self.curve.since = self.directory.since
