"""Makes the runs of a plan with HyperQueue: one task a run, on this machine's cores.

    pip install hyperqueue
    python docs/how-to/cluster/on_hyperqueue.py PLAN.toml --results runs/sweep --workers 4

A task that fails is submitted again. At the end the rows are collected. `--kill N` kills N running tasks at random, to see
that the rows come out the same. A test of the Python package calls this script.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig

ROUNDS = 5


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan")
    parser.add_argument("--results", default="runs/sweep", help="where rows and runs go")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="workers of one core each")
    parser.add_argument("--flameout", default="flameout", help="the program")
    parser.add_argument("--kill", type=int, default=0, metavar="N", help="kill N running tasks at random")
    return parser.parse_args()


def submit(client, args: argparse.Namespace, runs: list[int], count: int) -> list[int]:
    """Runs these runs, one task each, and returns those that failed."""
    logs = Path(args.results).resolve() / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    job = Job(max_fails=None, default_workdir=".", default_env={"RAYON_NUM_THREADS": "1"})
    for run in runs:
        command = [args.flameout, "--quiet", "sweep", args.plan, "--results", args.results]
        command += ["--shard", f"{run}/{count}", "--jobs", "1"]
        job.program(command, stdout=None, stderr=str(logs / f"{run}.txt"))
    submitted = client.submit(job)
    if client.wait_for_jobs([submitted], raise_on_error=False):
        return []
    return [runs[task] for task in client.get_failed_tasks(submitted)]


def running_tasks() -> list[int]:
    """Processes that this one has started and that make a part of a sweep."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"--shard" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except (OSError, ValueError):
            pass
    return found


def kill(count: int) -> None:
    """Kills so many running tasks, one after the other, at random times."""
    while count > 0:
        time.sleep(random.uniform(0.05, 1.0))
        if tasks := running_tasks():
            os.kill(random.choice(tasks), signal.SIGKILL)
            count -= 1


def main() -> int:
    args = arguments()
    count = int(subprocess.check_output([args.flameout, "sweep", args.plan, "--count"]))
    with LocalCluster() as cluster:
        for _ in range(args.workers):
            cluster.start_worker(WorkerConfig(cores=1))
        client = cluster.client()
        threading.Thread(target=kill, args=(args.kill,), daemon=True).start()
        runs, start = list(range(count)), time.monotonic()
        for _ in range(ROUNDS):
            runs = submit(client, args, runs, count)
            if not runs:
                break
            print(f"failed, and submitted again: {runs}", file=sys.stderr)
        print(f"{count} runs by {args.workers} workers in {time.monotonic() - start:.1f} s", file=sys.stderr)
    return subprocess.call([args.flameout, "sweep", args.plan, "--collect", args.results])


if __name__ == "__main__":
    sys.exit(main())
