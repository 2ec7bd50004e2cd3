#!/usr/bin/env python3
"""How long gensim takes to read files of word vectors that lie in the system's cache; beside `cargo xtask bench --only
vectors --vectors FILE`.

    pip install gensim
    python3 docs/bench/vectors_bench.py vectors.bin vectors.txt
"""

import json
import statistics
import sys
import time

import gensim
from gensim.models import KeyedVectors

RUNS = 5

for path in sys.argv[1:]:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        vectors = KeyedVectors.load_word2vec_format(path, binary=path.endswith(".bin"))
        times.append(time.perf_counter() - start)
    median = statistics.median(times)
    print(json.dumps({
        "bench": f"read vectors {path}",
        "ms_median": median * 1e3,
        "words_per_s": len(vectors) / median,
        "framework": f"gensim {gensim.__version__}",
    }))
