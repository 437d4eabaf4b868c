"""READ THIS FIRST: every table of the pipeline, its columns, their units and meaning.

Each problem table extends the one before by the columns that its stage adds, so the row that is published still
carries everything that was learned about it. A stage that is switched off leaves its columns null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import polars as pl
from polars.datatypes import DataType, DataTypeClass

from limo_curation.errors import TableError

DOMAINS: Final = (
    "algebra",
    "geometry",
    "number_theory",
    "combinatorics",
    "probability_and_statistics",
    "calculus_and_analysis",
)
"""The six domains, in the order in which quotas are filled (`algebra` holds word problems and linear algebra)."""


class Column(NamedTuple):
    """One column: its Polars type, and what it means, with the unit."""

    dtype: DataType | DataTypeClass
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table's name, the column that identifies a row, and its columns in order."""

    name: str
    id_column: str
    columns: Mapping[str, Column]

    @property
    def schema(self) -> pl.Schema:
        """The Polars schema: column names and types, in order."""
        return pl.Schema({name: column.dtype for name, column in self.columns.items()})

    def extend(self, name: str, id_column: str | None = None, **columns: Column) -> Table:
        """Return a table with this one's columns and more behind them."""
        return Table(name, id_column or self.id_column, {**self.columns, **columns})

    def check(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the frame with exactly the declared columns, in order.

        Raises:
            TableError: a declared column is missing or has another type. Retrying does not help.
        """
        for column, dtype in self.schema.items():
            if column not in frame.columns:
                found = ", ".join(frame.columns)
                raise TableError(f"{self.name}: column {column!r} is missing; the frame has {found}")
            if frame.schema[column] != dtype:
                raise TableError(
                    f"{self.name}: column {column!r} is {frame.schema[column]}, declared is {dtype}; cast it"
                )
        return frame.select(list(self.columns))

    def empty(self) -> pl.DataFrame:
        """Return the table without rows."""
        return pl.DataFrame(schema=self.schema)


PROBLEMS: Final = Table(
    "PROBLEMS",
    "problem_id",
    {
        "problem_id": Column(pl.String, "identity: digest of the normalised question, 20 hex digits"),
        "question": Column(pl.String, "the problem's text, Unicode NFC, outer white space removed"),
        "answer": Column(pl.String, "reference (gold) answer; null where the source has none"),
        "source": Column(pl.String, "the data set that the row comes from"),
        "origin": Column(pl.String, "where the row stands: the source's own id, or file:row (1-based)"),
        "source_solution": Column(pl.String, "a solution that the source carries, or null"),
        "domain_label": Column(pl.String, "the source's own topic label, or null"),
        "domain_label_kind": Column(pl.String, "who labelled: human, mixed, llm, or null"),
        "license": Column(pl.String, "licence of the row as its source states it, or null"),
        "published_solver": Column(pl.String, "the model whose pass rate the source publishes, or null"),
        "published_num_attempts": Column(pl.Int64, "attempts behind the published pass rate"),
        "published_num_solved": Column(pl.Int64, "solved attempts behind the published pass rate"),
    },
)

BENCHMARKS: Final = Table(
    "BENCHMARKS",
    "benchmark_id",
    {
        "benchmark_id": Column(pl.String, "the benchmark's own id of the item"),
        "benchmark": Column(pl.String, "name of the evaluation set"),
        "question": Column(pl.String, "the item's text, Unicode NFC"),
        "answer": Column(pl.String, "the item's gold answer, or null"),
    },
)

RECORDED_CHAINS: Final = Table(
    "RECORDED_CHAINS",
    "chain_id",
    {
        "chain_id": Column(pl.String, "identity: digest of problem, teacher and text, 20 hex digits"),
        "problem_id": Column(pl.String, "the problem that the chain answers"),
        "teacher": Column(pl.String, "the model or person that wrote the chain"),
        "chain": Column(pl.String, "the reasoning text"),
        "origin": Column(pl.String, "where the chain stands: the source's own id, or file:row"),
    },
)

SCREENED: Final = PROBLEMS.extend("SCREENED", language=Column(pl.String, "en or zh, by share of Han characters"))

CLUSTERED: Final = SCREENED.extend(
    "CLUSTERED",
    cluster_size=Column(pl.Int64, "rows of the pool that this representative stands for, itself included"),
)

TEMPLATED: Final = CLUSTERED.extend(
    "TEMPLATED",
    template_id=Column(pl.String, "digest of the question with numbers, units and names masked, 20 hex digits"),
    template_count=Column(pl.Int64, "problems of the pool on the same template, this one included"),
    reference_similarity=Column(
        pl.Float64, "Jaccard similarity to the nearest template of the public sets, 0 below 0.5; null without sets"
    ),
)

CLASSIFIED: Final = TEMPLATED.extend(
    "CLASSIFIED",
    domain=Column(pl.String, "one of the six domains"),
    domain_by=Column(pl.String, "who decided: source (a trusted label), network, or the name of a model"),
    domain_confidence=Column(pl.Float64, "chance that the domain is right, in [0, 1]; null for a source's label"),
)

RATED: Final = CLASSIFIED.extend(
    "RATED",
    weak_solver=Column(pl.String, "the last weak solver that tried, or null"),
    weak_num_attempts=Column(pl.Int64, "attempts of all weak solvers together"),
    weak_num_undecided=Column(pl.Int64, "weak attempts whose answer could not be compared"),
    strong_solver=Column(pl.String, "the solver behind the strong counts (a published one where it is used)"),
    strong_num_attempts=Column(pl.Int64, "attempts of the strong solver"),
    strong_num_solved=Column(pl.Int64, "strong attempts that reach the gold answer"),
    strong_num_undecided=Column(pl.Int64, "strong attempts whose answer could not be compared"),
    strong_num_truncated=Column(pl.Int64, "strong attempts cut off by the token limit"),
    drawn=Column(pl.String, "random or predicted, where problems are rated on demand; else null"),
    predicted_chance=Column(pl.Float64, "chance to be kept that it was picked by; null where none was predicted"),
)

CHAINS: Final = RATED.extend(
    "CHAINS",
    id_column="chain_id",
    chain_id=Column(pl.String, "identity: digest of problem, teacher and text, 20 hex digits"),
    teacher=Column(pl.String, "the model or person that wrote the chain"),
    seed=Column(pl.Int64, "seed of the request that the teacher answered with it; null for recorded chains"),
    chain=Column(pl.String, "the reasoning text that ends in an answer; its thoughts, if marked, in <think> tags"),
    num_tokens=Column(pl.Int64, "tokens the teacher's engine counted; null for recorded chains"),
    num_student_tokens=Column(pl.Int64, "tokens of the chain by the student's tokenizer; null without one"),
    finish_reason=Column(pl.String, "stop or recorded (a chain that was cut off is dropped)"),
)

VERIFIED_CHAINS: Final = CHAINS.extend(
    "VERIFIED_CHAINS",
    predicted_answer=Column(pl.String, "the final answer found in the chain"),
    verdict=Column(pl.String, "equal or undecided (a different answer is dropped)"),
    num_claims_held=Column(pl.Int64, "equations of the chain that were checked and hold"),
    num_claims_failed=Column(pl.Int64, "equations that are false and that the chain does not correct"),
    num_claims_corrected=Column(pl.Int64, "false equations that the chain takes back itself"),
)

JUDGED_CHAINS: Final = VERIFIED_CHAINS.extend(
    "JUDGED_CHAINS",
    elaboration=Column(pl.Float64, "words in distinct sentences with a formula or a figure, on [0, 1]"),
    self_verification=Column(pl.Float64, "sentences with a formula and a checking word, per 1,000 words, on [0, 1]"),
    exploration=Column(pl.Float64, "sentences with a formula and a tentative word, per 1,000 words, on [0, 1]"),
    adaptive_granularity=Column(
        pl.Float64, "sentences with a formula and a connecting word, per 1,000 words, on [0, 1]"
    ),
    rule_score=Column(pl.Float64, "weighted sum of the four axes, in [0, 1]"),
    soundness=Column(pl.Float64, "whether the text arrives, moves on and keeps to the matter; in each axis, in [0, 1]"),
    rule_level=Column(pl.String, "L1 to L5 by rules alone"),
    judge_level=Column(pl.String, "L1 to L5, median of all judges' replies; null: unscored, or there is no judge"),
    judge_score=Column(pl.Float64, "the judges' level, and within it their axes, in [0, 1]"),
    num_judgements=Column(pl.Int64, "replies of judges that were read"),
    num_unparsed=Column(pl.Int64, "replies of judges that could not be read"),
    judge_reasons=Column(pl.String, "for each reply that was read a line: judge, level, axes, reasons"),
    judge_shown_fraction=Column(pl.Float64, "share of the chain's characters that the judges were shown"),
    comparison=Column(pl.String, "won, lost or tie against another chain of the problem; null: not compared"),
    is_contested=Column(pl.Boolean, "whether rules and judges are two levels or more apart and no person has decided"),
    human_decision=Column(pl.String, "keep, or the level L1 to L5 that a person gave; null: nobody has decided"),
    human_note=Column(pl.String, "who decided, and why"),
    quality=Column(pl.Float64, "what chains are ranked by: rules, judges and people together, in [0, 1]"),
)

SAMPLES: Final = Table(
    "SAMPLES",
    "chain_id",
    {
        "question": JUDGED_CHAINS.columns["question"],
        "solution": Column(pl.String, "the selected chain"),
        "answer": JUDGED_CHAINS.columns["answer"],
        **{
            name: column
            for name, column in JUDGED_CHAINS.columns.items()
            if name not in ("question", "answer", "chain")
        },
    },
)
"""The released set: the three columns that LIMO published, and behind them each sample's provenance."""

RELEASED: Final = Table(
    "RELEASED",
    "question",
    {
        **{name: SAMPLES.columns[name] for name in ("question", "solution", "answer")},
        "messages": Column(
            pl.List(pl.Struct({"role": pl.String, "content": pl.String})),
            "the same as a conversation: the run's system prompt if it has one, the question, the solution",
        ),
    },
)
"""What a published set's `default` config holds: what LIMO published, and a form that trainers take as it is."""

POOL: Final = RATED.extend(
    "POOL",
    num_chains=Column(pl.Int64, "whole chains that the problem has"),
    num_verified_chains=Column(pl.Int64, "those of them that verification kept"),
    best_quality=Column(pl.Float64, "quality of its best chain that judging kept, in [0, 1]; null without one"),
    outcome=Column(pl.String, "selected, or the drop reason that it ended with: of its best chain, where it had some"),
    outcome_stage=Column(pl.String, "the stage that decided it"),
)
"""The problems that difficulty kept and what became of each: a published set's `pool` config."""

DROPPED: Final = Table(
    "DROPPED",
    "problem_id",
    {
        "stage": Column(pl.String, "the stage that dropped the row"),
        "problem_id": Column(pl.String, "the problem; null only where a source row could not be read"),
        "chain_id": Column(pl.String, "the chain, for stages that drop chains"),
        "drop_reason": Column(pl.String, "one of the stage's fixed reasons"),
        "value": Column(pl.Float64, "the number that was compared, where there is one"),
        "threshold": Column(pl.Float64, "what it was compared with"),
        "evidence": Column(pl.String, "the duplicate's id, the benchmark item, the attempt, the file and row"),
    },
)
"""The ledger: one row for each row that a stage did not keep."""
