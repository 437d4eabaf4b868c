from pathlib import Path

import pytest
from pydantic import ValidationError

from limo_curation.config import ExecutionConfig, RunConfig
from limo_curation.errors import TableError
from limo_curation.files import without_credentials
from limo_curation.problem_config import ScreeningConfig
from limo_curation.run_record import (
    EVALUATION_PREFIX,
    drop_reasons,
    explain_problem,
    funnel,
    latest_record,
    list_records,
    load_record,
    load_samples,
    missing_stages,
    run_name,
    save_record,
    spent_budget,
)
from limo_curation.sampling.spending import Spending, SpendingRecord
from limo_curation.store import Artifact, Store
from tests.pilot_run import make_run, pilot_config
from tests.small_run import HOSTILE_QUESTION, SmallRun, make_small_run, small_config


def test_name_ignores_where_a_run_happens_and_follows_what_it_does():
    config = small_config()
    elsewhere = config.model_copy(update={"execution": ExecutionConfig(store="s3://b/s", chunk_rows=64)})
    stricter = config.model_copy(update={"screening": ScreeningConfig(min_characters=30)})
    assert run_name(elsewhere) == run_name(config)
    assert run_name(stricter) != run_name(config)
    assert run_name(config).startswith("tiny-")
    assert len(run_name(config)) == len("tiny-") + 8


def test_name_does_not_depend_on_credentials_that_a_published_config_leaves_out():
    config = small_config()
    assert "user:secret@" in config.model_dump_json()
    assert run_name(RunConfig.model_validate(without_credentials(config.model_dump(mode="json")))) == run_name(config)


def test_record_reads_back_and_writes_the_same_bytes(small_run: SmallRun, tmp_path: Path):
    store = Store(str(tmp_path))
    save_record(store, small_run.record)
    first = (tmp_path / f"runs/{small_run.record.name}.json").read_bytes()
    loaded = load_record(store, small_run.record.name)
    save_record(store, loaded)
    assert loaded == small_run.record
    assert list(loaded.artifacts) == ["ingestion", "benchmarks", "screening", "difficulty", "generation", "selection"]
    assert (tmp_path / f"runs/{small_run.record.name}.json").read_bytes() == first


def test_credentials_of_the_config_are_not_kept(small_run: SmallRun):
    config = {"ingestion": {"sources": [{"path": "s3://KEY:SECRET@bucket/a.parquet"}]}}
    record = small_run.record.model_validate(small_run.record.model_dump() | {"config": config})
    assert record.config == {"ingestion": {"sources": [{"path": "s3://bucket/a.parquet"}]}}
    artifact = Artifact(uri="s3://KEY:SECRET@b/s/k", stage="s", key="k", table="t", digest="", rows=0)
    assert artifact.uri == "s3://b/s/k"


def test_unknown_run_is_answered_with_the_known_names(small_run: SmallRun):
    for name in ("other", "../runs/x", ""):
        with pytest.raises(TableError, match=small_run.record.name):
            load_record(small_run.store, name)


def test_name_that_leaves_the_folder_is_no_record(small_run: SmallRun):
    with pytest.raises(ValidationError, match="name is used as a file"):
        small_run.record.model_validate(small_run.record.model_dump() | {"name": "../../x"})


def test_damaged_record_says_so(small_run: SmallRun, tmp_path: Path):
    store = Store(str(tmp_path))
    store.write_bytes("runs/tiny-1.json", b'{"name": ')
    with pytest.raises(TableError, match="damaged"):
        list_records(store)


def test_latest_record_is_the_one_written_last(tmp_path: Path):
    store = Store(str(tmp_path))
    with pytest.raises(TableError, match="no run is recorded"):
        latest_record(store)
    older = make_small_run(tmp_path, profile="z").record
    newer = make_small_run(tmp_path, profile="a").record
    assert latest_record(store) == newer
    assert list_records(store) == [newer, older]


