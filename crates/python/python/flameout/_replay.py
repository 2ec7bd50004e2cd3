"""Replays a run from before its collapse: with nothing changed, then with one thing changed at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from statistics import median
from typing import Any

import numpy as np

from flameout import _random
from flameout._course import WINDOW, End, Goal, follow
from flameout._evidence import conclude, count, enough, proofs, remedies, worth_trying
from flameout._framework import FAR, Birth, Change, Framework, Moment, RecordedStep
from flameout._progress import Progress
from flameout._recording import Recording
from flameout._ring import Snapshot
from flameout._tree import Tree
from flameout.diagnosis import Control, Diagnosis, Trial
from flameout.judgement import Judgement, judge

#: Steps for which a replay must hold, beside those that the recorded run needed to go wrong (as in `flameout-doctor`).
HOLD = 300
#: Steps before the onset from which replays begin, if from the first state the control does not always go wrong.
NEARER = (50, 25, 12, 6, 3)
#: The length of a nudge of the weights, as a share of an update's.
NUDGE = 0.1
#: The least share of replays that go wrong where a start is chosen for how often they do.
CHOSEN = 0.25
#: Replays of the control where it is not the same to the bit.
CONTROLS = 5


@dataclass(frozen=True)
class Plan:
    """How a run is examined."""

    #: Orders of the batches, the run's own among them.
    orders: int = 6
    #: Replays begin at first at least so many steps before the first sign.
    lead: int = 100
    #: The kinds of change to try; all, if nothing is said.
    changes: Sequence[str] | None = None
    #: Whether all changes are tried, though a cause is found.
    everything: bool = False
    #: Replays of the control where it goes wrong in some orders only; with 0, no cause is looked for there.
    chance: int = 24


@dataclass(frozen=True)
class _Start:
    """Where replays begin, and the batches from there on."""

    snapshot: Snapshot
    steps: list[RecordedStep]
    goal: Goal
    #: The state with its weights nudged, one for each replay after the first; if there are any, all are in the run's own order.
    nudged: tuple[Tree[Any], ...] = ()


@dataclass(frozen=True)
class _Update:
    """The update that changes begin with, and the states around it with nothing changed."""

    step: RecordedStep
    before: Tree[Any]
    after: Tree[Any]


def diagnose(recording: Recording, plan: Plan) -> Diagnosis:
    """Find the cause of what went wrong in a recorded run; the model is left as it was."""
    judgement = recording.judgement or judge(recording.curve.curve())
    if not judgement.is_wrong:
        return Diagnosis(judgement, None, "The losses show nothing that a cause is needed for.")
    onset = judgement.onset() or recording.curve.first_not_finite()
    if onset is None:
        return Diagnosis(judgement, None, "The training loss has no lasting rise, so there is nothing to replay.")
    now = recording.framework.copy(recording.framework.live())
    generators = _random.capture(None, recording.framework.random_tensors(None))
    progress = Progress()
    try:
        return _Examination(recording, judgement, onset, plan, progress).run()
    finally:
        progress.end()
        recording.framework.restore(now)
        _random.restore(generators)
        recording.framework.restore_random(generators.framework)


class _Examination:
    def __init__(self, recording: Recording, judgement: Judgement, onset: int, plan: Plan, progress: Progress) -> None:
        self.recording = recording
        self.framework: Framework = recording.framework
        self.judgement = judgement
        self.onset = onset
        self.plan = plan
        self.progress = progress

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
        threshold = self._threshold(steps[-1].step)
        if threshold is not None and self._move_onset(threshold):
            return self.run()
        start = None if threshold is None else self._start(snapshot, steps, threshold)
        if start is None:
            return self._told(None, "The loss did not stay up long enough to tell replays apart.", birth=birth)
        return self._replay(start, birth)

    def _told(self, cause: str | None, reason: str, **more: object) -> Diagnosis:
        return Diagnosis(self.judgement, cause, reason, onset=self.onset, **more)  # type: ignore[arg-type]

    def _threshold(self, last: int) -> float | None:
        """Half-way from the loss before the onset to the loss after it."""
        curve = self.recording.curve
        usual = median(curve.between(self.onset - 200, max(self.onset - 1, 1)) or [curve.loss[self.onset - 1]])
        after = curve.between(self.onset, last)
        tail = after[-max(len(after) // 2, 1) :]
        # On the way to infinity, the loss of the beginning stands for that of a run that has learnt nothing.
        level = median(tail) if all(map(math.isfinite, after)) else max(median(curve.loss[:10]), usual * 2)
        threshold = usual + 0.5 * (level - usual)
        return threshold if math.isfinite(threshold) else None

    def _move_onset(self, threshold: float) -> bool:
        """Move the onset back to where the losses rose above the threshold, if they were there already; say whether it moved."""
        curve, first = self.recording.curve, self.onset
        while first > WINDOW and median(curve.loss[first - 1 - WINDOW : first - 1]) > threshold:
            first -= 1
        # The median follows half a window later.
        moved = first != self.onset
        self.onset = max(first - WINDOW // 2, 1) if moved else self.onset
        return moved

    def _start(self, snapshot: Snapshot, steps: list[RecordedStep], threshold: float) -> _Start | None:
        """Take a state to replay from; nothing, if the recorded losses do not go wrong from there."""
        last = steps[-1].step
        recorded = follow(iter(self.recording.curve.between(snapshot.step, last)), Goal(threshold, last))
        goal = Goal(threshold, len(recorded.losses) + HOLD)
        return _Start(snapshot, [kept for kept in steps if kept.step >= snapshot.step], goal) if recorded.wrong else None

    def _make(self, kept: RecordedStep, own_order: bool) -> float:
        self.framework.restore_random(kept.random.framework)
        _random.restore(kept.random)
        self.progress.add_step()
        return self.framework.replay_step(kept, own_order)

    def _now(self) -> Tree[Any]:
        return self.framework.copy(self.framework.live())

    def _losses(self, start: _Start, order: int, skip: int | None) -> Generator[float, None, None]:
        """Losses of a replay: the recorded batches in their own order (0) or another, over and over."""
        generator = np.random.default_rng([start.snapshot.step, order])
        whole = [kept for kept in start.steps if kept.step != skip]
        own = order == 0 or bool(start.nudged)
        while True:
            turn = whole if own else [whole[index] for index in generator.permutation(len(whole)) if not whole[index].skipped]
            for kept in turn:
                loss = self._make(kept, own)
                if not kept.skipped:
                    yield loss
            own = False

    def _one(self, start: _Start, order: int, change: Change | None = None, moment: Moment | None = None) -> End:
        self.progress.begin("nothing changed" if change is None else change.name)
        self.framework.restore(start.nudged[order - 1] if start.nudged and order > 0 else start.snapshot.state)
        goal, skip = start.goal, None
        if change is not None and change.kind == "skip" and change.value is not None:
            skip = int(change.value)
        losses = self._losses(start, order, skip)
        if change is not None and skip is None and moment is not None:
            losses = self._changed(losses, change, moment, _steps_as_they_were(start, moment))
            if change.kind == "learning-rate" and change.value:
                goal = goal.times(min(1 / change.value, 2))
        with closing(losses):
            return follow(losses, goal)

    def _changed(
        self, losses: Generator[float, None, None], change: Change, moment: Moment, unchanged: int
    ) -> Generator[float, None, None]:
        """Take so many losses, and those after them with a change carried out."""
        with closing(losses):
            yield from islice(losses, unchanged)
            with self.framework.changed(change, moment):
                yield from losses

    def _replay(self, start: _Start, birth: Birth | None) -> Diagnosis:
        own = self._one(start, 0)
        control = self._control(start, own)
        if not own.wrong:
            reason = "Replayed with nothing changed, it does not go wrong: replays prove nothing here."
            return self._told(None, reason, trials=(count(None, [own]),), begin=start.snapshot.step, control=control, birth=birth)
        known: dict[str, object] = {"control": control, "birth": birth}
        norms = self._gradient_norms(start)
        found = self._certain_in_all_orders(start) or self._often(start) or self._certain_in_its_order(start)
        if found is None:
            reason = (
                "It hangs on chance: in other orders of the batches it goes wrong seldom, and with nudged weights not always."
            )
            return self._told(None, reason, begin=start.snapshot.step, **known)
        start, base = found
        known |= {"begin": start.snapshot.step, "varied": "nudges" if start.nudged else "orders"}
        moment = self._moment(start, norms)
        if start.nudged and moment.worst_step is None:
            reason = "It needs its own order of the batches, and no gradient near the onset was measured: no update is suspected."
            return self._told(None, reason, trials=(base,), **known)
        update = self._suspected_update(start, moment) if start.nudged else None
        if update is not None:
            known["since"] = update.step.step
        times, changes = self._times(base), self._changes(start, moment)
        trials, moved = list[Trial](), dict[Change, Trial]()
        for change in changes if self.plan.everything else worth_trying(changes, lambda: proofs(base, trials, moved)):
            trials.append(self._try(start, change, moment, times))
            if update is not None and trials[-1].wrong == 0:
                moved[change] = self._moved(start, update, change, moment, times)
                trials.append(moved[change])
        named, reason = conclude(base, trials, moved)
        if named is None:
            return self._told(None, reason, trials=(base, *trials), **known)
        if named.kind == "clip" and moment.longest_gradient is not None:
            reason += f" Near the onset a gradient has {moment.longest_gradient:.0f} times the usual length."
        best = remedies(proofs(base, trials, moved))
        if best[0] is not named:
            reason += f" With {best[0].name} none went wrong either: try that first."
        told: dict[str, Any] = {"remedy": best[0].line, "remedies": best, "named": named}
        return self._told(named.cause, reason, trials=(base, *trials), **told, **known)

    @staticmethod
    def _times(base: Trial) -> int:
        """Return in how many replays a change must hold: one more than the control has, or as many as chance asks for."""
        return base.of + 1 if base.wrong == base.of else enough(base) or base.of + 1

    def _changes(self, start: _Start, moment: Moment) -> Sequence[Change]:
        """Name the changes to try, in their order."""
        self.framework.restore(start.snapshot.state)  # some changes are named by what the model is like there
        changes = [one for one in self.framework.changes(moment) if self.plan.changes is None or one.kind in self.plan.changes]
        if not start.nudged:
            return changes
        # Of a batch left out nothing would follow: without it the next one may do it.
        may_be_causes = [one for one in changes if one.kind != "skip" and (one.cause is not None or self.plan.everything)]
        short = replace(start, goal=replace(start.goal, horizon=_steps_as_they_were(start, moment) + 2))
        plain = self._one(short, 0).losses
        return [one for one in may_be_causes if self._one(short, 0, one, moment).losses != plain]

    def _suspected_update(self, start: _Start, moment: Moment) -> _Update:
        """Make the steps up to the suspected one, and that one, with nothing changed."""
        self.framework.restore(start.snapshot.state)
        until = next(at for at, kept in enumerate(start.steps) if kept.step == moment.worst_step)
        for kept in start.steps[:until]:
            self._make(kept, True)
        before = self._now()
        self._make(start.steps[until], True)
        return _Update(start.steps[until], before, self._now())

    def _moved(self, start: _Start, update: _Update, change: Change, moment: Moment, times: int) -> Trial:
        """Replay with nothing changed but the weights, moved at random: as far as a change moves them by its first update."""
        self.framework.restore(update.before)
        with self.framework.changed(change, moment):
            self._make(update.step, True)
            other = self._now()
        name = f"weights moved at random, as far as by {change.name}"
        steps = [kept for kept in start.steps if kept.step > update.step.step]
        ends = []
        for number in range(times):
            generator = np.random.default_rng([start.snapshot.step, number])
            state = self.framework.nudged(update.after, other, 1.0, generator)
            ends.append(self._one(_Start(Snapshot(update.step.step + 1, state), steps, start.goal), 0))
        return count(Change("move", None, None, name), ends)

    def _certain_in_all_orders(self, start: _Start) -> tuple[_Start, Trial] | None:
        """Find the earliest start from which the control goes wrong in all other orders of the batches, and the control there.

        The run's own order is no evidence of the control: the run is looked at because it went wrong in that order.
        """
        return self._earliest(start, 3, self._with_base)

    def _certain_in_its_order(self, start: _Start) -> tuple[_Start, Trial] | None:
        """Find the earliest start from which it goes wrong in the run's own order wherever the weights are nudged to.

        It is sensitive there: a change may prevent it by its size alone. So changes begin at the suspected update, and count only
        if a random change of the weights that is as large does not prevent it.
        """
        return self._earliest(start, 12, lambda candidate: self._with_base(self._with_nudges(candidate)))

    def _often(self, start: _Start) -> tuple[_Start, Trial] | None:
        """Find the earliest start from which it goes wrong in so many of other orders that a change can be told from chance."""
        steps = [self.onset - lead for lead in NEARER if self.onset - lead > start.snapshot.step]
        for step in [start.snapshot.step, *steps] if self.plan.chance > 0 else []:
            candidate = start if step == start.snapshot.step else self._nearer(start, step)
            found = None if candidate is None else self._with_share(candidate)
            if found is not None:
                return found
        return None

    def _with_share(self, start: _Start) -> tuple[_Start, Trial] | None:
        """Replay with nothing changed in many other orders; nothing, if too few of them go wrong.

        Orders beside these choose the start: chosen by its own orders, a control would go wrong more often than it does.
        """
        orders = self.plan.chance
        beside = [self._one(start, orders + number).wrong for number in range(1, orders // 2 + 1)]
        if sum(beside) < len(beside) * CHOSEN:
            return None
        ends: list[End] = []
        for order in range(1, orders + 1):
            ends.append(self._one(start, order))
            held = sum(not end.wrong for end in ends)
            if enough(Trial(None, orders - held, orders, 0)) is None:
                return None
        return start, count(None, ends)

    def _earliest(
        self, start: _Start, nearest: int, certain: Callable[[_Start], tuple[_Start, Trial] | None]
    ) -> tuple[_Start, Trial] | None:
        """Find the earliest start that is certain; if the nearest to the onset is not, none is taken to be."""
        found = certain(start)
        steps = [self.onset - lead for lead in NEARER if lead >= nearest and self.onset - lead > start.snapshot.step]
        if found is not None or not steps:
            return found
        last = self._nearer(start, steps[-1])
        fallback = None if last is None else certain(last)
        if fallback is None:
            return None
        for step in steps[:-1]:
            candidate = self._nearer(start, step)
            found = None if candidate is None else certain(candidate)
            if found is not None:
                return found
        return fallback

    def _nearer(self, start: _Start, step: int) -> _Start | None:
        """Make the run's own steps from a start up to another."""
        self.framework.restore(start.snapshot.state)
        for kept in start.steps:
            if kept.step == step:
                break
            self._make(kept, True)
        return self._start(Snapshot(step, self._now()), start.steps, start.goal.threshold)

    def _with_nudges(self, start: _Start) -> _Start:
        self.framework.restore(start.snapshot.state)
        self._make(start.steps[0], True)
        later = self._now()
        generators = [np.random.default_rng([start.snapshot.step, number]) for number in range(1, self.plan.orders)]
        nudged = tuple(self.framework.nudged(start.snapshot.state, later, NUDGE, generator) for generator in generators)
        return replace(start, nudged=nudged)

    def _with_base(self, start: _Start) -> tuple[_Start, Trial] | None:
        """Replay with nothing changed, but in other orders or nudged; nothing, if it does not always go wrong."""
        ends: list[End] = []
        for number in range(1, self.plan.orders):
            ends.append(self._one(start, number))
            if not ends[-1].wrong:
                return None
        return start, count(None, ends)

    def _control(self, start: _Start, own: End) -> Control:
        recorded = self.recording.curve.between(start.snapshot.step, start.steps[-1].step)
        differs = next((at for at, pair in enumerate(zip(recorded, own.losses, strict=False)) if not _same(*pair)), None)
        compared = min(len(recorded), len(own.losses))
        if differs is None:
            return Control(True, compared, None, 1, 0.0)
        ends = [own] + [self._one(start, 0) for _ in range(CONTROLS - 1)]
        spread = 0.0
        for at, loss in enumerate(recorded):
            at_step = [end.losses[at] for end in ends if at < len(end.losses)] + [loss]
            if all(map(math.isfinite, at_step)) and loss != 0.0:
                spread = max(spread, (max(at_step) - min(at_step)) / abs(loss))
        made = [kept.step for kept in start.steps if not kept.skipped]
        return Control(False, compared, made[differs], CONTROLS, spread)

    def _try(self, start: _Start, change: Change, moment: Moment, orders: int) -> Trial:
        """Replay a change in one order after the other, until one goes wrong: then it is no remedy."""
        ends: list[End] = []
        while len(ends) < orders and not any(end.wrong for end in ends):
            ends.append(self._one(start, len(ends), change, moment))
        return count(change, ends)

    def _moment(self, start: _Start, norms: list[float]) -> Moment:
        first, last = start.snapshot.step, start.steps[-1].step
        before = [norm for norm in norms[max(self.onset - 201, 0) : self.onset - 1] if math.isfinite(norm)]
        near = range(max(self.onset - 10, first), min(self.onset + 3, last + 1))
        measured = [step for step in near if not math.isnan(norms[step - 1])]
        usual = median(before) if before else None
        longest = max(measured, key=lambda step: norms[step - 1], default=None)
        # What comes after a harmful update may have longer gradients still.
        worst = next((step for step in measured if usual and not norms[step - 1] < FAR * usual), longest)
        others = [*range(max(self.onset - 30, first), self.onset - 10), *range(self.onset + 10, last)]
        rows = [kept.rows for kept in start.steps]
        usual_rows = int(median(rows))
        rates = self.recording.curve.learning_rate[first - 1 : self.onset]
        return Moment(
            begin=first,
            usual_gradient=usual,
            longest_gradient=norms[longest - 1] / usual if usual and longest is not None else None,
            worst_step=worst,
            other_step=next((step for step in others if step != worst), None),
            usual_rows=usual_rows,
            has_smaller=min(rows) < usual_rows,
            rate_changed=len({rate for rate in rates if not math.isnan(rate)}) > 1,
        )

    def _gradient_norms(self, start: _Start) -> list[float]:
        """Return the length of each step's gradient; where none was recorded, those near the onset are measured in a replay."""
        recorded = self.recording.curve.gradient_norm
        if not all(map(math.isnan, recorded)):
            return recorded
        norms = list(recorded)
        self.framework.restore(start.snapshot.state)
        for kept in start.steps:
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


def _steps_as_they_were(start: _Start, moment: Moment) -> int:
    """Return the number of steps before changes begin: those before the suspected one where weights are nudged."""
    if not start.nudged or moment.worst_step is None:
        return 0
    return sum(not kept.skipped for kept in start.steps if kept.step < moment.worst_step)


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))
