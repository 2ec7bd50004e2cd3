"""Keras on JAX, where a step is a function from a state and a batch to a state: replays leave the model's variables alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import keras
from jax.core import Tracer

from flameout.keras.backend import Functions, State, variables_of


class JaxBackend:
    """The backend JAX."""

    def functions(self, model: Any) -> Functions:
        """Return what a model does, compiled if its own step is."""
        functions = _functions_of(model)
        plain = model.run_eagerly or not model.jit_compile
        return functions if plain else Functions(*map(jax.jit, functions))

    def live(self, model: Any) -> State:
        """Return the state in a model's variables."""
        trained, others, optimizer, metrics = ([variable.value for variable in part] for part in variables_of(model))
        return trained, others, optimizer, metrics

    def own(self, model: Any, state: State) -> State:
        """Copy a state: `fit` gives the memory of its own away with each step."""
        trained, others, optimizer, metrics = ([jax.numpy.array(value, copy=True) for value in part] for part in state)
        return trained, others, optimizer, metrics

    def unpack(self, model: Any, arguments: tuple[Any, ...]) -> tuple[State, Any]:
        """Return the state and the batch that `fit` calls its train function for."""
        state, iterator = arguments
        return state, next(iterator)

    def make(self, original: Callable[..., Any], functions: Functions, state: State, data: Any) -> tuple[Any, State]:
        """Make a step of `fit`, whose train function is `original`; return logs and the new state."""
        logs, new = original(state, iter([data]))
        return logs, new

    def pack(self, logs: Any, state: State) -> Any:
        """Return what `fit` expects of its train function."""
        return logs, state

    def forward(self, model: Any, state: State, x: Any) -> Any:
        """Return the predictions for a batch, without compiling: layers see numbers."""
        settings = {"training": True} if model._call_has_training_arg else {}
        return model.stateless_call(state[0], state[1], x, **settings)[0]

    def is_number(self, output: Any) -> bool:
        """Say whether the output of a layer holds numbers."""
        return not isinstance(output, Tracer)

    def obstacle(self, model: Any) -> str | None:
        """Return nothing: all trainings are recorded."""
        return None

    def random_tensors(self, previous: tuple[Any, ...] | None) -> tuple[Any, ...]:
        """Return nothing: the states of Keras' generators are variables of the model."""
        return ()

    def restore_random(self, tensors: tuple[Any, ...]) -> None:
        """Do nothing, as above."""


def _functions_of(model: Any) -> Functions:
    def step(state: State, data: Any) -> Any:
        return model.train_step(state, data)

    def gradients(state: State, data: Any) -> Any:
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        trained, others, optimizer, metrics = state
        both = jax.value_and_grad(model.compute_loss_and_updates, has_aux=True)
        settings = {"training": True, "optimizer_variables": optimizer}
        (_, (loss, *_)), found = both(trained, others, metrics, x, y, weights, **settings)
        return loss, found

    def guarded(state: State, data: Any, limit: Any) -> Any:
        # XLA sees that the step makes the same gradients, and makes them once.
        loss, found = gradients(state, data)
        length = jax.numpy.sqrt(sum(jax.numpy.sum(jax.numpy.square(g.astype("float32"))) for g in found))
        logs, new = model.train_step(state, data)
        new, old = (tuple(map(list, whole)) for whole in (new, state))
        kept = jax.tree_util.tree_map(lambda one, other: jax.numpy.where(length <= limit, one, other), new, old)
        return logs, kept, length, loss

    schedule = model.optimizer._learning_rate

    def rate(iterations: Any) -> Any:
        return jax.numpy.asarray(schedule(iterations))

    return Functions(step, gradients, guarded, rate)
