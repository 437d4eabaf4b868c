"""The demo's source as a task: generated problems, written where the demo's run file reads them."""

from __future__ import annotations

from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from limo_curation.config import DemoConfig
from limo_curation.demo.problems import write_demo


@task(name="demo-source", cache_policy=NO_CACHE, persist_result=False)
def write_sources(config: DemoConfig) -> None:
    """Write problems, benchmarks and the list of what was planted; the same config gives the same bytes."""
    files = write_demo(Path(config.folder), num_problems=config.num_problems, seed=config.seed)
    get_run_logger().info("demo-source: %s", files.problems)
