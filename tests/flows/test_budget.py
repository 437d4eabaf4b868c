"""A run that spends its budget stops cleanly, says what is missing, and goes on with a larger one."""

from __future__ import annotations

from pathlib import Path

import pytest

curate_module = pytest.importorskip("flows.curate", reason="Prefect is not installed (extra `flows`)")

from flows.generate import generate  # noqa: E402
from limo_curation.engine_config import EngineConfig  # noqa: E402
from limo_curation.errors import BudgetError, ConfigError  # noqa: E402
from limo_curation.run_record import RunRecord, load_record, record_names  # noqa: E402
from limo_curation.store import Store  # noqa: E402
from tests.flows.solving_server import SolvingServer, write_sampling_run  # noqa: E402

pytestmark = pytest.mark.prefect


def engine_with(server: SolvingServer, *, max_total_tokens: int | None) -> EngineConfig:
    urls = {"weak": (server.url,), "strong": (server.url,)}
    return EngineConfig(kind="endpoint", urls=urls, max_concurrency=4, max_total_tokens=max_total_tokens)


def record_in(folder: Path) -> RunRecord:
    store = Store(str(folder / "store"))
    (name,) = record_names(store)
    return load_record(store, name)


def test_spent_budget_is_a_state_of_its_own_that_tells_what_is_missing_and_a_larger_one_resumes(
    prefect_server: None, tmp_path: Path
) -> None:
    with SolvingServer() as server:
        run_file = write_sampling_run(tmp_path, server.url)
        little, enough = (engine_with(server, max_total_tokens=number) for number in (1_500, None))
        state = curate_module.curate(profile=str(run_file), engine=little, return_state=True)

        assert (state.name, state.is_failed()) == ("BudgetSpent", True)
        assert "chunks are left: " in (state.message or "")
        assert "engine.max_total_tokens = 1500" in (state.message or "")
        assert (state.message or "").endswith(
            "Finished: ingestion, screening, deduplication, decontamination, novelty, domains"
        )
        assert list(record_in(tmp_path).artifacts)[-1] == "domains"
        num_asked = len(server.bodies)
        with pytest.raises(BudgetError, match=r"engine\.max_total_tokens = 1500"):
            curate_module.curate(profile=str(run_file), engine=little)  # a resume has no new budget
        assert len(server.bodies) == num_asked

        curate_module.curate(profile=str(run_file), engine=enough)
        assert server.num_repeated() == 0
    assert record_in(tmp_path).finished


def test_worker_stops_in_the_same_way(prefect_server: None, tmp_path: Path) -> None:
    with SolvingServer() as server:
        run_file = write_sampling_run(tmp_path, server.url)
        curate_module.curate(profile=str(run_file), engine=engine_with(server, max_total_tokens=1), return_state=True)
        record, store = record_in(tmp_path), str(tmp_path / "store")
        given = {"run": record.name, "stage": "difficulty", "store": store}

        spent = generate(**given, engine=engine_with(server, max_total_tokens=1_500), return_state=True)
        assert (spent.name, spent.is_failed()) == ("BudgetSpent", True)
        assert "chunks are left: " in (spent.message or "")

        assert generate(**given, engine=engine_with(server, max_total_tokens=None)) > 0
        assert server.num_repeated() == 0
        assert generate(**given, engine=engine_with(server, max_total_tokens=None)) == 0


def test_worker_with_other_code_or_models_is_refused_before_it_samples(prefect_server: None, tmp_path: Path) -> None:
    with SolvingServer() as server:
        run_file = write_sampling_run(tmp_path, server.url)
        curate_module.curate(profile=str(run_file), engine=engine_with(server, max_total_tokens=1), return_state=True)
        num_asked = len(server.bodies)
        given = {"run": record_in(tmp_path).name, "stage": "difficulty", "store": str(tmp_path / "store")}
        state = generate(**given, key="another", return_state=True)
        with pytest.raises(ConfigError, match="another where it is waited for"):
            generate(**given, key="another")
        assert (state.name, state.is_failed()) == ("Unfit", True)
        assert "another where it is waited for" in (state.message or "")
        assert len(server.bodies) == num_asked


def test_stage_that_the_run_has_not_come_to_is_told(prefect_server: None, tmp_path: Path) -> None:
    with SolvingServer() as server:
        run_file = write_sampling_run(tmp_path, server.url)
        curate_module.curate(profile=str(run_file), engine=engine_with(server, max_total_tokens=1), return_state=True)
        state = generate(
            run=record_in(tmp_path).name, stage="generation", store=str(tmp_path / "store"), return_state=True
        )
    assert "has not finished difficulty" in (state.message or "")
