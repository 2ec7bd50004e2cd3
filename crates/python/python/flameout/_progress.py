"""A line on a terminal that tells how far a diagnosis is."""

from __future__ import annotations

import sys
import time
from typing import TextIO

#: Seconds between two lines.
INTERVAL = 0.2


class Progress:
    """Writes over one line of a terminal; silent where the standard error is none."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._is_shown = bool(self._stream and self._stream.isatty())
        self._begun = time.monotonic()
        self._told = -INTERVAL
        self._width = 0
        self._name = ""
        self._replays = 0
        self._steps = 0

    def begin(self, name: str) -> None:
        """Note that a replay begins."""
        self._replays += 1
        self._name = name

    def add_step(self) -> None:
        """Note that a step was made."""
        self._steps += 1
        seconds = time.monotonic() - self._begun
        if self._is_shown and seconds - self._told >= INTERVAL:
            self._told = seconds
            rate = self._steps / seconds if seconds > 0 else 0.0
            self._write(f"replay {self._replays}: {self._name}; {self._steps:,} steps, {rate:,.0f} a second, {seconds:.0f} s")

    def end(self) -> None:
        """Clear the line."""
        if self._width > 0:
            self._write("")
            self._stream.write("\r")

    def _write(self, text: str) -> None:
        self._stream.write("\r" + text.ljust(self._width))
        self._stream.flush()
        self._width = len(text)
