"""Which changes are tried, in whichever framework: the most specific cause first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from flameout._framework import FAR, Change, Moment

#: Replays hold recurrent kernels' columns to this share of the longest that there is.
HOLD = 0.75
#: From the start of a run they are held to this share of their mean length shortly before the onset (as in `flameout-doctor`).
HOLD_FROM_START = 0.3
#: Kernels that have not grown by this factor are not suspected.
GROWN = 4.0
#: Learning rates are multiplied by these. Half the rate often holds in a replay, and from the start only delays the collapse
#: (docs/explain/the-collapse.md): it is shown, and is no remedy.
RATES = (0.5, 0.333, 0.1)
#: Gradients are clipped at so many times their usual length, and at the usual length.
LOOSE = 3.0
#: Tensors of a model up to which each is frozen, and has its second moment raised, in turn.
MOST_TENSORS = 24


@dataclass(frozen=True)
class Kernel:
    """A recurrent kernel; a column holds the weights from all units to one gate of one unit."""

    name: str
    #: The mean length of its columns when the recording began.
    at_start: float
    #: The same shortly before the onset.
    mean: float
    #: The length of its longest column shortly before the onset.
    longest: float


@dataclass(frozen=True)
class Subject:
    """What there is to change in a model and its optimiser, shortly before the onset."""

    rate: float
    beta2: float | None
    #: Whether the optimiser has AMSGrad and does not use it.
    can_amsgrad: bool
    #: Whether the optimiser divides by a second moment and has an epsilon.
    has_epsilon: bool
    has_second_moment: bool
    kernels: tuple[Kernel, ...]
    #: Names of the tensors that are trained.
    tensors: tuple[str, ...]


class Lines(Protocol):
    """Remedies as lines of a program."""

    def rate(self, value: float) -> str:
        """Lower the learning rate."""
        ...

    def beta2(self, value: float) -> str:
        """Set β2."""
        ...

    def amsgrad(self) -> str:
        """Use AMSGrad."""
        ...

    def epsilon(self, value: float) -> str:
        """Set ε."""
        ...

    def clip(self, limit: float) -> str:
        """Clip gradients by their common norm."""
        ...

    def hold(self, kernel: str, limit: float) -> str:
        """Hold the columns of recurrent kernels to a length."""
        ...

    def weigh(self) -> str:
        """Weigh the samples of smaller batches as all others."""
        ...


def all_of(subject: Subject, moment: Moment, lines: Lines) -> list[Change]:
    """Name the changes that can be made, the most specific cause first."""
    found = _placebo(moment)
    if subject.beta2 is not None and subject.beta2 < 0.99:
        cause = "the second moment forgets too fast (beta2 is too small)"
        found.append(Change("beta2", 0.999, name="beta2 0.999", cause=cause, line=lines.beta2(0.999)))
    if moment.rate_changed:
        name, cause = f"learning rate held at {subject.rate:g}", "the learning rate was changed"
        line = f"leave the learning rate at {subject.rate:g}; look at the schedule"
        found.append(Change("hold-rate", subject.rate, name=name, cause=cause, line=line))
    # Where a gradient stands out, clipping comes before the batch that it is of: without that batch the next one may do it.
    # And before lower rates, which weaken what a long gradient does: they speak for themselves only where none stands out.
    stands_out = moment.longest_gradient is not None and moment.longest_gradient >= FAR
    clip = _of_clipping(subject, moment, lines)
    first, last = (clip, []) if stands_out else ([], clip)
    found += first + _of_batches(moment, lines) + _of_kernels(subject, lines) + _of_rates(subject, lines) + last
    if subject.can_amsgrad:
        cause = "the second moment has forgotten how long gradients can be"
        found.append(Change("amsgrad", name="AMSGrad", cause=cause, line=lines.amsgrad()))
    if subject.has_epsilon:
        cause = "steps by gradients that are too small"
        found.append(Change("epsilon", 1e-4, name="epsilon 1e-4", cause=cause, line=lines.epsilon(1e-4)))
    return found + _of_tensors(subject)


def _placebo(moment: Moment) -> list[Change]:
    """Leave out a batch that is not suspected, before the suspected one: if any batch will do, that one is not the cause."""
    if moment.other_step is None:
        return []
    return [Change("skip", moment.other_step, name=f"batch of step {moment.other_step} left out (to compare)")]


def _of_batches(moment: Moment, lines: Lines) -> list[Change]:
    found = []
    if moment.worst_step is not None:
        cause, line = "a harmful batch", f"look at the batch of step {moment.worst_step}; leave it out"
        name = f"batch of step {moment.worst_step} left out"
        found.append(Change("skip", moment.worst_step, name=name, cause=cause, line=line))
    if moment.has_smaller:
        name, cause = "smaller batches weighed by their size", "the smaller last batch weighs too much"
        found.append(Change("weigh", name=name, cause=cause, line=lines.weigh(), may_delay=True))
    return found


def _of_kernels(subject: Subject, lines: Lines) -> list[Change]:
    grown = [kernel for kernel in subject.kernels if kernel.mean >= GROWN * kernel.at_start]
    if not grown:
        return []
    longest = max(kernel.longest for kernel in subject.kernels)
    limit, from_start = round(HOLD * longest, 2), round(HOLD_FROM_START * min(kernel.mean for kernel in grown), 2)
    name, cause = (
        f"recurrent kernels' columns held to {limit:g} (the longest: {longest:.2f})",
        "the recurrent kernel has grown too long",
    )
    return [Change("hold", limit, None, name, cause, lines.hold(grown[0].name, from_start), from_start)]


def _of_clipping(subject: Subject, moment: Moment, lines: Lines) -> list[Change]:
    if not moment.usual_gradient:
        return []
    found = []
    for times, told in ((LOOSE, "three times their usual length"), (1.0, "their usual length")):
        limit, tight = (float(f"{factor * moment.usual_gradient:.3g}") for factor in (times, 1.0))
        # An optimiser that divides each gradient by its recent length bears a tight limit, and is little changed by a loose one.
        adaptive = subject.has_second_moment
        from_start = tight if adaptive else limit
        name, cause = f"gradients clipped at {told} ({limit:g})", "single long gradients"
        found.append(Change("clip", limit, None, name, cause, lines.clip(from_start), from_start, may_delay=adaptive))
    return found


def _of_rates(subject: Subject, lines: Lines) -> list[Change]:
    found = []
    for factor in RATES:
        rate = float(f"{subject.rate * factor:.3g}")
        cause = "the learning rate is too high" if factor < 0.5 else None
        name = f"learning rate × {factor:.2g} ({rate:g})"
        found.append(Change("learning-rate", factor, name=name, cause=cause, line=lines.rate(rate)))
    return found


def _of_tensors(subject: Subject) -> list[Change]:
    if len(subject.tensors) > MOST_TENSORS:
        return []
    raised = [
        Change("second-moment", 10.0, name, f"second moment of {name} × 10")
        for name in subject.tensors
        if subject.has_second_moment
    ]
    return raised + [Change("freeze", None, name, f"{name} frozen") for name in subject.tensors]
