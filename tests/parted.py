"""A table whose part files are chosen by the test, and stages that count what they compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from limo_curation.digests import frame_digest
from limo_curation.ledger import DropRule, StageResult, apply_rules
from limo_curation.problem_config import StageConfig
from limo_curation.runner import run_stage
from limo_curation.stage import RowStage, StagePlan, StageWriter, TableStage, plan_stage
from limo_curation.store import Artifact, Store
from limo_curation.tables import DROPPED, PROBLEMS
from tests.rows import rows_of


def problems(first: int, num_rows: int) -> pl.DataFrame:
    """Return problems numbered from `first`; every fifth has a question that the stages below drop."""
    return rows_of(
        PROBLEMS,
        *(
            {"problem_id": f"{row:020x}", "question": "" if row % 5 == 4 else f"Question {row}"}
            for row in range(first, first + num_rows)
        ),
    )


def files_of(*sizes: int) -> list[pl.DataFrame]:
    """Return consecutive problems in frames of some sizes."""
    return [problems(sum(sizes[:place]), size) for place, size in enumerate(sizes)]


def put_files(files: Sequence[pl.DataFrame], store: Store) -> Artifact:
    """Commit frames as the part files of one table."""

    def write(*, config: StageConfig, store: Store, out: StageWriter) -> dict[str, float]:
        for number, frame in enumerate(files):
            out.write_part(number, number + 1, frame, DROPPED.empty(), rows_in=frame.height)
        return {}

    stage = TableStage("given", None, PROBLEMS, (), write)
    contents = {str(number): frame_digest(frame) for number, frame in enumerate(files)}
    return run_stage(plan_stage(stage, {}, config=StageConfig(), store=store, extra_inputs=contents))


class DropEmpty:
    """Drops problems without a question, and remembers the first id of every part it worked on."""

    def __init__(self) -> None:
        self.worked_on: list[int] = []

    def __call__(self, problems: pl.DataFrame, *, config: StageConfig) -> StageResult:
        self.worked_on.append(int(problems["problem_id"][0], 16) if problems.height else -1)
        rule = DropRule("empty", pl.col("question") == "")
        return StageResult(
            *apply_rules(problems, stage="drop-empty", rules=[rule]), metrics={"num_rows": problems.height}
        )


class DropEmptyInTable(DropEmpty):
    """The same as a table stage; the parts at some first rows depend on a decision beyond their own rows."""

    def __init__(self, decisions: Mapping[int, str] | None = None) -> None:
        super().__init__()
        self.decisions = decisions or {}

    def write(self, problems: Artifact, *, config: StageConfig, store: Store, out: StageWriter) -> dict[str, float]:
        for part in out.input_parts():
            depends_on = self.decisions.get(part.start, "")
            if out.find_part(part.start, part.stop, depends_on=depends_on) is None:
                result = self(out.scan_part(part).collect(), config=config)
                out.write_part(
                    part.start, part.stop, result.kept, result.dropped, depends_on=depends_on, metrics=result.metrics
                )
        return {}


def row_stage(run: DropEmpty, *, module: str = __name__) -> RowStage:
    """Return the row stage; `module` is where its code is said to stand."""
    run.__dict__["__module__"] = module
    return RowStage("drop-empty", PROBLEMS, PROBLEMS, ("empty",), run)


def plan_of(
    run: DropEmpty,
    inputs: Mapping[str, Artifact],
    store: Store,
    *,
    part_rows: int = 10,
    config: StageConfig | None = None,
    module: str = __name__,
    extra_inputs: Mapping[str, str] | None = None,
) -> StagePlan:
    """Plan the stage, as a table stage if `run` has the function of one."""
    stage = row_stage(run, module=module)
    if isinstance(run, DropEmptyInTable):
        stage = TableStage("drop-empty", PROBLEMS, PROBLEMS, ("empty",), run.write)
    return plan_stage(
        stage,
        inputs,
        config=config or StageConfig(),
        store=store,
        part_rows=part_rows,
        extra_inputs=extra_inputs or {},
    )
