"""Memory for what is kept, apart from the heap of the process."""

from __future__ import annotations

import mmap
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: What is kept in fewer bytes shares a block with others: the system has only so many blocks to give.
LARGE = 1 << 16
#: The bytes of a block that is shared.
SHARED = 1 << 20
#: Every tensor begins at a multiple of this.
ALIGNMENT = 64


class _Blocks:
    """Blocks of memory; a small part lies behind the one before it, and a block goes back with the last of its parts.

    What is kept is dropped in the order of its making, but for some states, so no block is held by little for long.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shared: mmap.mmap | None = None
        self._end = 0

    def take(self, size: int) -> tuple[mmap.mmap, int]:
        """Return a block, and where in it there are so many free bytes."""
        if size >= LARGE:
            return _block(size), 0
        with self._lock:
            if self._shared is None or self._end + size > SHARED:
                self._shared, self._end = _block(SHARED), 0
            begin = self._end
            self._end += size
            return self._shared, begin


def _block(size: int) -> mmap.mmap:
    private = {} if sys.platform == "win32" else {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS}
    return mmap.mmap(-1, max(size, 1), **private)


_BLOCKS = _Blocks()


class Packed(Mapping[str, Any]):
    """Tensors by name in a block of memory, which goes back to the system with the last that refers to it.

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
        self._block, self._begin = _BLOCKS.take(end)

    def __getitem__(self, name: str) -> Any:
        offset, dtype, shape = self._parts[name]
        return self._upon(self._block, self._begin + offset, dtype, shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)
