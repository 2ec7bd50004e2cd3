"""What replays prove: whether a change prevents what the control does, or chance does."""

from __future__ import annotations

import math
from collections.abc import Mapping

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


def conclude(base: Trial, trials: list[Trial], moved: Mapping[Change, Trial] | None = None) -> tuple[Change | None, str]:
    """Name the first cause, in the order of the changes, that prevented it in all replays, if chance does not explain that.

    `moved` has the replays in which weights were moved at random as far as by a change: these must go wrong as well.
    """
    if enough(base) is None:
        return None, f"With nothing changed {base.wrong} of {base.of} replays went wrong: too few to tell a remedy from chance."
    held = [trial for trial in trials if trial.wrong == 0 and trial.change is not None]
    placebo_holds = any(trial.change is not None and trial.change.is_placebo for trial in held)
    for trial in held:
        change = trial.change
        if change is None or change.cause is None or (change.kind == "skip" and placebo_holds):
            continue
        at_random = (moved or {}).get(change)
        chance = max(by_chance(other, trial) for other in (base, at_random) if other is not None)
        if chance <= SIGNIFICANT:
            beside = "" if at_random is None else f", with the weights moved at random as far {at_random.wrong} of {at_random.of}"
            reason = (
                f"With {change.name}, {trial.wrong} of {trial.of} replays went wrong, with nothing changed "
                f"{base.wrong} of {base.of}{beside} (by chance: {chance:.2g})."
            )
            return change, reason
    if placebo_holds:
        return None, "Leaving out any batch prevents it: it hangs on chance, and no change of a known cause holds."
    if moved:
        return None, "Changes prevent it, and so does chance: weights moved at random, as far as by the change."
    return None, "Only changes that name no cause prevent it." if held else "No change that was tried prevents it."
