"""Where the first number that is not finite is made in a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import keras
import numpy as np

from flameout._framework import Birth, RecordedStep
from flameout.keras.backend import Backend, State, is_tensor, numpy_of


class Run(Protocol):
    """What of a run is looked at."""

    backend: Backend
    model: Any
    now: State

    def forward(self, step: RecordedStep) -> Any:
        """Return the predictions for a batch."""
        ...

    def gradients(self, step: RecordedStep) -> list[Any]:
        """Return the gradients of the trained variables."""
        ...

    def replay_step(self, step: RecordedStep, own_order: bool) -> float:
        """Make the step; return the loss."""
        ...


def find_birth(run: Run, step: RecordedStep) -> Birth | None:
    """Make a step from where the run is; return the first number in it, in the order of time, that is not finite."""
    for name, tensor in step.batch.tensors.items():
        if not is_finite(tensor):
            rows = (~np.isfinite(tensor)).reshape(max(len(tensor), 1), -1).any(axis=1) if tensor.ndim else np.zeros(0)
            named = tuple(int(row) for row in np.flatnonzero(rows))
            return Birth(step.step, "data", "", name.removeprefix("b/").replace("batch/", "batch item "), named)
    begun = _in_variables(run, step, "parameters")
    if begun is not None:
        return begun
    found: list[Birth] = []
    with _watched(run, step, found):
        run.forward(step)
    if found:
        return found[0]
    paths = [variable.path for variable in run.model.trainable_variables]
    gradients = dict(zip(paths, run.gradients(step), strict=True))
    loss = run.replay_step(step, True)
    if not np.isfinite(loss):
        return Birth(step.step, "loss", "", "the loss; all outputs of layers are finite")
    # Backward goes from the last layer to the first.
    for path in reversed(paths):
        if not is_finite(gradients[path]):
            module, _, tensor = path.rpartition("/")
            return Birth(step.step, "backward", module, f"gradient of {tensor}")
    return _in_variables(run, step, "update")


def _in_variables(run: Run, step: RecordedStep, phase: str) -> Birth | None:
    variables = [*run.model.trainable_variables, *run.model.non_trainable_variables]
    for variable, value in zip(variables, [*run.now[0], *run.now[1]], strict=True):
        if not is_finite(value):
            module, _, tensor = variable.path.rpartition("/")
            return Birth(step.step, phase, module, tensor)
    return None


@contextmanager
def _watched(run: Run, step: RecordedStep, found: list[Birth]) -> Iterator[None]:
    """Note the layers whose outputs are not finite, in the order of time."""
    layers = [layer for layer in run.model._flatten_layers() if layer is not run.model]

    def watched(layer: Any, call: Callable[..., Any]) -> Callable[..., Any]:
        def look(*arguments: Any, **settings: Any) -> Any:
            outputs = call(*arguments, **settings)
            for output in keras.tree.flatten(outputs):
                if is_tensor(output) and run.backend.is_number(output) and not is_finite(output):
                    found.append(Birth(step.step, "forward", layer.path, "output"))
            return outputs

        return look

    for layer in layers:
        object.__setattr__(layer, "call", watched(layer, layer.call))
    try:
        yield
    finally:
        for layer in layers:
            object.__delattr__(layer, "call")


def is_finite(tensor: Any) -> bool:
    """Say whether all numbers of an array are finite."""
    values = numpy_of(tensor)
    return not np.issubdtype(values.dtype, np.inexact) or bool(np.isfinite(values).all())
