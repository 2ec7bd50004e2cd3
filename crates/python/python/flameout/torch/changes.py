"""What can be changed in a training in PyTorch, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from flameout._framework import Change, Moment

if TYPE_CHECKING:
    from flameout.torch.run import TorchRun

#: Replays hold recurrent kernels' columns to this share of the longest that there is.
HOLD = 0.75
#: From the start of a run they are held to this share of their mean length shortly before the onset (as in `flameout-doctor`).
HOLD_FROM_START = 0.3
#: Kernels that have not grown by this factor are not suspected.
GROWN = 4.0
#: Learning rates are multiplied by these. Half the rate often holds in a replay, and from the start only delays the collapse
#: (docs/the-collapse.md): it is shown, and is no remedy.
RATES = (0.5, 0.333, 0.1)
#: Tensors of a model up to which each is frozen, and has its second moment raised, in turn.
MOST_TENSORS = 24


def all_of(model: torch.nn.Module, optimizer: torch.optim.Optimizer, moment: Moment, at_start: dict[str, float]) -> list[Change]:
    """Name the changes that can be made to this model and optimiser, the most specific cause first.

    `at_start` tells the mean length of recurrent kernels' columns when the recording began.
    """
    group = optimizer.param_groups[0]
    kind, rate = type(optimizer).__name__, float(group["lr"])
    found = _of_batches(moment)
    if "betas" in group and group["betas"][1] < 0.99:
        line = f"torch.optim.{kind}(model.parameters(), lr={rate:g}, betas=({group['betas'][0]:g}, 0.999))"
        cause = "the second moment forgets too fast (beta2 is too small)"
        found.append(Change("beta2", 0.999, name="beta2 0.999", cause=cause, line=line))
    if moment.rate_changed:
        name = f"learning rate held at {rate:g}"
        line = f"leave the learning rate at {rate:g}; look at the schedule"
        found.append(Change("hold-rate", rate, name=name, cause="the learning rate was changed", line=line))
    found += _of_kernels(model, at_start)
    for factor in RATES:
        line = f"torch.optim.{kind}(model.parameters(), lr={rate * factor:.3g})"
        name = f"learning rate × {factor:.2g} ({rate * factor:.3g})"
        why = "the learning rate is too high" if factor < 0.5 else None
        found.append(Change("learning-rate", factor, name=name, cause=why, line=line))
    if moment.usual_gradient:
        line = f"torch.nn.utils.clip_grad_norm_(model.parameters(), {moment.usual_gradient:.3g})  # before optimizer.step()"
        name = f"gradients clipped at their usual length ({moment.usual_gradient:.3g})"
        found.append(Change("clip", moment.usual_gradient, name=name, cause="single long gradients", line=line))
    if "amsgrad" in group and not group["amsgrad"]:
        line = f"torch.optim.{kind}(model.parameters(), lr={rate:g}, amsgrad=True)"
        cause = "the second moment has forgotten how long gradients can be"
        found.append(Change("amsgrad", name="AMSGrad", cause=cause, line=line))
    if "eps" in group and "betas" in group:
        line = f"torch.optim.{kind}(model.parameters(), lr={rate:g}, eps=1e-4)"
        found.append(Change("epsilon", 1e-4, name="epsilon 1e-4", cause="steps by gradients that are too small", line=line))
    return found + _of_tensors(model, optimizer)


def _of_batches(moment: Moment) -> list[Change]:
    found = []
    if moment.worst_step is not None:
        cause, line = "a harmful batch", f"look at the batch of step {moment.worst_step}; leave it out"
        name = f"batch of step {moment.worst_step} left out"
        found.append(Change("skip", moment.worst_step, name=name, cause=cause, line=line))
    if moment.other_step is not None:
        name = f"batch of step {moment.other_step} left out (to compare)"
        found.append(Change("skip", moment.other_step, name=name))
    if moment.has_smaller:
        line = "DataLoader(..., drop_last=True)"
        name, cause = "smaller batches weighed by their size", "the smaller last batch weighs too much"
        found.append(Change("weigh", name=name, cause=cause, line=line))
    return found


def _of_kernels(model: torch.nn.Module, at_start: dict[str, float]) -> list[Change]:
    grown = {name: length for name, length in kernel_lengths(model).items() if length >= GROWN * at_start.get(name, length)}
    if not grown:
        return []
    kernels = _recurrent_kernels(model)
    longest = max(float(torch.linalg.vector_norm(kernel.detach(), dim=1).max()) for kernel in kernels.values())
    limit, from_start = round(HOLD * longest, 2), round(HOLD_FROM_START * min(grown.values()), 2)
    line = f"model.{next(iter(grown))}.data.renorm_(2, 0, {from_start:g})  # after optimizer.step(), for each weight_hh"
    name = f"recurrent kernels' columns held to {limit:g} (the longest: {longest:.2f})"
    return [Change("hold", limit, None, name, "the recurrent kernel has grown too long", line, from_start)]


def kernel_lengths(model: torch.nn.Module) -> dict[str, float]:
    """Return the mean length of each recurrent kernel's columns: the weights from all units to one gate of one unit."""
    return {
        name: float(torch.linalg.vector_norm(kernel.detach().float(), dim=1).mean())
        for name, kernel in _recurrent_kernels(model).items()
    }


def _of_tensors(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> list[Change]:
    names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    if len(names) > MOST_TENSORS:
        return []
    has_second = any("exp_avg_sq" in state for state in optimizer.state.values())
    raised = [Change("second-moment", 10.0, name, f"second moment of {name} × 10") for name in names if has_second]
    return raised + [Change("freeze", None, name, f"{name} frozen") for name in names]


def _recurrent_kernels(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    return {name: p for name, p in model.named_parameters() if name.split(".")[-1].startswith("weight_hh")}


@contextmanager
def carried_out(run: TorchRun, change: Change, moment: Moment) -> Iterator[None]:
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


def _hooks(run: TorchRun, change: Change, moment: Moment) -> tuple[Any, Any]:
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


def _change_state(run: TorchRun, change: Change) -> None:
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
