"""Replays a run from before its collapse: with nothing changed, then with one thing changed at a time."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from statistics import median

import numpy as np

from flameout import _random
from flameout._framework import FAR, Birth, Change, Framework, Moment, RecordedStep
from flameout._recording import Recording
from flameout._ring import Snapshot
from flameout.diagnosis import Control, Diagnosis, Trial
from flameout.judgement import Judgement, judge

#: Losses whose median is compared with the threshold.
WINDOW = 20
#: Steps for which the median must stay above the threshold.
STAY = 100
#: Steps of a replay where the control needs longer than in the run's own order to go wrong in others.
PATIENCE = 3000
#: Orders of the batches where the control does not go wrong in all of a few.
MOST_ORDERS = 10
#: Replays of the control where it is not the same to the bit.
CONTROLS = 5
#: The largest probability, by Fisher's exact test, that a change and the control differ by chance alone.
SIGNIFICANT = 0.05 + 1e-9


@dataclass(frozen=True)
class Goal:
    """When a replay has gone wrong, and when it has held."""

    threshold: float
    #: Steps without going wrong after which it has held.
    horizon: int


@dataclass(frozen=True)
class _End:
    wrong: bool
    losses: tuple[float, ...]


@dataclass(frozen=True)
class Plan:
    """How a run is examined."""

    #: Orders of the batches, the run's own among them; there are more if the control does not go wrong in all.
    orders: int = 3
    #: Replays begin at least so many steps before the first sign.
    lead: int = 100
    #: The kinds of change to try; all, if nothing is said.
    changes: Sequence[str] | None = None
    #: Whether all changes are tried, though a cause is found.
    everything: bool = False


def diagnose(recording: Recording, plan: Plan) -> Diagnosis:
    """Find the cause of what went wrong in a recorded run; the model is left as it was."""
    judgement = recording.judgement or judge(recording.curve.curve())
    if not judgement.is_wrong:
        return Diagnosis(judgement, None, "The losses show nothing that a cause is needed for.")
    onset = judgement.onset() or recording.curve.first_not_finite()
    if onset is None:
        return Diagnosis(judgement, None, "The training loss has no lasting rise, so there is nothing to replay.")
    now = recording.framework.state()
    generators = _random.capture(None, recording.framework.random_tensors(None))
    try:
        return _Examination(recording, judgement, onset, plan).run()
    finally:
        recording.framework.restore(now)
        _random.restore(generators)
        recording.framework.restore_random(generators.framework)


class _Examination:
    def __init__(self, recording: Recording, judgement: Judgement, onset: int, plan: Plan) -> None:
        self.recording = recording
        self.framework: Framework = recording.framework
        self.judgement = judgement
        self.onset = onset
        self.plan = plan

    def run(self) -> Diagnosis:
        birth = self._find_birth()
        if birth is not None and birth.phase == "data":
            reason = "The batch held it before the model saw it; no replay is needed."
            remedy = "leave these rows out, or mend them, before they are batched"
            return self._told("data that are not finite", reason, birth=birth, remedy=remedy)
        ring = self.recording.ring
        snapshot = ring.at_or_before(max(self.onset - self.plan.lead, 1)) or ring.at_or_before(self.onset)
        if snapshot is None:
            oldest = ring.oldest.step if ring.oldest else "none"
            reason = f"No state from before the onset was kept (the oldest: step {oldest}); give the recorder more memory."
            return self._told(None, reason, birth=birth)
        steps = [kept for kept in self.recording.steps if kept.step >= snapshot.step]
        if not steps or steps[-1].step < self.onset:
            last = f"step {steps[-1].step}" if steps else f"before step {snapshot.step}"
            reason = f"The batches were kept up to {last} only, and the first sign is at step {self.onset}: the run was killed."
            return self._told(None, reason, birth=birth)
        goal = self._goal(snapshot, steps)
        if goal is None:
            return self._told(None, "The loss did not stay up long enough to tell replays apart.", birth=birth)
        return self._replay(snapshot, steps, goal, birth)

    def _told(self, cause: str | None, reason: str, **more: object) -> Diagnosis:
        return Diagnosis(self.judgement, cause, reason, onset=self.onset, **more)  # type: ignore[arg-type]

    def _goal(self, snapshot: Snapshot, steps: list[RecordedStep]) -> Goal | None:
        """Half-way from the loss before the onset to the loss after it."""
        curve, last = self.recording.curve, steps[-1].step
        usual = median(curve.between(self.onset - 200, max(self.onset - 1, 1)) or [curve.loss[self.onset - 1]])
        after = curve.between(self.onset, last)
        tail = after[-max(len(after) // 2, 1) :]
        # On the way to infinity, the loss of the beginning stands for that of a run that has learnt nothing.
        level = median(tail) if all(map(math.isfinite, after)) else max(median(curve.loss[:10]), usual * 2)
        threshold = usual + 0.5 * (level - usual)
        recorded = self._follow(iter(curve.between(snapshot.step, last)), Goal(threshold, last))
        if not (math.isfinite(threshold) and recorded.wrong):
            return None
        decided = len(recorded.losses)
        return Goal(threshold, 2 * decided + STAY)

    @staticmethod
    def _follow(losses: Iterator[float], goal: Goal) -> _End:
        seen: list[float] = []
        recent: deque[float] = deque(maxlen=WINDOW)
        above = 0
        for loss in losses:
            seen.append(loss)
            if not math.isfinite(loss):
                return _End(True, tuple(seen))
            recent.append(loss)
            above = above + 1 if len(recent) == WINDOW and median(recent) > goal.threshold else 0
            if above >= STAY:
                return _End(True, tuple(seen))
            if len(seen) >= goal.horizon:
                break
        return _End(False, tuple(seen))

    def _losses(self, snapshot: Snapshot, steps: list[RecordedStep], order: int, skip: int | None) -> Iterator[float]:
        """Losses of a replay: the recorded batches in their own order (0) or another, over and over."""
        generator = np.random.default_rng([snapshot.step, order])
        whole = [kept for kept in steps if kept.step != skip]
        own = order == 0
        while True:
            turn = whole if own else [whole[index] for index in generator.permutation(len(whole)) if not whole[index].skipped]
            for kept in turn:
                self.framework.restore_random(kept.random.framework)
                _random.restore(kept.random)
                loss = self.framework.replay_step(kept, own)
                if not kept.skipped:
                    yield loss
            own = False

    def _one(
        self,
        snapshot: Snapshot,
        steps: list[RecordedStep],
        goal: Goal,
        order: int,
        change: Change | None,
        moment: Moment,
    ) -> _End:
        self.framework.restore(snapshot.state)
        skip = int(change.value) if change is not None and change.kind == "skip" and change.value is not None else None
        if change is not None and change.kind == "learning-rate" and change.value:
            goal = Goal(goal.threshold, int(goal.horizon * min(1 / change.value, 4)))
        carried_out = nullcontext() if change is None or skip is not None else self.framework.changed(change, moment)
        with carried_out:
            return self._follow(self._losses(snapshot, steps, order, skip), goal)

    def _replay(self, snapshot: Snapshot, steps: list[RecordedStep], goal: Goal, birth: Birth | None) -> Diagnosis:
        moment = self._moment(snapshot, steps)
        own = self._one(snapshot, steps, goal, 0, None, moment)
        control, ends = self._control(snapshot, steps, goal, own, moment)
        known = {"begin": snapshot.step, "control": control, "birth": birth}
        if not own.wrong:
            reason = "Replayed with nothing changed, it does not go wrong: replays prove nothing here."
            return self._told(None, reason, trials=(_trial(None, ends, goal),), **known)
        goal = self._other_orders(snapshot, steps, goal, ends, moment)
        base, trials = _trial(None, ends, goal), list[Trial]()
        self.framework.restore(snapshot.state)  # some changes are named by what the model is like there
        named, reason = _conclude(base, trials)
        for change in self.framework.changes(moment):
            if self.plan.changes is None or change.kind in self.plan.changes:
                trials.append(self._try(snapshot, steps, goal, change, moment, base.of))
                named, reason = _conclude(base, trials)
                if named is not None and not self.plan.everything:
                    break
        cause, remedy = (named.cause, named.line) if named else (None, None)
        return self._told(cause, reason, trials=(base, *trials), remedy=remedy, named=named, **known)

    def _other_orders(self, snapshot: Snapshot, steps: list[RecordedStep], goal: Goal, ends: list[_End], moment: Moment) -> Goal:
        """Add the control in other orders to `ends`; return how long replays are.

        If it does not go wrong in all of a few orders as soon as in the run's own, it hangs on chance as well: then more orders
        and longer replays tell a remedy from chance, and few would not.
        """
        patient = Goal(goal.threshold, max(goal.horizon, PATIENCE))
        while len(ends) < self.plan.orders:
            ends.append(self._one(snapshot, steps, patient, len(ends), None, moment))
        if _can_tell(ends, goal):
            return goal
        while len(ends) < MOST_ORDERS:
            ends.append(self._one(snapshot, steps, patient, len(ends), None, moment))
        return goal if _can_tell(ends, goal) else patient

    def _control(
        self, snapshot: Snapshot, steps: list[RecordedStep], goal: Goal, own: _End, moment: Moment
    ) -> tuple[Control, list[_End]]:
        recorded = self.recording.curve.between(snapshot.step, steps[-1].step)
        differs = next((at for at, pair in enumerate(zip(recorded, own.losses, strict=False)) if not _same(*pair)), None)
        compared = min(len(recorded), len(own.losses))
        if differs is None:
            return Control(True, compared, None, 1, 0.0), [own]
        ends = [own] + [self._one(snapshot, steps, goal, 0, None, moment) for _ in range(CONTROLS - 1)]
        spread = 0.0
        for at, loss in enumerate(recorded):
            at_step = [end.losses[at] for end in ends if at < len(end.losses)] + [loss]
            if all(map(math.isfinite, at_step)) and loss != 0.0:
                spread = max(spread, (max(at_step) - min(at_step)) / abs(loss))
        made = [kept.step for kept in steps if not kept.skipped]
        return Control(False, compared, made[differs], CONTROLS, spread), ends

    def _try(
        self, snapshot: Snapshot, steps: list[RecordedStep], goal: Goal, change: Change, moment: Moment, orders: int
    ) -> Trial:
        """Replay a change in one order after the other, until one goes wrong: then it is no remedy."""
        ends: list[_End] = []
        while len(ends) < orders and not any(end.wrong for end in ends):
            ends.append(self._one(snapshot, steps, goal, len(ends), change, moment))
        return Trial(change, sum(end.wrong for end in ends), len(ends), sum(len(end.losses) for end in ends))

    def _moment(self, snapshot: Snapshot, steps: list[RecordedStep]) -> Moment:
        norms = self._gradient_norms(snapshot, steps)
        before = [norm for norm in norms[max(self.onset - 201, 0) : self.onset - 1] if math.isfinite(norm)]
        near = range(max(self.onset - 10, snapshot.step), min(self.onset + 3, steps[-1].step + 1))
        measured = [step for step in near if not math.isnan(norms[step - 1])]
        usual = median(before) if before else None
        longest = max(measured, key=lambda step: norms[step - 1], default=None)
        # What comes after a harmful update may have longer gradients still.
        worst = next((step for step in measured if usual and not norms[step - 1] < FAR * usual), longest)
        others = [step for step in range(max(self.onset - 30, snapshot.step), self.onset - 10) if step != worst]
        rows = [kept.rows for kept in steps]
        usual_rows = int(median(rows))
        rates = self.recording.curve.learning_rate[snapshot.step - 1 : self.onset]
        return Moment(
            begin=snapshot.step,
            usual_gradient=usual,
            longest_gradient=norms[longest - 1] / usual if usual and longest is not None else None,
            worst_step=worst,
            other_step=others[0] if others else None,
            usual_rows=usual_rows,
            has_smaller=min(rows) < usual_rows,
            rate_changed=len({rate for rate in rates if not math.isnan(rate)}) > 1,
        )

    def _gradient_norms(self, snapshot: Snapshot, steps: list[RecordedStep]) -> list[float]:
        """Return the length of each step's gradient; where none was recorded, those near the onset are measured in a replay."""
        recorded = self.recording.curve.gradient_norm
        if not all(map(math.isnan, recorded)):
            return recorded
        norms = list(recorded)
        self.framework.restore(snapshot.state)
        for kept in steps:
            if kept.step > self.onset + 3:
                break
            self.framework.restore_random(kept.random.framework)
            _random.restore(kept.random)
            norm = self.framework.measure_gradient(kept)
            if norm is None:
                break
            norms[kept.step - 1] = norm
            self.framework.replay_step(kept, True)
        return norms

    def _find_birth(self) -> Birth | None:
        step = self.recording.curve.first_not_finite()
        if step is None:
            return None
        snapshot = self.recording.ring.at_or_before(step)
        if snapshot is None:
            return None
        self.framework.restore(snapshot.state)
        for kept in self.recording.steps:
            if snapshot.step <= kept.step <= step:
                self.framework.restore_random(kept.random.framework)
                _random.restore(kept.random)
                birth = self.framework.find_birth(kept)
                if birth is not None:
                    return birth
        return None


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def by_chance(base: Trial, trial: Trial) -> float:
    """Return Fisher's one-sided exact probability that a change with which none went wrong is as the control."""
    return math.comb(base.of, base.wrong) / math.comb(base.of + trial.of, base.wrong)


