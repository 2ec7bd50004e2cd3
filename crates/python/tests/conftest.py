import importlib.util
import os

os.environ["KERAS_BACKEND"] = "jax"
collect_ignore = []
if importlib.util.find_spec("torch") is None:
    collect_ignore.extend(["test_torch.py", "test_guard_torch.py", "test_memory.py"])
else:
    import torch

    torch.set_num_threads(1)
if importlib.util.find_spec("keras") is None or importlib.util.find_spec("jax") is None:
    collect_ignore.extend(["test_keras.py", "test_guard_keras.py"])
