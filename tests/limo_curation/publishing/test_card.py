import json
import re
from pathlib import Path

import pytest
import yaml

from limo_curation.digests import frame_digest
from limo_curation.publishing.card import escape_markdown, render_card, size_category
from limo_curation.publishing_config import PublishingConfig
from tests.small_run import HOSTILE_SOURCE, SmallRun, make_small_run

CONFIG = PublishingConfig(title='Sums: "easy" # ones\n---\nlicense: evil', license="apache-2.0")


@pytest.fixture(scope="module")
def card(small_run: SmallRun) -> str:
    return render_card(small_run.store, small_run.record, small_run.samples, config=CONFIG)


def test_yaml_head_is_complete_and_a_hostile_title_stays_a_title(card: str):
    head = yaml.safe_load(card.split("\n---\n")[0].removeprefix("---"))
    assert head["license"] == "apache-2.0"
    assert head["pretty_name"] == 'Sums: "easy" # ones --- license: evil'
    assert head["language"] == ["en"]
    assert head["size_categories"] == ["n<1K"]
    assert {"task_categories", "tags"} <= head.keys()
    paths = {config["config_name"]: config["data_files"][0]["path"] for config in head["configs"]}
    assert paths == {
        "default": "data/train-00000-of-00001.parquet",
        "provenance": "provenance/train-00000-of-00001.parquet",
        "ledger": "ledger.parquet",
    }


def test_numbers_of_the_run_stand_in_the_card(card: str, small_run: SmallRun):
    assert "| ingestion | 7 | 6 | 1 |" in card
    assert "| selection | 10 | 5 | 5 |" in card
    assert "| screening | too_short | 1 |" in card
    assert "| plain-set | apache-2.0 | 3 |" in card
    assert "| AI-MO/NuminaMath_1.5 | not stated | 1 |" in card
    assert "| number_theory | 3 |" in card
    assert f"`{frame_digest(small_run.samples)}`" in card
    assert "benchmarks" not in card.split("### Why")[0].split("## From the pool")[1], "a side table is no step"


def test_hostile_source_adds_no_heading_link_cell_or_html(card: str):
    (row,) = [line for line in card.splitlines() if line.startswith("| evil")]
    assert row.count("|") == 4
    assert not re.search(r"[\[\]`<>*]|://|www\.|\u202e", row)
    assert "# Heading" not in card
    assert card.count("```") == 4


def test_config_in_the_card_has_no_credentials_and_no_machines(card: str, small_run: SmallRun):
    config = json.loads(card.split("```json\n")[1].split("```")[0])
    assert "secret" not in card
    assert config["ingestion"]["sources"][0]["path"] == "s3://bucket/pool.jsonl"
    assert "execution" not in config
    assert "engine" not in config


def test_same_run_in_another_store_gives_the_same_card(card: str, small_run: SmallRun, tmp_path: Path):
    again = make_small_run(tmp_path)
    assert render_card(again.store, again.record, again.samples, config=CONFIG) == card


def test_card_of_a_set_without_samples_is_still_valid(small_run: SmallRun):
    empty = render_card(small_run.store, small_run.record, small_run.samples.clear(), config=CONFIG)
    assert yaml.safe_load(empty.split("\n---\n")[0].removeprefix("---"))["language"] == ["en"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("too_short", "too_short"),
        ("_emphasis_", "&#95;emphasis&#95;"),
        ("a|b\nc", "a&#124;b c"),
        ("me@x.org", "me&#64;x.org"),
        ("见 AI-MO/Numina-1.5 (v2)", "见 AI-MO/Numina-1.5 (v2)"),
        (None, "not stated"),
        ("x" * 500, "x" * 119 + "…"),
    ],
)
def test_markdown_is_escaped_and_plain_names_stay_readable(text: str | None, shown: str):
    assert escape_markdown(text) == shown
    assert len(escape_markdown(HOSTILE_SOURCE * 99)) < 1_000


@pytest.mark.parametrize(("rows", "name"), [(0, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (10**8, "n>10M")])
def test_size_category(rows: int, name: str):
    assert size_category(rows) == name
