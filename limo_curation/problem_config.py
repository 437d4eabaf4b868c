"""The sections of the run file for the stages that work on problems: from screening to domains.

"LIMO" is arXiv 2502.03387, "ours" is a choice of this project where the paper says nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, model_validator

from limo_curation.catalogue import NamedBenchmarks, NamedSources
from limo_curation.source_config import Count, Section

Domain = Literal[
    "algebra", "geometry", "number_theory", "combinatorics", "probability_and_statistics", "calculus_and_analysis"
]


class StageConfig(Section):
    """What every stage's section has."""

    enabled: bool = True

    def key_fields(self) -> dict[str, Any]:
        """Return the settings that change the stage's result: they are part of its key in the store."""
        return self.model_dump(mode="json")


class IngestionConfig(StageConfig):
    """Candidate problems."""

    sources: Annotated[NamedSources, Field(min_length=1)]
    """Names of the catalogue (`deployments/sources/`), tables, or both."""
    batch_rows: Count = 50_000
    """Rows that are decoded at a time (ours: bounds the memory)."""

    @model_validator(mode="after")
    def _is_needed(self) -> Self:
        if not self.enabled:
            raise ValueError("enabled: ingestion can't be switched off, since nothing else reads the sources")
        return self

    def key_fields(self) -> dict[str, Any]:
        """Return the sources without their places and the batch size, which do not change the rows."""
        return {"sources": [source.key_fields() for source in self.sources]}


ScreeningRule = Literal[
    "empty_question",
    "too_short",
    "too_long",
    "no_gold_answer",
    "unparsable_gold",
    "needs_figure",
    "multi_part",
    "proof",
    "multiple_choice",
    "yes_no_answer",
    "unsupported_language",
    "markup_debris",
]
ALL_SCREENING_RULES: tuple[ScreeningRule, ...] = get_args(ScreeningRule)


class ScreeningConfig(StageConfig):
    """Which problems are usable at all. Every number is ours: LIMO names none."""

    rules: tuple[ScreeningRule, ...] = ALL_SCREENING_RULES
    min_characters: Count = 20
    max_characters: Count = 4_000
    max_answer_characters: Count = 200

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> Self:
        if self.min_characters >= self.max_characters:
            raise ValueError("min_characters must be below max_characters")
        return self


class DeduplicationConfig(StageConfig):
    """MinHash over character n-grams (ours: LIMO describes no deduplication)."""

    threshold: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Jaccard similarity from which two texts are near-duplicates (0.7: the usual setting of the field)."""
    ngram_size: Count = 5
    num_perm: Annotated[int, Field(ge=16)] = 128
    """Permutations of a signature (datasketch's default)."""
    same_numbers: bool = True
    """Only problems with the same numbers are duplicates. False: as in tools that don't look at numbers."""
    source_priority: tuple[str, ...] = ()
    """Of two duplicates, the one whose source stands first here is kept; sources that are not named come last."""
    num_threads: Count | None = None
    """None: one for each core."""
    memory_gib: Annotated[float, Field(gt=0)] = 1.25
    """Folded text and records that are held in memory; beyond it they are kept in temporary files (ours)."""

    def key_fields(self) -> dict[str, Any]:
        """Return the settings without threads and memory, which do not change the result."""
        return self.model_dump(mode="json", exclude={"num_threads", "memory_gib"})


class ParaphraseJudge(Section):
    """Who decides whether a problem is an item in other words or another language. Every number is ours."""

    model: str
    """Hub id (pinned as `owner/name@revision`) or local folder."""
    max_candidates: Count = 2
    """Items that are asked about for one problem, each in both orders."""
    min_similarity: Annotated[float, Field(gt=0, le=1)] = 0.4
    """Cosine of weighted words from which an item is asked about; on a mixed pool that is .45 items a problem."""
    max_tokens: Count = 1_024
    """Of one reply, its thoughts included."""
    seed: Annotated[int, Field(ge=0)] = 0


class DecontaminationConfig(StageConfig):
    """Which problems stand in a benchmark. LIMO: n-gram match against all benchmarks; every number is ours."""

    benchmarks: NamedBenchmarks = ()
    """Names of the catalogue (`deployments/benchmarks/`), tables, or both."""
    ngram_size: Count = 5
    """Words to an n-gram, numbers masked; each Han character counts as a word."""
    min_containment: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the item's weighted n-grams from which a problem that holds all of the item's content holds the item."""
    min_variant_containment: Annotated[float, Field(gt=0, le=1)] = 0.6
    """Share from which a problem with other content, most often other numbers, is a variant of the item."""
    paraphrase: ParaphraseJudge | None = None
    """A language model that is asked about likely paraphrases and translations; None: nobody is asked."""

    @model_validator(mode="after")
    def _has_something_to_compare_with(self) -> Self:
        if self.enabled and not self.benchmarks:
            raise ValueError("benchmarks is empty: name the sets that must not leak, or set enabled = false")
        return self

    def key_fields(self) -> dict[str, Any]:
        """Return the thresholds; the benchmarks' rows are an input table with a digest of its own."""
        return self.model_dump(mode="json", exclude={"benchmarks"})


class NoveltyConfig(StageConfig):
    """Problems on common templates (the same words with other numbers, units and names) are dropped (ours)."""

    max_template_count: Count = 20
    """Problems of the pool on one template; of larger templates all are dropped."""
    max_template_percentile: Annotated[float, Field(gt=0, le=100)] | None = None
    """Percentile of the problems by the size of their template: 99 drops the at most 1 % on the largest ones."""
    reference: NamedSources = ()
    """Public sets that problems are compared with: names of the catalogue (`deployments/sources/`), tables, or both."""
    max_reference_similarity: Annotated[float, Field(ge=0.5, le=1)] | None = None
    """Similarity to a problem of the public sets from which on, exclusive, a problem is dropped; None: none is."""
    num_threads: Count | None = None
    """None: one for each core."""

    @model_validator(mode="after")
    def _has_something_to_compare_with(self) -> Self:
        if self.enabled and self.max_reference_similarity is not None and not self.reference:
            raise ValueError("reference is empty: name the public sets that max_reference_similarity is about")
        return self

    def key_fields(self) -> dict[str, Any]:
        """Return the limits; the public sets' rows are an input table, and threads do not change the result."""
        return self.model_dump(mode="json", exclude={"num_threads", "reference"})


class DomainClassifier(Section):
    """Who decides a domain that the network is not sure of. Every number is ours."""

    model: str
    """Hub id (pinned as `owner/name@revision`) or local folder."""
    min_confidence: Annotated[float, Field(gt=0, le=1)] = 0.7
    """The network's confidence below which the model is asked."""
    max_tokens: Count = 1_024
    """Of one reply, its thoughts included."""
    seed: Annotated[int, Field(ge=0)] = 0


class DomainsConfig(StageConfig):
    """The six domains; a source's label decides where a map for it is given."""

    labels: dict[str, Domain] = Field(default={})
    """The source's own label, in lower case, to one of the six."""
    trusted_label_kinds: tuple[str, ...] = ("human",)
    classifier: DomainClassifier | None = None
    """A language model that is asked where the network is not sure; None: nobody is asked."""
