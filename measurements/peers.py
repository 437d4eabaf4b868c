"""The peers of the deduplication's measurement: each removes near-duplicates from a list of texts, as its authors show.

Runs in a peer's own environment and imports nothing of this project; deduplication.py starts it as

    python measurements/peers.py NAME TEXTS REMOVED

TEXTS holds one text a line. The numbers of the removed lines (0-based) go to REMOVED, and one JSON object with CPU
seconds, wall seconds and peak memory to the standard output. Reading the texts and importing the library are not
counted, so what is measured is the work on texts in memory. The threshold is 0.7 and a signature has 128 values, or as
near to that as the peer's own design comes.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

THRESHOLD = 0.7
NUM_PERM = 128
NGRAM_SIZE = 5
BANDS, BAND_ROWS = 16, 8  # of the peers that ask for them: finds nine in ten pairs at 0.75, where both multiply to 128

Deduplicate = Callable[[list[str]], Iterable[int]]


class Peer(NamedTuple):
    """A library, the packages that it needs, and how many rows it does in a few minutes."""

    packages: tuple[str, ...]
    load: Callable[[], Deduplicate]
    """Imports the library and returns what removes the duplicates: it gives the removed rows' numbers."""
    max_rows: int


def character_ngrams(text: str) -> set[str]:
    """Return the character 5-grams of a text."""
    return {text[start : start + NGRAM_SIZE] for start in range(max(len(text) - NGRAM_SIZE + 1, 1))}


# -- MinHash in Python over NumPy --------------------------------------------------------------------------------------


def datasketch_5grams() -> Deduplicate:
    """datasketch: MinHash.bulk in batches, then one pass over its LSH index."""
    library: Any = importlib.import_module("datasketch")

    def deduplicate(texts: list[str]) -> Iterable[int]:
        index = library.MinHashLSH(threshold=THRESHOLD, num_perm=NUM_PERM)
        for start in range(0, len(texts), 10_000):
            sets = [[gram.encode() for gram in character_ngrams(text)] for text in texts[start : start + 10_000]]
            for row, sketch in enumerate(library.MinHash.bulk(sets, num_perm=NUM_PERM), start):
                if index.query(sketch):
                    yield row
                else:
                    index.insert(row, sketch, check_duplication=False)

    return deduplicate


