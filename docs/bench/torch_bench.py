#!/usr/bin/env python3
"""The network rows of `cargo xtask bench`, in PyTorch on the CPU: one JSON object a line, with the same fields.

    python3 -m venv torch && torch/bin/pip install torch
    torch/bin/python docs/bench/torch_bench.py > torch.jsonl

Run it by hand, on the same machine as `cargo xtask bench --json` and with nothing else running.

What is timed, wherever PyTorch does not do the very same as flameout:

- `nn.LSTM` and `nn.GRU` (batch_first) with sigmoid gates, the GRU with its reset gate after the product: what PyTorch
  offers. flameout computes Keras 1.0.7's cells: hard sigmoid, reset before. The products are equally large.
- Inputs are one-hot vectors, multiplied by the input kernel inside `nn.LSTM`. They are made before the clock starts.
- A train step is `zero_grad`, forward, mean squared error, backward and Adam: `fused=True` where this PyTorch has it on
  CPUs, else `foreach=True`. Forward passes run under `torch.inference_mode`.
- "embed vocabulary" tries several batch sizes and reports the best; one-hot vectors are not charged there either.

GFLOP/s count useful work as `cargo xtask bench` does: matrix products, a multiply-add as 2, nothing for one-hot inputs
and for the first step's product with the zero state; a train step is three times a forward pass.
"""

import argparse
import json
import pathlib
import statistics
import struct
import sys
import time

import torch
from torch import nn

ALPHABET = "$abcdefghijklmnopqrstuvwxyz"
CHARACTERS = 19
OUTPUTS = 100
EMBEDDING_BATCHES = (64, 128, 256, 512, 1024, 2048)
FIXTURE = pathlib.Path(__file__).resolve().parents[2] / "fixtures" / "glove-100d-4k.bin"


def read_words(path):
    """Words and vectors of a word2vec binary file, without those that the networks cannot read."""
    data = path.read_bytes()
    end = data.index(b"\n")
    count, dim = map(int, data[:end].split())
    place, words, vectors = end + 1, [], []
    for _ in range(count):
        space = data.index(b" ", place)
        word = data[place:space].decode().lstrip("\n")
        place = space + 1 + 4 * dim
        if word and len(word) < CHARACTERS and set(word) <= set(ALPHABET[1:]):
            words.append(word)
            vectors.append(struct.unpack(f"<{dim}f", data[space + 1 : place]))
    return words, torch.tensor(vectors)


def one_hot(words):
    """(words, characters, alphabet): `$`, the letters, then `$` to the full length."""
    rows = [[ALPHABET.index(character) for character in ("$" + word).ljust(CHARACTERS, "$")] for word in words]
    return nn.functional.one_hot(torch.tensor(rows), len(ALPHABET)).float()


class Single(nn.Module):
    """One recurrent layer, and a linear one on its last state."""

    def __init__(self, kind, units):
        super().__init__()
        self.recurrent = kind(len(ALPHABET), units, batch_first=True)
        self.dense = nn.Linear(units, OUTPUTS)

    def forward(self, x):
        return self.dense(self.recurrent(x)[0][:, -1])


