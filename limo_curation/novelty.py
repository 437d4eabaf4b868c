"""Novelty: problems on a common template teach one solving pattern again and again.

"Ann has 3 apples and buys 5."   "Bob has 70 apples and buys 41."   one template: "@ has # apples and buys #."

A problem's template is its text with numbers, units and given names masked (`masking.py`). The pool is gone through
twice: once for the templates, of which ten bytes a row are held, and once to write, part by part.
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from limo_curation.digests import frame_digest
from limo_curation.folding import Texts, fold, texts_of
from limo_curation.ledger import DropRule, apply_rules
from limo_curation.masking import mask
from limo_curation.nearest import NO_REFERENCE, References, find_nearest, index_references
from limo_curation.problem_config import NoveltyConfig
from limo_curation.stage import InputPart, StageMetrics, StageWriter, TableStage
from limo_curation.store import Artifact, Store, content_ids
from limo_curation.tables import CLUSTERED, TEMPLATED
from limo_curation.threads import run_all

arrow: Any = importlib.import_module("pyarrow")  # ships no types

DROP_REASONS: Final = ("common_template", "near_public_set")
NUM_SIBLINGS: Final = 3  # named as evidence
HEX_DIGITS: Final = np.frombuffer(b"0123456789abcdef", np.uint8)
SIBLINGS: Final = pl.Schema({"high": pl.UInt64, "low": pl.UInt16, "siblings": pl.String})


def count_templates(
    problems: Artifact, references: Artifact | None = None, *, config: NoveltyConfig, store: Store, out: StageWriter
) -> StageMetrics:
    """Count the problems on each template over the whole pool, and drop those on a template that is too common.

    Drop reasons: `common_template`; value is the template's count, evidence three problems on it. `near_public_set`,
    where a limit is set: value is the similarity of the template to the nearest one of the public sets, evidence the
    problem there.
    """
    parts = out.input_parts()
    templates = out.checkpoint("templates", lambda: read_templates(parts, problems.rows, out, config.num_threads))
    counts = templates["count"].to_numpy()
    limit = most_common_allowed(counts, config)
    siblings = out.checkpoint("siblings", lambda: find_siblings(parts, templates, limit, out))
    public = functools.cache(lambda: None if references is None else read_public_sets(store.scan(references)))
    rules = [common_template_rule(limit), *near_public_set_rules(config)]
    out.progress.start(problems.rows, step="writing")

    def write(part: InputPart) -> None:
        marks = templates.slice(part.start, part.rows).join(
            siblings, on=["high", "low"], how="left", maintain_order="left"
        )
        places = marks.select("count", "siblings", place=pl.int_range(pl.len()))
        depends_on = f"{frame_digest(places)} {limit}"
        if out.find_part(part.start, part.stop, depends_on=depends_on) is None:
            rows = out.scan_part(part).collect().with_columns(template_columns(marks))
            rows = rows.with_columns(public_set_columns(rows["question"], public()))
            kept, dropped = apply_rules(rows, stage="novelty", rules=rules)
            out.write_part(part.start, part.stop, kept.select(list(TEMPLATED.columns)), dropped, depends_on=depends_on)
        out.progress.advance(part.rows)

    if references is not None:
        public()  # made once, before the threads ask for it
    run_all(write, parts, num_threads=config.num_threads)
    sizes = np.bincount(counts)
    return {"num_templates": float(sum(number // size for size, number in enumerate(sizes) if number))}


# -- templates ---------------------------------------------------------------------------------------------------------


def read_templates(parts: list[InputPart], num_rows: int, out: StageWriter, num_threads: int | None) -> pl.DataFrame:
    """Return each row's template, as the two halves `high` and `low` of its id, and the `count` of rows on it."""
    out.progress.start(num_rows, step="masking")

    def read(part: InputPart) -> pl.DataFrame:
        ids = template_ids(out.scan_part(part).select("question").collect().to_series())
        out.progress.advance(part.rows)
        return halves_of(ids)

    found = [halves_of(pl.Series([], dtype=pl.String)), *run_all(read, parts, num_threads=num_threads)]
    return pl.concat(found).with_columns(count=pl.len().over("high", "low").cast(pl.UInt32))


def template_ids(questions: pl.Series) -> pl.Series:
    """Return the identity of each question's template: a digest of its masked text, 20 hex digits."""
    return (
        series_of(mask_questions(questions))
        .to_frame("masked")
        .select(template_id=content_ids(pl.col("masked")))
        .to_series()
    )


def mask_questions(questions: pl.Series) -> Texts:
    """Return the questions' templates as texts."""
    return mask(fold(texts_of(questions), keep_case=True))


def series_of(texts: Texts) -> pl.Series:
    """Return texts as a Polars column of strings."""
    buffers = arrow.py_buffer(texts.offsets), arrow.py_buffer(texts.data)
    return pl.Series(arrow.LargeStringArray.from_buffers(len(texts), *buffers))


