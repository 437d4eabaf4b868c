"""A GPU's share of the main job: chunks of a stage that samples, on the work pool `gpu`, beside other such runs.

    prefect deployment run generate/gpu -p run=full-0123abcd -p stage=difficulty -p store=s3://bucket/store

`curate` starts as many of these as `execution.gpu_workers` says; more can be started by hand on any machine at any
time, and stopped again. Each starts its own engine and works until no chunk is left.
"""

from __future__ import annotations

import os
from typing import Any, Literal

# must stand before Prefect is imported; a deployment sets these in its job variables
os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "limo_curation")
os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Failed

from limo_curation.claims import TAKEOVER_SECONDS
from limo_curation.config import ExecutionConfig
from limo_curation.engine_config import EngineConfig
from limo_curation.errors import BudgetError, ConfigError
from limo_curation.run_record import load_record
from limo_curation.sampling.assembly import assemble_sampler
from limo_curation.store import Store
from tasks.chunks import do_chunks, plan_recorded, recorded_config
from tasks.gpu_workers import BUDGET_SPENT, UNFIT


@flow(name="generate", flow_run_name="generate-{stage}-{run}")
def generate(
    run: str,
    stage: Literal["difficulty", "generation", "judging"],
    store: str = "runs/store",
    key: str | None = None,
    engine: EngineConfig | None = None,
    execution: ExecutionConfig | None = None,
    takeover_seconds: float = TAKEOVER_SECONDS,
) -> int | State[Any]:
    """Do chunks of one stage of a run until none is left.

    Args:
        run: the run's name. Its record, which `curate` keeps up to date, tells the rest.
        stage: the stage whose chunks are done.
        store: where the run's record and results are; the same for all machines.
        key: the stage's key as whoever waits for it knows it; other code or another model here is then refused.
        engine: who samples on this machine; in the place of the section on record.
        execution: how much at a time, and where logs are written; in the place of the section on record.
        takeover_seconds: how long another worker may show no sign of life before its chunks are taken over.

    Returns:
        How many chunks were done here. Where the budget is spent, or the record, the engine or the key does not fit, a
        failed state that says so, with the error.

    Raises:
        TableError: no such run, or it has not come to the stage yet.
        TransientError: the engine failed, also after retries.
    """
    place = Store(store)
    record = load_record(place, run)
    try:
        config = recorded_config(record, store=store, engine=engine, execution=execution)
        with assemble_sampler(config, place, run=run) as (sampler, _):
            plan = plan_recorded(record, stage, config=config, sampler=sampler, key=key)
            num_chunks = do_chunks(plan, config=config, sampler=sampler, takeover_seconds=takeover_seconds)
    except BudgetError as error:
        return Failed(name=BUDGET_SPENT, message=str(error), data=error)
    except ConfigError as error:
        return Failed(name=UNFIT, message=str(error), data=error)
    get_run_logger().info("%s: %d chunks were done here", stage, num_chunks)
    return num_chunks
