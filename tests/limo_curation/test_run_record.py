import json
import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from limo_curation.config import ExecutionConfig
from limo_curation.errors import TableError
from limo_curation.problem_config import ScreeningConfig
from limo_curation.run_record import (
    collect_garbage,
    drop_reasons,
    explain_problem,
    funnel,
    latest_record,
    list_records,
    load_record,
    load_samples,
    run_name,
    save_record,
    verify_store,
)
from limo_curation.runner import run_stage
from limo_curation.sampling.spending import Spending, SpendingRecord, run_spending
from limo_curation.store import Artifact, Store
from tests.parted import DropEmpty, files_of, plan_of, put_files
from tests.small_run import HOSTILE_QUESTION, SmallRun, make_small_run, small_config


def test_name_ignores_where_a_run_happens_and_follows_what_it_does():
    config = small_config()
    elsewhere = config.model_copy(update={"execution": ExecutionConfig(store="s3://b/s", chunk_rows=64)})
    stricter = config.model_copy(update={"screening": ScreeningConfig(min_characters=30)})
    assert run_name(elsewhere) == run_name(config)
    assert run_name(stricter) != run_name(config)
    assert run_name(config).startswith("tiny-")
    assert len(run_name(config)) == len("tiny-") + 8


def test_record_reads_back_and_writes_the_same_bytes(small_run: SmallRun, tmp_path: Path):
    store = Store(str(tmp_path))
    save_record(store, small_run.record)
    first = (tmp_path / f"runs/{small_run.record.name}.json").read_bytes()
    loaded = load_record(store, small_run.record.name)
    save_record(store, loaded)
    assert loaded == small_run.record
    assert list(loaded.artifacts) == ["ingestion", "benchmarks", "screening", "generation", "selection"]
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


def test_funnel_counts_every_stage_but_side_tables(small_run: SmallRun):
    counted = funnel(small_run.store, small_run.record)
    assert counted.columns == ["stage", "rows_in", "rows_kept", "rows_dropped", "wall_seconds"]
    assert counted.drop("wall_seconds").rows() == [
        ("ingestion", 7, 6, 1),
        ("screening", 6, 5, 1),
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
    assert life["stage"].to_list() == ["ingestion", "screening", "generation", "generation", "selection", "selection"]
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


def test_spending_is_forgotten_with_its_run(tmp_path: Path):
    kept = make_small_run(tmp_path)
    left = make_small_run(tmp_path, screening=ScreeningConfig(min_characters=30)).record
    for name in (kept.record.name, left.name):
        SpendingRecord(kept.store, name).save(Spending(prompt_tokens={"ada": 7}))
    account = f"spending/{left.name}"
    assert account in collect_garbage(kept.store, [kept.record.name], is_dry_run=True)
    assert run_spending(kept.store, left.name).total_tokens == 7
    assert account in collect_garbage(kept.store, [kept.record.name])
    assert run_spending(kept.store, left.name).total_tokens == 0
    assert run_spending(kept.store, kept.record.name).total_tokens == 7


def test_garbage_is_what_no_kept_run_uses(tmp_path: Path):
    kept = make_small_run(tmp_path)
    other = make_small_run(tmp_path, profile="other", screening=ScreeningConfig(max_characters=999))
    half_done = tmp_path / "screening" / ("0" * 32) / "kept"
    half_done.mkdir(parents=True)
    cache = tmp_path / "cache" / "completions.db"
    cache.parent.mkdir()
    cache.write_text("not an entry")
    own_screening = other.record.artifacts["screening"]
    would_go = collect_garbage(kept.store, [kept.record.name], is_dry_run=True)
    assert Path(own_screening.uri).is_dir()
    assert collect_garbage(kept.store, [kept.record.name]) == would_go
    assert f"screening/{own_screening.key}" in would_go
    assert not Path(own_screening.uri).exists()
    assert half_done.is_dir(), "work that could be resumed stays unless asked"
    assert all(kept.store.artifact(used.stage, used.key) for used in kept.record.artifacts.values())
    assert collect_garbage(kept.store, [kept.record.name], with_unfinished=True) == [f"screening/{'0' * 32}"]
    assert cache.read_text() == "not an entry"
    with pytest.raises(TableError, match="run it again"):
        funnel(other.store, other.record)


def reuse_records(folder: Path, stage: str) -> set[str]:
    """Return the entries that a stage's re-use records name."""
    return {json.loads(file.read_text())["key"] for file in (folder / stage / "reuse").iterdir()}


def test_reuse_records_of_kept_entries_stay_and_the_others_go(tmp_path: Path):
    kept = make_small_run(tmp_path)
    other = make_small_run(tmp_path, profile="other", screening=ScreeningConfig(max_characters=999))
    screenings = {run.record.artifacts["screening"].key for run in (kept, other)}
    assert reuse_records(tmp_path, "screening") == screenings
    collect_garbage(kept.store, [kept.record.name], is_dry_run=True)
    assert reuse_records(tmp_path, "screening") == screenings
    left_by_a_kill = tmp_path / "screening" / "reuse" / "0f.json.12.tmp"
    left_by_a_kill.write_text("{")
    collect_garbage(kept.store, [kept.record.name])
    assert not left_by_a_kill.exists()
    assert reuse_records(tmp_path, "screening") == {kept.record.artifacts["screening"].key}
    assert verify_store(kept.store) == []


@pytest.mark.parametrize(("kept", "gone"), [("small", "large"), ("large", "small")])
def test_a_part_that_two_entries_hold_outlives_either(tmp_path: Path, kept: str, gone: str):
    store = Store(str(tmp_path))
    entries, names = {}, {}
    for pool, sizes in {"small": (10, 9), "large": (10, 9, 8)}.items():
        entries[pool] = run_stage(plan_of(DropEmpty(), {"problems": put_files(files_of(*sizes), store)}, store))
        record = make_small_run(tmp_path, profile=pool).record
        names[pool] = record.name
        save_record(store, record.model_copy(update={"artifacts": {"drop-empty": entries[pool]}}))
    assert f"drop-empty/{entries[gone].key}" in collect_garbage(store, [names[kept]])
    assert reuse_records(tmp_path, "drop-empty") == {entries[kept].key}
    run = DropEmpty()
    run_stage(plan_of(run, {"problems": put_files(files_of(10, 9, 3), store)}, store))
    assert run.worked_on == [19]


def test_unknown_name_deletes_nothing(tmp_path: Path):
    run = make_small_run(tmp_path)
    with pytest.raises(TableError):
        collect_garbage(run.store, ["mistyped"])
    assert verify_store(run.store) == []
    assert funnel(run.store, run.record).height == 4


def test_damage_is_found_and_named(tmp_path: Path):
    run = make_small_run(tmp_path)
    assert verify_store(run.store) == []
    screening, ingestion = run.record.artifacts["screening"], run.record.artifacts["ingestion"]
    part = next((Path(screening.uri) / "kept").iterdir())
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    (Path(ingestion.uri) / "manifest.json").write_text("{")
    assert verify_store(run.store) == [
        f"ingestion/{ingestion.key}: its manifest is unreadable or belongs to another entry",
        f"screening/{screening.key}: 1 of 2 parts are gone or changed",
    ]
    shutil.rmtree(Path(screening.uri) / "dropped")
    assert "2 of 2 parts" in verify_store(run.store)[1]
