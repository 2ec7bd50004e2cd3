"""Gives the words of a Parquet file vectors with Spark, block by block, on the cores of a cluster or of this machine.

    pip install pyspark pandas pyarrow ./crates/python          # and Java
    python docs/how-to/cluster/on_spark.py WORDS.parquet --model runs/ngrams --out vectors

A column `vector` is added; a word without a vector has none. A word that comes again in a block is not embedded again. The
model must lie where each worker can read it.
"""

import argparse
from collections.abc import Iterator

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql.types import ArrayType, FloatType, StructField, StructType


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words")
    parser.add_argument("--column", default="word")
    parser.add_argument("--model", required=True, help="a run's directory, or a fastText model")
    parser.add_argument("--out", required=True, help="a folder of Parquet files")
    args = parser.parse_args()

    def embed(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Adds vectors to the blocks of a part; opens the model once."""
        import flameout

        embedder = flameout.Embedder.open(args.model)
        for frame in frames:
            words = frame[args.column].dropna().unique()
            vectors = dict(zip(*embedder.embed(list(words)), strict=True))
            yield frame.assign(vector=frame[args.column].map(vectors.get))

    spark = SparkSession.builder.getOrCreate()
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 4096)
    words = spark.read.parquet(args.words)
    schema = StructType([*words.schema.fields, StructField("vector", ArrayType(FloatType()))])
    words.mapInPandas(embed, schema).write.parquet(args.out)


if __name__ == "__main__":
    main()
