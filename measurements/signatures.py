"""Measure the signatures: rows per CPU second of both schemes, and of datasketch, whose values must come out.

    python measurements/signatures.py [--rows 200000] [--quick] [--json]

All sign the same generated problems on one thread with 128 permutations over character 5-grams. datasketch (its bulk
method, which is the fastest way it offers) gets fewer rows, and each of its values is compared with ours.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import polars as pl

from limo_curation.deduplication.signatures import Scheme, Signatures, signatures
from measurements.corpus import generate
from measurements.peers import NUM_PERM, character_ngrams

SCHEMES: Final[tuple[Scheme, ...]] = ("datasketch", "one_permutation")
LIBRARY_ROWS: Final = 5_000


def with_library(texts: pl.Series) -> Signatures:
    """Sign texts with datasketch itself, as its documentation does."""
    library: Any = importlib.import_module("datasketch")
    sets = [[gram.encode() for gram in character_ngrams(text)] for text in texts]
    return np.array([sketch.hashvalues for sketch in library.MinHash.bulk(sets, num_perm=NUM_PERM)])


def rows_per_cpu_second(sign: Callable[[pl.Series], Signatures], texts: pl.Series) -> tuple[float, Signatures]:
    """Return the speed of a way to sign texts, and the signatures; it has signed a few texts before."""
    sign(texts.head(10))
    cpu = time.process_time()
    found = sign(texts)
    return len(texts) / (time.process_time() - cpu), found


def main() -> None:
    """Print a table, and with --json one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--quick", action="store_true", help="50,000 rows")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    arguments = parser.parse_args()
    rows = min(arguments.rows, 50_000) if arguments.quick else arguments.rows
    texts = generate(0, rows)[0]["question"]
    ours: dict[str, float] = {}
    same = False
    library_speed, expected = rows_per_cpu_second(with_library, texts.head(LIBRARY_ROWS))
    for scheme in SCHEMES:
        ours[scheme], found = rows_per_cpu_second(lambda part, scheme=scheme: signatures(part, scheme=scheme), texts)
        same |= scheme == "datasketch" and np.array_equal(found[:LIBRARY_ROWS], expected)
        print(f"ours, {scheme:16} {ours[scheme]:>10,.0f} rows per CPU second")
    print(f"datasketch itself     {library_speed:>10,.0f} rows per CPU second; the values are the same: {same}")
    report = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "ours": ours,
        "peers": {"datasketch": library_speed},
        "ratios": {scheme: speed / library_speed for scheme, speed in ours.items()},
        "same_values": same,
    }
    if arguments.json:
        print(json.dumps(report))


if __name__ == "__main__":
    main()
