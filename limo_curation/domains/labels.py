"""Read the labelled problems that the network is trained on and judged by.

The file `problems.jsonl.zst` of a data folder has `problem`, `source`, `lang`, `domain` (a coarse label) and
`domain_label_kind` (who gave it). Rows of two coarse labels teach nothing, since they span the domains: `precalculus`
(trigonometry, vectors, complex numbers) and `other` (kinds of reasoning, subjects that apply mathematics). One label
holds two domains, counting and chance; the words of the problem split it.

Beside them stand terms that settle a domain (`data/glossary.toml`), alone and in short questions.
"""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from limo_curation.deduplication import duplicate_pairs
from limo_curation.domains.network import TOPICS, WEIGHTS

POOL_FILE: Final = "problems.jsonl.zst"
COLUMNS: Final[dict[str, type[pl.DataType]]] = dict.fromkeys(
    ("problem", "source", "lang", "domain", "domain_label_kind"), pl.String
)
HUMAN: Final = "human"
OTHER_WEIGHT: Final = 0.15  # of labels that are a language model's, or partly (ours: up to .6 more costs macro-F1)
COUNTING_OR_CHANCE: Final = "combinatorics_probability"
CHANCE: Final = (
    r"(?i)probab|random|expected|varianc|deviation|dice|\bdie\b|coin|median|\bmean\b|statist"
    r"|概率|期望|方差|标准差|随机|中位数|统计|分布|骰|硬币|抽样|样本|众数|可能性"
)
GLOSSARY: Final = WEIGHTS.with_name("glossary.toml")
GLOSSARY_SOURCE: Final = "glossary"
FRAMES: Final = ("{}", "Find the {}.", "What is the {} of 3, 5 and 10?", "求{}。")
NUM_FOLDS: Final = 5
NO_FOLD: Final = -1
FOLD_SEED: Final = 0


def read_labelled(folder: Path) -> pl.DataFrame:
    """Return the problems with a label.

    Columns: `question`, `source`, `lang`, `coarse` (the label as given), `is_human`, `topic` (its place in `TOPICS`, or
    null where the label teaches nothing), `weight` (in training) and `fold`. Near-duplicates and variants of one
    problem are in one fold, so that no row is judged by what was learnt from its twin. The glossary's rows are in none.

    Raises:
        OSError: the folder does not hold the file.
    """
    rows = pl.read_ndjson(folder / POOL_FILE, schema=COLUMNS).drop_nulls(["problem", "domain", "domain_label_kind"])
    is_chance = pl.col("problem").str.contains(CHANCE)
    split = pl.when(is_chance).then(pl.lit("probability")).otherwise(pl.lit("combinatorics"))
    topic = pl.when(pl.col("domain") == COUNTING_OR_CHANCE).then(split).otherwise("domain")
    numbers = {topic: place for place, topic in enumerate(TOPICS)}
    is_human = pl.col("domain_label_kind") == HUMAN
    labelled = rows.select(
        "source",
        "lang",
        question="problem",
        coarse="domain",
        is_human=is_human,
        topic=topic.replace_strict(numbers, default=None, return_dtype=pl.Int64),
        weight=pl.when(is_human).then(1.0).otherwise(OTHER_WEIGHT).cast(pl.Float32),
        fold=pl.Series(folds_of(rows["problem"])),
    )
    return pl.concat([labelled, read_glossary().select(labelled.columns)])


def read_glossary() -> pl.DataFrame:
    """Return the terms of the glossary in their frames, as rows to train on."""
    terms: dict[str, list[str]] = tomllib.loads(GLOSSARY.read_text(encoding="utf-8"))
    questions = [(frame.format(term), topic) for topic, names in terms.items() for term in names for frame in FRAMES]
    rows = pl.DataFrame(questions, schema=["question", "coarse"], orient="row")
    numbers = {topic: place for place, topic in enumerate(TOPICS)}
    return rows.with_columns(
        source=pl.lit(GLOSSARY_SOURCE),
        lang=pl.lit(None, pl.String),
        is_human=pl.lit(False),
        topic=pl.col("coarse").replace_strict(numbers, return_dtype=pl.Int64),
        weight=pl.lit(1.0, pl.Float32),
        fold=pl.lit(NO_FOLD, pl.Int64),
    )


def folds_of(questions: pl.Series) -> npt.NDArray[np.int64]:
    """Return the fold of each question; one that is like another shares its fold."""
    sparse: Any = importlib.import_module("scipy.sparse")  # ships no types, and stands in the extra `dev` only
    graphs: Any = importlib.import_module("scipy.sparse.csgraph")
    pairs = duplicate_pairs(questions.to_list())
    size = questions.len()
    edges = np.ones(pairs.height), (pairs["a"].to_numpy(), pairs["b"].to_numpy())
    found: Any = graphs.connected_components(sparse.coo_matrix(edges, shape=(size, size)), directed=False)
    num_groups, group = found
    folds = np.random.default_rng(FOLD_SEED).integers(NUM_FOLDS, size=int(num_groups))
    return folds[group]
