"""Decontamination: which problems stand in a benchmark, as they are, in other words around them, or varied.

    exact        the same letters, digits, signs: case, punctuation, spaces and the spelling of LaTeX don't count
    ngram        the item's whole content stands in the problem, and at least half of its n-grams by weight
    variant      at least 60 % of the item's n-grams by weight, but other content: other numbers, another sign or word
    paraphrase   a language model calls them one problem in both orders (off by default: it needs an engine)

N-grams are of five words with numbers masked. A problem with another number is never called the item itself: it has
another answer. Item and problem that share next to nothing but boilerplate are met only if they are equal as a whole.
A translation is met by the language model, or by the n-gram rule where it is mostly formulas and they agree.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from limo_curation.decontamination.index import index_of
from limo_curation.decontamination.matching import RULES, match
from limo_curation.decontamination.paraphrase import judge_pairs
from limo_curation.decontamination.retrieval import candidates, word_index_of
from limo_curation.errors import ConfigError, TableError
from limo_curation.folding import texts_of
from limo_curation.ledger import DropRule, StageResult, dropped_rows
from limo_curation.plan import RowStage
from limo_curation.problem_config import DecontaminationConfig, ParaphraseJudge
from limo_curation.sampling.protocol import Sampler
from limo_curation.source_config import Source
from limo_curation.tables import CLUSTERED, DROPPED

ALL_RULES: Final = (*RULES, "paraphrase")
DROP_REASONS: Final = tuple(f"benchmark_{rule}" for rule in ALL_RULES)
PAIRS: Final = pl.Schema({"problem_id": pl.String, "benchmark_id": pl.String, "rule": pl.String, "score": pl.Float64})


def decontaminate_problems(
    problems: pl.DataFrame, benchmarks: pl.LazyFrame, *, config: DecontaminationConfig, sampler: Sampler | None = None
) -> StageResult:
    """Drop the problems that stand in a benchmark.

    Drop reasons: `benchmark_exact`, `benchmark_ngram`, `benchmark_variant` and `benchmark_paraphrase`, the first that
    fires for any item; value is the score in [0, 1], evidence the item with the highest one.

    Raises:
        ConfigError: `config.paraphrase` names a judge, but there is no sampler.
        TransientError, BudgetError: from the sampler.
    """
    items = benchmarks.select("benchmark_id", "question").collect()
    found = find_by_text(problems, items, config=config)
    metrics: dict[str, float] = {}
    if config.paraphrase is not None:
        judged, metrics = find_paraphrases(problems, items, found, judge=config.paraphrase, sampler=sampler)
        found = pl.concat([found, judged])
    order = pl.col("rule").cast(pl.Enum(ALL_RULES))
    worst = found.sort(order, -pl.col("score"), "benchmark_id").unique("problem_id", keep="first")
    marked = problems.join(worst, on="problem_id", how="left", maintain_order="left")
    least = config.paraphrase.min_similarity if config.paraphrase else None
    thresholds = (1.0, config.min_containment, config.min_variant_containment, least)
    dropped = [
        dropped_rows(
            marked.filter(pl.col("rule") == rule),
            stage="decontamination",
            rule=DropRule(f"benchmark_{rule}", pl.lit(True), pl.col("score"), threshold, pl.col("benchmark_id")),
        )
        for rule, threshold in zip(ALL_RULES, thresholds, strict=True)
    ]
    kept = marked.filter(pl.col("rule").is_null()).select(problems.columns)
    return StageResult(kept, pl.concat([DROPPED.empty(), *dropped]), metrics)


def find_contaminated(
    problems: pl.DataFrame,
    benchmarks: pl.DataFrame,
    *,
    config: DecontaminationConfig | None = None,
    sampler: Sampler | None = None,
) -> pl.DataFrame:
    """Find the problems that stand in a benchmark.

    Args:
        problems: `problem_id`, `question`.
        benchmarks: `benchmark_id`, `question`.
        config: n-gram size in words, the shares from which the n-gram and the variant rule fire, and the judge.
        sampler: the judge's engine; needed where `config.paraphrase` names a judge.

    Returns:
        Frame `problem_id, benchmark_id, rule` (`exact`, `ngram`, `variant` or `paraphrase`), `score` (share of the
        item's n-grams, by weight, that stand in the problem, in [0, 1]; 1 for exact; for paraphrase the cosine by
        which the item was proposed): one row for each pair, with the first rule that meets it, sorted by both ids.

    Raises:
        ConfigError, TransientError, BudgetError: as `decontaminate_problems`.
    """
    config = config or DecontaminationConfig(enabled=False)
    found = find_by_text(problems, benchmarks, config=config)
    if config.paraphrase is not None:
        judged, _ = find_paraphrases(problems, benchmarks, found, judge=config.paraphrase, sampler=sampler)
        found = pl.concat([found, judged])
    return found.sort("problem_id", "benchmark_id")


def find_by_text(problems: pl.DataFrame, items: pl.DataFrame, *, config: DecontaminationConfig) -> pl.DataFrame:
    """Return the pairs that the first three rules meet."""
    index = index_of(items, ngram_size=config.ngram_size)
    found = match(
        texts_of(problems["question"]),
        index,
        min_containment=config.min_containment,
        min_variant_containment=config.min_variant_containment,
    )
    pairs = found.select(
        problem_id=problems["problem_id"].gather(found["row"]),
        benchmark_id=index.ids.gather(found["item"]),
        rule=pl.col("rule").replace_strict(list(range(len(RULES))), RULES, return_dtype=pl.String),
        score="score",
    )
    return pairs.unique(["problem_id", "benchmark_id"], keep="first", maintain_order=True)


def find_paraphrases(
    problems: pl.DataFrame,
    items: pl.DataFrame,
    found: pl.DataFrame,
    *,
    judge: ParaphraseJudge,
    sampler: Sampler | None,
) -> tuple[pl.DataFrame, dict[str, float]]:
    """Ask the judge about the likely pairs of problems that no other rule has met.

    Returns:
        The pairs that are the same problem, and how the asking went.
    """
    if sampler is None:
        raise ConfigError(f"decontamination.paraphrase asks {judge.model}, but no engine was given")
    rest = problems.select("problem_id", "question").join(found, on="problem_id", how="anti", maintain_order="left")
    rest = rest.unique("problem_id", keep="first", maintain_order=True)
    likely = candidates(
        texts_of(rest["question"]),
        word_index_of(items),
        min_similarity=judge.min_similarity,
        max_candidates=judge.max_candidates,
    )
    questions = rest["question"].gather(likely["row"]), items["question"].gather(likely["item"])
    verdicts = judge_pairs(list(zip(*questions, strict=True)), judge=judge, sampler=sampler)
    pairs = likely.select(
        problem_id=rest["problem_id"].gather(likely["row"]),
        benchmark_id=items["benchmark_id"].gather(likely["item"]),
        rule=pl.lit("paraphrase"),
        score="similarity",
    )
    metrics = {
        "num_pairs_judged": likely.height,
        "num_pairs_unreadable": verdicts.num_unreadable,
        "num_pairs_inconsistent": verdicts.num_inconsistent,
        "num_sampled_tokens": verdicts.num_tokens,
    }
    same = pl.Series(verdicts.are_same(), dtype=pl.Boolean)
    return pairs.filter(same).cast(PAIRS), {name: float(value) for name, value in metrics.items()}


def require_items(benchmarks: pl.LazyFrame, sources: Iterable[Source]) -> None:
    """Check that each source of benchmarks has given an item: an empty benchmark would let everything through.

    Raises:
        TableError: some gave none. Their files hold other columns than the run file says.
    """
    known = set(benchmarks.select(pl.col("benchmark").unique()).collect()["benchmark"])
    absent = sorted(source.name for source in sources if "benchmark" not in source.columns and source.name not in known)
    if absent:
        names = ", ".join(absent)
        raise TableError(f"no item was read of benchmark {names}: mend its columns.question, or take it off the list")


DECONTAMINATION: Final = RowStage("decontamination", CLUSTERED, CLUSTERED, DROP_REASONS, decontaminate_problems)
