"""Where the first number that is not finite is made in a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from flameout._framework import Birth, RecordedStep


def find_birth(
    model: torch.nn.Module, step_function: Callable[..., Any], step: RecordedStep, batch: tuple[Any, ...]
) -> Birth | None:
    """Make a step from where the model is; return the first number in it, in the order of time, that is not finite.

    `batch` is a copy of the step's batch, on the device of the model.
    """
    for name, tensor in step.batch.tensors.items():
        if not is_finite(tensor):
            rows = (~torch.isfinite(tensor)).reshape(max(len(tensor), 1), -1).any(dim=1) if tensor.dim() else None
            named = () if rows is None else tuple(int(row) for row in rows.nonzero().flatten())
            return Birth(step.step, "data", "", name.removeprefix("b/").replace("batch/", "batch item "), named)
    before = _in_parameters(model, step, "parameters")
    found: list[Birth] = []
    with _hooked(model, step, found):
        loss = step_function(*batch)
    if before is not None:
        return before
    if not found and isinstance(loss, torch.Tensor) and not is_finite(loss.detach()):
        return Birth(step.step, "loss", "", "the loss; all outputs of modules are finite")
    # The loss is made between forward and backward.
    forward = next((birth for birth in found if birth.phase == "forward"), None)
    if forward is None and isinstance(loss, torch.Tensor) and not is_finite(loss.detach()):
        return Birth(step.step, "loss", "", "the loss; all outputs of modules are finite")
    return found[0] if found else _in_parameters(model, step, "update")


def _in_parameters(model: torch.nn.Module, step: RecordedStep, phase: str) -> Birth | None:
    for name, parameter in model.named_parameters():
        if not is_finite(parameter.detach()):
            module, _, tensor = name.rpartition(".")
            return Birth(step.step, phase, module, tensor)
    return None


@contextmanager
def _hooked(model: torch.nn.Module, step: RecordedStep, found: list[Birth]) -> Iterator[None]:
    """Note modules' outputs, gradients of them, and gradients of parameters that are not finite, in the order of time."""
    handles: list[Any] = []

    def on_output(name: str) -> Callable[..., None]:
        def look(_module: torch.nn.Module, _inputs: Any, outputs: Any) -> None:
            for output in _tensors(outputs):
                if not is_finite(output.detach()):
                    found.append(Birth(step.step, "forward", name, "output"))
                elif output.requires_grad:
                    output.register_hook(on_gradient(name, "gradient of the output"))

        return look

    def on_gradient(module: str, what: str) -> Callable[[torch.Tensor], None]:
        def look(gradient: torch.Tensor) -> None:
            if not is_finite(gradient):
                found.append(Birth(step.step, "backward", module, what))

        return look

    for name, module in model.named_modules():
        handles.append(module.register_forward_hook(on_output(name or type(model).__name__)))
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            owner, _, tensor = name.rpartition(".")
            handles.append(parameter.register_hook(on_gradient(owner, f"gradient of {tensor}")))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _tensors(nested: Any) -> Iterator[torch.Tensor]:
    if isinstance(nested, torch.Tensor):
        yield nested
    elif isinstance(nested, dict):
        for item in nested.values():
            yield from _tensors(item)
    elif isinstance(nested, (list, tuple)):
        for item in nested:
            yield from _tensors(item)


def is_finite(tensor: torch.Tensor) -> bool:
    """Say whether all numbers of a tensor are finite."""
    floating = tensor.is_floating_point() or tensor.is_complex()
    return not floating or bool(torch.isfinite(tensor).all())
