"""What replays of a run say of its collapse."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from flameout._framework import Birth, Change
from flameout._native import wilson
from flameout.judgement import Judgement


@dataclass(frozen=True)
class Control:
    """Replays with nothing changed, in the run's own order of batches."""

    #: Whether every loss was the recorded one, to the bit.
    equal: bool
    #: Steps whose losses were compared.
    compared: int
    #: The first step whose loss was another, if one was.
    first_difference: int | None
    #: Times that it was replayed: once if it is equal.
    replays: int
    #: The largest difference of a loss between two of the replays or the record, as a share of the recorded loss.
    spread: float


@dataclass(frozen=True)
class Trial:
    """Replays with one thing changed, or with nothing changed in several orders of the batches."""

    change: Change | None
    #: Times that the loss went up for good, or was not finite.
    wrong: int
    of: int
    #: Steps that were made for it.
    steps: int

    def interval(self) -> tuple[float, float]:
        """Return the 95 % Wilson interval of the probability that it goes wrong."""
        return wilson(self.wrong, self.of)

    def __str__(self) -> str:
        name = "nothing changed" if self.change is None else self.change.name
        return f"{name:<58} {self.wrong} of {self.of}  {percent(self.interval())}"


def percent(interval: tuple[float, float]) -> str:
    """Return an interval of shares in percent, in brackets."""
    low, high = interval
    return f"({100 * low:.0f}–{100 * high:.0f} %)"


@dataclass(frozen=True)
class Diagnosis:
    """What became of a run, why, and what to do."""

    judgement: Judgement
    #: The cause; `None` if nothing is wrong, or if nobody knows.
    cause: str | None
    #: What this rests on, or why no cause is named; a sentence.
    reason: str
    #: The first sign of the collapse, a step.
    onset: int | None = None
    #: The step that replays began before.
    begin: int | None = None
    control: Control | None = None
    trials: tuple[Trial, ...] = ()
    #: What makes replays differ: `orders` of the batches, or random `nudges` of the weights in the run's own order.
    varied: str = "orders"
    #: The step that changes began with; `None` if with the first step of the replays.
    since: int | None = None
    #: Where the first number that is not finite was made, if there was one.
    birth: Birth | None = None
    #: The remedy to try first, as a line of the program.
    remedy: str | None = None
    #: The changes that are remedies, the one to try first first; none if what must be mended is the data.
    remedies: tuple[Change, ...] = ()
    #: The change that names the cause.
    named: Change | None = None

    @property
    def verdict(self) -> str:
        """`nothing wrong`, `unknown`, or the cause."""
        if self.cause is not None:
            return self.cause
        return "unknown" if self.judgement.is_wrong else "nothing wrong"

    def sufficient(self) -> list[Change]:
        """Return the changes that prevented the collapse in every replay."""
        return [trial.change for trial in self.trials if trial.change is not None and trial.wrong == 0]

    def to_json(self) -> str:
        """Return everything as JSON."""
        fields: dict[str, Any] = {"verdict": self.verdict, **asdict(self)}
        for field, trial in zip(fields["trials"], self.trials, strict=True):
            field["interval"] = trial.interval()
        return json.dumps(fields, indent=1)

    def __str__(self) -> str:
        lines = [f"verdict: {self.verdict}", self.reason]
        if self.onset is not None:
            lines.append(f"first sign: step {self.onset}; the curve says: {self.judgement.verdict}")
        if self.birth is not None:
            lines.append(f"the first number that is not finite: {self.birth}")
        if self.control is not None:
            lines.append(_control_line(self.control))
        if self.trials:
            varied = "in several orders of the batches" if self.varied == "orders" else "in the run's own order, weights nudged"
            varied += "" if self.since is None else f", changes from step {self.since} on"
            lines.append(f"replays from before step {self.begin}, {varied}; how many went wrong (95 % interval):")
            lines += [f"  {trial}" for trial in self.trials]
        for at, line in enumerate([change.line for change in self.remedies] or [self.remedy]):
            if line is not None:
                lines.append(f"{'or' if at else 'remedy'}: {line}")
        if any(change.may_delay for change in self.remedies):
            which = "the second line" if len(self.remedies) > 1 else "it"
            lines.append(f"note: from the start of a run, {which} may only delay the collapse")
        return "\n".join(lines)


def _control_line(control: Control) -> str:
    if control.equal:
        return f"control: the {control.compared} recorded losses again, to the bit"
    return (
        f"control: not the same to the bit from step {control.first_difference} on; "
        f"of {control.replays} replays, losses differ by up to {100 * control.spread:.2g} %"
    )
