"""The demo's source as a task."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

pytest.importorskip("prefect", reason="Prefect is not installed (extra `flows`)")

from prefect import flow

from limo_curation.config import DemoConfig
from limo_curation.errors import TableError
from tasks.demo import write_sources
from tests.flows.prefect_runs import log_lines

pytestmark = pytest.mark.prefect


def bytes_below(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_source_is_written_again_by_a_retried_flow_with_the_same_bytes(prefect_server: None, tmp_path: Path) -> None:
    config = DemoConfig(folder=str(tmp_path / "source"), num_problems=60)
    seen: list[dict[str, str]] = []

    @flow(retries=1)
    def fail_once() -> None:
        write_sources(config)
        seen.append(bytes_below(tmp_path / "source"))
        if len(seen) == 1:
            for path in (tmp_path / "source").iterdir():
                path.unlink()
            raise TableError("a later stage failed")

    state = fail_once(return_state=True)

    assert state.is_completed()
    assert len(seen) == 2
    assert seen[0] == seen[1] == bytes_below(tmp_path / "source")
    assert "problems.jsonl" in seen[0]
    assert log_lines(state.state_details.flow_run_id, containing="demo-source: ")
