import math
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import flameout
import pytest

COMMAND = Path(sysconfig.get_path("scripts")) / f"flameout{'.exe' if sys.platform == 'win32' else ''}"
WAYS = [[str(COMMAND)], [sys.executable, "-m", "flameout"]]
VECTORS = Path(__file__).resolve().parents[3] / "fixtures" / "glove-100d-4k.bin"
# What other tests set for the frameworks is nothing to the command.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("FLAMEOUT")}


def run(*words, way=WAYS[0]):
    return subprocess.run([*way, *map(str, words)], capture_output=True, text=True, env=ENVIRONMENT)


@pytest.mark.parametrize("way", WAYS, ids=["command", "module"])
def test_it_tells_its_version(way):
    told = run("--version", way=way)
    assert (told.returncode, told.stderr) == (0, "") and told.stdout.startswith("flameout 0.")


def test_a_log_is_diagnosed(tmp_path):
    log = tmp_path / "training.csv"
    losses = [0.37 + 2.0 * math.exp(-step / 50) if step <= 300 else 2.3 for step in range(1, 601)]
    log.write_text("step,loss\n" + "".join(f"{step},{loss}\n" for step, loss in enumerate(losses, 1)))
    told = run("diagnose", log)
    assert told.returncode == 0 and "verdict: COLLAPSE at epoch 301" in told.stdout
    (curve,) = flameout.read_log(log)
    assert flameout.judge(curve).verdict == "collapse"


def test_what_is_wrong_has_an_exit_code_and_is_told(tmp_path):
    missing = run("diagnose", tmp_path / "nowhere.log")
    assert missing.returncode == 1 and "nowhere.log" in missing.stderr and "Traceback" not in missing.stderr
    wrong = run("diagnoze")
    assert wrong.returncode == 2 and "diagnose" in wrong.stderr and "Traceback" not in wrong.stderr


@pytest.mark.skipif(shutil.which("sh") is None or sys.platform == "win32", reason="needs signals")
def test_ctrl_c_ends_it_as_it_ends_the_program_of_rust(tmp_path):
    pipe = tmp_path / "log"
    os.mkfifo(pipe)
    # The signal may be ignored where the tests run in the background; flameout keeps that.
    restore = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    with subprocess.Popen([*WAYS[0], "diagnose", str(pipe)], stderr=subprocess.PIPE, **restore) as waiting:
        with open(pipe, "wb"):  # it is open for reading now
            waiting.send_signal(signal.SIGINT)
            waiting.wait(60)
        assert waiting.returncode == -signal.SIGINT and waiting.stderr.read() == b""
