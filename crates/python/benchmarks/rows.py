"""Rows of results: a JSON object a line, in a file that runs append to and that is read when they go on."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser, seeds: Sequence[int] = (0, 1, 2, 3, 4)) -> None:
    """Add `--seeds`, `--rows` and `--table`."""
    parser.add_argument("--seeds", type=int, nargs="+", default=[*seeds])
    parser.add_argument("--rows", type=Path, required=True, help="the file of rows, JSON lines")
    parser.add_argument("--table", action="store_true")


def read(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file; none if there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def append(path: Path, row: dict[str, Any]) -> None:
    """Write a row at the end of a file."""
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def replace(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write all rows of a file anew."""
    partial = path.with_suffix(".partial")
    partial.write_text("".join(json.dumps(row) + "\n" for row in rows))
    partial.replace(path)
