"""The question's networks in PyTorch, with PyTorch's own layers, initial weights and Adam."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flameout.torch
import torch
from flameout.diagnosis import Diagnosis
from question import ALPHABET, BATCH, CASES, OUTPUTS, UNITS, Course, Outcome, Words

torch.set_num_threads(1)


class Network(torch.nn.Module):
    """Letters in, a vector out."""

    def __init__(self, case: str) -> None:
        super().__init__()
        layer = torch.nn.GRU if case == "gru" else torch.nn.LSTM
        self.first = layer(len(ALPHABET), UNITS, batch_first=True)
        self.between = torch.nn.Linear(UNITS, UNITS) if case == "deep" else None
        self.second = torch.nn.LSTM(UNITS, UNITS, batch_first=True) if case == "deep" else None
        self.hidden = torch.nn.Linear(UNITS, UNITS // 2) if case == "deep" else None
        self.last = torch.nn.Linear(UNITS // 2 if case == "deep" else UNITS, OUTPUTS)

    def forward(self, letters: torch.Tensor) -> torch.Tensor:
        """Map letters of shape `(batch, 19)` to vectors of shape `(batch, 100)`."""
        states, _ = self.first(torch.nn.functional.one_hot(letters, len(ALPHABET)).float())
        if self.between is not None and self.second is not None and self.hidden is not None:
            states, _ = self.second(torch.sigmoid(self.between(states)))
            return self.last(torch.tanh(self.hidden(states[:, -1])))
        return self.last(states[:, -1])


class Training:
    """A network in training; `kind` and `value` are those of a remedy."""

    def __init__(self, case: str, seed: int, rate: float, kind: str | None = None, value: float | None = None) -> None:
        torch.manual_seed(seed)
        self.model = Network(case)
        self.kind, self.value = kind, value or 0.0
        settings: dict[str, Any] = {"lr": rate, "fused": True}
        if kind == "learning-rate":
            settings["lr"] = rate * self.value
        elif kind == "epsilon":
            settings["eps"] = self.value
        elif kind == "amsgrad":
            settings["amsgrad"] = True
        self.optimizer = torch.optim.Adam(self.model.parameters(), **settings)
        self.words = Words(seed)
        self.letters, self.targets = torch.from_numpy(self.words.indices), torch.from_numpy(self.words.targets)

    def step(self, letters: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Make a step; return the loss."""
        loss = torch.nn.functional.mse_loss(self.model(letters), targets)
        (loss * len(letters) / BATCH if self.kind == "weigh" else loss).backward()
        if self.kind == "clip":
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.value)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.kind == "hold":
            with torch.no_grad():
                for name, parameter in self.model.named_parameters():
                    if name.split(".")[-1].startswith("weight_hh"):
                        parameter.copy_(parameter.renorm(2, 0, self.value))
        return loss

    def batches(self, steps: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Batches of so many steps."""
        made = 0
        for epoch in range(steps // self.words.steps_per_epoch + 1):
            for rows in self.words.batches(epoch):
                if made == steps:
                    return
                made += 1
                yield self.letters[rows], self.targets[rows]


def recorded(case: str, seed: int, rate: float, out: Path) -> tuple[Outcome, flameout.torch.Recorder]:
    """Train with a recorder, until it catches something or all steps are made."""
    training = Training(case, seed, rate)
    recorder = flameout.torch.Recorder(training.model, training.optimizer, out=out)
    step, course = recorder.watch(training.step), Course(training.words)
    for batch in training.batches(CASES[case].steps):
        course.add(float(step(*batch).detach()))
        if recorder.caught:
            break
    return course.outcome(), recorder


def read(case: str, seed: int, rate: float, out: Path) -> flameout.torch.Recorder:
    """Read a recorded training."""
    training = Training(case, seed, rate)
    recorder = flameout.torch.Recorder.read(out, training.model, training.optimizer)
    recorder.watch(training.step)
    return recorder


def diagnose(recorder: flameout.torch.Recorder) -> Diagnosis:
    """Ask for the cause."""
    return recorder.diagnose()


def from_the_start(case: str, seed: int, rate: float, kind: str | None, value: float | None) -> Outcome:
    """Train with a remedy from the start, without a recorder."""
    training = Training(case, seed, rate, kind, value)
    course = Course(training.words)
    for number, batch in enumerate(training.batches(CASES[case].steps), 1):
        if kind == "skip" and number == value:
            continue
        if course.add(float(training.step(*batch).detach())):
            break
    return course.outcome()
