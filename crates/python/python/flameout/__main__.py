"""The command `flameout`, also as `python -m flameout`."""

from __future__ import annotations

import signal
import sys

from flameout._native import command


def main() -> int:
    """Carry out the command line of this process; return the exit code."""
    # Python's own answer to Ctrl-C would wait until the command is done. What the process was started to ignore, it ignores.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return command(["flameout", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
