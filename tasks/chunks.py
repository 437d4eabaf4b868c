"""A worker's part of a stage as a task: planned from a run's record, and done chunk by chunk beside other workers."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.tasks import Task
from prefect.utilities.annotations import quote
from pydantic import ValidationError

from limo_curation.config import ExecutionConfig, RunConfig
from limo_curation.engine_config import EngineConfig
from limo_curation.errors import BudgetError, ConfigError, TableError
from limo_curation.presets import readable
from limo_curation.progress import shown_in_terminal_or_log
from limo_curation.run_record import RunRecord
from limo_curation.sampling import Sampler
from limo_curation.shared_stage import share_stage
from limo_curation.stage import StagePlan
from limo_curation.store import Artifact
from tasks.difficulty import plan_difficulty
from tasks.generation import plan_generation
from tasks.judging import plan_judging
from tasks.progress import ProgressArtifact
from tasks.reuse import UNCACHED_TASK, models_at_once, what_is_left


@task(name="chunks", task_run_name="chunks of {stage}", **UNCACHED_TASK)
def share_chunks(
    plan: StagePlan, stage: str, config: RunConfig, sampler: Sampler | None, takeover_seconds: float
) -> int:
    """Do chunks of a stage until none is left, and return how many were done here."""
    del stage  # stands in the task run's name
    try:
        with shown_in_terminal_or_log(ProgressArtifact()):
            return share_stage(
                plan,
                models_at_once=models_at_once(config.engine),
                num_workers=config.execution.parallel_chunks,
                takeover_seconds=takeover_seconds,
                sampler=sampler,
            )
    except BudgetError as error:
        raise BudgetError(f"{what_is_left(plan)}: {error}") from error


def do_chunks(plan: StagePlan, *, config: RunConfig, sampler: Sampler | None, takeover_seconds: float) -> int:
    """Do chunks of a stage until none is left, and return how many were done here.

    Raises:
        BudgetError: the run's budget is spent.
        TransientError: the engine failed, also after retries.
    """
    hidden: dict[str, Any] = {
        name: quote(one) for name, one in (("plan", plan), ("config", config), ("sampler", sampler))
    }
    # called here, not submitted: when the flow run is cancelled, what it began is ended in order
    shared: Task[..., int] = share_chunks
    return shared(stage=plan.stage.name, takeover_seconds=takeover_seconds, **hidden)


def recorded_config(
    record: RunRecord, *, store: str, engine: EngineConfig | None, execution: ExecutionConfig | None
) -> RunConfig:
    """Return a run's config from its record, with this machine's sections in the place of those on record.

    Raises:
        ConfigError: another version of the project wrote the record, or the engine does not serve the run's models.
    """
    given = {"engine": engine, "execution": execution}
    config = record.config | {name: one.model_dump(mode="json") for name, one in given.items() if one is not None}
    try:
        checked = RunConfig.model_validate(config)
    except ValidationError as error:
        raise ConfigError(f"the config of run {record.name} does not fit here: {readable(error)}") from None
    return checked.model_copy(update={"execution": checked.execution.model_copy(update={"store": store})})


def plan_recorded(
    record: RunRecord, stage: str, *, config: RunConfig, sampler: Sampler | None, key: str | None
) -> StagePlan:
    """Plan a stage of a run that has come as far as its input.

    Args:
        record: the run's record.
        stage: difficulty, generation or judging.
        config: the run's config.
        sampler: the engine, which knows the models' revisions.
        key: what the stage's key should be; None: whatever it is.

    Raises:
        ConfigError: it is another one, or nobody is asked in this stage.
        TableError: the run has not come to the stage yet.
    """
    execution = config.execution
    if stage == "difficulty":
        problems = finished(record, "domains")
        plan = plan_difficulty(problems, config=config.difficulty, sampler=sampler, execution=execution)
    elif stage == "judging":
        if config.judging.judge is None or not config.judging.enabled:
            raise ConfigError(f"run {record.name} has no judges: the rules need no worker")
        chains = finished(record, "verification")
        plan = plan_judging(chains, config=config.judging, sampler=sampler, execution=execution)
    else:
        problems = finished(record, "difficulty")
        recorded = finished(record, "recorded_chains") if config.generation.recorded else None
        plan = plan_generation(problems, recorded, config=config.generation, sampler=sampler, execution=execution)
    if key not in (None, plan.key):
        raise ConfigError(
            f"{stage} has the key {plan.key} here and {key} where it is waited for: install the same version of the "
            "project, and use the same model files, on both machines"
        )
    return plan


def finished(record: RunRecord, stage: str) -> Artifact:
    """Return the table of a stage that the run has finished."""
    if stage not in record.artifacts:
        raise TableError(f"run {record.name} has not finished {stage}; it has {', '.join(record.artifacts) or 'none'}")
    return record.artifacts[stage]
