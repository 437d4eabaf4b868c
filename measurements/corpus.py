"""Generate a pool of short math problems with planted duplicates, for the deduplication's measurements.

    python measurements/corpus.py --rows 1000000 --out DIR

Writes `DIR/problems/*.parquet` (the columns of SCREENED) and `DIR/truth/*.parquet` (`TRUTH`): what each row is.
65 % of the rows are originals; 22 % light edits of one (typos, punctuation, case, a word more or less, LaTeX spelling;
the same numbers); 3 % exact copies; 10 % renumbered: the same words with other numbers, another problem.

Each row is a pure function of the seed and its number: a copy grows its original again. So a pool of any size takes
the memory of one part, a large pool begins with the rows of a small one, and an original may be any earlier row.
The sentences come from a bank that the grammar (corpus_grammar.toml) yields, and recur as sentences do in a real pool.
Counts and values of numbers follow a real pool of 83,189 problems.
"""

from __future__ import annotations

import argparse
import itertools
import re
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from limo_curation.tables import SCREENED
from measurements import corpus_kernel as kernel

GRAMMAR: Final = Path(__file__).with_name("corpus_grammar.toml")
PART_ROWS: Final = 100_000
KINDS: Final = ("original", "edit", "copy", "renumbered")
TRUTH: Final = pl.Schema(
    {
        "problem_id": pl.String,
        "kind": pl.String,  # one of KINDS
        "made_from": pl.Int64,  # the number (0-based) of the original's row; its own for an original
        "numbers": pl.UInt64,  # digest of the numbers in their order: equal for texts with the same numbers
        "num_numbers": pl.Int64,
    }
)
ANSWERED: Final = 0.9  # share of the rows with a gold answer (ours)
REFERENCE: Final = re.compile(r"\{([A-Za-z_]+)\}|<([NML])>")
SLOTS: Final = {"N": kernel.COUNT_SLOT, "M": kernel.FORMULA_SLOT, "L": kernel.LIST_SLOT}


@dataclass(frozen=True, slots=True)
class Grammar:
    """The grammar in arrays: alternatives behind each other, a reference to a symbol as one byte above 127."""

    data: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    """Where each alternative begins, and where the last one ends."""
    first: npt.NDArray[np.int64]
    """The first alternative of each symbol, and the end of the last one's."""
    roles: npt.NDArray[np.uint8]
    """What kind of symbol each one is (`kernel.PLAIN`, ...)."""
    topics: npt.NDArray[np.int64]
    """Start symbols; one that stands twice is drawn twice as often."""
    own: npt.NDArray[np.int64]
    """The symbols that the kernel writes itself, in the order of the grammar's section `kernel`."""


def read_grammar(path: Path = GRAMMAR) -> Grammar:
    """Read a grammar.

    Raises:
        KeyError: it refers to a symbol that it does not define.
        ValueError: it has more symbols than a byte can name.
    """
    sections: dict[str, dict[str, list[str]]] = tomllib.loads(path.read_text(encoding="utf-8"))
    roles = {"start": kernel.PLAIN, "once": kernel.ONCE, "sentence": kernel.SENTENCE}
    symbols = {name: alternatives for section in sections.values() for name, alternatives in section.items()}
    codes = {name: code for code, name in enumerate(symbols)}
    if len(codes) > 128:
        raise ValueError(f"{path.name} has {len(codes)} symbols; 128 is the most")
    encoded = [encode(text, codes) for alternatives in symbols.values() for text in alternatives]
    sizes = [len(alternatives) for alternatives in symbols.values()]
    return Grammar(
        data=np.frombuffer(b"".join(encoded), np.uint8),
        starts=np.array([0, *itertools.accumulate(map(len, encoded))]),
        first=np.array([0, *itertools.accumulate(sizes)]),
        roles=np.array(
            [roles.get(section, kernel.PLAIN) for section, names in sections.items() for _ in names], np.uint8
        ),
        topics=np.array([codes[name] for name in ("story", "story", "story", "formula", "figure", "chance")]),
        own=np.array([codes[name] for name in sections["kernel"]]),
    )


def encode(text: str, codes: dict[str, int]) -> bytes:
    """Return an alternative with its references as single bytes."""
    pieces: list[bytes] = []
    position = 0
    for match in REFERENCE.finditer(text):
        symbol, slot = match.groups()
        pieces.append(text[position : match.start()].encode("ascii"))
        pieces.append(bytes([128 + codes[symbol] if symbol else SLOTS[slot]]))
        position = match.end()
    return b"".join([*pieces, text[position:].encode("ascii")])


