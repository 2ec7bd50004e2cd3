"""What can be changed in a training in PyTorch, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch

from flameout import _changes as changes
from flameout._changes import Kernel, Subject
from flameout._framework import Change, Moment


class Run(Protocol):
    """What of a run changes act upon."""

    model: torch.nn.Module
    optimizer: torch.optim.Optimizer
    rate_factor: float
    held_rates: list[float] | None
    rows: int


class _Lines:
    """Remedies as lines of PyTorch."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._kind = type(optimizer).__name__
        self._group = optimizer.param_groups[0]

    def _optimizer(self, setting: str) -> str:
        return f"torch.optim.{self._kind}(model.parameters(), lr={float(self._group['lr']):g}, {setting})"

    def rate(self, value: float) -> str:
        return f"torch.optim.{self._kind}(model.parameters(), lr={value:g})"

    def beta2(self, value: float) -> str:
        return self._optimizer(f"betas=({self._group['betas'][0]:g}, {value:g})")

    def amsgrad(self) -> str:
        return self._optimizer("amsgrad=True")

    def epsilon(self, value: float) -> str:
        return self._optimizer(f"eps={value:g}")

    def clip(self, limit: float) -> str:
        return f"torch.nn.utils.clip_grad_norm_(model.parameters(), {limit:g})  # before optimizer.step()"

    def hold(self, kernel: str, limit: float) -> str:
        return f"model.{kernel}.data.renorm_(2, 0, {limit:g})  # after optimizer.step(), for each weight_hh"

    def weigh(self) -> str:
        return "loss = loss * len(x) / batch_size  # before loss.backward()"


def all_of(model: torch.nn.Module, optimizer: torch.optim.Optimizer, moment: Moment, at_start: dict[str, float]) -> list[Change]:
    """Name the changes that can be made to this model and optimiser, the most specific cause first.

    `at_start` tells the mean length of recurrent kernels' columns when the recording began.
    """
    group = optimizer.param_groups[0]
    subject = Subject(
        rate=float(group["lr"]),
        beta2=group["betas"][1] if "betas" in group else None,
        can_amsgrad=not group.get("amsgrad", True),
        has_epsilon="eps" in group and "betas" in group,
        has_second_moment=any("exp_avg_sq" in state for state in optimizer.state.values()),
        kernels=tuple(
            Kernel(name, at_start.get(name, float("inf")), float(lengths.mean()), float(lengths.max()))
            for name, lengths in _column_lengths(model).items()
        ),
        tensors=tuple(name for name, parameter in model.named_parameters() if parameter.requires_grad),
    )
    return changes.all_of(subject, moment, _Lines(optimizer))


def kernel_lengths(model: torch.nn.Module) -> dict[str, float]:
    """Return the mean length of each recurrent kernel's columns: the weights from all units to one gate of one unit."""
    return {name: float(lengths.mean()) for name, lengths in _column_lengths(model).items()}


def _column_lengths(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    kernels = _recurrent_kernels(model)
    return {name: torch.linalg.vector_norm(kernel.detach().float(), dim=1) for name, kernel in kernels.items()}


def _recurrent_kernels(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    return {name: p for name, p in model.named_parameters() if name.split(".")[-1].startswith("weight_hh")}


@contextmanager
def carried_out(run: Run, change: Change, moment: Moment) -> Iterator[None]:
    """Carry out a change while the context lasts; the state that follows a change of it is the caller's to restore."""
    optimizer = run.optimizer
    before, after = _hooks(run, change, moment)
    handles: list[Any] = []
    if before is not None:
        handles.append(optimizer.register_step_pre_hook(_hook(before)))
    if after is not None:
        handles.append(optimizer.register_step_post_hook(_hook(after)))
    _change_state(run, change)
    try:
        yield
    finally:
        run.rate_factor, run.held_rates = 1.0, None
        for handle in handles:
            handle.remove()


def _hook(act: Callable[[], Any]) -> Callable[..., None]:
    """Make a hook of an optimiser, which must return nothing."""

    def hook(*_: Any) -> None:
        act()

    return hook


def _hooks(run: Run, change: Change, moment: Moment) -> tuple[Any, Any]:
    """Return what is done before and after each update."""
    parameters = [p for group in run.optimizer.param_groups for p in group["params"]]
    if change.kind == "clip":
        return lambda: torch.nn.utils.clip_grad_norm_(parameters, float(change.value or 0)), None
    if change.kind == "freeze":
        frozen = run.model.get_parameter(change.tensor or "")

        def without_gradient() -> None:
            frozen.grad = None

        return without_gradient, None
    if change.kind == "weigh":

        def weigh() -> None:
            for parameter in parameters:
                if parameter.grad is not None and run.rows < moment.usual_rows:
                    parameter.grad.mul_(run.rows / moment.usual_rows)

        return weigh, None
    if change.kind == "hold":

        def hold() -> None:
            with torch.no_grad():
                for kernel in _recurrent_kernels(run.model).values():
                    kernel.copy_(kernel.renorm(2, 0, float(change.value or 0)))

        return None, hold
    return None, None


def _change_state(run: Run, change: Change) -> None:
    """Change settings and state of the optimiser: `restore` brings both back."""
    state = run.optimizer.state
    if change.kind == "learning-rate":
        run.rate_factor = float(change.value or 1)
    if change.kind == "hold-rate":
        run.held_rates = [float(group["lr"]) for group in run.optimizer.param_groups]
    if change.kind == "second-moment":
        own = state[run.model.get_parameter(change.tensor or "")]
        if "exp_avg_sq" in own:
            own["exp_avg_sq"].mul_(change.value)
    for group in run.optimizer.param_groups:
        if change.kind == "epsilon":
            group["eps"] = change.value
        if change.kind == "beta2":
            group["betas"] = (group["betas"][0], change.value)
        if change.kind == "amsgrad":
            group["amsgrad"] = True
            for parameter in group["params"]:
                if "exp_avg_sq" in state[parameter]:
                    state[parameter]["max_exp_avg_sq"] = state[parameter]["exp_avg_sq"].clone()
