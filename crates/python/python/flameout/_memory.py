"""Memory for what is kept, apart from the heap of the process."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: What is kept in fewer bytes lies in the heap: the system has only so many blocks to give.
LARGE = 1 << 20
#: Every tensor begins at a multiple of this.
ALIGNMENT = 64


class Packed(Mapping[str, Any]):
    """Tensors by name in one block of memory, which goes back to the system with the last that refers to it.

    In the heap, what is kept would lie between what the training frees and takes again: even the object of a tensor makes a
    hole of a gradient's size too small for the next gradient. So a tensor is made when it is asked for, upon the block.
    """

    def __init__(self, tensors: Mapping[str, Any], upon: Callable[[mmap.mmap, int, Any, tuple[int, ...]], Any]) -> None:
        """Reserve memory for such tensors; `upon` makes one upon a block from where it begins, its type and its shape."""
        self._upon = upon
        self._parts: dict[str, tuple[int, Any, tuple[int, ...]]] = {}
        end = 0
        for name, tensor in tensors.items():
            self._parts[name] = (end, tensor.dtype, tuple(tensor.shape))
            end += -(-int(tensor.nbytes) // ALIGNMENT) * ALIGNMENT
        private = {} if sys.platform == "win32" else {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS}
        self._block = mmap.mmap(-1, max(end, 1), **private)

    def __getitem__(self, name: str) -> Any:
        return self._upon(self._block, *self._parts[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)