def generate(
    start: int, stop: int, *, seed: int = 0, grammar: Grammar | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return rows [start, stop) of the pool and the truth about them.

    Args:
        start: number of the first row.
        stop: number behind the last row.
        seed: another seed gives another pool.
        grammar: the sentences; read from the project's file if absent.
    """
    grammar = grammar or read_grammar()
    rows = stop - start
    offsets = np.zeros(rows + 1, np.int64)
    kinds, numbers = np.empty(rows, np.uint8), np.empty(rows, np.uint64)
    made_from, num_numbers = np.empty(rows, np.int64), np.empty(rows, np.int64)
    data = np.empty(rows * kernel.MAX_ROW_BYTES, np.uint8)
    kernel.write_rows(
        start, seed, grammar.data, grammar.starts, grammar.first, grammar.roles, grammar.topics, grammar.own,
        data, offsets, kinds, made_from, numbers, num_numbers,
    )  # fmt: skip
    ids = row_ids(start, stop, seed=seed)
    answers = kernel.mixed(numbers, seed) % np.uint64(1000)
    is_answered = kernel.mixed(made_from.astype(np.uint64), seed + 1) % np.uint64(1000) < ANSWERED * 1000
    columns = {
        "problem_id": ids,
        "question": text_column(data[: offsets[-1]], offsets),
        "answer": pl.Series(answers).cast(pl.String).set(pl.Series(~is_answered), None),
        "source": pl.repeat("synthetic", rows, eager=True),
        "origin": pl.select("pool:" + pl.int_range(start + 1, stop + 1).cast(pl.String)).to_series(),
        "language": pl.repeat("en", rows, eager=True),
    }
    problems = pl.DataFrame(
        [
            columns.get(name, pl.repeat(None, rows, dtype=dtype, eager=True)).alias(name)
            for name, dtype in SCREENED.schema.items()
        ]
    )
    names = pl.Series(KINDS).gather(pl.Series(kinds))
    truth = pl.DataFrame(
        {"problem_id": ids, "kind": names, "made_from": made_from, "numbers": numbers, "num_numbers": num_numbers},
        schema=TRUTH,
    )
    return problems, truth


def row_ids(start: int, stop: int, *, seed: int) -> pl.Series:
    """Return the rows' ids: 20 hex digits, distinct since the first 16 come from a permutation of 64-bit numbers.

    An id here names a row, not its text as elsewhere: exact copies must stay apart for what is measured.
    """
    rows = np.arange(start, stop, dtype=np.uint64)
    digits = np.empty((stop - start, 20), np.uint8)
    kernel.write_hex(kernel.mixed(rows, seed), kernel.mixed(rows, ~seed), digits)
    return text_column(digits.ravel(), np.arange(0, 20 * (stop - start) + 1, 20))


def text_column(data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> pl.Series:
    """Return texts that stand behind each other as a column."""
    arrow: Any = pa
    array = arrow.LargeStringArray.from_buffers(len(offsets) - 1, arrow.py_buffer(offsets), arrow.py_buffer(data))
    return pl.Series(array)


def write_corpus(folder: Path, rows: int, *, seed: int = 0, part_rows: int = PART_ROWS) -> Iterator[int]:
    """Write a pool part by part, yielding the number of rows written so far."""
    grammar = read_grammar()
    (folder / "problems").mkdir(parents=True, exist_ok=True)
    (folder / "truth").mkdir(exist_ok=True)
    for start in range(0, rows, part_rows):
        stop = min(start + part_rows, rows)
        problems, truth = generate(start, stop, seed=seed, grammar=grammar)
        problems.write_parquet(
            folder / "problems" / f"{start:010d}-{stop:010d}.parquet", compression="zstd", compression_level=1
        )
        truth.write_parquet(
            folder / "truth" / f"{start:010d}-{stop:010d}.parquet", compression="zstd", compression_level=1
        )
        yield stop


def main() -> None:
    """Write a pool and print how fast it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, required=True, help="a folder; parts of the same name are written over")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part-rows", type=int, default=PART_ROWS)
    arguments = parser.parse_args()
    started, cpu = time.perf_counter(), time.process_time()
    for done in write_corpus(arguments.out, arguments.rows, seed=arguments.seed, part_rows=arguments.part_rows):
        seconds = time.perf_counter() - started
        print(f"\r{done:,} of {arguments.rows:,} rows, {done / seconds:,.0f} rows/s ", end="", flush=True)
    print(f"in {time.perf_counter() - started:.1f} s, {time.process_time() - cpu:.1f} CPU s")


if __name__ == "__main__":
    main()
