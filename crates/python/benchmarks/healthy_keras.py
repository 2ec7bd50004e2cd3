"""Healthy trainings in Keras 3 with the JAX backend, by `fit`."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "jax"

from pathlib import Path
from typing import Any

import flameout.keras
import keras
from healthy import CLASSES, INPUTS, STEPS, Task, Variation
from keras import layers


def network(kind: str, dropout: float) -> keras.Model:
    """Make a network: 16 numbers to 4 classes."""
    side = INPUTS // 4
    x = given = keras.Input((INPUTS,))
    if kind == "mlp":
        x = layers.Dense(32, activation="relu")(x)
    elif kind == "cnn":
        x = layers.Conv2D(8, 3, activation="relu")(layers.Reshape((side, 4, 1))(x))
        x = layers.Flatten()(x)
    elif kind == "transformer":
        x = layers.Dense(8)(layers.Reshape((side, 4))(x))
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4, dropout=dropout)(x, x))
        x = layers.LayerNormalization()(x + layers.Dense(8)(layers.Dense(16, activation="relu")(x)))
        x = layers.Flatten()(x)
    else:
        x = (layers.LSTM if kind == "lstm" else layers.GRU)(32)(layers.Reshape((side, 4))(x))
    return keras.Model(given, layers.Dense(CLASSES)(layers.Dropout(dropout)(x)))


def train(kind: str, variation: Variation, task: Task, seed: int, out: Path) -> flameout.keras.Recorder:
    """Train with a recorder."""
    keras.utils.set_random_seed(seed)
    model = network(kind, variation.dropout)
    rate: Any = variation.rate
    if variation.restart is not None:
        rate = keras.optimizers.schedules.CosineDecayRestarts(rate, variation.restart, t_mul=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss)
    recorder = flameout.keras.Recorder(out=out)
    epochs = STEPS * variation.batch // len(task.x)
    model.fit(task.x, task.labels, batch_size=variation.batch, epochs=epochs, verbose=0, callbacks=[recorder])
    return recorder
