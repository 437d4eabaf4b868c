"""Deduplication: exact, near and variant pairs among problems.

    "Ann has 3 apples and buys 5."  "Ann has 3 apples, and buys 5."   near: dropped
    "Ann has 3 apples and buys 5."  "Ann has 7 apples and buys 2."    variant: kept, novelty counts it

Candidates come from datasketch's MinHash LSH; each is then verified by the exact Jaccard similarity of its character
n-grams. Two texts with different numbers, in order, are never duplicates: they have different answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from limo_curation.ledger import DropRule, dropped_rows
from limo_curation.problem_config import DeduplicationConfig
from limo_curation.stage import StageMetrics, StageWriter, TableStage
from limo_curation.store import Artifact, Store
from limo_curation.tables import CLUSTERED, DROPPED, SCREENED

DROP_REASONS: Final = ("exact_duplicate", "near_duplicate")
NUMBER: Final = r"\d+(?:[.,]\d+)*"
# weights of false and missed candidates: at 0.7 the index proposes 92 % of the pairs, with datasketch's own 44 %
MISS_LITTLE: Final = (0.1, 0.9)
MAX_INDEX_THRESHOLD: Final = 0.9  # datasketch refuses thresholds near 1 (a single band); candidates are verified anyway
PAIRS: Final = pl.Schema({"a": pl.Int64, "b": pl.Int64, "jaccard": pl.Float64, "relation": pl.String})
NO_DECISIONS: Final = pl.Schema(
    {"row": pl.Int64, "duplicate_of": pl.Int64, "jaccard": pl.Float64, "drop_reason": pl.String}
)


def deduplicate_problems(
    problems: Artifact, *, config: DeduplicationConfig, store: Store, out: StageWriter
) -> StageMetrics:
    """Keep one representative of each group of duplicates.

    A problem is dropped only if it matches its kept representative itself, so similar texts don't chain below the
    threshold. The representative is the one with a gold answer, then with a published pass rate, then the longest, then
    the one with the lowest id.

    Drop reasons: `exact_duplicate` (same text up to case and white space) and `near_duplicate` (Jaccard similarity of
    character n-grams at or above the threshold, same numbers); the evidence names the representative.
    """
    rows = (
        store.scan(problems, SCREENED)
        .select("problem_id", "question", "answer", "origin", "published_num_attempts")
        .collect()
    )
    pairs = duplicate_pairs(rows["question"].to_list(), config=config)
    decisions = choose_representatives(rows, pairs)
    sizes = decisions.group_by("duplicate_of").len("duplicates").rename({"duplicate_of": "row"})
    step = out.plan.part_rows
    lazy = store.scan(problems, SCREENED).with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    names = rows.select("problem_id", "origin").with_row_index("duplicate_of")
    evidence = decisions.join(names.with_columns(pl.col("duplicate_of").cast(pl.Int64)), on="duplicate_of", how="left")
    evidence = evidence.select(
        "row", "jaccard", "drop_reason", evidence=pl.format("{} ({})", "problem_id", pl.col("origin").fill_null("?"))
    )
    for start in range(0, rows.height, step):
        part = lazy.slice(start, step).collect().join(evidence, on="row", how="left", maintain_order="left")
        part = part.join(sizes, on="row", how="left", maintain_order="left")
        kept = part.filter(pl.col("drop_reason").is_null())
        kept = kept.with_columns(cluster_size=pl.col("duplicates").fill_null(0).cast(pl.Int64) + 1)
        out.write(kept.select(list(CLUSTERED.columns)), ledger_of(part, threshold=config.threshold))
    variants = pairs.filter(pl.col("relation") == "variant").height
    return {"num_variant_pairs": float(variants)}


def ledger_of(part: pl.DataFrame, *, threshold: float) -> pl.DataFrame:
    """Return the ledger of a part's dropped rows."""
    limits = {"exact_duplicate": 1.0, "near_duplicate": threshold}
    return pl.concat(
        [DROPPED.empty()]
        + [
            dropped_rows(
                part.filter(pl.col("drop_reason") == reason),
                stage="deduplication",
                rule=DropRule(reason, pl.lit(True), pl.col("jaccard"), limit, pl.col("evidence")),
            )
            for reason, limit in limits.items()
        ]
    )


def duplicate_pairs(texts: Sequence[str], *, config: DeduplicationConfig | None = None) -> pl.DataFrame:
    """Find the pairs of similar texts.

    Args:
        texts: questions.
        config: threshold, n-gram size (characters) and permutations.

    Returns:
        Frame `a, b` (positions, a < b), `jaccard` (exact, over character n-grams, in [0, 1]) and `relation`: `exact`
        (same text up to case and white space), `near` (at or above the threshold, same numbers in the same order) or
        `variant` (at or above the threshold, other numbers). Of more than two exact copies each is paired with the
        first one only, and only that one has near and variant pairs.
    """
    config = config or DeduplicationConfig()
    folded = (
        pl.Series("text", texts, pl.String)
        .to_frame()
        .select(
            row=pl.int_range(pl.len(), dtype=pl.Int64),
            text=fold(pl.col("text")),
            numbers=pl.col("text").str.extract_all(NUMBER).list.join(" "),
        )
    )
    first = folded.with_columns(a=pl.col("row").first().over("text"))
    exact = first.filter(pl.col("row") != pl.col("a")).select(
        "a", b="row", jaccard=pl.lit(1.0), relation=pl.lit("exact")
    )
    distinct = first.filter(pl.col("row") == pl.col("a"))
    similar = similar_pairs(
        distinct["row"].to_list(), distinct["text"].to_list(), distinct["numbers"].to_list(), config=config
    )
    return pl.concat([exact, pl.DataFrame(list(similar), schema=PAIRS, orient="row")]).sort("a", "b")


