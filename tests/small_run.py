"""A run of six tiny stages through the real runner and store, with hostile names and texts in its data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from limo_curation.config import DifficultyConfig, GenerationConfig, RunConfig
from limo_curation.ledger import DropRule, StageResult, apply_rules, dropped_rows
from limo_curation.problem_config import DecontaminationConfig, IngestionConfig, ScreeningConfig, StageConfig
from limo_curation.publishing_config import PublishingConfig
from limo_curation.run_record import RunRecord, run_name, save_record
from limo_curation.runner import run_stage
from limo_curation.selection_config import SelectionConfig
from limo_curation.source_config import Source
from limo_curation.stage import RowStage, StageWriter, TableStage, plan_stage
from limo_curation.store import Artifact, Store, content_ids
from limo_curation.tables import BENCHMARKS, DROPPED, JUDGED_CHAINS, PROBLEMS, RATED, SAMPLES, SCREENED, Table

HOSTILE_QUESTION = "What is 2+2? <script>document.title='owned'</script><img src=x onerror=alert(1)> {{ 7*7 }} & $x$"
HOSTILE_SOURCE = "evil|set\n\n# Heading [click](https://evil.example) <b>x</b> `code` www.evil.example\u202e"
HOSTILE_LICENSE = "mit\nlicense: proprietary\n---\n"
ALLOWING = PublishingConfig(allow_licenses=(HOSTILE_LICENSE,))
"""The publishing section under which this run may be published."""


@dataclass(frozen=True)
class SmallRun:
    store: Store
    record: RunRecord
    samples: pl.DataFrame
    problem_ids: dict[str, str]
    """By question."""


def with_columns_of(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in table.schema.items() if name not in frame.columns]
    return frame.with_columns(missing).select([pl.col(name).cast(dtype) for name, dtype in table.schema.items()])


def ingest(config: StageConfig, store: Store, out: StageWriter) -> dict[str, float]:
    rows = [
        ("short", "1", "plain-set", "apache-2.0"),  # dropped by screening
        (HOSTILE_QUESTION, "4", HOSTILE_SOURCE, HOSTILE_LICENSE),
        *[(f"How many primes are below {bound} in all?", str(bound), "plain-set", "apache-2.0") for bound in (5, 7, 9)],
        ("Which rows state no licence at all?", "5", "AI-MO/NuminaMath_1.5", None),
    ]
    frame = pl.DataFrame(rows, schema=["question", "answer", "source", "license"], orient="row")
    out.count_input(frame.height + 1)
    unreadable = DROPPED.empty().vstack(
        pl.DataFrame(
            [("ingestion", None, None, "unreadable", None, None, "pool.jsonl:7")], schema=DROPPED.schema, orient="row"
        )
    )
    out.write(with_columns_of(PROBLEMS, frame.with_columns(problem_id=content_ids(pl.col("question")))), unreadable)
    return {}


def list_benchmarks(config: StageConfig, store: Store, out: StageWriter) -> dict[str, float]:
    item = pl.DataFrame({"benchmark_id": ["b1"], "benchmark": ["exam"], "question": ["?"], "answer": ["1"]})
    out.count_input(1)
    out.write(item.cast(BENCHMARKS.schema), DROPPED.empty())
    return {}


def screen(problems: pl.DataFrame, *, config: ScreeningConfig) -> StageResult:
    size = pl.col("question").str.len_chars()
    rule = DropRule("too_short", size < 20, size, 20.0, pl.lit("<i>as text</i>"))
    kept, dropped = apply_rules(problems, stage="screening", rules=[rule])
    return StageResult(with_columns_of(SCREENED, kept.with_columns(language=pl.lit("en"))), dropped)


def rate(problems: pl.DataFrame, *, config: DifficultyConfig) -> StageResult:
    domain = pl.when(pl.col("question").str.contains("primes")).then(pl.lit("number_theory"))
    rated = problems.with_columns(domain=domain.otherwise(pl.lit("algebra")), strong_num_attempts=pl.lit(32))
    return StageResult(with_columns_of(RATED, rated), DROPPED.empty())


def generate(problems: pl.DataFrame, *, config: StageConfig) -> StageResult:
    chains = problems.join(pl.DataFrame({"attempt": [1, 2]}), how="cross").with_columns(
        chain=pl.format("Attempt {} </details><script>1</script> gives {}.", "attempt", "answer"),
        teacher=pl.lit("tiny-teacher"),
        verdict=pl.lit("equal"),
        strong_num_solved=pl.col("attempt"),
        rule_score=pl.col("attempt") / 4,
        num_tokens=pl.lit(1200),
    )
    chains = chains.with_columns(chain_id=content_ids(pl.col("problem_id"), pl.col("chain")))
    return StageResult(with_columns_of(JUDGED_CHAINS, chains), DROPPED.empty())


def select(chains: pl.DataFrame, *, config: SelectionConfig) -> StageResult:
    worse = chains.filter(pl.col("rule_score") < 0.5)
    rule = DropRule("not_best", pl.lit(True), pl.col("rule_score"), 0.5, pl.lit("the other chain"))
    best = chains.filter(pl.col("rule_score") >= 0.5).rename({"chain": "solution"})
    return StageResult(SAMPLES.check(best), dropped_rows(worse, stage="selection", rule=rule))


STAGES = (
    TableStage("ingestion", None, PROBLEMS, ("unreadable",), ingest),
    TableStage("benchmarks", None, BENCHMARKS, (), list_benchmarks),
    RowStage("screening", PROBLEMS, SCREENED, ("too_short",), screen),
    RowStage("difficulty", SCREENED, RATED, (), rate),
    RowStage("generation", RATED, JUDGED_CHAINS, (), generate),
    RowStage("selection", JUDGED_CHAINS, SAMPLES, ("not_best",), select),
)


def small_config(profile: str = "tiny") -> RunConfig:
    pool = Source(path="s3://user:secret@bucket/pool.jsonl", name="pool", columns={"question": "q"})
    return RunConfig(
        profile=profile,
        ingestion=IngestionConfig(sources=(pool,)),
        decontamination=DecontaminationConfig(benchmarks=(pool.model_copy(update={"name": "exam`|x"}),)),
        difficulty=DifficultyConfig(use_published_rates=True),
        generation=GenerationConfig(recorded=(pool,)),
        selection=SelectionConfig(target_size=5),
    )


def make_small_run(folder: Path, *, profile: str = "tiny", screening: ScreeningConfig | None = None) -> SmallRun:
    store, config = Store(str(folder)), small_config(profile)
    if screening is not None:
        config = config.model_copy(update={"screening": screening})
    artifacts: dict[str, Artifact] = {}
    latest: Artifact | None = None
    for stage in STAGES:
        inputs = {"problems": latest} if latest is not None and stage.reads is not None else {}
        section: StageConfig = getattr(config, stage.name, StageConfig())
        artifacts[stage.name] = run_stage(plan_stage(stage, inputs, config=section, store=store, part_rows=3))
        latest = latest if stage.name == "benchmarks" else artifacts[stage.name]
    record = RunRecord(
        name=run_name(config),
        profile=profile,
        config=config.model_dump(mode="json"),
        artifacts=artifacts,
        finished=True,
    )
    save_record(store, record)
    problems = store.scan(artifacts["ingestion"]).collect()
    samples = store.scan(artifacts["selection"]).collect()
    return SmallRun(store, record, samples, dict(problems.select("question", "problem_id").iter_rows()))
