"""The recorder of `model.fit`, a callback."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import keras

from flameout._recorder import EVERY, RecorderBase
from flameout._recording import Recording
from flameout._replay import Plan, diagnose
from flameout.diagnosis import Diagnosis
from flameout.guard import Action, Guard, Sentry
from flameout.keras.backend import State
from flameout.keras.run import KerasRun

#: What `fit` calls for each batch; the backend knows its arguments and what it returns.
TrainFunction = Callable[..., Any]


class Recorder(RecorderBase, keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps what a replay of `model.fit` needs: states, batches, and the curve.

    Nothing that it does changes the training's numbers. When the loss is not finite, or rises and does not come back, it
    writes what it has kept into the directory `out`, and records only the curve from then on.
    """

    def __init__(
        self,
        *,
        out: str | os.PathLike[str] = "crash",
        memory: int | str = "1 GiB",
        every: int = EVERY,
        stop: bool = False,
        guard: Guard | None = None,
    ) -> None:
        """Record the training of the model that this callback is given to.

        States and batches take at most `memory`, such as `"1 GiB"`; a state is kept `every` so many steps. With `stop`, the
        training is ended when something has gone wrong. A `guard` leaves updates out, goes back, or stops, as it is told.
        """
        super().__init__()
        self._run = KerasRun()
        self._recording = Recording(self._run, out, memory, every)
        self._watch_by(guard)
        self._run.guarded = guard is not None and (guard.skip or guard.stop)
        self._stop = stop
        self._begins_epoch = True
        self._epoch = self._batch = 0
        self._original: TrainFunction | None = None

    @classmethod
    def read(cls, directory: str | os.PathLike[str], model: keras.Model) -> Recorder:
        """Read a directory that a recorder wrote, for `diagnose` with a compiled model of the same kind."""
        recorder = cls.__new__(cls)
        keras.callbacks.Callback.__init__(recorder)
        recorder._run = KerasRun()
        recorder._run.model = model
        recorder._recording = Recording.read(recorder._run, directory)
        if recorder._recording.steps:
            recorder._run.build(recorder._recording.steps[0])
        return recorder

    def on_train_begin(self, logs: Any = None) -> None:
        """Put the recording around the function that makes a step."""
        if self.model.steps_per_execution != 1:
            raise ValueError(
                f"steps_per_execution is {self.model.steps_per_execution}; "
                "to be recorded, a model needs model.compile(…, steps_per_execution=1)"
            )
        obstacle = self._run.backend.obstacle(self.model)
        if obstacle is not None:
            raise ValueError(obstacle)
        self._run.model = self.model
        original = self.model.train_function
        # A `fit` that was interrupted has not called `on_train_end`.
        while isinstance(getattr(original, "__self__", None), Recorder):
            original = original.__self__._original
        self._original = original
        self.model.train_function = self._recorded

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note that running metrics start anew."""
        self._begins_epoch = True
        self._epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Note which batch it is."""
        self._batch = batch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """End the training if that was asked for."""
        stop = self._stop or (self._sentry is not None and self._sentry.guard.stop)
        if stop and self.caught:
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Take the recording off; write the curve to its end."""
        self.model.train_function = self._original
        self._recording.curve.flush()

    def _recorded(self, *arguments: Any) -> Any:
        """Make a step of `fit`, and record it; in the place of the model's train function."""
        run, was_caught = self._run, self.caught
        state, data = run.backend.unpack(run.model, arguments)
        run.enter(state, self._begins_epoch)
        rate, before = run.learning_rate(), run.running_loss()
        self._recording.begin(run.copy_batch(data, rate), self._begins_epoch)
        try:
            if self._sentry is not None and run.guarded:
                logs, state = self._guarded(self._sentry, state, data, rate)
            else:
                assert self._original is not None
                logs, state = run.backend.make(self._original, run.functions(), state, data)
                run.now = state
                self._recording.end(run.loss_since(before, logs), None, rate)
        except BaseException:
            self._recording.forget()
            raise
        self._begins_epoch = False
        if self._sentry is not None and self.caught and not was_caught:
            state = self._go_back_or_stop(self._sentry, state)
        return run.backend.pack(logs, state)

    def _guarded(self, sentry: Sentry, state: State, data: Any, rate: float) -> tuple[Any, State]:
        """Make a step if the guard has nothing against its gradient."""
        number, guard = self._recording.next_step, sentry.guard
        before = self._run.running_loss()
        logs, state, length, loss = self._run.guarded_step(state, data, sentry.limit)
        self._run.now = state
        reason = None if self.caught else sentry.objection(length)
        if reason is None:
            self._recording.end(self._run.loss_since(before, logs), length, rate)
            return logs, state
        sentry.add(Action(number, "skip" if guard.skip else "stop", reason, self._where()))
        # A run that is stopped is wrong from this step on, whatever its loss was.
        self._recording.end(loss if guard.skip else math.nan, length, rate, guard.skip)
        return logs, state

    def _go_back_or_stop(self, sentry: Sentry, state: State) -> State:
        """Return the state that `fit` goes on from after something has gone wrong."""
        number = len(self._recording.curve.loss)
        if any(action.step == number for action in sentry.actions):
            return state
        reason = f"the curve says: {self.judgement.verdict}"
        sound = self._recording.sound_state() if sentry.may_go_back else None
        if sound is not None:
            state = self._run.back_at(sound.state, sentry.guard.lower)
            sentry.add(Action(number, "roll-back", reason, self._where(), sound.step, self._run.learning_rate()))
            self._recording.begin_anew(sentry.times_back)
        elif sentry.guard.stop:
            sentry.add(Action(number, "stop", reason, self._where()))
        return state

    def _where(self) -> dict[str, int]:
        return {"epoch": self._epoch, "batch": self._batch}

    def diagnose(
        self,
        *,
        orders: int = 6,
        lead: int = 100,
        changes: Sequence[str] | None = None,
        everything: bool = False,
        chance: int = 24,
    ) -> Diagnosis:
        """Replay what went wrong, and name its cause; the model is left as it was.

        Each change is replayed in so many `orders` of the batches, the run's own among them, from a state `lead` steps before the
        onset: nearer to it, as long as with nothing changed it does not go wrong in all of them. `changes` names the kinds to
        try, such as `["learning-rate", "clip"]`. Once a cause is found, no more is tried, unless `everything` is asked for.
        Where the run goes wrong in some orders only, `chance` is the number of replays with nothing changed that say in how many;
        with 0 no cause is named then.
        """
        found = diagnose(self._recording, Plan(orders, lead, changes, everything, chance))
        if self.caught:
            self._recording.write_diagnosis(found.to_json())
        return found
