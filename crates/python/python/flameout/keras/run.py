"""A model in training in Keras: its state, its steps, and steps with one thing changed.

Replays make the model's own `train_step`, from states of their own.
"""

from __future__ import annotations

import importlib
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from flameout._framework import Birth, Change, Moment, RecordedStep
from flameout._memory import LARGE, Packed
from flameout._tree import Tree
from flameout.keras import changes, numbers
from flameout.keras.backend import Backend, Functions, State, Value, copied, is_tensor, numpy_of

#: No finite length is longer.
LONGEST = float(np.finfo(np.float32).max)


class KerasRun:
    """A compiled model, with the state that its training has reached."""

    def __init__(self) -> None:
        self.backend = _backend()
        self.name = f"keras-{keras.backend.backend()}"
        self.model: Any = None
        self.now: State = ([], [], [], [])
        #: Metrics at the beginning of an epoch.
        self.fresh_metrics: list[Any] = []
        #: The mean length of recurrent kernels' columns when the recording began.
        self.kernels_at_start: dict[str, float] = {}
        #: What learning rates are multiplied by in a replay.
        self.rate_factor = 1.0
        #: The learning rate that a replay uses instead of the recorded ones.
        self.held_rate: float | None = None
        #: Samples in a batch that is not smaller than others, if smaller ones are to be weighed by their size.
        self.whole_rows: int | None = None
        #: What is done to the trained variables after each update.
        self.after_update: Callable[[list[Any]], list[Any]] | None = None
        #: Whether steps are those of a guard, which leaves the state as it is if the gradient is too long or not finite.
        self.guarded = False
        self._functions: dict[int, Functions] = {}

    def enter(self, state: State, begins_epoch: bool) -> None:
        """Take the state that a step of `fit` starts from."""
        self.now = state
        if begins_epoch:
            self.fresh_metrics = copied(state[3])
        if not self.kernels_at_start:
            lengths = changes.column_lengths(self)
            self.kernels_at_start = {name: float(columns.mean()) for name, columns in lengths.items()}

    def build(self, step: RecordedStep) -> None:
        """Build what `fit` would build before its first step: optimiser and metrics, by a batch."""
        self.model._symbolic_build(data_batch=self._data(step))
        self.now = self.backend.live(self.model)

    def live(self) -> Tree[Any]:
        """Return the state, as the backend holds it."""
        names = ("trained", "others", "optimizer", "metrics")
        nested: dict[str, Any] = {name: list(part) for name, part in zip(names, self.now, strict=True)}
        nested |= {"fresh-metrics": self.fresh_metrics, "kernels-at-start": self.kernels_at_start, "guarded": self.guarded}
        return Tree.of(nested, lambda value: Value(value) if is_tensor(value) else None, "state")

    def copy(self, tree: Tree[Any]) -> Tree[NDArray[Any]]:
        """Copy tensors into a block of the host's memory: `fit` overwrites a state with the next step, or gives it away."""
        packed = Packed(tree.tensors, _upon)
        for name, value in tree.tensors.items():
            packed[name][...] = value.numpy() if isinstance(value, Value) else value
        return Tree(packed, tree.skeleton)

    def restore(self, state: Tree[NDArray[Any]]) -> None:
        """Go back to a state."""
        nested = state.together()
        _require_shapes(nested["trained"], self.model.trainable_variables)
        parts = (nested["trained"], nested["others"], nested["optimizer"], nested["metrics"])
        self.now = self.backend.own(self.model, parts)
        self.fresh_metrics, self.kernels_at_start = nested["fresh-metrics"], nested["kernels-at-start"]
        self.guarded = nested["guarded"]

    def nudged(
        self, state: Tree[NDArray[Any]], later: Tree[NDArray[Any]], share: float, generator: np.random.Generator
    ) -> Tree[NDArray[Any]]:
        """Move each parameter of a state in a random direction, by a share of how far it has moved in a later state."""
        tensors = dict(state.tensors)
        for name, tensor in state.tensors.items():
            if name.startswith("state/trained/") and tensor.size > 0:
                direction = generator.standard_normal(tensor.shape, dtype=np.float32)
                length = share * np.linalg.norm((later.tensors[name] - tensor).astype(np.float32)) / np.linalg.norm(direction)
                tensors[name] = tensor + (direction * length).astype(tensor.dtype)
        return Tree(tensors, state.skeleton)

    def copy_batch(self, data: Any, rate: float) -> Tree[NDArray[Any]]:
        """Keep a batch, with the learning rate. Nothing writes to a batch, so on the CPU a large one is no copy."""
        nested = {"batch": data, "rate": rate}
        tree: Tree[NDArray[Any]] = Tree.of(nested, lambda value: numpy_of(value) if is_tensor(value) else None, "b")
        return tree if tree.bytes >= LARGE else self.copy(tree)

    def learning_rate(self) -> float:
        """Return the learning rate of the next step."""
        at = self._rate_index()
        if at is not None:
            return _number(self.now[2][at])
        iterations = _index_of(self.model.optimizer.variables, self.model.optimizer._iterations)
        assert iterations is not None
        return _number(self.functions().rate(self.now[2][iterations]))

    def running_loss(self) -> tuple[float, float]:
        """Return the sum of the epoch's losses so far, each times its samples, and the number of samples."""
        tracker = self.model._loss_tracker
        total, count = (_index_of(self.model.metrics_variables, part) for part in (tracker.total, tracker.count))
        return (0.0, 0.0) if total is None or count is None else (_number(self.now[3][total]), _number(self.now[3][count]))

    def loss_since(self, before: tuple[float, float], logs: Any) -> float:
        """Return the loss of the step that was made since `before`; a `train_step` that tracks none says it in its logs."""
        total, count = self.running_loss()
        return (total - before[0]) / (count - before[1]) if count > before[1] else _number(logs["loss"])

    def is_finite(self, tensor: Any) -> bool:
        """Say whether all numbers of a tensor are finite."""
        return numbers.is_finite(tensor)

    def random_tensors(self, previous: tuple[Any, ...] | None) -> tuple[Any, ...]:
        """Copy the states of the backend's generators; return `previous` itself if they are the same."""
        return self.backend.random_tensors(previous)

    def restore_random(self, tensors: tuple[Any, ...]) -> None:
        """Set the backend's generators."""
        self.backend.restore_random(tensors)

    def save(self, tensors: Mapping[str, Any], path: Path, told: dict[str, str]) -> None:
        """Write tensors as safetensors, with what is told of them."""
        # `np.ascontiguousarray` would give a number a dimension.
        whole = {name: np.require(tensor, requirements="C") for name, tensor in tensors.items()}
        safetensors.numpy.save_file(whole, path, told)

    def load(self, path: Path) -> tuple[dict[str, Any], dict[str, str]]:
        """Read what `save` wrote."""
        with safetensors.safe_open(path, "numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118

    def versions(self) -> dict[str, str]:
        """Name what numbers depend on."""
        name = keras.backend.backend()
        modules = {"keras": keras, name: importlib.import_module(name), "numpy": np}
        return {name: module.__version__ for name, module in modules.items()} | {"python": platform.python_version()}

    def replay_step(self, step: RecordedStep, own_order: bool) -> float:
        """Make a step from where the run is, at the learning rate of the record; return the loss."""
        self.now = self.before(step, own_order)
        data, weight = self._weighed(step)
        sums = self.running_loss()
        if self.guarded:
            logs, state, _, loss = self.guarded_step(self.now, data, -1.0 if step.skipped else LONGEST)
            if step.skipped:
                return float(loss)
        else:
            logs, state = self.functions().step(self.now, data)
        if self.after_update is not None:
            state = (self.after_update(state[0]), state[1], state[2], state[3])
        self.now = state
        return self.loss_since(sums, logs) / weight

    def before(self, step: RecordedStep, own_order: bool) -> State:
        """Return the state of now with what a callback would have set before a step: learning rate and fresh metrics."""
        trained, others, optimizer, metrics = self.now
        at = self._rate_index()
        if at is not None:
            recorded = step.batch.together()["rate"] if self.held_rate is None else self.held_rate
            optimizer = list(optimizer)
            optimizer[at] = np.asarray(recorded * self.rate_factor, dtype=Value(optimizer[at]).dtype)
        return trained, others, optimizer, self.fresh_metrics if step.begins_epoch or not own_order else metrics

    def measure_gradient(self, step: RecordedStep) -> float | None:
        """Return the length of the gradient of a step from where the run is; the run stays there."""
        gradients = self.gradients(step)
        squares = [float(np.sum(np.square(numpy_of(gradient).astype(np.float64)))) for gradient in gradients]
        return float(np.sqrt(sum(squares)))

    def gradients(self, step: RecordedStep) -> list[Any]:
        """Return the gradients of the trained variables in a step from where the run is."""
        return list(self.functions().gradients(self.before(step, True), self._data(step))[1])

    def changes(self, moment: Moment) -> Sequence[Change]:
        """Name the changes that can be made, the most specific cause first."""
        return changes.all_of(self, moment)

    @contextmanager
    def changed(self, change: Change, moment: Moment) -> Iterator[None]:
        """Carry out a change while the context lasts."""
        with changes.carried_out(self, change, moment):
            yield

    def find_birth(self, step: RecordedStep) -> Birth | None:
        """Make a step; find the first number in it that is not finite."""
        return numbers.find_birth(self, step)

    def forward(self, step: RecordedStep) -> Any:
        """Return the predictions for a batch from where the run is, without compiling: layers see numbers."""
        x, _, _ = keras.utils.unpack_x_y_sample_weight(self._data(step))
        return self.backend.forward(self.model, self.now, x)

    def _data(self, step: RecordedStep) -> Any:
        return step.batch.together()["batch"]

    def _weighed(self, step: RecordedStep) -> tuple[Any, float]:
        """Return the batch, and the weight that each of its samples has now."""
        data = self._data(step)
        if self.whole_rows is None or step.rows >= self.whole_rows:
            return data, 1.0
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        weight = step.rows / self.whole_rows
        return (x, y, np.full(step.rows, weight, np.float32) if weights is None else weights * weight), weight

    def guarded_step(self, state: State, data: Any, limit: float) -> tuple[Any, State, float, float]:
        """Make a step if its gradient is not longer than `limit`; return logs, state, that length, and the loss."""
        logs, state, length, loss = self.functions().guarded(state, data, np.float32(limit))
        return logs, state, _number(length), _number(loss)

    def back_at(self, state: Tree[NDArray[Any]], factor: float) -> State:
        """Go back to a state for `fit` to go on from, with its learning rate multiplied; return it."""
        nested = state.together()
        optimizer, at = list(nested["optimizer"]), self._rate_index()
        if at is not None:
            optimizer[at] = optimizer[at] * optimizer[at].dtype.type(factor)
        self.now = self.backend.own(self.model, (nested["trained"], nested["others"], optimizer, self.fresh_metrics))
        return self.now

    def functions(self) -> Functions:
        """Return what the model does with the optimiser of now."""
        key = id(self.model.optimizer)
        if key not in self._functions:
            self._functions[key] = self.backend.functions(self.model)
        return self._functions[key]

    def forget_functions(self, optimizer: Any) -> None:
        """Drop what was compiled for an optimiser."""
        self._functions.pop(id(optimizer), None)

    def _rate_index(self) -> int | None:
        return _index_of(self.model.optimizer.variables, self.model.optimizer._learning_rate)


def _backend() -> Backend:
    """Return the backend that Keras runs on."""
    name = keras.backend.backend()
    if name == "jax":
        from flameout.keras.on_jax import JaxBackend

        return JaxBackend()
    if name == "tensorflow":
        from flameout.keras.on_tensorflow import TensorFlowBackend

        return TensorFlowBackend()
    if name == "torch":
        from flameout.keras.on_torch import TorchBackend

        return TorchBackend()
    raise RuntimeError(
        f"Keras runs on {name}; jax, tensorflow and torch are recorded: set KERAS_BACKEND to one of them before Keras is imported"
    )


def _index_of(variables: Sequence[Any], variable: Any) -> int | None:
    return next((at for at, other in enumerate(variables) if other is variable), None)


def _number(value: Any) -> float:
    return float(numpy_of(value))


def _upon(block: Any, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    array: NDArray[Any] = np.ndarray(shape, dtype, block, offset)
    return array


def _require_shapes(stored: Sequence[NDArray[Any]], variables: Sequence[Any]) -> None:
    found, own = [tuple(value.shape) for value in stored], [tuple(variable.shape) for variable in variables]
    if found != own:
        raise ValueError(f"the state's variables have the shapes {found}; the model's have {own}: another model?")
