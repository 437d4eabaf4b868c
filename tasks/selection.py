"""Selection as a task: needs the whole table."""

from __future__ import annotations

from prefect import task
from prefect.artifacts import create_markdown_artifact

from limo_curation.config import ExecutionConfig
from limo_curation.errors import ShortfallError
from limo_curation.selection import SELECTION
from limo_curation.selection_config import SelectionConfig
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from tasks.reuse import STAGE_TASK, find_or_run, in_this_process


@task(name="selection", **STAGE_TASK)
def select(plan: StagePlan) -> Artifact:
    """Run the stage, or what is missing of it.

    Raises:
        ShortfallError: fewer samples survive than were asked for; what is missing where is an artifact of the run too.
    """
    try:
        return in_this_process(plan)
    except ShortfallError as error:
        create_markdown_artifact(f"```\n{error}\n```\n", key="shortfall", description="What is missing where")
        raise


def selection(chains: Artifact, *, config: SelectionConfig, execution: ExecutionConfig) -> Artifact:
    """Return exactly the samples that were asked for."""
    plan = plan_stage(
        SELECTION, {"chains": chains}, config=config, store=Store(execution.store), part_rows=execution.part_rows
    )
    return find_or_run(select, plan)
