"""A small training in PyTorch, and the ways in which it is spoilt."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from flameout.diagnosis import Diagnosis

STEPS = 1600
#: The step at which what is sound at first is spoilt.
SPOILT = 601
BATCH = 48


@dataclass(frozen=True)
class Fault:
    """Something that is wrong with a training."""

    name: str
    #: Kinds of change that may be named; `unknown` if no cause can be named.
    causes: tuple[str, ...] = ()
    #: Where the first number that is not finite must be found, if there is one.
    phase: str | None = None
    adam: bool = True
    rate: float = 0.003
    #: Changes the network before the training.
    model: Callable[[torch.nn.Sequential], None] = lambda model: None
    #: Changes a batch before its step.
    batch: Callable[[int, torch.Tensor, torch.Tensor], None] = lambda step, x, y: None
    #: Changes the training before a step, behind the recorder's back.
    meddle: Callable[[Training, int], None] = lambda training, step: None
    #: The learning rate at a step, as a factor.
    schedule: Callable[[int], float] | None = None
    #: Changes the loss.
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = lambda loss, x: loss

    def is_right(self, found: Diagnosis) -> bool:
        """Say whether a diagnosis names the fault."""
        if self.phase is not None:
            return found.birth is not None and found.birth.phase == self.phase
        return (found.verdict if found.named is None else found.named.kind) in self.causes


class Training:
    """A network that learns a function of eight numbers, by batches of 48 of 512 rows; with the remedy of a diagnosis."""

    def __init__(self, seed: int, fault: Fault, found: Diagnosis | None = None) -> None:
        torch.manual_seed(seed)
        self.fault, self.remedy = fault, found.remedies[0] if found is not None and found.remedies else None
        #: Whether samples that are not finite are left out.
        self.mended = found is not None and found.birth is not None and found.birth.phase == "data"
        self.model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
        fault.model(self.model)
        kind = None if self.remedy is None else self.remedy.kind
        value = 1.0 if self.remedy is None else self.remedy.from_start or self.remedy.value or 1.0
        rate = fault.rate * (value if kind == "learning-rate" else 1.0)
        settings: dict[str, Any] = {}
        if fault.adam:
            settings = {"amsgrad": kind == "amsgrad", "eps": value if kind == "epsilon" else 1e-8}
        family = torch.optim.Adam if fault.adam else torch.optim.SGD
        self.optimizer: torch.optim.Optimizer = family(self.model.parameters(), lr=rate, **settings)
        schedule = None if kind == "hold-rate" else fault.schedule
        self.scheduler = None if schedule is None else torch.optim.lr_scheduler.LambdaLR(self.optimizer, schedule)
        self.clip = value if kind == "clip" else None
        self.left_out = int(value) if kind == "skip" else None
        self.held = rate if kind == "hold-rate" else None
        self.x = torch.randn(512, 8)
        self.y = torch.sin(self.x[:, :1]) + 0.5 * self.x[:, 1:2]

    def step(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Make a step; return the loss."""
        loss = self.fault.loss(((self.model(x) - y) ** 2).mean(), x)
        loss.backward()
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()
        self.optimizer.zero_grad()
        return loss

    def run(self, step: Callable[..., torch.Tensor], is_over: Callable[[], bool]) -> list[float]:
        """Make all steps, or those until it is over; return the losses."""
        losses: list[float] = []
        number = 0
        while True:
            for rows in torch.randperm(len(self.x)).split(BATCH):
                if number == STEPS or is_over():
                    return losses
                number += 1
                x, y = self.x[rows], self.y[rows]
                self.fault.batch(number, x, y)
                self.fault.meddle(self, number)
                if self.mended:
                    sound = torch.isfinite(x).all(dim=1) & torch.isfinite(y).all(dim=1)
                    x, y = x[sound], y[sound]
                if self.held is not None:
                    self.optimizer.param_groups[0]["lr"] = self.held
                if number != self.left_out:
                    losses.append(float(step(x, y).detach()))


class Logarithm(torch.nn.Module):
    """Not finite where its input is below zero."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logarithm."""
        return torch.log(x + 3)


class Root(torch.nn.Module):
    """Finite, with a gradient that is not finite where its input is below zero."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the root of what is above 0."""
        return torch.where(x > -1, torch.sqrt(x + 1), x)


def _at(step: int, part: str, value: float) -> Callable[[int, torch.Tensor, torch.Tensor], None]:
    """Set a number of one batch."""

    def spoil(number: int, x: torch.Tensor, y: torch.Tensor) -> None:
        if number == step:
            (x if part == "x" else y)[5, 0] = value

    return spoil


def _every(many: int, value: float) -> Callable[[int, torch.Tensor, torch.Tensor], None]:
    """Set a target of every so many batches."""

    def spoil(number: int, x: torch.Tensor, y: torch.Tensor) -> None:
        if number >= SPOILT and number % many == 0:
            y[5, 0] = value

    return spoil


def _shuffled(number: int, x: torch.Tensor, y: torch.Tensor) -> None:
    if number >= SPOILT:
        y.copy_(3 * y.roll(1, 0))


def _raise_rate(factor: float) -> Callable[[Training, int], None]:
    def meddle(training: Training, number: int) -> None:
        if number == SPOILT:
            for group in training.optimizer.param_groups:
                group["lr"] *= factor

    return meddle


def _overwrite_by_nan(training: Training, number: int) -> None:
    if number == SPOILT:
        with torch.no_grad():
            training.model[0].weight.fill_(math.nan)


def _weigh_by_nothing(loss: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Divide by a number that is zero for batches without a large number."""
    return loss * (x > 2.6).sum() / (x > 2.6).sum()


FAULTS: dict[str, Fault] = {
    "nan-input": Fault("NaN in the inputs", phase="data", batch=_at(300, "x", math.nan)),
    "inf-target": Fault("infinity in the targets", phase="data", batch=_at(300, "y", math.inf)),
    "nan-module": Fault("logarithm of a number below 0", phase="forward", model=lambda m: m.append(Logarithm()) and None),
    "nan-gradient": Fault("NaN in a gradient, behind a sound loss", phase="backward", model=lambda m: m.append(Root()) and None),
    "nan-loss": Fault("0 / 0 in the loss", phase="loss", loss=_weigh_by_nothing),
    "nan-weights": Fault("weights overwritten by NaN", phase="parameters", meddle=_overwrite_by_nan),
    "rate-raised": Fault("learning rate raised a thousandfold", ("hold-rate",), meddle=_raise_rate(1000.0)),
    "warm-up-too-far": Fault(
        "learning rate that rises too far by its schedule",
        ("hold-rate", "learning-rate"),
        schedule=lambda step: 1.0 if step < SPOILT else min(1.01 ** (step - SPOILT), 300.0),
    ),
    "rate-raised-sgd": Fault("the same under SGD", ("hold-rate",), adam=False, rate=0.05, meddle=_raise_rate(40.0)),
    "harmful-batch": Fault(
        "one batch with a wrong target, SGD", ("skip", "clip"), adam=False, rate=0.05, batch=_at(SPOILT, "y", 1e6)
    ),
    "long-gradients": Fault("a wrong target in every 40th batch, SGD", ("clip",), adam=False, rate=0.05, batch=_every(40, 3e4)),
    "wrong-targets": Fault("targets in a wrong order from a step on", ("unknown",), batch=_shuffled),
}
