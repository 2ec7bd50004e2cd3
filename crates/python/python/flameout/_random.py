"""States of the random number generators of Python, NumPy and a framework."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np

#: A tuple of 625 whole numbers.
_PYTHON_BYTES = 25_000


@dataclass(frozen=True)
class RandomState:
    """States of generators; parts that did not change from step to step are the same objects."""

    python: Any
    numpy: Any
    #: Of the framework's generators: tensors, whose meaning only the framework knows.
    framework: tuple[Any, ...]

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def capture(previous: RandomState | None, framework: tuple[Any, ...]) -> RandomState:
    """Return the states of now. `framework` is the previous state's own tuple if it did not change."""
    python, numpy = random.getstate(), np.random.get_state()
    if previous is not None:
        python = previous.python if previous.python == python else python
        numpy = previous.numpy if _same(previous.numpy, numpy) else numpy
        if previous.python is python and previous.numpy is numpy and previous.framework is framework:
            return previous
    return RandomState(python, numpy, framework)


def bytes_beside(previous: RandomState | None, state: RandomState) -> int:
    """Return the memory that a state takes beside the previous one, with which it shares what did not change."""
    python = 0 if previous and previous.python is state.python else _PYTHON_BYTES
    numpy = 0 if previous and previous.numpy is state.numpy else int(state.numpy[1].nbytes)
    shared = previous is not None and previous.framework is state.framework
    return python + numpy + (0 if shared else sum(int(tensor.nbytes) for tensor in state.framework))


def restore(state: RandomState) -> None:
    """Set Python's and NumPy's generators; the framework's are set by the framework."""
    random.setstate(state.python)
    np.random.set_state(state.numpy)


def to_json(state: RandomState) -> Any:
    """Return what Python's and NumPy's generators are set from, as JSON."""
    name, keys, *rest = state.numpy
    return {"python": state.python, "numpy": [name, keys.tolist(), *rest]}


def from_json(stored: Any, framework: tuple[Any, ...]) -> RandomState:
    """Return the states that `to_json` wrote."""
    version, keys, gauss = stored["python"]
    name, numpy_keys, *rest = stored["numpy"]
    numpy = (name, np.asarray(numpy_keys, dtype=np.uint32), *rest)
    return RandomState((version, tuple(keys), gauss), numpy, framework)


def _same(one: Any, other: Any) -> bool:
    return bool(one[0] == other[0] and one[2:] == other[2:] and np.array_equal(one[1], other[1]))
