"""What is kept of a run, whatever the framework; written to a directory when something has gone wrong."""

from __future__ import annotations

import json
import os
import re
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from flameout import _random
from flameout._curve import CurveLog
from flameout._framework import Framework, RecordedStep
from flameout._native import read_log
from flameout._random import RandomState
from flameout._ring import Ring, Snapshot
from flameout._tree import Tree
from flameout._watch import Watch
from flameout.judgement import Judgement, judge

#: The file whose presence says that a crash directory is whole.
INDEX = "crash.json"
#: The form of what is written.
FORM = 1
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
        self.out = Path(out)
        self.limit = bytes_of(memory)
        self.every = every
        self.ring = Ring()
        self.steps: deque[RecordedStep] = deque()
        self.judgement: Judgement | None = None
        self._bytes = 0
        self._watch = Watch()
        self._random: RandomState | None = None
        self.curve = CurveLog(self._new_events())

    def _new_events(self) -> Path:
        if self.out.exists() and any(self.out.iterdir()):
            raise FileExistsError(f"{self.out} is not empty; name another directory with out=, or remove it")
        self.out.mkdir(parents=True, exist_ok=True)
        return self.out / f"events.out.tfevents.{int(time.time())}.flameout.{os.getpid()}"

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
        due = self.ring.oldest is None or (step - 1) % self.every == 0
        if due:
            self._take_snapshot(step)
        previous = self._random
        tensors = self.framework.random_tensors(previous.framework if previous else None)
        self._random = _random.capture(previous, tensors)
        kept = RecordedStep(step, batch, self._random, begins_epoch)
        kept.bytes += _random.bytes_beside(previous, self._random)
        self.steps.append(kept)
        self._bytes += kept.bytes

    def _take_snapshot(self, step: int) -> None:
        latest = next(reversed(list(self.ring)), None)
        self._make_room(latest.bytes if latest else 0)
        state = self.framework.state()
        size = sum(int(tensor.nbytes) for tensor in state.tensors.values())
        if 2 * size > self.limit:
            raise MemoryError(
                f"memory is {self.limit} bytes, but two states of this run take {2 * size}; give the recorder more with memory="
            )
        self.ring.push(Snapshot(step, state, size))

    def _make_room(self, incoming: int) -> None:
        """Batches take at most half of the memory: they are needed since the oldest state, so that state goes with them."""
        while self._bytes > self.limit // 2 and len(self.ring) > 1:
            self.ring.drop_oldest()
            oldest = self.ring.oldest
            while oldest is not None and self.steps and self.steps[0].step < oldest.step:
                self._bytes -= self.steps.popleft().bytes
        self.ring.shrink_to(max(self.limit - self._bytes - incoming, 0))

    def forget(self) -> None:
        """Drop the step that has begun: it was not finished."""
        if not self.caught and self.steps and self.steps[-1].step == self.next_step:
            self._bytes -= self.steps.pop().bytes

    def end(self, loss: float, gradient_norm: float | None, learning_rate: float | None) -> None:
        """Take in the numbers of the step that has begun; write the run down if something has gone wrong."""
        self.curve.add(loss, gradient_norm, learning_rate)
        if self.caught or not self._watch.is_suspicious(loss):
            return
        judgement = judge(self.curve.curve())
        if judgement.verdict in _CAUGHT or not np.isfinite(loss):
            self.write(judgement)

    def write(self, judgement: Judgement) -> None:
        """Write states, batches and curve into the directory; the index comes last."""
        self.judgement = judgement
        self.curve.flush()
        states = self.out / "states"
        states.mkdir(exist_ok=True)
        index: dict[str, Any] = {
            "form": FORM,
            "framework": self.framework.name,
            "versions": self.framework.versions(),
            "verdict": judgement.verdict,
            "states": [],
            "steps": [],
            "random": [],
        }
        for snapshot in self.ring:
            name = f"states/step-{snapshot.step}.safetensors"
            self._save(snapshot.state.tensors, name)
            index["states"].append({"step": snapshot.step, "file": name, "skeleton": snapshot.state.skeleton})
        batches: dict[str, Any] = {}
        generators: dict[str, Any] = {}
        numbers: dict[RandomState, int] = {}
        for kept in self.steps:
            if kept.random not in numbers:
                numbers[kept.random] = len(numbers)
                index["random"].append(_random.to_json(kept.random))
                named = enumerate(kept.random.framework)
                generators.update({f"{numbers[kept.random]}/{part}": tensor for part, tensor in named})
            batches.update({f"{kept.step}/{name}": tensor for name, tensor in kept.batch.tensors.items()})
            index["steps"].append([kept.step, numbers[kept.random], kept.begins_epoch, kept.batch.skeleton])
        self._save(batches, "batches.safetensors")
        self._save(generators, "random.safetensors")
        write_atomically(self.out / INDEX, json.dumps(index).encode())

    def write_diagnosis(self, text: str) -> None:
        """Write what replays came to beside the states."""
        write_atomically(self.out / "replay.json", text.encode())

    def _save(self, tensors: dict[str, Any], name: str) -> None:
        partial = self.out / f"{name}.partial"
        self.framework.save(tensors, partial)
        os.replace(partial, self.out / name)

    @classmethod
    def read(cls, framework: Framework, directory: str | os.PathLike[str]) -> Recording:
        """Read what `write` wrote; the recording cannot be gone on with, but replayed."""
        recording = cls.__new__(cls)
        recording.framework, recording.out = framework, Path(directory)
        recording.ring, recording.steps = Ring(), deque()
        path = recording.out / INDEX
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing: nothing went wrong in that run, or it was ended while it was written down; "
                "`flameout diagnose` reads the curve all the same"
            )
        index = json.loads(path.read_bytes())
        if index.get("form") != FORM or index.get("framework") != framework.name:
            found = f"form {index.get('form')} of {index.get('framework')}"
            raise ValueError(f"{path} is {found}; form {FORM} of {framework.name} is needed")
        for state in index["states"]:
            tensors = framework.load(recording.out / state["file"])
            size = sum(int(tensor.nbytes) for tensor in tensors.values())
            recording.ring.push(Snapshot(state["step"], Tree(tensors, state["skeleton"]), size))
        recording._read_steps(index)
        recording._read_curve()
        recording.judgement = judge(recording.curve.curve())
        return recording

    def _read_steps(self, index: dict[str, Any]) -> None:
        generators = _by_prefix(self.framework.load(self.out / "random.safetensors"))
        randoms = [
            _random.from_json(stored, tuple(tensor for _, tensor in sorted(generators.get(str(number), {}).items())))
            for number, stored in enumerate(index["random"])
        ]
        batches = _by_prefix(self.framework.load(self.out / "batches.safetensors"))
        for step, number, begins_epoch, skeleton in index["steps"]:
            batch = Tree(batches.get(str(step), {}), skeleton)
            self.steps.append(RecordedStep(step, batch, randoms[number], begins_epoch))

    def _read_curve(self) -> None:
        (curve,) = read_log(self.out)
        self.curve = CurveLog(None)
        nothing = np.full(len(curve), np.nan)
        norms = nothing if curve.gradient_norm is None else curve.gradient_norm
        rates = nothing if curve.learning_rate is None else curve.learning_rate
        self.curve.loss = curve.loss.tolist()
        self.curve.gradient_norm, self.curve.learning_rate = norms.tolist(), rates.tolist()


def _by_prefix(tensors: dict[str, Any]) -> dict[str, dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        prefix, _, rest = name.partition("/")
        groups.setdefault(prefix, {})[rest] = tensor
    return groups


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
