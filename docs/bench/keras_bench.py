#!/usr/bin/env python3
"""The network rows of `cargo xtask bench`, in Keras with TensorFlow on the CPU: one JSON object a line, with the same fields.

    python3 -m venv keras && keras/bin/pip install tensorflow-cpu
    keras/bin/python docs/bench/keras_bench.py > keras.jsonl

Run it by hand, on the same machine as `cargo xtask bench --json` and with nothing else running.

What is timed: Keras 3's layers with their defaults (sigmoid gates, the GRU's reset gate after the product), one-hot
inputs that are made before the clock starts, `model.train_on_batch`'s graph as `tf.function` (with --xla compiled by
XLA) without its Python around it: forward, mean squared error, gradients, Adam. GFLOP/s count useful work as
`cargo xtask bench` does.
"""

import argparse
import json
import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy
import tensorflow as tf

ALPHABET, CHARACTERS, OUTPUTS = 27, 19, 100


def network(cell, units):
    keras.utils.set_random_seed(0)
    layer = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[cell]
    return keras.Sequential([keras.Input((CHARACTERS, ALPHABET)), layer(units), keras.layers.Dense(OUTPUTS)])


def forward_flop(cell, units, batch):
    """Useful work: nothing for one-hot inputs and for the first step's product with the zero state."""
    gates = {"lstm": 4, "gru": 3}[cell]
    return 2 * batch * (gates * (CHARACTERS - 1) * units * units + units * OUTPUTS)


def batch_of(batch):
    """Random characters and targets: their values do not matter for the time."""
    random = numpy.random.default_rng(0)
    characters = random.integers(0, ALPHABET, (batch, CHARACTERS))
    inputs = numpy.eye(ALPHABET, dtype="float32")[characters]
    return tf.constant(inputs), tf.constant(random.normal(size=(batch, OUTPUTS)).astype("float32"))


def train_step(cell, units, batch, xla):
    model = network(cell, units)
    optimizer = keras.optimizers.Adam(0.001)
    optimizer.build(model.trainable_variables)
    inputs, targets = batch_of(batch)

    @tf.function(jit_compile=xla)
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(inputs, training=True) - targets))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    return lambda: step().numpy()


def forward(cell, units, batch, xla):
    model = network(cell, units)
    inputs, _ = batch_of(batch)
    predict = tf.function(lambda: model(inputs, training=False), jit_compile=xla)
    return lambda: predict().numpy()


def median_seconds(run, quick):
    """The median of at least 10 runs and a second, after a warm-up; with --quick of 3 runs."""
    runs, least = (3, 0.0) if quick else (10, 1.0)
    for _ in range(3):
        run()
    begin, times = time.perf_counter(), []
    while len(times) < runs or time.perf_counter() - begin < least:
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three runs a row")
    parser.add_argument("--only", default="", help="only rows whose name contains this, e.g. 'train step, gru'")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--xla", action="store_true", help="compile with XLA")
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)

    for cell in ("lstm", "gru"):
        for units, batch in ((1024, 32), (1024, 128), (256, 32), (64, 32), (1024, 1)):
            for bench, make, passes in (("train step", train_step, 3), ("forward", forward, 1)):
                name = f"{bench}, {cell}, {units} units, batch {batch}"
                if arguments.only not in name or (batch == 1 and bench == "train step"):
                    continue
                print(name, "...", file=sys.stderr)
                seconds = median_seconds(make(cell, units, batch, arguments.xla), arguments.quick)
                row = {"bench": bench, "cell": cell, "units": units, "batch": batch, "threads": arguments.threads}
                row["ms_median"] = seconds * 1e3
                row["gflops"] = passes * forward_flop(cell, units, batch) / seconds / 1e9
                row["framework"] = f"Keras {keras.__version__}, TensorFlow {tf.__version__}{', XLA' * arguments.xla}"
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
