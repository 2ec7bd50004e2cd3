import importlib.util
import subprocess
import sys

import pytest

PEAK = """
# (`ru_maxrss` would hold the peak of the process that started this one.)
(peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(int(peak) * 1024)
"""

TORCH = """
import sys
import flameout.torch
import torch
torch.set_num_threads(1)
lstm, last = torch.nn.LSTM(27, 1024, batch_first=True), torch.nn.Linear(1024, 100)
model = torch.nn.ModuleList([lstm, last])  # a state of 53 MB with Adam's
optimizer = torch.optim.Adam(model.parameters())
x, unused = torch.randn(32, 2, 27), torch.randn(1_000_000)  # a batch of 4 MB

def step(x, unused):
    loss = last(lstm(x)[0][:, -1]).square().mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss

if sys.argv[1:]:
    step = flameout.torch.Recorder(model, optimizer, out=sys.argv[1], memory="300 MB", every=7).watch(step)
for _ in range(40):
    step(x, unused)
"""

KERAS = """
import os
import sys
os.environ["KERAS_BACKEND"] = sys.argv.pop(1)
import flameout.keras
import keras
import numpy as np
model = keras.Sequential([keras.Input((2, 27)), keras.layers.LSTM(1024), keras.layers.Dense(100)])
model.compile(keras.optimizers.Adam(), "mse")
x, y = np.zeros((32 * 30, 2, 27), np.float32), np.ones((32 * 30, 100), np.float32)
recorders = [flameout.keras.Recorder(out=out, memory="300 MB", every=7) for out in sys.argv[1:]]
model.fit(x, y, batch_size=32, verbose=0, shuffle=False, callbacks=recorders)
"""


def peak(program, *arguments):
    command = [sys.executable, "-c", program + PEAK, *arguments]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the peak in /proc")
@pytest.mark.parametrize("framework, program", [("torch", TORCH), ("jax", KERAS), ("tensorflow", KERAS)])
def test_the_peak_of_memory_is_within_the_limit(tmp_path, framework, program):
    if not all(map(importlib.util.find_spec, [framework, "keras"])):
        pytest.skip(f"needs {framework} and keras")
    arguments = [framework] if program is KERAS else []
    more = peak(program, *arguments, str(tmp_path / "crash")) - peak(program, *arguments)
    assert 150e6 < more < 300e6
    kept = sum(file.stat().st_size for file in tmp_path.rglob("*.safetensors"))
    assert 150e6 < kept < 300e6


MANY = """
import sys
import flameout.torch
import torch
torch.set_num_threads(1)
gru, last = torch.nn.GRU(27, 64, batch_first=True), torch.nn.Linear(64, 100)
optimizer = torch.optim.Adam([*gru.parameters(), *last.parameters()])
model, letters, y = torch.nn.ModuleList([gru, last]), torch.randint(27, (32, 19)), torch.randn(32, 100)

def step(letters, y):
    x = torch.nn.functional.one_hot(letters, 27).float()
    loss = torch.nn.functional.mse_loss(last(gru(x)[0][:, -1]), y)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss

if sys.argv[1:]:
    step = flameout.torch.Recorder(model, optimizer, out=sys.argv[1], memory="60 MB").watch(step)
for _ in range(2400):
    step(letters, y)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the peak in /proc")
def test_many_small_batches_leave_no_holes_in_the_heap(tmp_path):
    pytest.importorskip("torch")
    # The limit is large beside what the peak of such a process varies by without a recorder, some 3 MB.
    more = peak(MANY, str(tmp_path / "crash")) - peak(MANY)
    assert 30e6 < more < 60e6