def halves_of(ids: pl.Series) -> pl.DataFrame:
    """Return ids of 20 hex digits as numbers of 64 and 16 bits."""
    return ids.to_frame("id").select(
        high=pl.col("id").str.slice(0, 16).str.to_integer(base=16, dtype=pl.UInt64),
        low=pl.col("id").str.slice(16).str.to_integer(base=16, dtype=pl.UInt16),
    )


def ids_of(halves: pl.DataFrame) -> pl.Series:
    """Return the ids that `halves_of` has made numbers of."""
    high = halves["high"].to_numpy().astype(">u8").view(np.uint8).reshape(-1, 8)
    low = halves["low"].to_numpy().astype(">u2").view(np.uint8).reshape(-1, 2)
    data = np.concatenate([high, low], axis=1)
    digits = np.stack([HEX_DIGITS[data >> 4], HEX_DIGITS[data & 15]], axis=2)
    return series_of(Texts(digits.reshape(-1), np.arange(len(data) + 1, dtype=np.int64) * 20))


def template_columns(marks: pl.DataFrame) -> list[pl.Series]:
    """Return the columns of a part's templates, and the siblings for the ledger."""
    return [
        ids_of(marks).alias("template_id"),
        marks["count"].cast(pl.Int64).alias("template_count"),
        marks["siblings"],
    ]


# -- what is too common ------------------------------------------------------------------------------------------------


def most_common_allowed(counts: npt.NDArray[np.uint32], config: NoveltyConfig) -> int:
    """Return the count from which on, exclusive, a template is too common.

    Args:
        counts: of each problem, how many are on its template.
        config: the limits.
    """
    if config.max_template_percentile is None or not len(counts):
        return config.max_template_count
    size = np.quantile(counts, config.max_template_percentile / 100, method="inverted_cdf")
    return min(config.max_template_count, int(size))


def common_template_rule(limit: int) -> DropRule:
    """Return the rule that drops the problems on templates that are too common."""
    return DropRule(
        "common_template",
        pl.col("template_count") > limit,
        pl.col("template_count"),
        float(limit),
        pl.format("on the same template: {}", "siblings"),
    )


def find_siblings(parts: list[InputPart], templates: pl.DataFrame, limit: int, out: StageWriter) -> pl.DataFrame:
    """Return the ids of some problems on each template that is too common, the least ones, parted by commas."""
    common = pl.DataFrame(schema=SIBLINGS)
    for part in parts:
        marks = templates.slice(part.start, part.rows)
        is_common = marks["count"].cast(pl.Int64) > limit
        if is_common.any():
            ids = out.scan_part(part).select("problem_id").collect().to_series().filter(is_common)
            rows = marks.filter(is_common).select("high", "low", siblings=ids)
            common = pl.concat([common, rows]).group_by("high", "low").agg(pl.col("siblings").bottom_k(NUM_SIBLINGS))
            common = common.explode("siblings", keep_nulls=False, empty_as_null=False)
    return common.group_by("high", "low").agg(pl.col("siblings").sort().str.join(", ")).sort("high", "low")


# -- public sets -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PublicSets:
    """The problems of public sets, one for each template, in the order of their ids."""

    names: pl.Series
    """Id and source, as evidence."""
    references: References


def read_public_sets(problems: pl.LazyFrame) -> PublicSets:
    """Return the problems of public sets, ready to be compared with."""
    rows = problems.select("problem_id", "source", "question").collect()
    rows = rows.with_columns(template=series_of(mask_questions(rows["question"])))
    rows = rows.sort("problem_id", "source", "template").unique("template", keep="first", maintain_order=True)
    names = rows.select(pl.format("{} ({})", "problem_id", pl.col("source").fill_null("?"))).to_series()
    return PublicSets(names, index_references(texts_of(rows["template"])))


def public_set_columns(questions: pl.Series, public: PublicSets | None) -> list[pl.Series]:
    """Return how similar each question's template is to the nearest one of the public sets, and which that is."""
    if public is None:
        unknown = pl.Series("reference_similarity", [None] * len(questions), pl.Float64)
        return [unknown, unknown.cast(pl.String).alias("reference_name")]
    nearest, similarity = find_nearest(mask_questions(questions), public.references)
    places = pl.Series(nearest).replace(NO_REFERENCE, None)
    return [pl.Series("reference_similarity", similarity), public.names.gather(places).alias("reference_name")]


def near_public_set_rules(config: NoveltyConfig) -> list[DropRule]:
    """Return the rule that drops what is too near to a public set, if there is a limit."""
    limit = config.max_reference_similarity
    if limit is None:
        return []
    similarity = pl.col("reference_similarity")
    evidence = pl.format("near {}", "reference_name")
    return [DropRule("near_public_set", similarity > limit, similarity, limit, evidence)]


NOVELTY: Final = TableStage("novelty", CLUSTERED, TEMPLATED, DROP_REASONS, count_templates)
