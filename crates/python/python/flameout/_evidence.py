"""What replays prove: whether a change prevents what the control does, or chance does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flameout._course import End
from flameout._framework import Change
from flameout.diagnosis import Trial

#: The largest probability, by Fisher's exact test, that a change and the control differ by chance alone. Some ten changes are
#: tried in a diagnosis, so a twentieth would name a false cause too often.
SIGNIFICANT = 0.01


def by_chance(base: Trial, trial: Trial) -> float:
    """Return Fisher's one-sided exact probability that a change with which none went wrong is as the control."""
    return math.comb(base.of, base.wrong) / math.comb(base.of + trial.of, base.wrong)


def count(change: Change | None, ends: list[End]) -> Trial:
    """Count the replays that went wrong."""
    return Trial(change, sum(end.wrong for end in ends), len(ends), sum(len(end.losses) for end in ends))


def enough(base: Trial) -> int | None:
    """Return in how many replays a change must hold to differ from the control by more than chance.

    It is `None` if it would have to hold in more than one replay more than the control has.
    """
    counts = range(1, base.of + 2)
    return next((of for of in counts if by_chance(base, Trial(None, 0, of, 0)) <= SIGNIFICANT), None)


@dataclass(frozen=True)
class Proof:
    """A change of a known cause that prevented the collapse in all replays, where chance does not explain that."""

    change: Change
    trial: Trial
    #: The probability that chance does it.
    chance: float
    #: The replays in which weights were moved at random as far as by the change, if there were any.
    at_random: Trial | None


def proofs(base: Trial, trials: list[Trial], moved: Mapping[Change, Trial] | None = None) -> list[Proof]:
    """Return the changes that are proved to prevent it, in their order.

    `moved` has the replays in which weights were moved at random as far as by a change: these must go wrong as well.
    """
    if enough(base) is None:
        return []
    found = []
    for trial in trials:
        change = trial.change
        if trial.wrong > 0 or change is None or change.cause is None or (change.kind == "skip" and _placebo_holds(trials)):
            continue
        at_random = (moved or {}).get(change)
        chance = max(by_chance(other, trial) for other in (base, at_random) if other is not None)
        if chance <= SIGNIFICANT:
            found.append(Proof(change, trial, chance, at_random))
    return found


def conclude(base: Trial, trials: list[Trial], moved: Mapping[Change, Trial] | None = None) -> tuple[Change | None, str]:
    """Name the first cause, in the order of the changes, that is proved; say what this rests on, or why there is none."""
    if enough(base) is None:
        return None, f"With nothing changed {base.wrong} of {base.of} replays went wrong: too few to tell a remedy from chance."
    proved = proofs(base, trials, moved)
    if proved:
        first, at_random = proved[0], proved[0].at_random
        beside = "" if at_random is None else f", with the weights moved at random as far {at_random.wrong} of {at_random.of}"
        return first.change, (
            f"With {first.change.name}, {first.trial.wrong} of {first.trial.of} replays went wrong, with nothing changed "
            f"{base.wrong} of {base.of}{beside} (by chance: {first.chance:.2g})."
        )
    if _placebo_holds(trials):
        return None, "Leaving out any batch prevents it: it hangs on chance, and no change of a known cause holds."
    if moved:
        return None, "Changes prevent it, and so does chance: weights moved at random, as far as by the change."
    held = any(trial.wrong == 0 and trial.change is not None for trial in trials)
    return None, "Only changes that name no cause prevent it." if held else "No change that was tried prevents it."


def remedies(proved: list[Proof]) -> tuple[Change, ...]:
    """Return what to do, first what to try first: a proved lower rate before a cause's own remedy that may only delay it."""
    if not proved:
        return ()
    named = proved[0].change
    rates = [proof.change for proof in proved if proof.change.kind == "learning-rate"] if named.may_delay else []
    return (*rates[:1], named)


def worth_trying(changes: Sequence[Change], proved: Callable[[], list[Proof]]) -> Iterator[Change]:
    """Yield one change after the other up to a proved cause; if its remedy may only delay, lower rates until one is proved.

    `proved` tells what the changes so far have proved.
    """
    for at, change in enumerate(changes):
        yield change
        found = proved()
        if not found:
            continue
        for rate in changes[at + 1 :] if found[0].change.may_delay else []:
            if rate.kind == "learning-rate" and rate.cause is not None and len(proved()) == len(found):
                yield rate
        return


def _placebo_holds(trials: list[Trial]) -> bool:
    return any(trial.wrong == 0 and trial.change is not None and trial.change.is_placebo for trial in trials)
