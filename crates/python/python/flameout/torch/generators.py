"""The states of PyTorch's random number generators."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def states() -> list[torch.Tensor]:
    """Copy the states of the generators of the CPU and, if CUDA is in use, of each device."""
    now = [torch.get_rng_state()]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        now += torch.cuda.get_rng_state_all()
    return now


def restore(states: Sequence[torch.Tensor]) -> None:
    """Set the generators."""
    torch.set_rng_state(states[0])
    if len(states) > 1:
        torch.cuda.set_rng_state_all(list(states[1:]))