class Double(nn.Module):
    """Two LSTM layers with a dense layer between them and two behind them."""

    def __init__(self, units):
        super().__init__()
        self.first = nn.LSTM(len(ALPHABET), units, batch_first=True)
        self.between = nn.Linear(units, units)
        self.second = nn.LSTM(units, units, batch_first=True)
        self.dense = nn.Linear(units, units // 2)
        self.output = nn.Linear(units // 2, OUTPUTS)

    def forward(self, x):
        x = torch.sigmoid(self.between(self.first(x)[0]))
        return self.output(torch.tanh(self.dense(self.second(x)[0][:, -1])))


def network(cell, units):
    torch.manual_seed(0)
    if cell == "lstm-double":
        return Double(units)
    return Single({"lstm": nn.LSTM, "gru": nn.GRU}[cell], units)


def forward_flop(cell, units, batch):
    recurrent = (CHARACTERS - 1) * units * units
    if cell == "lstm-double":
        first, between = 4 * recurrent, CHARACTERS * units * units
        second = 4 * (CHARACTERS * units * units + recurrent)
        return 2 * batch * (first + between + second + units * (units // 2) + (units // 2) * OUTPUTS)
    gates = {"lstm": 4, "gru": 3}[cell]
    return 2 * batch * (gates * recurrent + units * OUTPUTS)


def median_seconds(run, quick):
    """The median of at least 10 runs and a second; with --quick of 3 runs."""
    runs, least, warm_up = (3, 0.0, 0.0) if quick else (10, 1.0, 0.3)
    begin = time.perf_counter()
    run()
    while time.perf_counter() - begin < warm_up:
        run()
    begin, times = time.perf_counter(), []
    while len(times) < runs or time.perf_counter() - begin < least:
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    return statistics.median(times)


def adam(model):
    try:
        return torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
    except (RuntimeError, TypeError):
        print("no fused Adam on this CPU: foreach", file=sys.stderr)
        return torch.optim.Adam(model.parameters(), lr=0.001, foreach=True)


def batches_of(tensor, batch):
    """Whole batches, again and again."""
    batches = [part.contiguous() for part in tensor.split(batch) if len(part) == batch]
    while True:
        yield from batches


def train_step(cell, units, batch, data, quick):
    model = network(cell, units)
    optimizer = adam(model)
    inputs, targets = batches_of(data.inputs, batch), batches_of(data.targets, batch)

    def run():
        optimizer.zero_grad(set_to_none=True)
        nn.functional.mse_loss(model(next(inputs)), next(targets)).backward()
        optimizer.step()

    return median_seconds(run, quick)


@torch.inference_mode()
def forward(cell, units, batch, data, quick):
    model = network(cell, units).eval()
    inputs = batches_of(data.inputs, batch)
    return median_seconds(lambda: model(next(inputs)), quick)


@torch.inference_mode()
def embed(cell, units, data, quick):
    """(seconds, batch size) of the fastest way through the whole vocabulary."""
    model = network(cell, units).eval()

    def all_words(batch):
        return lambda: torch.cat([model(part) for part in data.vocabulary.split(batch)])

    return min((median_seconds(all_words(batch), quick), batch) for batch in EMBEDDING_BATCHES)


class Data:
    def __init__(self, vectors):
        words, matrix = read_words(FIXTURE)
        self.inputs = one_hot(words)
        matrix = matrix - matrix.mean(0)
        self.targets = matrix / matrix.norm(dim=1, keepdim=True)
        self.vocabulary = self.inputs if vectors is None else one_hot(read_words(vectors)[0])


def rows(threads):
    """(bench, cell, units, batch, threads), in the order of `cargo xtask bench`."""
    for cell in ("lstm", "gru"):
        for units, batch in ((1024, 32), (1024, 128), (256, 32), (64, 32)):
            yield "train step", cell, units, batch, threads
            yield "forward", cell, units, batch, threads
        yield "forward", cell, 1024, 1, threads
    yield "train step", "lstm-double", 512, 32, threads
    if threads > 1:
        yield "train step", "lstm", 1024, 32, 1
    yield "embed vocabulary", "lstm", 1024, None, threads


def measure(row, data, arguments):
    bench, cell, units, batch, threads = row
    torch.set_num_threads(threads)
    flop = words = None
    if bench == "train step":
        seconds, flop = train_step(cell, units, batch, data, arguments.quick), 3 * forward_flop(cell, units, batch)
    elif bench == "forward":
        seconds, flop = forward(cell, units, batch, data, arguments.quick), forward_flop(cell, units, batch)
    else:
        seconds, batch = embed(cell, units, data, arguments.quick)
        words = len(data.vocabulary)
        bench = f"{bench} of {words}"
    gflops = flop and flop / seconds / 1e9
    peak = arguments.peak if threads == arguments.threads else None
    return {
        "bench": bench,
        "cell": cell,
        "units": units,
        "batch": batch,
        "threads": threads,
        "ms_median": seconds * 1e3,
        "gflops": gflops,
        "share_of_peak": gflops and peak and gflops / peak,
        "words_per_s": words and words / seconds,
        "gb_per_s": None,
        "framework": f"PyTorch {torch.__version__}",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three runs a row")
    parser.add_argument("--only", default="", help="only rows whose name contains this, e.g. 'train step, gru, 1024'")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peak", type=float, help="FMA peak with all these threads, in GFLOP/s, for share_of_peak")
    parser.add_argument("--vectors", type=pathlib.Path, help="embed the words of this word2vec binary file")
    arguments = parser.parse_args()

    data = Data(arguments.vectors)
    for row in rows(arguments.threads):
        bench, cell, units, batch, threads = row
        size = f", batch {batch}" if batch else ""
        name = f"{bench}, {cell}, {units} units{size}, {threads} thread{'s' if threads > 1 else ''}"
        if arguments.only in name:
            print(name, "...", file=sys.stderr)
            print(json.dumps(measure(row, data, arguments)), flush=True)


if __name__ == "__main__":
    main()
