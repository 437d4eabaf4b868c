"""The demo as a user runs it: real models, every stage, and each planted trap caught by the stage it was set for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from limo_curation.run_record import RunRecord, funnel, load_record, manifests
from limo_curation.store import Store
from limo_curation.tables import DOMAINS, DROPPED

pytestmark = [pytest.mark.slow, pytest.mark.models, pytest.mark.prefect]

REASON_OF = {
    "no_gold": {"no_gold_answer"},
    "too_short": {"too_short"},
    "too_long": {"too_long"},
    "empty_question": {"empty_question"},
    "multiple_choice": {"multiple_choice"},
    "multi_part": {"multi_part"},
    "proof": {"proof"},
    "yes_no": {"yes_no_answer"},
    "needs_figure": {"needs_figure"},
    "unparsable_gold": {"unparsable_gold"},
    "unsupported_language": {"unsupported_language"},
    "missing_field": {"missing_field", "no_gold_answer"},
    "leak_exact": {"benchmark_exact"},
    "leak_edited": {"benchmark_ngram"},
    "common_template": {"common_template"},
}
SAMPLED_REASONS = {
    "solved_by_weak",
    "solved_too_often",
    "never_solved",
    "gold_disputed",
    "wrong_answer",
    "no_final_answer",
}


@dataclass(frozen=True)
class Demo:
    folder: Path
    store: Store
    record: RunRecord
    planted: pl.DataFrame

    def kept(self, stage: str) -> pl.DataFrame:
        return self.store.scan(self.record.artifacts[stage]).collect()

    def dropped(self, stage: str) -> pl.DataFrame:
        return self.store.scan(self.record.artifacts[stage], DROPPED, half="dropped").collect()

    def ids(self, kind: str) -> list[str]:
        return self.planted.filter(pl.col("planted") == kind)["id"].to_list()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Demo:
    from flows.curate import curate

    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # the preset writes below the current folder
        name = curate(profile="demo")
    store = Store(str(folder / "runs" / "store"))
    lines = (folder / "runs" / "demo-source" / "planted.jsonl").read_text(encoding="utf-8").split("\n")
    planted = pl.DataFrame([json.loads(line) for line in lines if line], schema=["id", "planted", "of"])
    return Demo(folder, store, load_record(store, name), planted)


def test_the_demo_ends_with_four_samples_of_each_domain_and_at_most_ten_of_a_source(demo: Demo) -> None:
    samples = demo.kept("selection")
    assert dict(samples.group_by("domain").len().iter_rows()) == dict.fromkeys(DOMAINS, 4)
    assert samples["template_id"].is_unique().all()
    assert samples.group_by("source").len()["len"].max() <= 10
    assert samples["strong_num_solved"].is_between(1, 3).all()
    assert (samples["verdict"] == "equal").all()


@pytest.mark.parametrize("kind", sorted(REASON_OF))
def test_a_planted_trap_is_dropped_for_its_own_reason(demo: Demo, kind: str) -> None:
    origins = demo.kept("ingestion").select("origin", "problem_id")
    ids = origins.filter(pl.col("origin").is_in(demo.ids(kind)))["problem_id"]
    dropped = pl.concat([demo.dropped(stage) for stage in ("screening", "decontamination", "novelty")])
    found = dropped.filter(pl.col("problem_id").is_in(ids.to_list()))
    assert set(found["problem_id"]) == set(ids)
    assert set(found["drop_reason"]) <= REASON_OF[kind]


def test_of_a_planted_duplicate_and_its_original_exactly_one_is_kept(demo: Demo) -> None:
    kept = set(demo.kept("deduplication")["origin"])
    pairs = demo.planted.filter(pl.col("planted").is_in(["exact_duplicate", "near_duplicate"])).select("id", "of")
    assert [(one in kept) + (two in kept) for one, two in pairs.iter_rows()] == [1] * pairs.height


def test_a_problem_with_other_numbers_is_no_duplicate(demo: Demo) -> None:
    assert set(demo.ids("variant")) <= set(demo.kept("deduplication")["origin"])


def test_a_wrong_gold_answer_is_disputed_by_the_strong_solver(demo: Demo) -> None:
    rows = demo.kept("domains").filter(pl.col("origin").is_in(demo.ids("wrong_gold")))
    found = demo.dropped("difficulty").filter(pl.col("problem_id").is_in(rows["problem_id"].to_list()))
    disputed = found.filter(pl.col("drop_reason") == "gold_disputed")
    assert disputed.height >= 0.9 * len(demo.ids("wrong_gold"))
    assert disputed["evidence"].str.contains("attempts say").all()


def test_unreadable_rows_and_files_are_quarantined_by_name(demo: Demo) -> None:
    dropped = demo.dropped("ingestion")
    assert dropped.filter(pl.col("drop_reason") == "unreadable_row").height == len(demo.ids("invalid_json"))
    cut_off = dropped.filter(pl.col("drop_reason") == "unreadable_file")
    assert cut_off["evidence"].str.contains("cut-off.jsonl.gz", literal=True).to_list() == [True]


def test_the_solvers_leave_something_for_every_reason_that_needs_sampling(demo: Demo) -> None:
    reasons = set(pl.concat([demo.dropped("difficulty"), demo.dropped("verification")])["drop_reason"])
    assert reasons >= SAMPLED_REASONS
    assert set(demo.dropped("selection")["drop_reason"]) >= {"not_best_chain", "quota_filled", "template_cap"}


def test_the_counts_reconcile_from_the_files_to_the_samples(demo: Demo) -> None:
    stages = funnel(demo.store, demo.record)
    rows = {row["stage"]: row for row in stages.iter_rows(named=True)}
    for stage, manifest in manifests(demo.store, demo.record).items():
        if stage != "generation":
            assert manifest.rows_in == manifest.rows_kept + manifest.rows_dropped, stage
    chain = ["ingestion", "screening", "deduplication", "decontamination", "novelty", "domains", "difficulty"]
    for before, after in pairwise(chain):
        assert rows[before]["rows_kept"] == rows[after]["rows_in"]


def test_the_published_folder_is_what_load_dataset_reads(demo: Demo) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed (extra `dev`)")
    folder = demo.folder / "runs" / demo.record.name / "dataset"
    cache = demo.folder / "cache"
    default = datasets.load_dataset(str(folder), split="train", cache_dir=str(cache))
    assert default.column_names == ["question", "solution", "answer", "messages"]
    assert len(default) == 24
    assert all("\\boxed{" in solution for solution in default["solution"])
