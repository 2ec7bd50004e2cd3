"""What a curve tells of a run: the judgement of the Rust crate `flameout-doctor`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flameout._native import Curve

#: Verdicts with which nothing is wrong, or nothing can be said.
_NOT_WRONG = frozenset({"no-rows", "too-short", "spikes", "nothing-wrong"})


@dataclass(frozen=True)
class Event:
    """A rise of a series, such as the training loss."""

    #: Which: `loss`, `validation-loss`, `accuracy`, `validation-accuracy` or `gradient-norm`.
    series: str
    #: The first step that was out of its band and did not return before the rise.
    first_sign: int
    #: The step at which the rise was certain.
    risen: int
    #: The first step at which the series was back, if it came back.
    recovered: int | None
    #: `spike`, `collapse`, `setback` or `unsettled`.
    kind: str
    #: The typical value before it.
    before: float | None
    #: The highest finite value in it.
    peak: float | None


@dataclass(frozen=True)
class Judgement:
    """What a curve tells of a run."""

    #: Such as `collapse`, `not-finite`, `spikes` or `nothing-wrong`; `docs/quality/doctor.md` lists them.
    verdict: str
    events: tuple[Event, ...]
    #: What was seen and is no fault, a sentence each.
    notes: tuple[str, ...]

    @property
    def is_wrong(self) -> bool:
        """Whether something is wrong with the run."""
        return self.verdict not in _NOT_WRONG

    def onset(self) -> int | None:
        """Return the first step of the first lasting rise of the training loss; `None` if there was none."""
        lasting = [event for event in self.events if event.series == "loss" and event.kind != "spike"]
        return min((event.first_sign for event in lasting), default=None)


def judge(curve: Curve) -> Judgement:
    """Judge every series of a curve; only numbers and their order are known, so no cause is named."""
    found: dict[str, Any] = json.loads(curve.judge_json())
    return Judgement(found["verdict"], tuple(_event(event) for event in found["events"]), tuple(found["notes"]))


def _event(found: dict[str, Any]) -> Event:
    names = ("series", "first_sign", "risen", "recovered", "kind", "before", "peak")
    return Event(**{name: found[name] for name in names})
