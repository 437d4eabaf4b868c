"""Items of a benchmark: how they are read, and how they are put to a model.

    Which gas ...?                          the question, and where the item has options of its own, in four columns:
                                            the options in an order drawn for this item
    A. argon
    B. neon
    C. helium                               gold: C
    D. xenon

    Give the letter of the right option.

GPQA's released file holds the right option of every item in its first column, so a model that always says A would be
right each time if they were shown in that order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from limo_curation.errors import TableError
from limo_curation.evaluation.tables import ITEMS
from limo_curation.ingestion import DROP_REASONS, ITEM_NAMES, WRONG_OPTIONS, Shape, ingest
from limo_curation.plan import StageMetrics, TableStage
from limo_curation.problem_config import IngestionConfig
from limo_curation.stage import StageWriter
from limo_curation.store import Artifact, Store

ITEM_SHAPE: Final = Shape(ITEMS, ITEM_NAMES, ("question", "answer"), "benchmark item")
LETTERS: Final = "ABCD"
ASK_FOR_LETTER: Final = "Give the letter of the right option."


def ingest_items(*, config: IngestionConfig, store: Store, out: StageWriter) -> StageMetrics:
    """Read a benchmark into the ITEMS table; drop reasons as those of every ingestion.

    Raises:
        ConfigError: a column map names an unknown column of ours, or lacks question or answer.
        TableError: a file does not exist.
    """
    del store
    return ingest(config, ITEM_SHAPE, out)


def check_items(store: Store, items: Artifact, *, benchmark: str) -> None:
    """Check that a benchmark can be evaluated on.

    Raises:
        TableError: no item has a gold answer, or two have one id and could not be told apart in a comparison by item.
    """
    read = store.scan(items, ITEMS).select("problem_id", has_gold=pl.col("answer").is_not_null()).collect()
    if not read["has_gold"].any():
        raise TableError(
            f"benchmark {benchmark!r}: {read.height} items can be read, none of them with a gold answer; "
            "mend its path, columns or keep_where"
        )
    ids = read["problem_id"]
    twice = ids.filter(ids.is_duplicated())
    if twice.len():
        raise TableError(
            f"benchmark {benchmark!r} has {twice.len()} items with ids that others have too, such as {twice[0]!r}; "
            "name another column as columns.benchmark_id, or none: then file and row are the id"
        )


def with_prompts(items: pl.DataFrame, *, benchmark: str, seed: int) -> pl.DataFrame:
    """Add what is asked and what it is compared with.

    Args:
        items: ITEMS with a gold answer each.
        benchmark: its name; with the seed and the item's id it decides the order of the options.
        seed: of that order.

    Returns:
        The items with `prompt` and `gold`.
    """
    columns = items.select("problem_id", "question", "answer", *WRONG_OPTIONS)
    rows: list[tuple[str, str]] = []
    for problem_id, question, answer, *wrong in columns.iter_rows():
        others = [option for option in wrong if option is not None]
        if others:
            rows.append(as_choice(question, [answer, *others], place=f"{seed}/{benchmark}/{problem_id}"))
        else:
            rows.append((question, plain_answer(answer)))
    asked = pl.DataFrame(rows, schema={"prompt": pl.String, "gold": pl.String}, orient="row")
    return pl.concat([items, asked], how="horizontal")


def as_choice(question: str, options: Sequence[str], *, place: str) -> tuple[str, str]:
    """Return a question with its options in an order that follows from `place`, and the letter of the first one."""
    digests = [hashlib.sha256(f"{place}/{number}".encode()).digest() for number in range(len(options))]
    order = sorted(range(len(options)), key=lambda number: digests[number])
    shown = [f"{letter}. {options[number]}" for letter, number in zip(LETTERS, order, strict=False)]
    return "\n\n".join([question, "\n".join(shown), ASK_FOR_LETTER]), LETTERS[order.index(0)]


def plain_answer(answer: str) -> str:
    """Return a gold answer; several ones that a file writes as a list of JSON, with commas alone between them.

    Two numbers in brackets stay as they are: they may be an interval.
    """
    if not answer.startswith("["):
        return answer
    try:
        parts: list[Any] = json.loads(answer)
    except (ValueError, RecursionError):  # an interval, say
        return answer
    is_interval = len(parts) == 2 and not any(isinstance(part, str) for part in parts)
    return answer if is_interval else ", ".join(str(part) for part in parts)


ITEM_INGESTION: Final = TableStage("evaluation_items", None, ITEMS, DROP_REASONS, ingest_items)
