"""Healthy trainings in PyTorch."""

from __future__ import annotations

from pathlib import Path

import flameout.torch
import torch
from healthy import CLASSES, INPUTS, STEPS, Task, Variation

torch.set_num_threads(1)


class Last(torch.nn.Module):
    """Passes the last output of a recurrent layer on."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map sequences of shape `(batch, steps, numbers)` to states of shape `(batch, units)`."""
        outputs: torch.Tensor = self.layer(x)[0]
        return outputs[:, -1]


def network(kind: str, dropout: float) -> torch.nn.Module:
    """Make a network: 16 numbers to 4 classes."""
    side = INPUTS // 4
    body: list[torch.nn.Module]
    if kind == "mlp":
        body, width = [torch.nn.Linear(INPUTS, 32), torch.nn.ReLU()], 32
    elif kind == "cnn":
        body = [torch.nn.Unflatten(1, (1, side, 4)), torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU(), torch.nn.Flatten()]
        width = 32
    elif kind == "transformer":
        layer = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout, batch_first=True)
        body = [torch.nn.Unflatten(1, (side, 4)), torch.nn.Linear(4, 8), layer, torch.nn.Flatten()]
        width = 8 * side
    else:
        recurrent = torch.nn.LSTM if kind == "lstm" else torch.nn.GRU
        body, width = [torch.nn.Unflatten(1, (side, 4)), Last(recurrent(4, 32, batch_first=True))], 32
    return torch.nn.Sequential(*body, torch.nn.Dropout(dropout), torch.nn.Linear(width, CLASSES))


def train(kind: str, variation: Variation, task: Task, seed: int, out: Path) -> flameout.torch.Recorder:
    """Train with a recorder."""
    torch.manual_seed(seed)
    model = network(kind, variation.dropout)
    optimizer = torch.optim.Adam(model.parameters(), lr=variation.rate)
    scheduler = None
    if variation.restart is not None:
        scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, variation.restart)
    recorder = flameout.torch.Recorder(model, optimizer, scheduler=scheduler, out=out)
    x, labels = torch.from_numpy(task.x), torch.from_numpy(task.labels)
    made = 0
    while True:
        for rows in torch.randperm(len(x)).split(variation.batch):
            if made == STEPS:
                return recorder
            made += 1
            with recorder.step(x[rows], labels[rows]) as step:
                step.loss(torch.nn.functional.cross_entropy(model(x[rows]), labels[rows])).backward()
                optimizer.step()
                optimizer.zero_grad()
            if scheduler is not None:
                scheduler.step()