def test_an_evaluation_is_on_record_but_never_the_latest_run(tmp_path: Path):
    record = make_small_run(tmp_path).record
    store = Store(str(tmp_path))
    save_record(store, record.model_copy(update={"name": f"{EVALUATION_PREFIX}tiny-1"}))
    assert latest_record(store) == record
    assert len(list_records(store)) == 2


def test_funnel_counts_every_stage_but_side_tables(small_run: SmallRun):
    counted = funnel(small_run.store, small_run.record)
    assert counted.columns == ["stage", "rows_in", "rows_kept", "rows_dropped", "wall_seconds"]
    assert counted.drop("wall_seconds").rows() == [
        ("ingestion", 7, 6, 1),
        ("screening", 6, 5, 1),
        ("difficulty", 5, 5, 0),
        ("generation", 5, 10, 0),
        ("selection", 10, 5, 5),
    ]
    assert drop_reasons(small_run.store, small_run.record).rows() == [
        ("ingestion", "unreadable", 1),
        ("screening", "too_short", 1),
        ("selection", "not_best", 5),
    ]


def test_dropped_problem_is_explained_up_to_its_end(small_run: SmallRun):
    life = explain_problem(small_run.store, small_run.record, small_run.problem_ids["short"])
    assert life.rows() == [
        ("ingestion", "kept", None, None, None, None, None),
        ("screening", "dropped", None, "too_short", 5.0, 20.0, "<i>as text</i>"),
    ]


def test_both_chains_of_a_problem_are_explained(small_run: SmallRun):
    life = explain_problem(small_run.store, small_run.record, small_run.problem_ids[HOSTILE_QUESTION])
    stages = ["ingestion", "screening", "difficulty", "generation", "generation", "selection", "selection"]
    assert life["stage"].to_list() == stages
    kept, dropped = life.filter(stage="selection").to_dicts()
    assert (kept["outcome"], dropped["outcome"]) == ("kept", "dropped")
    assert kept["chain_id"] != dropped["chain_id"]
    assert (dropped["drop_reason"], dropped["value"], dropped["threshold"]) == ("not_best", 0.25, 0.5)


def test_unknown_problem_is_an_error_not_an_empty_life(small_run: SmallRun):
    with pytest.raises(TableError, match="no problem 'feed'"):
        explain_problem(small_run.store, small_run.record, "feed")


def test_unfinished_run_has_no_samples(small_run: SmallRun):
    artifacts = {"ingestion": small_run.record.artifacts["ingestion"]}
    unfinished = small_run.record.model_copy(update={"artifacts": artifacts, "finished": False})
    assert load_samples(small_run.store, unfinished).height == 0
    assert load_samples(small_run.store, small_run.record).height == 5


def test_run_that_has_something_left_or_is_finished_was_not_ended_by_its_budget(tmp_path: Path):
    store, config = Store(str(tmp_path)), pilot_config()
    engine = config.engine.model_copy(update={"max_total_tokens": 10, "max_gpu_hours": 1.0})
    record = make_run(store, config.model_copy(update={"engine": engine}), rows=9, until="generation")
    assert missing_stages(record) == ["verification", "judging", "selection"]
    assert spent_budget(store, record) is None
    SpendingRecord(store, record.name).save(Spending(prompt_tokens={"m": 9}, gpu_seconds={"m": 3_599.0}))
    assert spent_budget(store, record) is None
    SpendingRecord(store, record.name).save(Spending(gpu_seconds={"m": 1.0}))
    assert spent_budget(store, record) == "1 of 1 GPU-hours are spent"
    SpendingRecord(store, record.name).save(Spending(completion_tokens={"m": 1}))
    assert spent_budget(store, record) == "10 of 10 tokens are spent"
    assert spent_budget(store, record.model_copy(update={"finished": True})) is None
    unlimited = record.model_copy(update={"config": config.model_dump(mode="json")})
    assert spent_budget(store, unlimited) is None
