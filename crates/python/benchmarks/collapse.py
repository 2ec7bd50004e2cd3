"""Trains the question's networks in a framework until they collapse, asks for the cause, and trains again with the remedy.

    python crates/python/benchmarks/collapse.py gru torch --seeds 0 1 2 3 4 --rows target/collapse.jsonl
    python crates/python/benchmarks/collapse.py --table --rows target/collapse.jsonl

Each run is a line of the file of rows; what is there already is not made again.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flameout._native import wilson
from flameout.diagnosis import percent
from question import CASES
from rows import add_arguments, append, read, replace


def main() -> None:
    """Make the runs that are asked for, or print the table of those that were made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="?", choices=CASES)
    parser.add_argument("framework", nargs="?", choices=["torch", "keras", "keras-tensorflow", "keras-torch"])
    add_arguments(parser)
    parser.add_argument("--rate", type=float, help="a learning rate other than the case's")
    parser.add_argument("--crashes", type=Path, help="where crash directories are kept, and found; else they are removed")
    parser.add_argument("--no-remedy", action="store_true", help="do not train again with the remedy")
    parser.add_argument("--only-record", action="store_true", help="train and keep the crash directories; no row is written")
    options = parser.parse_args()
    rows = read(options.rows)
    if options.table:
        print(table([row for row in rows if row["seed"] in options.seeds]))
        return
    if options.case is None or options.framework is None:
        parser.error("name a case and a framework, or ask for --table")
    if options.only_record and options.crashes is None:
        parser.error("--only-record needs --crashes")
    for seed in options.seeds:
        known = {"case": options.case, "framework": options.framework, "seed": seed}
        known["rate"] = options.rate or CASES[options.case].rate
        if options.only_record:
            print(json.dumps(known | record(known, options.crashes)), flush=True)
            continue
        row = next((row for row in rows if known.items() <= row.items()), None)
        if row is None:
            row = known | run(known, options.crashes)
            append(options.rows, row)
            rows.append(row)
        if "named" in row and "remedied" not in row and not options.no_remedy:
            row["remedied"] = remedied(row)
            replace(options.rows, rows)
        print(json.dumps({key: value for key, value in row.items() if key != "trials"}), flush=True)


def _module(framework: str) -> Any:
    """Return the module of a framework, which may name a backend of Keras; that of a process cannot be changed."""
    name, _, backend = framework.partition("-")
    if name == "keras":
        os.environ["KERAS_BACKEND"] = backend or "jax"
    return importlib.import_module(f"on_{name}")


def run(known: dict[str, Any], crashes: Path | None) -> dict[str, Any]:
    """Train and diagnose; return what is worth keeping."""
    framework = _module(known["framework"])
    directory = Path(tempfile.mkdtemp()) if crashes is None else crashes
    try:
        row, recorder = recorded(framework, known, directory / _name(known))
        if recorder is None:
            return row
        begun = time.process_time()
        found = framework.diagnose(recorder)
        row["diagnosis_seconds"] = time.process_time() - begun
        row |= {"curve": found.judgement.verdict, "onset": found.onset, "begin": found.begin, "verdict": found.verdict}
        row |= {"reason": found.reason, "remedy": found.remedy, "varied": found.varied}
        row["control"] = None if found.control is None else asdict(found.control)
        row["trials"] = [
            {"change": trial.change and asdict(trial.change), "wrong": trial.wrong, "of": trial.of, "steps": trial.steps}
            for trial in found.trials
        ]
        if found.remedies:
            remedy = found.remedies[0]
            row["named"] = [remedy.kind, remedy.from_start or remedy.value]
        return row
    finally:
        if crashes is None:
            shutil.rmtree(directory)


def remedied(row: dict[str, Any]) -> dict[str, Any]:
    """Train again from the start, with the remedy that was named; return what became of it."""
    framework = _module(row["framework"])
    return asdict(framework.from_the_start(row["case"], row["seed"], row["rate"], *row["named"]))


def record(known: dict[str, Any], crashes: Path) -> dict[str, Any]:
    """Train, or find a training that was kept; return what became of it."""
    framework = _module(known["framework"])
    return recorded(framework, known, crashes / _name(known))[0]


def _name(known: dict[str, Any]) -> str:
    return f"{known['case']}-{known['framework']}-{known['rate']:g}-{known['seed']}"


def recorded(framework: Any, known: dict[str, Any], crash: Path) -> tuple[dict[str, Any], Any]:
    """Train, or find a training that was kept; return what became of it, and its recorder if that has caught something."""
    kept = crash.with_name(f"{crash.name}.json")
    settings = (known["case"], known["seed"], known["rate"], crash)
    if kept.exists():
        row = json.loads(kept.read_text())
        return row, framework.read(*settings) if row["caught"] else None
    shutil.rmtree(crash, ignore_errors=True)
    begun = time.process_time()
    outcome, recorder = framework.recorded(*settings)
    row = {"outcome": asdict(outcome), "caught": recorder.caught, "seconds": time.process_time() - begun}
    kept.write_text(json.dumps(row))
    return row, recorder if recorder.caught else None


def table(rows: list[dict[str, Any]]) -> str:
    """Return a table of the runs, one row for each network and framework."""
    lines = [
        "| network | framework | rate | runs | collapsed | caught | control to the bit | cause named | remedied | verdicts |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for group in sorted({(row["case"], row["framework"], row["rate"]) for row in rows}):
        runs = [row for row in rows if (row["case"], row["framework"], row["rate"]) == group]
        caught = [row for row in runs if row["caught"]]
        collapsed = [row for row in runs if row["caught"] or row["outcome"]["collapsed"] is not None]
        equal = [row for row in caught if row["control"] and row["control"]["equal"]]
        named = [row for row in caught if row["verdict"] != "unknown"]
        again = [row["remedied"] for row in named if "remedied" in row]
        verdicts = Counter(row["verdict"] for row in caught)
        counts = [len(runs), len(collapsed), len(caught), len(equal), len(named)]
        told = [f"{sum(map(_trains_well, again))} of {len(again)}"]
        told.append("; ".join(f"{verdict} ({count})" for verdict, count in verdicts.most_common()))
        lines.append("| " + " | ".join(map(str, [*group, *counts, *told])) + " |")
    return "\n".join([*lines, "", *_shares(rows)])


def _shares(rows: list[dict[str, Any]]) -> list[str]:
    """Return lines of how many causes were named, and how many remedies hold: of all, and a table by kind."""
    caught = [row for row in rows if row["caught"]]
    again = [row for row in caught if "remedied" in row]
    lines = [f"cause named: {_share([row['verdict'] != 'unknown' for row in caught])}"]
    lines += [f"remedied: {_share([_trains_well(row['remedied']) for row in again])}", ""]
    lines += ["| remedy | runs | train well, and do not collapse |", "| --- | ---: | ---: |"]
    kinds = {(row["named"][0], row["named"][1] if row["named"][0] == "learning-rate" else None) for row in again}
    for kind, value in sorted(kinds, key=str):
        of_kind = [row for row in again if row["named"][0] == kind and value in (None, row["named"][1])]
        name = kind if value is None else f"{kind} × {value:g}"
        lines.append(f"| {name} | {len(of_kind)} | {sum(_trains_well(row['remedied']) for row in of_kind)} |")
    return lines


def _share(held: list[bool]) -> str:
    return f"{sum(held)} of {len(held)} {percent(wilson(sum(held), len(held)))}"


def _trains_well(outcome: dict[str, Any]) -> bool:
    return outcome["trained_well"] is not None and outcome["collapsed"] is None


if __name__ == "__main__":
    main()
