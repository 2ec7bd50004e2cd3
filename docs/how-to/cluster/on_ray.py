"""Gives the words of a Parquet file vectors with Ray Data, block by block, on the cores of a cluster or of this machine.

    pip install "ray[data]" ./crates/python
    python docs/how-to/cluster/on_ray.py WORDS.parquet --model runs/ngrams --out vectors --workers 2

A column `vector` is added; a word without a vector has none. A word that comes again in a block is not embedded again. Ray
may change the order of rows: keep a column that tells it. The model must lie where each worker can read it.
"""

import argparse

import flameout
import pyarrow as pa
import ray


class Embed:
    """Opens the model once in each worker."""

    def __init__(self, model: str, column: str) -> None:
        self.embedder, self.column = flameout.Embedder.open(model), column

    def __call__(self, table: pa.Table) -> pa.Table:
        """Adds vectors to a block."""
        words = table[self.column].combine_chunks().dictionary_encode()
        kept, vectors = self.embedder.embed(words.dictionary.to_pylist())
        row_of = {word: row for row, word in enumerate(kept)}
        rows = pa.array([row_of.get(word) for word in words.dictionary.to_pylist()], pa.int32())
        vectors = pa.FixedSizeListArray.from_arrays(vectors.ravel(), self.embedder.vector_size)
        return table.append_column("vector", vectors.take(rows.take(words.indices)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words")
    parser.add_argument("--column", default="word")
    parser.add_argument("--model", required=True, help="a run's directory, or a fastText model")
    parser.add_argument("--out", required=True, help="a folder of Parquet files")
    parser.add_argument("--workers", type=int, default=1, help="each opens the model")
    args = parser.parse_args()
    settings = {"fn_constructor_args": (args.model, args.column), "batch_format": "pyarrow", "batch_size": 4096}
    settings["num_cpus"] = 0.5  # Workers that hold all cores would leave none for reading and writing: nothing would go on.
    words = ray.data.read_parquet(args.words)
    words.map_batches(Embed, compute=ray.data.ActorPoolStrategy(size=args.workers), **settings).write_parquet(args.out)


if __name__ == "__main__":
    main()
