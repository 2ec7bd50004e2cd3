"""What recording and replay need of Keras' backend."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

#: Trained variables, other variables, the optimiser's, and those of metrics; their values are tensors or arrays.
State = tuple[list[Any], list[Any], list[Any], list[Any]]


class Functions(NamedTuple):
    """What a model does with a state and a batch, with the optimiser that it has now."""

    #: The model's own step; returns logs and the new state.
    step: Callable[[State, Any], Any]
    #: Returns the loss and the gradients of the trained variables; the state stays as it is.
    gradients: Callable[[State, Any], Any]
    #: The model's own step if the gradient is no longer than a limit; returns logs, the state, that length, and the loss.
    guarded: Callable[[State, Any, Any], Any]
    #: The learning rate after so many updates, where a schedule makes it. Uncompiled, Keras' own take up to 0.1 s.
    rate: Callable[[Any], Any]


class Backend(Protocol):
    """A backend of Keras."""

    def functions(self, model: Any) -> Functions:
        """Return what a model does, compiled if its own step is."""
        ...

    def live(self, model: Any) -> State:
        """Return the state in a model's variables."""
        ...

    def own(self, model: Any, state: State) -> State:
        """Take a state that others may hold; return one that steps may go on from, and overwrite."""
        ...

    def unpack(self, model: Any, arguments: tuple[Any, ...]) -> tuple[State, Any]:
        """Return the state and the batch that `fit` calls its train function for."""
        ...

    def make(self, original: Callable[..., Any], functions: Functions, state: State, data: Any) -> tuple[Any, State]:
        """Make a step of `fit`, whose train function is `original`; return logs and the new state."""
        ...

    def pack(self, logs: Any, state: State) -> Any:
        """Return what `fit` expects of its train function."""
        ...

    def forward(self, model: Any, state: State, x: Any) -> Any:
        """Return the predictions for a batch, without compiling: layers see numbers. The state stays as it is."""
        ...

    def is_number(self, output: Any) -> bool:
        """Say whether the output of a layer holds numbers, and is no symbol that something is compiled with."""
        ...

    def obstacle(self, model: Any) -> str | None:
        """Say why a model's training cannot be recorded, if so."""
        ...

    def random_tensors(self, previous: tuple[Any, ...] | None) -> tuple[Any, ...]:
        """Copy the states of generators that are no variables of the model; return `previous` itself if they are the same."""
        ...

    def restore_random(self, tensors: tuple[Any, ...]) -> None:
        """Set these generators."""
        ...


class Value:
    """A tensor of the backend, with type, shape and size as an array tells them. Nothing is copied before it is asked for."""

    __slots__ = ("_tensor",)

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of an element."""
        dtype: np.dtype[Any] = np.dtype(keras.backend.standardize_dtype(self._tensor.dtype))
        return dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the dimensions."""
        return tuple(self._tensor.shape)

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return math.prod(self.shape) * self.dtype.itemsize

    def numpy(self) -> NDArray[Any]:
        """Return the elements as they are now; the array may share the tensor's memory."""
        return numpy_of(self._tensor)


def numpy_of(tensor: Any) -> NDArray[Any]:
    """Return a tensor's or an array's elements as they are now; the array may share their memory."""
    array: Any = tensor if isinstance(tensor, (np.ndarray, np.generic)) else keras.ops.convert_to_numpy(tensor)
    return np.asarray(array)


def copied(tensors: list[Any]) -> list[NDArray[Any]]:
    """Return copies of tensors as arrays."""
    return [np.array(numpy_of(tensor)) for tensor in tensors]


def is_tensor(value: Any) -> bool:
    """Say whether a value is an array of numbers, of NumPy or of the backend."""
    return isinstance(value, (np.ndarray, np.generic)) or bool(keras.ops.is_tensor(value))


def variables_of(model: Any) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """Return a model's variables in the order of a state."""
    return (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables, model.metrics_variables)


def predict(model: Any, x: Any) -> Any:
    """Return what a model predicts in training mode."""
    return model(x, training=True) if model._call_has_training_arg else model(x)
