"""The recorder of `model.fit`, a callback."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras

from flameout._recorder import EVERY, RecorderBase
from flameout._recording import Recording
from flameout._replay import diagnose
from flameout.diagnosis import Diagnosis
from flameout.keras.run import KerasRun, State

#: What `fit` calls for each batch: takes the state and the iterator of batches, returns logs and the new state.
TrainFunction = Callable[[State, Iterator[Any]], tuple[Any, State]]


class Recorder(RecorderBase, keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps what a replay of `model.fit` needs: states, batches, and the curve.

    Nothing that it does changes the training's numbers. When the loss is not finite, or rises and does not come back, it
    writes what it has kept into the directory `out`, and records only the curve from then on.
    """

    def __init__(
        self, *, out: str | os.PathLike[str] = "crash", memory: int | str = "1 GiB", every: int = EVERY, stop: bool = False
    ) -> None:
        """Record the training of the model that this callback is given to.

        States and batches take at most `memory`, such as `"1 GiB"`; a state is kept `every` so many steps. With `stop`, the
        training is ended when something has gone wrong.
        """
        super().__init__()
        self._run = KerasRun()
        self._recording = Recording(self._run, out, memory, every)
        self._stop = stop
        self._begins_epoch = True
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
        self._run.model = self.model
        self._original = self.model.train_function
        self.model.train_function = self._recorded

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note that running metrics start anew."""
        self._begins_epoch = True

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """End the training if that was asked for."""
        if self._stop and self.caught:
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Take the recording off; write the curve to its end."""
        self.model.train_function = self._original
        self._recording.curve.flush()

    def _recorded(self, state: State, iterator: Iterator[Any]) -> tuple[Any, State]:
        assert self._original is not None
        data = next(iterator)
        run = self._run
        run.enter(state, self._begins_epoch)
        rate, before = run.learning_rate(), run.running_loss()
        self._recording.begin(run.copy_batch(data, rate), self._begins_epoch)
        try:
            logs, state = self._original(state, iter([data]))
        except BaseException:
            self._recording.forget()
            raise
        self._begins_epoch = False
        run.now = state
        self._recording.end(run.loss_since(before, logs), None, rate)
        return logs, state

    def diagnose(self, *, orders: int = 3, lead: int = 100, changes: Sequence[str] | None = None) -> Diagnosis:
        """Replay what went wrong, and name its cause; the model is left as it was.

        Each change is replayed in so many `orders` of the batches, the run's own among them, from a state at least `lead`
        steps before the onset. `changes` names the kinds to try, such as `["learning-rate", "clip"]`.
        """
        found = diagnose(self._recording, orders=orders, lead=lead, changes=changes)
        if self.caught:
            self._recording.write_diagnosis(found.to_json())
        return found
