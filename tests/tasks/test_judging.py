"""Judging as a task: by rules in parts, by judges where the engine is, with the contested chains listed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prefect", reason="Prefect is not installed (extra `flows`)")

from prefect import flow

from limo_curation.config import ExecutionConfig
from limo_curation.errors import ConfigError
from limo_curation.judge_config import JudgeConfig, JudgeModel
from limo_curation.judging.hand_written import read_decisions
from limo_curation.judging_config import JudgingConfig
from limo_curation.store import Artifact, Store
from limo_curation.tables import VERIFIED_CHAINS
from tasks.judging import judging
from tests.limo_curation.judging.judges import Judge, grades
from tests.rows import put_in_store, rows_of

WATCHING = JudgingConfig(judge=JudgeConfig(models=(JudgeModel(model="one"),), weight=0.0))


@flow(name="judge-alone", retries=0)
def alone(chains: Artifact, config: JudgingConfig, sampler: Any, folder: str) -> Artifact:
    execution = ExecutionConfig(store=f"{folder}/store", output=f"{folder}/runs", chunk_rows=2)
    return judging(chains, config=config, sampler=sampler, execution=execution, run="r1")


def given(folder: Path) -> Artifact:
    rows = [
        {"chain_id": f"c{place}", "problem_id": "p", "question": "3 times 7?", "chain": "21."} for place in range(3)
    ]
    return put_in_store(rows_of(VERIFIED_CHAINS, *rows), VERIFIED_CHAINS, Store(str(folder / "store")))


@pytest.mark.prefect
def test_judges_grade_where_the_engine_is_and_contested_chains_are_listed(prefect_server: None, tmp_path: Path) -> None:
    judge, store = Judge(lambda chain, request: grades("L5", 9)), Store(str(tmp_path / "store"))
    chains = given(tmp_path)
    by_rules = store.scan(alone(chains, JudgingConfig(), None, str(tmp_path))).collect()
    judged = store.scan(alone(chains, WATCHING, judge, str(tmp_path))).collect()
    assert by_rules["judge_level"].null_count() == 3
    assert judged["judge_level"].to_list() == ["L5"] * 3
    table = tmp_path / "runs" / "r1" / "contested.csv"
    assert table.read_text(encoding="utf-8").count("c") >= judged["is_contested"].sum()
    assert read_decisions(str(table)).height == 0
    assert "3 contested chains" in (tmp_path / "runs" / "r1" / "contested.html").read_text(encoding="utf-8")
    alone(chains, WATCHING, judge, str(tmp_path))
    assert len(judge.requests) == 3


@pytest.mark.prefect
def test_judges_without_an_engine_are_a_mistake_of_the_run_file(prefect_server: None, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no engine was given"):
        alone(given(tmp_path), WATCHING, None, str(tmp_path))
