"""The question's network in PyTorch, on the word vectors of the repository."""

from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "fixtures" / "glove-100d-4k.bin"
LENGTH = 19


def words_and_vectors(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return one-hot spellings, `(count, 19, 27)`, and vectors, `(count, 100)`, centred and of unit length."""
    import flameout

    kv = flameout.WordVectors.load(VECTORS)
    spelt = np.zeros((count, LENGTH), dtype=np.int64)
    for row, word in enumerate(kv.index_to_key[:count]):
        spelt[row, 1 : len(word) + 1] = [ord(letter) - 96 for letter in word]
    vectors = kv[:count]
    vectors -= vectors.mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.eye(27, dtype=np.float32)[spelt], vectors


class Speller(torch.nn.Module):
    """GRU → Dense, as `gru-single`."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.gru = torch.nn.GRU(27, units, batch_first=True)
        self.dense = torch.nn.Linear(units, 100)
        for number in range(3):
            torch.nn.init.orthogonal_(self.gru.weight_hh_l0.data[number * units : (number + 1) * units])
            self.gru.weight_hh_l0.data[number * units : (number + 1) * units] *= 1.1

    def forward(self, spelt: torch.Tensor) -> torch.Tensor:
        """Return `(batch, 100)` for `(batch, 19, 27)`."""
        return self.dense(self.gru(spelt)[0][:, -1])
