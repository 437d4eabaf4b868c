"""Sensitivity: what it says of a moved number is what a whole run with that number gives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from limo_curation import cli
from limo_curation.errors import ConfigError, TableError
from limo_curation.run_record import load_samples
from limo_curation.sensitivity.knobs import knobs_of, moved
from limo_curation.sensitivity.measuring import measure_sensitivity
from limo_curation.sensitivity.outcome import Sensitivity
from tests.limo_curation.sensitivity.conftest import WholeRun


@pytest.fixture(scope="session")
def measured(whole_run: WholeRun) -> Sensitivity:
    return measure_sensitivity(whole_run.store, whole_run.record, step=0.4)


def test_nothing_is_sampled(whole_run: WholeRun) -> None:
    asked = whole_run.sampler.num_requests
    measure_sensitivity(whole_run.store, whole_run.record)
    assert whole_run.sampler.num_requests == asked


@pytest.mark.parametrize(
    ("stage", "step"),
    [
        ("screening", 0.05),
        ("difficulty", 0.4),
        ("generation", 0.4),
        ("verification", 0.4),
        ("judging", 0.1),
        ("selection", 0.1),
    ],
)
def test_what_is_told_of_a_moved_number_is_what_a_whole_run_gives(whole_run: WholeRun, stage: str, step: float) -> None:
    knobs = {knob.name: knob for knob in knobs_of(whole_run.config)}
    before = set(load_samples(whole_run.store, whole_run.record)["chain_id"])
    num_changed = 0
    for one in measure_sensitivity(whole_run.store, whole_run.record, step=step, only=[stage]).movements:
        if one.moved_to is None or one.num_leaving is None or one.num_unsampled:
            continue
        record = whole_run.again(moved(whole_run.config, knobs[one.knob], one.moved_to))
        after = set(load_samples(whole_run.store, record)["chain_id"])
        assert (len(before - after), len(after - before)) == (one.num_leaving, one.num_entering), one
        assert sum(one.reasons.values()) == one.num_leaving, one
        num_changed += one.num_leaving
    assert num_changed, "no movement has changed anything: the test tells nothing"


def test_what_a_loosened_number_lets_in_is_counted_as_unsampled(measured: Sensitivity) -> None:
    of = {(one.knob, one.moved_to): one for one in measured.movements}
    assert of["difficulty.max_solved", 4].num_unsampled > 0
    assert of["difficulty.max_solved", 2].num_unsampled == 0
    assert of["generation.max_chain_tokens", 126].num_unsampled > 0


def test_what_the_store_cannot_tell_is_not_told(measured: Sensitivity) -> None:
    unknown = [one for one in measured.movements if one.knob in ("difficulty.strong", "difficulty.disputed_min_votes")]
    assert len(unknown) == 3
    assert all(one.num_leaving is None and one.num_unsampled and one.note for one in unknown)


def test_a_number_that_cannot_move_says_why(whole_run: WholeRun, measured: Sensitivity) -> None:
    upwards = next(one for one in measured.movements if one.knob == "difficulty.min_solved" and one.moved_to == 0)
    assert upwards.num_leaving is not None
    found = measure_sensitivity(whole_run.store, whole_run.record, step=0.99, only=["selection.max_total_tokens"])
    assert found.movements[0].note.startswith("shortfall: 9 samples take")


def test_only_some_knobs_are_moved_if_asked_and_a_mistyped_one_is_refused(whole_run: WholeRun) -> None:
    found = measure_sensitivity(whole_run.store, whole_run.record, only=["judging.weights"])
    assert {one.knob.rpartition(".")[0] for one in found.movements} == {"judging.weights"}
    with pytest.raises(ConfigError, match=r"--only jugding: no such knob .* screening\.min_characters"):
        measure_sensitivity(whole_run.store, whole_run.record, only=["jugding"])
    with pytest.raises(ConfigError, match=r"verification\.timeout_seconds is not moved: a deadline"):
        measure_sensitivity(whole_run.store, whole_run.record, only=["verification.timeout_seconds"])


def test_code_that_is_not_the_runs_any_more_is_told(whole_run: WholeRun, measured: Sensitivity) -> None:
    assert measured.changed_stages == ()
    screening = whole_run.record.artifacts["screening"]
    manifest = whole_run.store.manifest("screening", screening.key)
    assert manifest is not None
    older = manifest.model_copy(update={"source_digest": "older", "key": "0" * 32})
    whole_run.store.commit(older.model_copy(update={"parts": ()}))
    artifacts = whole_run.record.artifacts | {"screening": screening.model_copy(update={"key": "0" * 32})}
    changed = whole_run.record.model_copy(update={"artifacts": artifacts})
    found = measure_sensitivity(whole_run.store, changed, only=["selection.target_size"])
    assert found.changed_stages == ("screening",)


def test_unfinished_run_is_refused(whole_run: WholeRun) -> None:
    artifacts = {name: one for name, one in whole_run.record.artifacts.items() if name != "selection"}
    with pytest.raises(TableError, match="is not finished, selection is missing"):
        measure_sensitivity(whole_run.store, whole_run.record.model_copy(update={"artifacts": artifacts}))


def test_run_whose_selection_gives_other_samples_now_is_refused(whole_run: WholeRun) -> None:
    changed = whole_run.record.model_dump()
    changed["config"]["selection"]["target_size"] = 7
    with pytest.raises(TableError, match="other samples than it has on record"):
        measure_sensitivity(whole_run.store, type(whole_run.record).model_validate(changed))


def test_command_prints_the_table_and_puts_it_into_the_report(whole_run: WholeRun, tmp_path: Path) -> None:
    where = ["--run", whole_run.record.name, "--store", whole_run.store.url, "--output", str(tmp_path)]
    done = CliRunner().invoke(cli.app, ["sensitivity", *where, "--only", "selection"])
    assert done.exit_code == 0, done.output
    assert "selection.target_size" in done.stdout
    assert "redrawn, the strong solver's attempts would take" in done.stdout
    assert "selection.target_size" in (tmp_path / "report.html").read_text(encoding="utf-8")
    as_json = CliRunner().invoke(cli.app, ["sensitivity", *where, "--only", "selection", "--json"]).stdout
    assert json.loads(as_json) == json.loads((tmp_path / "sensitivity.json").read_text(encoding="utf-8"))
