import json
import shutil
from pathlib import Path

import pytest

from limo_curation.errors import TableError
from limo_curation.housekeeping import collect_garbage, verify_store
from limo_curation.problem_config import ScreeningConfig
from limo_curation.run_record import funnel, save_record
from limo_curation.runner import run_stage
from limo_curation.sampling.spending import Spending, SpendingRecord, run_spending
from limo_curation.store import Store
from tests.parted import DropEmpty, files_of, plan_of, put_files
from tests.small_run import make_small_run


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
    assert funnel(run.store, run.record).height == 5


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