def fold(text: pl.Expr) -> pl.Expr:
    """Return a text in lower case with white space folded."""
    return text.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()


def similar_pairs(
    rows: list[int], texts: list[str], numbers: list[str], *, config: DeduplicationConfig
) -> Iterator[tuple[int, int, float, str]]:
    """Yield the verified pairs among distinct texts as (a, b, jaccard, relation)."""
    from datasketch import MinHash, MinHashLSH

    threshold = min(config.threshold, MAX_INDEX_THRESHOLD)
    index: Any = MinHashLSH(threshold=threshold, num_perm=config.num_perm, weights=MISS_LITTLE)
    encoded = ([gram.encode() for gram in ngrams(text, config.ngram_size)] for text in texts)
    sketches = cast("Any", MinHash).generator(encoded, num_perm=config.num_perm, seed=config.seed)
    for position, sketch in enumerate(sketches):
        grams = ngrams(texts[position], config.ngram_size)
        candidates: list[int] = sorted(index.query(sketch))
        for other in candidates:
            others = ngrams(texts[other], config.ngram_size)
            shared = len(grams & others)
            jaccard = shared / (len(grams) + len(others) - shared)
            if jaccard >= config.threshold:
                relation = "near" if numbers[other] == numbers[position] else "variant"
                yield rows[other], rows[position], jaccard, relation
        index.insert(position, sketch, check_duplication=False)


def ngrams(text: str, size: int) -> set[str]:
    """Return the character n-grams of a text; a shorter text is its own only n-gram."""
    return {text[start : start + size] for start in range(max(len(text) - size + 1, 1))}


def signatures(
    texts: Sequence[str], *, num_perm: int = 128, seed: int = 1, scheme: str = "datasketch", ngram_size: int = 5
) -> npt.NDArray[np.uint64 | np.uint32]:
    """Return the MinHash signatures of texts over their character n-grams.

    Args:
        texts: any Unicode text.
        num_perm: permutations, the columns of the result.
        seed: of the permutations.
        scheme: `datasketch`, the only one so far: the hash values of datasketch 2.x.
        ngram_size: characters to an n-gram.

    Returns:
        Unsigned array of shape (len(texts), num_perm).

    Raises:
        ValueError: unknown scheme.
    """
    from datasketch import MinHash

    if scheme != "datasketch":
        raise ValueError(f"scheme {scheme!r} is unknown; use 'datasketch'")
    encoded = ([gram.encode() for gram in ngrams(text, ngram_size)] for text in texts)
    sketches = cast("Any", MinHash).generator(encoded, num_perm=num_perm, seed=seed)
    rows = [np.asarray(sketch.hashvalues) for sketch in sketches]
    return np.stack(rows) if rows else np.empty((0, num_perm), np.uint32)


def choose_representatives(rows: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Decide which rows are duplicates of which kept row.

    Args:
        rows: `problem_id`, `question`, `answer`, `published_num_attempts` of every row.
        pairs: from `duplicate_pairs`.

    Returns:
        Frame `row, duplicate_of` (positions), `jaccard`, `drop_reason`: one row for each duplicate.
    """
    order = rows.select(
        no_answer=pl.col("answer").is_null() | (pl.col("answer") == ""),
        no_rate=pl.col("published_num_attempts").is_null(),
        shortness=-pl.col("question").str.len_chars().cast(pl.Int64),
        problem_id="problem_id",
        row=pl.int_range(pl.len(), dtype=pl.Int64),
    ).sort("no_answer", "no_rate", "shortness", "problem_id", "row")
    rank = dict(zip(order["row"].to_list(), range(rows.height), strict=True))
    copies: dict[int, list[int]] = {}
    for first, copy in pairs.filter(pl.col("relation") == "exact").select("a", "b").iter_rows():
        copies.setdefault(first, [first]).append(copy)
    best: dict[int, int] = {first: min(group, key=rank.__getitem__) for first, group in copies.items()}
    similar: dict[int, dict[int, float]] = {}
    for a, b, jaccard in pairs.filter(pl.col("relation") == "near").select("a", "b", "jaccard").iter_rows():
        left, right = best.get(int(a), int(a)), best.get(int(b), int(b))
        similar.setdefault(left, {})[right] = jaccard
        similar.setdefault(right, {})[left] = jaccard
    absorbed = absorb(similar, rank)
    decisions = [(row, other, jaccard, "near_duplicate") for row, (other, jaccard) in absorbed.items()]
    for first, group in copies.items():
        other, jaccard = absorbed.get(best[first], (best[first], 1.0))
        reason = "near_duplicate" if best[first] in absorbed else "exact_duplicate"
        decisions += [(row, other, jaccard, reason) for row in group if row != best[first]]
    return pl.DataFrame(sorted(decisions), schema=NO_DECISIONS, orient="row")


def absorb(similar: dict[int, dict[int, float]], rank: dict[int, int]) -> dict[int, tuple[int, float]]:
    """Return each near-duplicate's kept representative and their similarity, best-ranked rows being kept first."""
    kept: set[int] = set()
    absorbed: dict[int, tuple[int, float]] = {}
    for row in sorted(similar, key=rank.__getitem__):
        matches = [(-jaccard, rank[other], other) for other, jaccard in similar[row].items() if other in kept]
        if matches:
            negative, _, other = min(matches)
            absorbed[row] = (other, -negative)
        else:
            kept.add(row)
    return absorbed


DEDUPLICATION: Final = TableStage("deduplication", SCREENED, CLUSTERED, DROP_REASONS, deduplicate_problems)
