import subprocess
import sys

import pytest

TRAINING = """
import sys
import flameout.torch
import torch
torch.set_num_threads(1)
model = torch.nn.Linear(1200, 1200)  # 23 MB with gradients and Adam
optimizer = torch.optim.Adam(model.parameters())
x, unused = torch.randn(4, 1200), torch.randn(1_000_000)  # a batch of 4 MB

def step(x, unused):
    loss = model(x).square().mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss

if sys.argv[1:]:
    step = flameout.torch.Recorder(model, optimizer, out=sys.argv[1], memory="200 MB").watch(step)
step(x, unused)
for _ in range(80):
    step(x, unused)
# (`ru_maxrss` would hold the peak of the process that started this one.)
(peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(int(peak) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the peak in /proc")
def test_the_peak_of_memory_is_at_most_half_as_much_again_as_the_limit(tmp_path):
    def peak(*arguments):
        return int(subprocess.run([sys.executable, "-c", TRAINING, *arguments], capture_output=True, check=True).stdout)

    more = peak(str(tmp_path / "crash")) - peak()
    # What is kept is within the limit; the heap gets holes between what is kept and what the training frees.
    assert 100e6 < more < 1.5 * 200e6
    assert sum(file.stat().st_size for file in tmp_path.rglob("*.safetensors")) < 200e6
