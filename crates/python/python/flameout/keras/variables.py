"""Keras where a step overwrites the model's variables, as on TensorFlow and PyTorch: a state is what they hold.

The state after a step is the variables' own tensors, so nothing is copied from step to step. A replay writes into the model;
the diagnosis writes back what was there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from flameout.keras.backend import Functions, State, copied, numpy_of, predict, variables_of


class VariablesBackend:
    """A backend whose steps overwrite the model's variables."""

    def steps(self, model: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]:
        """Return what a model does with what its variables hold: a step, which returns logs; loss and gradients; the rate."""
        raise NotImplementedError

    def functions(self, model: Any) -> Functions:
        """Return what a model does, compiled if its own step is."""
        make, differentiate, rate = self.steps(model)

        def step(state: State, data: Any) -> Any:
            self.own(model, state)
            return make(_tensors(data)), self.live(model)

        def gradients(state: State, data: Any) -> Any:
            with self._left_alone(model, state):
                loss, found = differentiate(_tensors(data))
                return numpy_of(loss), copied(found)

        def guarded(state: State, data: Any, limit: Any) -> Any:
            loss, found = gradients(state, data)
            length = np.sqrt(sum(np.sum(np.square(gradient.astype(np.float64))) for gradient in found))
            if length <= limit:
                return *step(state, data), length, loss
            return model.get_metrics_result(), self.live(model), length, loss

        return Functions(step, gradients, guarded, rate)

    def live(self, model: Any) -> State:
        """Return the tensors of a model's variables."""
        trained, others, optimizer, metrics = ([variable.value for variable in part] for part in variables_of(model))
        return trained, others, optimizer, metrics

    def own(self, model: Any, state: State) -> State:
        """Write a state into the model's variables, where it is not theirs already."""
        for part, values in zip(variables_of(model), state, strict=True):
            for variable, value in zip(part, values, strict=True):
                if value is not variable.value:
                    variable.assign(value)
        return self.live(model)

    def make(self, original: Callable[..., Any], functions: Functions, state: State, data: Any) -> tuple[Any, State]:
        """Make a step of `fit`; return logs and the new state."""
        logs, new = functions.step(state, data)
        return logs, new

    def pack(self, logs: Any, state: State) -> Any:
        """Return what `fit` expects of its train function."""
        return logs

    def forward(self, model: Any, state: State, x: Any) -> Any:
        """Return the predictions for a batch, without compiling: layers see numbers."""
        with self._left_alone(model, state):
            return predict(model, _tensors(x))

    def is_number(self, output: Any) -> bool:
        """Say whether the output of a layer holds numbers."""
        return True

    def obstacle(self, model: Any) -> str | None:
        """Say why a model's training cannot be recorded, if so."""
        return None

    def random_tensors(self, previous: tuple[Any, ...] | None) -> tuple[Any, ...]:
        """Return nothing: the states of Keras' generators are variables of the model."""
        return ()

    def restore_random(self, tensors: tuple[Any, ...]) -> None:
        """Do nothing, as above."""

    @contextmanager
    def _left_alone(self, model: Any, state: State) -> Iterator[None]:
        """Write back what a forward pass overwrites: statistics, seeds, metrics, and the states of generators."""
        live, random = self.own(model, state), self.random_tensors(None)
        others, metrics = copied(live[1]), copied(live[3])
        try:
            yield
        finally:
            self.own(model, (live[0], others, live[2], metrics))
            self.restore_random(random)


def _tensors(data: Any) -> Any:
    """Return a batch with its arrays as tensors of the backend, of the same types."""

    def of(value: Any) -> Any:
        if isinstance(value, (np.ndarray, np.generic)):
            return keras.ops.convert_to_tensor(value, dtype=value.dtype.name)
        return value

    return keras.tree.map_structure(of, data)