def datatrove_words() -> Deduplicate:
    """datatrove: its four steps in one local process, with its defaults (word 5-grams, 14 bands of 8)."""
    dedup: Any = importlib.import_module("datatrove.pipeline.dedup")
    executor: Any = importlib.import_module("datatrove.executor")
    document: Any = importlib.import_module("datatrove.data").Document
    importlib.import_module("loguru").logger.remove()

    def deduplicate(texts: list[str]) -> Iterable[int]:
        with tempfile.TemporaryDirectory() as folder:
            documents = [document(text=text, id=str(row)) for row, text in enumerate(texts)]
            kept: set[int] = set()

            def keep(data: Iterable[Any], *_: Any, **__: Any) -> Iterable[Any]:
                for one in data:
                    kept.add(int(one.id))
                    yield one

            steps: tuple[list[Any], ...] = (
                [documents, dedup.MinhashDedupSignature(f"{folder}/signatures")],
                [dedup.MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets")],
                [dedup.MinhashDedupCluster(f"{folder}/buckets", f"{folder}/remove")],
                [documents, dedup.MinhashDedupFilter(f"{folder}/remove"), keep],
            )
            for number, pipeline in enumerate(steps):
                tasks = dedup.MinhashConfig().num_buckets if number == 1 else 1
                executor.LocalPipelineExecutor(
                    pipeline, tasks=tasks, workers=1, logging_dir=f"{folder}/logs{number}"
                ).run()
            return [row for row in range(len(texts)) if row not in kept]

    return deduplicate


def text_dedup_words() -> Deduplicate:
    """text-dedup: its MinHash command, word pairs, on a data set that is saved for it first."""
    datasets: Any = importlib.import_module("datasets")
    command: Any = importlib.import_module("text_dedup.minhash")
    logging.disable(logging.INFO)

    def deduplicate(texts: list[str]) -> Iterable[int]:
        with tempfile.TemporaryDirectory() as folder:
            table = datasets.Dataset.from_dict({"text": texts, "row": list(range(len(texts)))})
            table.save_to_disk(f"{folder}/pool")
            options = {"path": f"{folder}/pool", "cache_dir": folder, "output": f"{folder}/kept", "column": "text"}
            options |= {"ngram": "2", "min_length": "1", "num_proc": "1"}
            options |= {"num_perm": str(NUM_PERM), "threshold": str(THRESHOLD)}
            words = [word for name, value in options.items() for word in (f"--{name}", value)]
            command.main(["--local", *words], standalone_mode=False)
            kept = set(datasets.load_from_disk(f"{folder}/kept")["row"])
            return [row for row in range(len(texts)) if row not in kept]

    return deduplicate


# -- MinHash in Rust or C++ --------------------------------------------------------------------------------------------


def rensa_words() -> Deduplicate:
    """rensa: its deduplicator on the texts' words."""
    return rensa(str.split)


def rensa_5grams() -> Deduplicate:
    """rensa: its deduplicator on character 5-grams."""
    return rensa(lambda text: list(character_ngrams(text)))


def rensa(tokens: Callable[[str], list[str]]) -> Deduplicate:
    """Return rensa's deduplicator over some kind of tokens, fed in one stream of batches."""
    library: Any = importlib.import_module("rensa")

    def deduplicate(texts: list[str]) -> Iterable[int]:
        index = library.RMinHashDeduplicator(threshold=THRESHOLD, num_perm=NUM_PERM, use_lsh=True)
        for start in range(0, len(texts), 10_000):
            rows = enumerate(texts[start : start + 10_000], start)
            is_kept = index.add_pairs([(str(row), tokens(text)) for row, text in rows])
            yield from (row for row, keep in enumerate(is_kept, start) if not keep)

    return deduplicate


def gaoya_5grams() -> Deduplicate:
    """gaoya: its MinHash index on character 5-grams, in batches."""
    library: Any = importlib.import_module("gaoya.minhash")

    def deduplicate(texts: list[str]) -> Iterable[int]:
        index = library.MinHashStringIndex(
            32, THRESHOLD, 25, 5, None, analyzer="char", ngram_range=(NGRAM_SIZE, NGRAM_SIZE), id_container="vec"
        )
        for row, text in enumerate(texts):
            if index.query(text):
                yield row
            else:
                index.insert_document(row, text)

    return deduplicate


def fastsketchlsh_words() -> Deduplicate:
    """FastSketchLSH: sketches in batches and its one-pass duplicate flags, which mark all of a group."""
    library: Any = importlib.import_module("FastSketchLSH")

    def deduplicate(texts: list[str]) -> Iterable[int]:
        sketcher = library.FastSimilaritySketch(size=NUM_PERM, seed=42)
        index = library.LSH(num_perm=NUM_PERM, num_bands=BANDS)
        flags = index.insert_and_query_duplicates(sketcher.batch([text.split() for text in texts]))
        return [row for row, flag in enumerate(flags.tolist()) if flag]

    return deduplicate


def daft_words() -> Deduplicate:
    """daft: its minhash expression over words, bands exploded and grouped, the first row of each group kept."""
    library: Any = importlib.import_module("daft")
    functions: Any = importlib.import_module("daft.functions")
    library.set_runner_native()

    def deduplicate(texts: list[str]) -> Iterable[int]:
        column: Any = library.col
        frame = library.from_pydict({"row": list(range(len(texts))), "text": texts})
        signature = functions.minhash(column("text"), num_hashes=NUM_PERM, ngram_size=1)
        signed = frame.select(column("row"), signature.alias("signature")).collect()
        removed: set[int] = set()
        for band in range(BANDS):
            key = functions.slice(column("signature"), BAND_ROWS * band, BAND_ROWS * (band + 1)).alias("band")
            groups = signed.select(column("row"), key).groupby("band").agg(column("row").list_agg().alias("rows"))
            for rows in groups.where(functions.list_count(column("rows")) > 1).to_pydict()["rows"]:
                removed.update(sorted(rows)[1:])
        return removed

    return deduplicate


PEERS = {
    "rensa words": Peer(("rensa==0.5.0",), rensa_words, 1_000_000),
    "rensa 5-grams": Peer(("rensa==0.5.0",), rensa_5grams, 1_000_000),
    "datasketch 5-grams": Peer(("datasketch==2.0.0",), datasketch_5grams, 100_000),
    "datatrove words": Peer(("datatrove[processing]==0.10.1", "spacy", "nltk"), datatrove_words, 100_000),
    "text-dedup words": Peer(("text-dedup==0.4.0",), text_dedup_words, 100_000),
    "gaoya 5-grams": Peer(("gaoya==0.2.2",), gaoya_5grams, 100_000),
    "fastsketchlsh words": Peer(("FastSketchLSH==1.0.1",), fastsketchlsh_words, 1_000_000),
    "daft words": Peer(("daft==0.7.26",), daft_words, 1_000_000),
}


# -- measuring ---------------------------------------------------------------------------------------------------------


def cpu_seconds() -> float:
    """Return user and system time of this process, all its threads, and its finished children."""
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def peak_bytes() -> int:
    """Return the most memory that this process or its largest child held so far.

    Linux counts the starting process's memory in a child's ru_maxrss, so the process's own figure is read elsewhere.
    """
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    status = Path("/proc/self/status")
    if not status.exists():
        return 1024 * max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, children)
    lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
    return 1024 * max(int(lines["VmHWM"].split()[0]), children)


def main(name: str, texts_file: str, removed_file: str) -> None:
    """Run one peer and print what it took."""
    # what a library prints goes to the standard error: the last line here is the result
    result = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    texts = Path(texts_file).read_text(encoding="utf-8").split("\n")[:-1]
    deduplicate = PEERS[name].load()
    wall, cpu = time.perf_counter(), cpu_seconds()
    removed = list(deduplicate(texts))
    figures = {
        "cpu_seconds": cpu_seconds() - cpu,
        "wall_seconds": time.perf_counter() - wall,
        "peak_bytes": peak_bytes(),
    }
    Path(removed_file).write_text("".join(f"{row}\n" for row in removed), encoding="ascii")
    print(json.dumps(figures), file=result, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
