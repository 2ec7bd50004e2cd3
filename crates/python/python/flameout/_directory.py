"""A recording on disk: what the ring holds is there while the run goes on, so that a killed process leaves it.

Each file is written whole or not at all, and says itself what it holds: there is no list of files that a kill could tear.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flameout import _random
from flameout._framework import Framework, RecordedStep
from flameout._random import RandomState
from flameout._ring import Snapshot
from flameout._tree import Tree

#: The file that says what a directory is.
HEAD = "recording.json"
#: The form of what is written.
FORM = 2


class Directory:
    """The directory of a recording."""

    def __init__(self, path: Path, framework: Framework) -> None:
        self.path = path
        self._framework = framework
        #: The step that the curve is judged from.
        self.since = 1
        #: Steps that the segments begin with.
        self._segments: list[int] = []
        self._full = False

    def create(self) -> Path:
        """Create the directory, which must not hold anything; return a name for the file of the curve."""
        if self.path.exists() and any(self.path.iterdir()):
            raise FileExistsError(f"{self.path} is not empty; name another directory with out=, or remove it")
        for folder in ("states", "steps"):
            (self.path / folder).mkdir(parents=True, exist_ok=True)
        self.write_head(None)
        return self.path / f"events.out.tfevents.{int(time.time())}.flameout.{os.getpid()}"

    def write_head(self, verdict: str | None) -> None:
        """Write what made the recording, and the verdict upon the curve if something has gone wrong."""
        head = {"form": FORM, "framework": self._framework.name, "versions": self._framework.versions()}
        head |= {"verdict": verdict, "since": self.since}
        self.write_text(HEAD, json.dumps(head, indent=1))

    def write_text(self, name: str, text: str) -> None:
        """Write a small file; warn if that is not possible: neither a training nor a diagnosis must end by a full disk."""
        try:
            write_atomically(self.path / name, text.encode())
        except OSError as error:
            warnings.warn(f"{self.path / name}: {error}; it is not written", RuntimeWarning, stacklevel=2)

    def write_state(self, snapshot: Snapshot) -> None:
        """Write the state before a step."""
        told = {"step": str(snapshot.step), "skeleton": json.dumps(snapshot.state.skeleton)}
        self._save(_state(snapshot.step), snapshot.state.tensors, told)

    def write_steps(self, steps: Sequence[RecordedStep]) -> None:
        """Write the batches of steps that follow each other, and the states of the generators before them."""
        tensors: dict[str, Any] = {}
        numbers: dict[RandomState, int] = {}
        told: dict[str, list[Any]] = {"steps": [], "random": []}
        for kept in steps:
            if kept.random not in numbers:
                number = numbers[kept.random] = len(numbers)
                told["random"].append([len(kept.random.framework), _random.to_json(kept.random)])
                tensors |= {f"random/{number}/{part}": tensor for part, tensor in enumerate(kept.random.framework)}
            tensors |= {f"{kept.step}/{name}": tensor for name, tensor in kept.batch.tensors.items()}
            told["steps"].append([kept.step, numbers[kept.random], kept.begins_epoch, kept.skipped, kept.batch.skeleton])
        first = steps[0].step
        self._save(_steps(first), tensors, {name: json.dumps(value) for name, value in told.items()})
        if first not in self._segments:
            self._segments.append(first)

    def drop_state(self, step: int) -> None:
        """Remove a state."""
        (self.path / _state(step)).unlink(missing_ok=True)

    def drop_steps_before(self, step: int) -> None:
        """Remove the batches of steps before a step that a segment begins with."""
        for first in [first for first in self._segments if first < step]:
            (self.path / _steps(first)).unlink(missing_ok=True)
            self._segments.remove(first)

    def _save(self, name: str, tensors: Mapping[str, Any], told: dict[str, str]) -> None:
        if self._full:
            return
        partial = self.path / f"{name}.partial"
        try:
            self._framework.save(tensors, partial, told)
            os.replace(partial, self.path / name)
        except Exception as error:  # whatever a full disk makes of safetensors: the training must not end by it
            self._full = True
            partial.unlink(missing_ok=True)
            warnings.warn(f"{self.path / name}: {error}; the recording goes on in memory only", RuntimeWarning, stacklevel=2)

    def set_aside(self, number: int, since: int) -> None:
        """Move states and batches, with a copy of the curve, into a directory of their own beside this one; begin anew."""
        aside = self.path.with_name(f"{self.path.name}.rolled-back-{number}")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        for file in self.path.glob("events.out.tfevents.*"):
            shutil.copy(file, aside)
        shutil.copy(self.path / HEAD, aside)
        for folder in ("states", "steps"):
            os.replace(self.path / folder, aside / folder)
            (self.path / folder).mkdir()
        self._segments, self.since = [], since
        self.write_head(None)

    def read_head(self) -> None:
        """Check that the directory holds a recording in this framework."""
        path = self.path / HEAD
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: {self.path} is no recording of flameout")
        head = json.loads(path.read_bytes())
        if head.get("form") != FORM or head.get("framework") != self._framework.name:
            found = f"form {head.get('form')} of {head.get('framework')}"
            raise ValueError(f"{path} is {found}; form {FORM} of {self._framework.name} is needed")
        self.since = int(head["since"])

    def read_states(self) -> list[Snapshot]:
        """Read all states, the oldest first."""
        return [self._read_state(path) for path in _numbered(self.path / "states")]

    def _read_state(self, path: Path) -> Snapshot:
        tensors, told = self._framework.load(path)
        return Snapshot(int(told["step"]), Tree(tensors, json.loads(told["skeleton"])))

    def read_steps(self) -> list[RecordedStep]:
        """Read all batches that follow each other without a gap, up to the last."""
        steps: list[RecordedStep] = []
        for path in _numbered(self.path / "steps"):
            segment = self._read_segment(path)
            if steps and segment[0].step != steps[-1].step + 1:
                steps = []
            steps += segment
        return steps

    def _read_segment(self, path: Path) -> list[RecordedStep]:
        tensors, told = self._framework.load(path)
        randoms = [
            _random.from_json(stored, tuple(tensors[f"random/{number}/{part}"] for part in range(parts)))
            for number, (parts, stored) in enumerate(json.loads(told["random"]))
        ]
        of_step: dict[str, dict[str, Any]] = {}
        for name, tensor in tensors.items():
            step, _, rest = name.partition("/")
            of_step.setdefault(step, {})[rest] = tensor
        steps = []
        for step, number, begins_epoch, skipped, skeleton in json.loads(told["steps"]):
            steps.append(RecordedStep(step, Tree(of_step.get(str(step), {}), skeleton), randoms[number], begins_epoch))
            steps[-1].skipped = skipped
        return steps


def _state(step: int) -> str:
    return f"states/step-{step}.safetensors"


def _steps(first: int) -> str:
    return f"steps/step-{first}.safetensors"


def _numbered(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.safetensors"), key=lambda path: int(path.stem.removeprefix("step-")))


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
