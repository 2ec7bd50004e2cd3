import importlib.util
import os

#: The backend that Keras is tested on.
KERAS = os.environ.setdefault("KERAS_BACKEND", "jax")

#: The packages that files of tests need.
NEEDS = {
    "test_torch.py": ["torch"],
    "test_guard_torch.py": ["torch"],
    "test_lightning.py": ["torch", "lightning"],
    "test_huggingface.py": ["torch", "transformers", "accelerate"],
    "test_keras.py": ["keras", KERAS],
    "test_guard_keras.py": ["keras", KERAS],
    "test_notebook.py": ["torch", "nbclient", "ipykernel", "matplotlib"],
    "test_pages.py": ["keras", KERAS],
}
collect_ignore = [file for file, needs in NEEDS.items() if not all(map(importlib.util.find_spec, needs))]
if importlib.util.find_spec("torch"):
    import torch

    torch.set_num_threads(1)
