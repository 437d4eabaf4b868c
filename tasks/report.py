"""The report as a task: the page in the run's folder, and the same figures as artifacts in the Prefect UI."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Final

import polars as pl
from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from limo_curation.config import ExecutionConfig
from limo_curation.report.funnel_picture import draw_funnel
from limo_curation.report.html import write_report
from limo_curation.run_record import RunRecord, drop_reasons, funnel, load_samples
from limo_curation.store import Store

MAX_TABLE_ROWS: Final = 200  # a table of 20,000 rows hung Prefect's UI


@task(name="report", cache_policy=NO_CACHE, persist_result=False)
def report(record: RunRecord, *, execution: ExecutionConfig) -> Path:
    """Write the page and the artifacts of a finished run, and return the page's path."""
    store = Store(execution.store)
    samples = load_samples(store, record)
    page = write_report(store, record, samples, Path(execution.output) / record.name).resolve()
    stages = funnel(store, record)
    counts = samples.group_by("domain", "source").agg(samples=pl.len()).sort("domain", "source")
    publish_table("funnel", stages, f"Funnel of {record.name}")
    publish_table("drop-reasons", drop_reasons(store, record), f"Dropped rows of {record.name}, by reason")
    publish_table("domains", counts, f"Samples of {record.name}, by domain and source")
    picture = b64encode(draw_funnel(stages, file_format="png")).decode()
    create_markdown_artifact(
        f"{samples.height} samples. Report: `{page}`\n\n![funnel](data:image/png;base64,{picture})\n",
        key="report",
        description=f"Report of {record.name}",
    )
    return page


def publish_table(key: str, frame: pl.DataFrame, description: str) -> None:
    """Show a frame in the UI, at most `MAX_TABLE_ROWS` of it."""
    create_table_artifact(frame.head(MAX_TABLE_ROWS).to_dicts(), key=key, description=description)
