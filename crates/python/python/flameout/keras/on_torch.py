"""Keras on PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import torch

from flameout.keras.backend import State, predict
from flameout.keras.variables import VariablesBackend
from flameout.torch import generators


class TorchBackend(VariablesBackend):
    """The backend PyTorch."""

    def steps(self, model: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]:
        """Return what a model does with what its variables hold: a step, which returns logs; loss and gradients; the rate."""

        def make(data: Any) -> Any:
            with _training(model):
                return model.train_step(data)

        def differentiate(data: Any) -> Any:
            x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
            with _training(model):
                y_pred = predict(model, x)
                model.zero_grad()
                loss = model._compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weights, training=True)
                model.optimizer.scale_loss(loss).backward()
            found = [_gradient(variable.value) for variable in model.trainable_variables]
            model.zero_grad()
            return loss.detach(), found

        schedule = model.optimizer._learning_rate

        def rate(iterations: Any) -> Any:
            return schedule(iterations)

        return (torch.compile(make) if model._should_torch_compile() else make), differentiate, rate

    def unpack(self, model: Any, arguments: tuple[Any, ...]) -> tuple[State, Any]:
        """Return the state and the batch that `fit` calls its train function for."""
        ((data,),) = arguments
        return self.live(model), data

    def random_tensors(self, previous: tuple[Any, ...] | None) -> tuple[Any, ...]:
        """Copy the states of PyTorch's generators, from which Keras' dropout draws; return `previous` if they are the same."""
        now = tuple(state.numpy() for state in generators.states())
        return previous if previous is not None and all(map(np.array_equal, previous, now)) else now

    def restore_random(self, tensors: tuple[Any, ...]) -> None:
        """Set PyTorch's generators."""
        generators.restore([torch.from_numpy(state) for state in tensors])


@contextmanager
def _training(model: Any) -> Iterator[None]:
    """Set the modules to training, as `fit` does."""
    was = model.training
    model.train()
    try:
        yield
    finally:
        model.train(was)


def _gradient(parameter: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
