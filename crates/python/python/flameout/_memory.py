"""Memory for what is kept, apart from the heap of the process."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Sequence

#: What is kept in fewer bytes lies in the heap: the system has only so many blocks to give.
LARGE = 1 << 20
#: Every part begins at a multiple of this.
ALIGNMENT = 64


def block_of(sizes: Sequence[int]) -> tuple[mmap.mmap, list[int]]:
    """Return a block of memory for parts of so many bytes, and where each part begins.

    The block goes back to the system when nothing refers to it any more. In the heap, what is freed leaves holes between what
    lives on, and the process takes more than it uses.
    """
    offsets, end = [], 0
    for size in sizes:
        offsets.append(end)
        end += -(-size // ALIGNMENT) * ALIGNMENT
    if sys.platform == "win32":
        return mmap.mmap(-1, max(end, 1)), offsets
    return mmap.mmap(-1, max(end, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), offsets
