"""Measures what recording costs: steps of LSTM(1024), batch 32, recorded and not, in turn; processor time, one thread.

    python crates/python/benchmarks/cost.py

Of the recorded steps every fiftieth keeps a state, in memory and on disk.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import mean, median

import flameout.torch
import torch

STEPS = 100


def main() -> None:
    """Print the times."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    lstm, last = torch.nn.LSTM(27, 1024, batch_first=True), torch.nn.Linear(1024, 100)
    model = torch.nn.ModuleList([lstm, last])
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    x, y = torch.randn(32, 19, 27), torch.randn(32, 100)

    def step(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        loss = torch.nn.functional.mse_loss(last(lstm(x)[0][:, -1]), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    with tempfile.TemporaryDirectory() as folder:
        recorder = flameout.torch.Recorder(model, optimizer, out=Path(folder) / "crash", memory="1 GiB")
        recorded = recorder.watch(step)
        times: dict[str, list[float]] = {"plain": [], "recorded": []}
        step(x, y)
        for _ in range(STEPS):
            for name, make in (("plain", step), ("recorded", recorded)):
                begun = time.process_time()
                make(x, y)
                times[name].append(time.process_time() - begun)
    plain, more = mean(times["plain"]), mean(times["recorded"]) - mean(times["plain"])
    without = median(times["recorded"]) - median(times["plain"])
    print(f"a step: {1000 * plain:.1f} ms; recorded: {1000 * more:.2f} ms more ({100 * more / plain:.1f} %)")
    print(f"medians, which leave out the steps that keep a state: {1000 * without:.2f} ms more")
    kept = sorted(times["recorded"])[-STEPS // 50 :]
    print(f"the steps that keep a state: {', '.join(f'{1000 * (time - plain):.0f} ms more' for time in kept)}")


if __name__ == "__main__":
    main()
