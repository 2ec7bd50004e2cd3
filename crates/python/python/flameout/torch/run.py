"""A model in training in PyTorch: its state, its steps, and steps with one thing changed."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from flameout._framework import Birth, Change, Moment, RecordedStep
from flameout._memory import Packed
from flameout._tree import Tree
from flameout.torch import changes, generators, numbers

#: Makes a whole step of training on a batch; returns the loss.
StepFunction = Callable[..., Any]


class TorchRun:
    """A model and its optimiser, with what else makes its steps."""

    name = "torch"

    def __init__(
        self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, scheduler: Any = None, scaler: Any = None
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.scaler = scaler
        self.step_function: StepFunction | None = None
        #: The mean length of recurrent kernels' columns when the recording began.
        self.kernels_at_start = changes.kernel_lengths(model)
        #: What learning rates are multiplied by in a replay.
        self.rate_factor = 1.0
        #: Learning rates, one for each group, that a replay uses instead of the recorded ones.
        self.held_rates: list[float] | None = None
        #: Samples in the batch that is replayed.
        self.rows = 0

    def live(self) -> Tree[torch.Tensor]:
        """Return parameters, buffers, gradients, and the states of optimiser, scheduler and scaler: not copied."""
        nested = {
            "parameters": dict(self.model.named_parameters()),
            "buffers": dict(self.model.named_buffers()),
            "gradients": {name: p.grad for name, p in self.model.named_parameters() if p.grad is not None},
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "scaler": None if self.scaler is None else self.scaler.state_dict(),
            "kernels-at-start": self.kernels_at_start,
        }
        return Tree.of(nested, _tensor, "state")

    def copy(self, tree: Tree[torch.Tensor]) -> Tree[torch.Tensor]:
        """Copy tensors into the memory of the host."""
        return Tree(_copies(tree.tensors), tree.skeleton)

    def restore(self, state: Tree[torch.Tensor]) -> None:
        """Go back to a state; the tree stays as it is."""
        nested = Tree({name: tensor.clone() for name, tensor in state.tensors.items()}, state.skeleton).together()
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(_of_shape(nested["parameters"], name, parameter))
                gradient = nested["gradients"].get(name)
                parameter.grad = None if gradient is None else gradient.to(parameter.device)
            for name, buffer in self.model.named_buffers():
                buffer.copy_(_of_shape(nested["buffers"], name, buffer))
        self.optimizer.load_state_dict(nested["optimizer"])
        self.kernels_at_start = nested["kernels-at-start"]
        if self.scheduler is not None:
            self.scheduler.load_state_dict(nested["scheduler"])
        if self.scaler is not None:
            self.scaler.load_state_dict(nested["scaler"])

    def nudged(
        self, state: Tree[torch.Tensor], later: Tree[torch.Tensor], share: float, generator: np.random.Generator
    ) -> Tree[torch.Tensor]:
        """Move each parameter of a state in a random direction, by a share of how far it has moved in a later state."""
        tensors = dict(state.tensors)
        for name, tensor in state.tensors.items():
            if name.startswith("state/parameters/") and tensor.is_floating_point() and tensor.numel() > 0:
                direction = torch.from_numpy(generator.standard_normal(tuple(tensor.shape), dtype=np.float32))
                length = (
                    share * torch.linalg.vector_norm((later.tensors[name] - tensor).float()) / torch.linalg.vector_norm(direction)
                )
                tensors[name] = tensor + (direction * length).to(tensor.dtype)
        return Tree(tensors, state.skeleton)

    def copy_batch(self, batch: Sequence[Any]) -> Tree[torch.Tensor]:
        """Copy a batch, with the learning rates of now and whether the model is in training mode."""
        device = next((str(item.device) for item in batch if isinstance(item, torch.Tensor)), "cpu")
        rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        nested = {"batch": tuple(batch), "rates": rates, "training": self.model.training, "device": device}
        return self.copy(Tree.of(nested, _tensor, "b"))

    def learning_rate(self) -> float:
        """Return the learning rate of the first group of parameters."""
        return float(self.optimizer.param_groups[0]["lr"])

    def is_finite(self, tensor: Any) -> bool:
        """Say whether all numbers of a tensor are finite."""
        return numbers.is_finite(tensor)

    def random_tensors(self, previous: tuple[Any, ...] | None) -> tuple[torch.Tensor, ...]:
        """Copy the states of the generators of the CPU and, if CUDA is in use, of each device."""
        now = generators.states()
        if previous is not None and len(previous) == len(now) and all(map(torch.equal, previous, now)):
            return previous
        return tuple(now)

    def restore_random(self, tensors: tuple[Any, ...]) -> None:
        """Set the generators."""
        generators.restore(tensors)

    def save(self, tensors: Mapping[str, Any], path: Path, told: dict[str, str]) -> None:
        """Write tensors as safetensors, with what is told of them."""
        safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, told)

    def load(self, path: Path) -> tuple[dict[str, Any], dict[str, str]]:
        """Read what `save` wrote."""
        with safetensors.safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118

    def versions(self) -> dict[str, str]:
        """Name what numbers depend on."""
        return {"torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()}

    def replay_step(self, step: RecordedStep, own_order: bool) -> float:
        """Make a step from where the run is, at the learning rate of the record; return the loss."""
        assert self.step_function is not None
        batch = self.prepare(step)
        hook = self.optimizer.register_step_pre_hook(lambda *_: self.leave_update_out()) if step.skipped else None
        try:
            loss = self.step_function(*batch)
        finally:
            if hook is not None:
                hook.remove()
        if loss is None:
            raise TypeError("the step function returned nothing; it must return the loss")
        return float(loss.detach() if isinstance(loss, torch.Tensor) else loss)

    def leave_update_out(self) -> None:
        """Take the gradients away: the optimiser passes over what has none."""
        for group in self.optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def lower_rates(self, factor: float) -> float:
        """Multiply the learning rates by a number, also those that a scheduler begins with; return that of the first group."""
        for group in self.optimizer.param_groups:
            for name in ("lr", "initial_lr"):
                if name in group:
                    group[name] = group[name] * factor
        if hasattr(self.scheduler, "base_lrs"):
            self.scheduler.base_lrs = [rate * factor for rate in self.scheduler.base_lrs]
        return self.learning_rate()

    def prepare(self, step: RecordedStep) -> tuple[Any, ...]:
        """Bring mode and learning rates to what they were before a step; return copies of its batch."""
        device = torch.device(step.batch.together()["device"])
        copies = Tree({name: t.to(device, copy=True) for name, t in step.batch.tensors.items()}, step.batch.skeleton)
        nested = copies.together()
        for group, rate in zip(self.optimizer.param_groups, self.held_rates or nested["rates"], strict=True):
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate * self.rate_factor)
            else:
                group["lr"] = rate * self.rate_factor
        self.model.train(nested["training"])
        self.rows = step.rows
        return tuple(nested["batch"])

    def measure_gradient(self, step: RecordedStep) -> float | None:
        """Return nothing: the recorder measures each step's gradient as the optimiser gets it."""
        return None

    def changes(self, moment: Moment) -> Sequence[Change]:
        """Name the changes that can be made, the most specific cause first."""
        return changes.all_of(self.model, self.optimizer, moment, self.kernels_at_start)

    @contextmanager
    def changed(self, change: Change, moment: Moment) -> Iterator[None]:
        """Carry out a change while the context lasts."""
        with changes.carried_out(self, change, moment):
            yield

    def find_birth(self, step: RecordedStep) -> Birth | None:
        """Make a step; find the first number in it that is not finite."""
        assert self.step_function is not None
        return numbers.find_birth(self.model, self.step_function, step, self.prepare(step))


