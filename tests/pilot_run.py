"""Runs whose manifests are drawn from a world with known shares and tokens: pilots, and runs that they foretell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limo_curation.config import DifficultyConfig, GenerationConfig, RunConfig
from limo_curation.engine_config import Solver
from limo_curation.problem_config import DecontaminationConfig, IngestionConfig
from limo_curation.run_record import STAGES, RunRecord, run_name, save_record
from limo_curation.selection_config import SelectionConfig
from limo_curation.source_config import Source
from limo_curation.store import STORE_FORMAT, Artifact, FileRecord, Manifest, PartRecord, Store

WEAK = Solver(model="tiny/weak-7B", num_attempts=4, max_tokens=3_072)
STRONG = Solver(model="tiny/strong-32B", num_attempts=32, max_tokens=32_768)
TEACHER = Solver(model="tiny/teacher-32B", num_attempts=4, max_tokens=16_384)
PART_ROWS = 250


@dataclass(frozen=True)
class World:
    """What is true of the problems, whichever of them a run happens to have."""

    kept: float = 0.8
    """Of each of the first six stages but ingestion and domains, which keep everything."""
    unsolved: float = 0.4
    in_band: float = 0.3
    verified: float = 0.5
    weak_tokens: float = 2_000.0
    strong_tokens: float = 80_000.0
    teacher_tokens: float = 30_000.0
    """Mean of a problem's completion tokens."""
    spread: float = 0.8
    """Standard deviation of their logarithm."""


def pilot_config(profile: str = "pilot", *, path: str = "pool.jsonl", published: bool = False) -> RunConfig:
    source = Source(path=path, name="pool", columns={"question": "q"})
    return RunConfig(
        profile=profile,
        ingestion=IngestionConfig(sources=(source,)),
        decontamination=DecontaminationConfig(benchmarks=(source,)),
        difficulty=DifficultyConfig(weak=(WEAK,), strong=STRONG, use_published_rates=published),
        generation=GenerationConfig(teachers=(TEACHER,)),
        selection=SelectionConfig(target_size=817),
    )


def make_run(
    store: Store, config: RunConfig, *, rows: int, seed: int = 0, world: World | None = None, until: str = "selection"
) -> RunRecord:
    """Draw a run, put its manifests into the store, and return its record."""
    draw = Drawing(world or World(), np.random.default_rng(seed))
    artifacts: dict[str, Artifact] = {}
    for stage in STAGES:
        manifest = draw.stage(stage, rows)
        rows = manifest.rows_kept
        store.write_bytes(f"{stage}/{manifest.key}/manifest.json", manifest.model_dump_json().encode())
        artifacts[stage] = Artifact(
            uri=store.entry_uri(stage, manifest.key),
            stage=stage,
            key=manifest.key,
            table=manifest.table,
            digest="d",
            rows=rows,
        )
        if stage == until:
            break
    record = RunRecord(
        name=run_name(config),
        profile=config.profile,
        config=config.model_dump(mode="json"),
        artifacts=artifacts,
        finished=until == STAGES[-1],
    )
    save_record(store, record)
    return record


@dataclass
class Drawing:
    world: World
    random: np.random.Generator

    def stage(self, stage: str, rows: int) -> Manifest:
        starts = range(0, max(rows, 1), PART_ROWS)
        parts = [self.part(stage, start, min(start + PART_ROWS, rows)) for start in starts]
        if stage == "selection":
            parts = [part_record(0, rows, min(rows, 817), {})]
        names = sorted({name for part in parts for name in part.metrics})
        return Manifest(
            store_format=STORE_FORMAT,
            stage=stage,
            key=self.random.bytes(16).hex(),
            table=stage.upper(),
            columns={"problem_id": "String"},
            rows_in=rows,
            rows_kept=sum(part.kept.rows for part in parts),
            rows_dropped=sum(part.dropped.rows for part in parts),
            bytes=100 * rows,
            digest="d",
            dropped_digest="d",
            reasons={},
            metrics={name: sum(part.metrics.get(name, 0.0) for part in parts) for name in names},
            config={},
            inputs={},
            extra_inputs={},
            source_digest="s",
            libraries={},
            parts=tuple(parts),
            wall_seconds=1.0,
            cpu_seconds=1.0,
        )

    def part(self, stage: str, start: int, stop: int) -> PartRecord:
        size, world = stop - start, self.world
        if stage == "difficulty":
            asked = int(self.random.binomial(size, world.unsolved))
            metrics = self.usage("weak_1", size, world.weak_tokens) | self.usage("strong", asked, world.strong_tokens)
            return part_record(start, stop, int(self.random.binomial(asked, world.in_band)), metrics)
        if stage == "generation":
            return part_record(start, stop, 4 * size, self.usage("teacher_1", size, world.teacher_tokens))
        share = {"ingestion": 1.0, "domains": 1.0, "judging": 1.0, "verification": world.verified}.get(
            stage, world.kept
        )
        return part_record(start, stop, int(self.random.binomial(size, share)), {})

    def usage(self, name: str, problems: int, mean: float) -> dict[str, float]:
        spread = self.world.spread
        of_problems = self.random.lognormal(np.log(mean) - spread**2 / 2, spread, problems)
        return {
            f"{name}_num_problems": float(problems),
            f"{name}_num_attempts": 4.0 * problems,
            f"{name}_num_prompt_tokens": 400.0 * problems,
            f"{name}_num_completion_tokens": float(np.round(of_problems.sum())),
            f"{name}_num_truncated": 0.0,
        }


def part_record(start: int, stop: int, kept: int, metrics: dict[str, float]) -> PartRecord:
    file = FileRecord(name="p.parquet", rows=kept, bytes=1, sha256="")
    return PartRecord(
        start=start,
        stop=stop,
        rows_in=stop - start,
        kept=file,
        dropped=file.model_copy(update={"rows": max(stop - start - kept, 0)}),
        kept_digest="",
        dropped_digest="",
        reasons={},
        metrics=metrics,
        wall_seconds=0.0,
        cpu_seconds=0.0,
    )
