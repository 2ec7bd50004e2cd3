"""What can be changed in a training in Keras, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from flameout import _changes as changes
from flameout._changes import Kernel, Subject
from flameout._framework import Change, Moment
from flameout.keras.backend import State, numpy_of


class Run(Protocol):
    """What of a run changes act upon."""

    model: Any
    now: State
    kernels_at_start: dict[str, float]
    rate_factor: float
    held_rate: float | None
    whole_rows: int | None
    after_update: Callable[[list[Any]], list[Any]] | None

    def learning_rate(self) -> float:
        """Return the learning rate of the next step."""
        ...

    def forget_functions(self, optimizer: Any) -> None:
        """Drop what was compiled for an optimiser."""
        ...


class _Lines:
    """Remedies as lines of Keras."""

    def __init__(self, optimizer: Any) -> None:
        self._kind = type(optimizer).__name__

    def _optimizer(self, setting: str) -> str:
        return f"keras.optimizers.{self._kind}({setting})"

    def rate(self, value: float) -> str:
        return self._optimizer(f"learning_rate={value:g}")

    def beta2(self, value: float) -> str:
        return self._optimizer(f"beta_2={value:g}")

    def amsgrad(self) -> str:
        return self._optimizer("amsgrad=True")

    def epsilon(self, value: float) -> str:
        return self._optimizer(f"epsilon={value:g}")

    def clip(self, limit: float) -> str:
        return self._optimizer(f"global_clipnorm={limit:g}")

    def hold(self, kernel: str, limit: float) -> str:
        return f"recurrent_constraint=keras.constraints.MaxNorm({limit:g}, axis=0)  # of {kernel.rpartition('/')[0]}"

    def weigh(self) -> str:
        return 'keras.losses.MeanSquaredError(reduction="sum")  # or your loss, with this reduction; Adam divides the length out'


def all_of(run: Run, moment: Moment) -> list[Change]:
    """Name the changes that can be made from where the run is, the most specific cause first."""
    optimizer = run.model.optimizer
    subject = Subject(
        rate=run.learning_rate(),
        beta2=getattr(optimizer, "beta_2", None),
        can_amsgrad=getattr(optimizer, "amsgrad", True) is False,
        has_epsilon=hasattr(optimizer, "epsilon") and hasattr(optimizer, "_velocities"),
        has_second_moment=hasattr(optimizer, "_velocities"),
        kernels=tuple(
            Kernel(name, run.kernels_at_start.get(name, np.inf), float(lengths.mean()), float(lengths.max()))
            for name, lengths in column_lengths(run).items()
        ),
        tensors=tuple(variable.path for variable in run.model.trainable_variables),
    )
    return changes.all_of(subject, moment, _Lines(optimizer))


def column_lengths(run: Run) -> dict[str, NDArray[np.float64]]:
    """Return the lengths of each recurrent kernel's columns: the weights from all units to one gate of one unit."""
    return {
        run.model.trainable_variables[at].path: np.linalg.norm(numpy_of(run.now[0][at]).astype(np.float64), axis=0)
        for at in _recurrent_kernels(run)
    }


def _recurrent_kernels(run: Run) -> list[int]:
    variables = enumerate(run.model.trainable_variables)
    return [at for at, variable in variables if variable.path.split("/")[-1] == "recurrent_kernel"]


@contextmanager
def carried_out(run: Run, change: Change, moment: Moment) -> Iterator[None]:
    """Carry out a change while the context lasts; the state that follows a change of it is the caller's to restore."""
    own = run.model.optimizer
    run.after_update = _after_update(run, change)
    run.whole_rows = moment.usual_rows if change.kind == "weigh" else None
    if change.kind == "second-moment":
        _raise_second_moment(run, change)
    settings = _settings(own, change)
    try:
        if settings is None:
            run.rate_factor = float(change.value or 1) if change.kind == "learning-rate" else 1.0
            run.held_rate = change.value if change.kind == "hold-rate" else None
        else:
            _exchange(run, settings)
        yield
    finally:
        run.after_update, run.whole_rows, run.rate_factor, run.held_rate = None, None, 1.0, None
        if run.model.optimizer is not own:
            run.forget_functions(run.model.optimizer)
            run.model.optimizer = own


def _settings(optimizer: Any, change: Change) -> dict[str, Any] | None:
    """Return the settings of another optimiser that a change needs; `None` if it needs none."""
    by_kind: dict[str, dict[str, Any]] = {
        "clip": {"global_clipnorm": change.value, "clipnorm": None, "clipvalue": None},
        "epsilon": {"epsilon": change.value},
        "beta2": {"beta_2": change.value},
        "amsgrad": {"amsgrad": True},
    }
    schedule = optimizer._learning_rate
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        by_kind["learning-rate"] = {"learning_rate": _Scaled(schedule, float(change.value or 1))}
        by_kind["hold-rate"] = {"learning_rate": change.value}
    return by_kind.get(change.kind)


class _Scaled(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A schedule times a number."""

    def __init__(self, schedule: Any, factor: float) -> None:
        super().__init__()
        self._schedule, self._factor = schedule, factor

    def __call__(self, step: Any) -> Any:
        return self._schedule(step) * self._factor

    def get_config(self) -> dict[str, Any]:
        return {}


def _exchange(run: Run, settings: dict[str, Any]) -> None:
    """Give the model another optimiser of the same kind, with the state of its own."""
    own = run.model.optimizer
    config = own.get_config() | {name: value for name, value in settings.items() if name != "learning_rate"}
    if "learning_rate" in settings:
        config["learning_rate"] = 0.0
    other = type(own).from_config(config)
    if "learning_rate" in settings:
        other.learning_rate = settings["learning_rate"]
    other.build(run.model.trainable_variables)
    values = dict(zip([variable.path for variable in own.variables], run.now[2], strict=True))
    state = []
    for variable in other.variables:
        # What the gradient was at its longest, as far as is known.
        known = variable.path if variable.path in values else variable.path.replace("velocity_hat", "velocity")
        state.append(values[known] if known in values else numpy_of(variable.value))
    run.now = (run.now[0], run.now[1], state, run.now[3])
    run.model.optimizer = other


def _raise_second_moment(run: Run, change: Change) -> None:
    optimizer, trained = run.model.optimizer, run.model.trainable_variables
    at = [variable.path for variable in trained].index(change.tensor or "")
    second = optimizer._velocities[at]
    values = [
        numpy_of(value) * np.float32(change.value or 1) if variable is second else value
        for variable, value in zip(optimizer.variables, run.now[2], strict=True)
    ]
    run.now = (run.now[0], run.now[1], values, run.now[3])


def _after_update(run: Run, change: Change) -> Callable[[list[Any]], list[Any]] | None:
    if change.kind == "freeze":
        frozen = [variable.path for variable in run.model.trainable_variables].index(change.tensor or "")
        value = np.array(numpy_of(run.now[0][frozen]))
        return lambda trained: [value if at == frozen else other for at, other in enumerate(trained)]
    if change.kind == "hold":
        kernels, limit = _recurrent_kernels(run), float(change.value or 0)
        return lambda trained: [_held(value, limit) if at in kernels else value for at, value in enumerate(trained)]
    return None


def _held(kernel: Any, limit: float) -> NDArray[Any]:
    values = numpy_of(kernel)
    lengths = np.linalg.norm(values, axis=0)
    held: NDArray[Any] = values * np.minimum(1.0, limit / np.maximum(lengths, 1e-12)).astype(values.dtype)
    return held