def _tensor(value: Any) -> torch.Tensor | None:
    if isinstance(value, np.ndarray):
        raise TypeError("the batch holds a NumPy array; make it a tensor first, by torch.from_numpy")
    return value.detach() if isinstance(value, torch.Tensor) else None


def _copies(tensors: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
    """Copy tensors to the host: into a block of memory, if they lie as usual.

    Those that do not keep their strides: a batch with others may give other bits.
    """
    if not all(map(_lies_as_usual, tensors.values())):
        return {name: tensor.to("cpu", copy=True) for name, tensor in tensors.items()}
    packed = Packed(tensors, _upon)
    for name, tensor in tensors.items():
        packed[name].copy_(tensor)
    return packed


def _upon(block: Any, offset: int, dtype: torch.dtype, shape: tuple[int, ...]) -> torch.Tensor:
    count = math.prod(shape)
    if count == 0:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(block, dtype=dtype, count=count, offset=offset).view(shape)


def _lies_as_usual(tensor: torch.Tensor) -> bool:
    return type(tensor) is torch.Tensor and tensor.layout == torch.strided and tensor.is_contiguous() and not tensor.is_quantized


def _of_shape(tensors: Mapping[str, torch.Tensor], name: str, own: torch.Tensor) -> torch.Tensor:
    stored = tensors.get(name)
    if stored is None or stored.shape != own.shape:
        found = "missing" if stored is None else f"of shape {tuple(stored.shape)}"
        raise ValueError(f"{name} is {found} in the state; the model has it in shape {tuple(own.shape)}: another model?")
    return stored
