"""The main flow on a real Prefect server: what it leaves behind, and what it does not do twice."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pytest

curate_module = pytest.importorskip("flows.curate", reason="Prefect is not installed (extra `flows`)")

from prefect.exceptions import ParameterTypeError  # noqa: E402

from limo_curation.config import SelectionConfig  # noqa: E402
from limo_curation.errors import ConfigError, ShortfallError  # noqa: E402
from limo_curation.judge_config import JudgeConfig, JudgeModel  # noqa: E402
from limo_curation.judging_config import JudgingConfig  # noqa: E402
from limo_curation.presets import load_config  # noqa: E402
from limo_curation.problem_config import IngestionConfig  # noqa: E402
from limo_curation.run_record import RunRecord, load_record  # noqa: E402
from limo_curation.store import Store  # noqa: E402
from tests.flows.prefect_runs import artifacts_of, executed, latest_flow_run_id, log_lines, outcomes  # noqa: E402
from tests.flows.small_files import write_run_file  # noqa: E402

pytestmark = pytest.mark.prefect

SECRET = "hf_" + "MadeUpForThisTest" * 2
STAGES = [
    "ingestion",
    "screening",
    "deduplication",
    "benchmarks",
    "decontamination",
    "novelty",
    "domains",
    "difficulty",
    "recorded_chains",
    "generation",
    "verification",
    "judging",
    "selection",
]
ENDING = ["publishing", "report"]  # never cached: they compare what is there with what should be, and mend it


@dataclass(frozen=True)
class Run:
    folder: Path
    run_file: Path
    printed: list[str]
    flow_run_id: UUID

    @property
    def record(self) -> RunRecord:
        store = Store(str(self.folder / "store"))
        (name,) = [path.stem for path in (self.folder / "store/runs").glob("*.json")]
        return load_record(store, name)

    @property
    def output(self) -> Path:
        return self.folder / "runs" / self.record.name


def run_flow(run_file: Path, **sections: Any) -> Run:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        state = curate_module.curate(profile=str(run_file), return_state=True, **sections)
    state.result()
    return Run(run_file.parent, run_file, printed.getvalue().splitlines(), state.state_details.flow_run_id)


@pytest.fixture(scope="module")
def first(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Return a finished run; tests only read it, or work on a copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", SECRET)
        yield run_flow(write_run_file(tmp_path_factory.mktemp("first")))


@pytest.fixture
def copied(first: Run, tmp_path: Path) -> Path:
    """Return the run file of a copy of the finished run, store and all, in another place."""
    shutil.copytree(first.folder, tmp_path, dirs_exist_ok=True)
    (record,) = (tmp_path / "store/runs").glob("*.json")
    record.unlink()
    run_file = tmp_path / "small.toml"
    text = run_file.read_text(encoding="utf-8")
    run_file.write_text(text.replace(first.folder.as_posix(), tmp_path.as_posix()), encoding="utf-8")
    return run_file


def bytes_below(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# -- what a run leaves behind ------------------------------------------------------------------------------------------


def test_record_names_every_stage_in_order_and_is_finished(first: Run) -> None:
    assert first.record.finished
    assert list(first.record.artifacts) == STAGES
    assert first.record.artifacts["selection"].rows == 6
    assert len(STAGES) == curate_module.NUM_TABLES


def test_last_two_printed_lines_name_report_and_data_set(first: Run) -> None:
    report, dataset = first.output / "report.html", first.output / "dataset"

    assert first.printed[-2:] == [f"report: {report}", f"dataset: {dataset}"]
    assert report.read_text(encoding="utf-8").startswith("<!doctype html>")
    samples = pl.read_parquet(dataset / "data/*.parquet")
    assert samples.columns == ["question", "solution", "answer", "messages"]
    assert samples.height == 6


def test_every_stage_is_one_task_run_and_parts_have_their_own(first: Run) -> None:
    states = outcomes(first.flow_run_id)

    assert set(states.values()) == {"Completed"}
    assert [name for name in states if " " not in name] == [*STAGES, *ENDING]
    assert {"screening 0-20", "screening 20-39"} <= set(states)


def test_artifacts_show_funnel_reasons_domains_report_and_progress(first: Run) -> None:
    artifacts = artifacts_of(first.flow_run_id)

    of_slow_stages = {name for name in artifacts if name.startswith("progress-")}  # none where kernels are compiled
    assert set(artifacts) - of_slow_stages == {"funnel", "drop-reasons", "domains", "report", "progress"}
    funnel = json.loads(artifacts["funnel"])
    assert [row["stage"] for row in funnel] == [
        name for name in STAGES if name not in ("benchmarks", "recorded_chains")
    ]
    assert (funnel[0]["rows_in"], funnel[-1]["rows_kept"]) == (40, 6)
    reasons = {(row["stage"], row["drop_reason"]): row["rows"] for row in json.loads(artifacts["drop-reasons"])}
    assert reasons["ingestion", "missing_field"] == 1
    assert reasons["decontamination", "benchmark_exact"] == 1
    assert sum(row["samples"] for row in json.loads(artifacts["domains"])) == 6
    assert str(first.output / "report.html") in artifacts["report"]
    assert "data:image/png;base64," in artifacts["report"]
    assert artifacts["progress"] == 100.0


def test_log_lines_of_the_core_reach_the_flow_run(first: Run) -> None:
    lines = log_lines(first.flow_run_id, containing="strong-solver leaves")

    assert any(line.startswith("screening: 39 in, 37 kept, 2 dropped (") for line in lines)


def test_no_secret_of_the_environment_is_written_anywhere(first: Run) -> None:
    lines = log_lines(first.flow_run_id, containing="tokens sampled anew")
    files = [path for path in first.folder.rglob("*") if path.is_file()]

    assert not [line for line in lines if SECRET in line]
    assert SECRET not in json.dumps(artifacts_of(first.flow_run_id))
    assert len(files) > 50
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


# -- what is not done twice --------------------------------------------------------------------------------------------


def test_second_run_does_no_stage_again_and_changes_no_byte(first: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = bytes_below(first.folder)

    state = curate_module.curate(profile=str(first.run_file), return_state=True)

    assert capsys.readouterr().out.splitlines()[-2:] == first.printed[-2:]
    assert executed(state.state_details.flow_run_id) == ENDING
    assert {name: outcomes(state.state_details.flow_run_id)[name] for name in STAGES} == dict.fromkeys(STAGES, "Cached")
    assert bytes_below(first.folder) == before


def test_moved_store_is_used_where_it_stands_now(copied: Path) -> None:
    run = run_flow(copied)

    assert executed(run.flow_run_id) == ENDING
    assert {artifact.uri.rpartition("/store/")[0] for artifact in run.record.artifacts.values()} == {str(copied.parent)}


def test_other_judging_weight_redoes_judging_and_what_follows(copied: Path) -> None:
    weights = {"elaboration": 0.5, "self_verification": 0.0, "exploration": 0.25, "adaptive_granularity": 0.25}

    run = run_flow(copied, judging=JudgingConfig.model_validate({"weights": weights}))

    assert executed(run.flow_run_id) == ["judging", "selection", *ENDING]
    assert run.record.config["judging"]["weights"] == weights


def test_deleted_entry_is_redone_though_prefect_still_refers_to_it(first: Run, copied: Path) -> None:
    shutil.rmtree(copied.parent / "store/screening")

    run = run_flow(copied)

    assert executed(run.flow_run_id) == ["screening", *ENDING]  # the same rows again, so nothing behind it is stale
    digests = [artifact.digest for artifact in run.record.artifacts.values()]
    assert digests == [artifact.digest for artifact in first.record.artifacts.values()]


# -- parameters and failures -------------------------------------------------------------------------------------------


def test_unknown_key_of_a_section_is_refused(prefect_server: None) -> None:
    with pytest.raises(ParameterTypeError, match=r"screening\.min_charcters: Extra inputs are not permitted"):
        curate_module.curate(profile="recorded", screening={"min_charcters": 5})


def test_given_section_replaces_the_whole_section_of_the_preset(copied: Path) -> None:
    # the run file redistributes; a section without `when_short` means its default, and one domain has no problem left
    with pytest.raises(ShortfallError, match=r"short are \w+: 0 of 1;"):
        curate_module.curate(profile=str(copied), selection=SelectionConfig(target_size=6))

    states = outcomes(latest_flow_run_id(), last="selection")
    assert states["selection"] == "Failed"
    assert "publishing" not in states


def test_judges_without_a_calibration_are_refused_before_any_stage(prefect_server: None, tmp_path: Path) -> None:
    run_file = write_run_file(tmp_path)
    judging = JudgingConfig(judge=JudgeConfig(models=(JudgeModel(model="judge"),)))
    with pytest.raises(ConfigError, match="no calibration is named"):
        curate_module.curate(profile=str(run_file), judging=judging)
    assert not (tmp_path / "store" / "ingestion").exists()


def test_source_that_may_not_be_handed_on_is_refused_before_any_stage(prefect_server: None, tmp_path: Path) -> None:
    run_file = write_run_file(tmp_path)
    ingestion = load_config(str(run_file)).ingestion
    closed = [source.model_copy(update={"license": "CC BY-ND 4.0"}) for source in ingestion.sources]
    with pytest.raises(ConfigError, match=r"'CC BY-ND 4\.0'.*publishing\.allow_licenses"):
        curate_module.curate(profile=str(run_file), ingestion=IngestionConfig(sources=tuple(closed)))
    assert not (tmp_path / "store" / "ingestion").exists()


def test_run_file_of_a_published_set_finds_the_same_run(first: Run, copied: Path) -> None:
    published, own = first.output / "dataset" / "run.json", load_config(str(copied))
    name = curate_module.curate(profile=str(published), engine=own.engine, execution=own.execution)
    assert name == first.record.name
    assert executed(latest_flow_run_id()) == ENDING


def test_shortfall_fails_the_flow_run(copied: Path) -> None:
    too_many = SelectionConfig(target_size=400, when_short="redistribute")

    state = curate_module.curate(profile=str(copied), selection=too_many, return_state=True)

    assert state.is_failed()
    assert isinstance(state.result(raise_on_failure=False), ShortfallError)
    assert "target_size is 400" in (state.message or "")


def test_pilot_rates_a_share_and_ends_before_selection(copied: Path) -> None:
    run = run_flow(copied, pilot_share=0.5)
    assert run.record.finished
    assert list(run.record.artifacts) == STAGES[:-1]
    assert run.printed[-1] == f"pilot: {run.record.name}"
    manifest = Store(str(run.folder / "store")).manifest("difficulty", run.record.artifacts["difficulty"].key)
    assert manifest is not None
    assert 0 < manifest.reasons["not_sampled"] < manifest.rows_in
    states = outcomes(run.flow_run_id)
    assert {states[stage] for stage in STAGES[:7]} == {"Cached"}, "the stages before are the whole run's"
