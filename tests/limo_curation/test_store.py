"""The store believes only what it can check: damaged, half-written, foreign and absent entries count as not done."""

from __future__ import annotations

import pickle
from pathlib import Path

import polars as pl
import pytest

from limo_curation.errors import TableError
from limo_curation.ledger import StageResult
from limo_curation.runner import missing_parts, run_part, run_stage
from limo_curation.stage import RowStage, StagePlan, plan_stage
from limo_curation.store import Artifact, Store, json_digest
from limo_curation.tables import DROPPED
from tests.small_pipeline import bytes_of, run_pipeline


@pytest.fixture
def screening(tmp_path: Path) -> tuple[StagePlan, Artifact]:
    return run_pipeline(tmp_path, part_rows=10)["screening"]


def entry(artifact: Artifact) -> Path:
    return Path(artifact.uri)


def redo(plan: StagePlan, artifact: Artifact) -> int:
    """Run the stage again and return how many of its parts had to be done."""
    assert plan.store.artifact(plan.stage.name, plan.key) is None
    missing = len(missing_parts(plan))
    assert run_stage(plan) == artifact
    return missing


def test_a_part_with_a_changed_byte_is_redone(screening: tuple[StagePlan, Artifact]) -> None:
    plan, artifact = screening
    before = bytes_of(plan)
    file = min((entry(artifact) / "kept").iterdir())
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    assert redo(plan, artifact) == 1
    assert bytes_of(plan) == before


def test_a_truncated_part_is_redone(screening: tuple[StagePlan, Artifact]) -> None:
    plan, artifact = screening
    file = min((entry(artifact) / "dropped").iterdir())
    file.write_bytes(file.read_bytes()[:-5])
    assert redo(plan, artifact) == 1


def test_a_deleted_part_is_redone(screening: tuple[StagePlan, Artifact]) -> None:
    plan, artifact = screening
    max((entry(artifact) / "kept").iterdir()).unlink()
    assert redo(plan, artifact) == 1


def test_an_entry_without_a_manifest_does_not_exist_but_its_parts_are_used(
    screening: tuple[StagePlan, Artifact],
) -> None:
    plan, artifact = screening
    (entry(artifact) / "manifest.json").unlink()
    with pytest.raises(TableError, match="run the screening stage again"):
        plan.store.scan(artifact)
    assert redo(plan, artifact) == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stage": "screening"}'])
def test_an_unreadable_manifest_does_not_count(screening: tuple[StagePlan, Artifact], text: str) -> None:
    plan, artifact = screening
    (entry(artifact) / "manifest.json").write_text(text)
    assert redo(plan, artifact) == 0


def test_a_manifest_of_another_entry_does_not_count(screening: tuple[StagePlan, Artifact]) -> None:
    plan, artifact = screening
    file = entry(artifact) / "manifest.json"
    file.write_text(file.read_text().replace(plan.key, "0" * 32))
    assert redo(plan, artifact) == 0


def test_foreign_files_in_an_entry_are_removed_when_it_is_committed(screening: tuple[StagePlan, Artifact]) -> None:
    plan, artifact = screening
    foreign = entry(artifact) / "kept" / "0000000500-0000000600.parquet"
    foreign.write_bytes(b"not ours")
    (entry(artifact) / "manifest.json").unlink()
    redo(plan, artifact)
    assert not foreign.exists()


def test_the_record_of_another_part_under_a_parts_name_is_not_believed(screening: tuple[StagePlan, Artifact]) -> None:
    plan, artifact = screening
    first, second = sorted((entry(artifact) / "parts").iterdir())[:2]
    before = first.read_bytes()
    first.write_bytes(second.read_bytes())
    (entry(artifact) / "manifest.json").unlink()
    assert redo(plan, artifact) == 0  # the part itself is whole, and found by its key
    assert first.read_bytes() == before


def test_a_deleted_entry_is_redone_with_the_same_bytes(screening: tuple[StagePlan, Artifact]) -> None:
    plan, artifact = screening
    before = bytes_of(plan)
    plan.store.remove(f"{artifact.stage}/{artifact.key}")
    run_stage(plan)
    assert bytes_of(plan) == before


def test_no_temporary_file_is_left_behind(screening: tuple[StagePlan, Artifact]) -> None:
    assert not list(Path(screening[0].store.url).rglob("*.tmp"))


def test_a_store_and_a_plan_survive_pickling(screening: tuple[StagePlan, Artifact]) -> None:
    plan = screening[0]
    again = pickle.loads(pickle.dumps(plan))
    assert (again.key, again.store.url, again.stage.run) == (plan.key, plan.store.url, plan.stage.run)


def test_another_file_system_holds_the_same_files(tmp_path: Path) -> None:
    remote = Store("memory://bucket/store")
    remote.write_bytes("runs/a.json", b"1")
    assert remote.read_bytes("runs/a.json") == b"1"
    assert remote.list("runs") == ["a.json"]
    assert remote.read_bytes("runs/b.json") is None
    assert remote.list("nothing") == []


def keep_all(problems: pl.DataFrame, *, config: object) -> StageResult:
    return StageResult(problems, DROPPED.empty())


def test_the_key_follows_config_inputs_and_nothing_else(screening: tuple[StagePlan, Artifact]) -> None:
    plan, _ = screening

    def key(**changes: object) -> str:
        settings = {"config": plan.config, "store": plan.store, **changes}
        return plan_stage(plan.stage, plan.inputs, **settings).key  # type: ignore[arg-type]

    assert key(part_rows=3) == plan.key
    assert key(config=plan.config.model_copy(update={"min_characters": 21})) != plan.key
    assert key(config=plan.config.model_copy(update={"enabled": False})) != plan.key
    assert key(extra_inputs={"model": "revision"}) != plan.key
    moved = {name: one.model_copy(update={"uri": "elsewhere"}) for name, one in plan.inputs.items()}
    assert plan_stage(plan.stage, moved, config=plan.config, store=plan.store).key == plan.key
    other = {name: one.model_copy(update={"digest": "0" * 32}) for name, one in plan.inputs.items()}
    assert plan_stage(plan.stage, other, config=plan.config, store=plan.store).key != plan.key


def test_a_part_that_was_done_with_other_part_sizes_is_not_mixed_in(screening: tuple[StagePlan, Artifact]) -> None:
    plan, artifact = screening
    plan.store.remove(f"{artifact.stage}/{artifact.key}")
    run_part(plan, 0, 10)
    stage = plan.stage
    assert isinstance(stage, RowStage)
    larger = plan_stage(stage, plan.inputs, config=plan.config, store=plan.store, part_rows=1_000)
    assert run_stage(larger).digest == artifact.digest
    assert len(list((entry(artifact) / "kept").iterdir())) == 1


def test_a_json_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert json_digest({"b": 1, "a": [2]}) == json_digest({"a": [2], "b": 1})
