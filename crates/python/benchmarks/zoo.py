"""Spoils small trainings in PyTorch in known ways, asks for the cause, and makes them again with the remedy.

    python crates/python/benchmarks/zoo.py --seeds 0 1 2 3 4 --rows target/zoo.jsonl
    python crates/python/benchmarks/zoo.py --table --rows target/zoo.jsonl

Each run is a line of the file of rows; what is there already is not made again.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import flameout.torch
import torch
from faults import FAULTS, Fault, Training
from flameout.diagnosis import Diagnosis
from rows import add_arguments, append, read


def main() -> None:
    """Make the runs that are asked for, or print the table of those that were made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--kinds", nargs="+", default=[*FAULTS], choices=[*FAULTS])
    options = parser.parse_args()
    rows = read(options.rows)
    if options.table:
        print(table([row for row in rows if row["seed"] in options.seeds]))
        return
    torch.set_num_threads(1)
    made = {(row["kind"], row["seed"]) for row in rows}
    for seed in options.seeds:
        for kind in options.kinds:
            if (kind, seed) not in made:
                begun = time.process_time()
                row = faulty(FAULTS[kind], seed)
                row = {"kind": kind, "seed": seed} | row | {"seconds": round(time.process_time() - begun, 1)}
                append(options.rows, row)
                print(json.dumps(row), flush=True)


def faulty(fault: Fault, seed: int) -> dict[str, Any]:
    """Make a run with a fault; say whether its cause is named, and whether the remedy repairs it."""
    with tempfile.TemporaryDirectory() as folder:
        training = Training(seed, fault)
        recorder = flameout.torch.Recorder(
            training.model, training.optimizer, scheduler=training.scheduler, out=Path(folder) / "crash", every=20
        )
        training.run(recorder.watch(training.step), lambda: recorder.caught)
        row: dict[str, Any] = {"caught": recorder.caught}
        if not recorder.caught:
            return row
        found = recorder.diagnose()
        row |= {"curve": found.judgement.verdict, "onset": found.onset, "verdict": found.verdict, "remedy": found.remedy}
        row["birth"] = None if found.birth is None else str(found.birth)
        row["control"] = None if found.control is None else found.control.equal
        row["right"] = fault.is_right(found)
    return row | {"repaired": repaired(fault, seed, found)}


def repaired(fault: Fault, seed: int, found: Diagnosis) -> bool | None:
    """Make the run again with the remedy; say whether it learns. Nothing, if no remedy is named."""
    if found.remedy is None:
        return None
    training = Training(seed, fault, found)
    losses = training.run(training.step, lambda: False)
    return all(map(math.isfinite, losses)) and median(losses[-50:]) < 0.1


def table(rows: list[dict[str, Any]]) -> str:
    """Return a table of the runs, one row for each fault."""
    lines = ["| fault | runs | caught | right | repaired | verdicts |", "| --- | ---: | ---: | ---: | ---: | --- |"]
    for kind, fault in FAULTS.items():
        runs = [row for row in rows if row["kind"] == kind]
        caught = [row for row in runs if row["caught"]]
        right = sum(row["right"] for row in caught)
        mended = [row["repaired"] for row in caught if row["repaired"] is not None]
        verdicts = Counter(row["verdict"] for row in caught)
        told = "; ".join(f"{verdict} ({count})" for verdict, count in verdicts.most_common())
        lines.append(f"| {fault.name} | {len(runs)} | {len(caught)} | {right} | {sum(mended)} of {len(mended)} | {told} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