def _trial(change: Change | None, ends: list[_End], goal: Goal) -> Trial:
    """Count the replays that went wrong within the steps of a goal."""
    wrong = sum(end.wrong and len(end.losses) <= goal.horizon for end in ends)
    return Trial(change, wrong, len(ends), sum(len(end.losses) for end in ends))


def _can_tell(ends: list[_End], goal: Goal) -> bool:
    base = _trial(None, ends, goal)
    return base.wrong > 0 and by_chance(base, Trial(None, 0, base.of, 0)) <= SIGNIFICANT


def _conclude(base: Trial, trials: list[Trial]) -> tuple[Change | None, str]:
    """Name the first cause, in the order of the changes, that prevented it in all replays, if chance does not explain that."""
    held = [trial for trial in trials if trial.wrong == 0 and trial.change is not None]
    placebo_holds = any(trial.change is not None and trial.change.kind == "skip" and not trial.change.cause for trial in held)
    for trial in held:
        change = trial.change
        if change is None or change.cause is None or (change.kind == "skip" and placebo_holds):
            continue
        chance = by_chance(base, trial)
        if chance <= SIGNIFICANT:
            reason = (
                f"With {change.name}, {trial.wrong} of {trial.of} replays went wrong, with nothing changed "
                f"{base.wrong} of {base.of} (by chance: {chance:.2g})."
            )
            return change, reason
    if not held:
        return None, "No change that was tried prevents it."
    reason = f"With nothing changed {base.wrong} of {base.of} replays went wrong: too few to tell a remedy from chance."
    if placebo_holds and base.wrong == base.of:
        reason = "Leaving out any batch prevents it: it hangs on chance, and only changes without a cause hold."
    return None, reason
