"""The card: every number is the run's, every foreign name stays a name, and the Hub's own reader takes it."""

import json
import re
from pathlib import Path

import polars as pl
import pytest
import yaml
from huggingface_hub import DatasetCard

from limo_curation.config import RunConfig
from limo_curation.digests import frame_digest
from limo_curation.engine_config import Solver
from limo_curation.publishing.card import POLICY_QUESTIONS, chain_lengths, llama_factory_entry, terms
from limo_curation.publishing.dataset import write_dataset
from limo_curation.publishing.front_matter import DataConfig, num_bytes_of, size_category
from limo_curation.publishing.licenses import LicensedRows, known_license
from limo_curation.publishing_config import PublishingConfig
from limo_curation.run_record import RunRecord
from limo_curation.sampling.spending import Spending, SpendingRecord
from limo_curation.store import Store
from limo_curation.tables import RELEASED
from tests.piped_run import PipedRun
from tests.small_run import ALLOWING, SmallRun, make_small_run

CONFIG = ALLOWING.model_copy(update={"title": 'Sums: "easy" # ones\n---\nlicense: evil', "license": "apache-2.0"})


def card_of(store: Store, record: RunRecord, folder: Path, *, config: PublishingConfig = CONFIG) -> str:
    write_dataset(store, record, folder, config=config)
    return (folder / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def card(small_run: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> str:
    return card_of(small_run.store, small_run.record, tmp_path_factory.mktemp("card") / "set")


@pytest.fixture(scope="module")
def piped_card(piped_run: PipedRun, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("card") / "set"
    return card_of(piped_run.store, piped_run.record, folder, config=PublishingConfig())


def section(card: str, heading: str) -> str:
    return card.split(f"\n## {heading}\n")[1].split("\n## ")[0]


# -- the head ----------------------------------------------------------------------------------------------------------


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
        "pool": "pool/train-00000-of-00001.parquet",
        "ledger": "ledger.parquet",
    }
    assert [config.get("default", False) for config in head["configs"]] == [True, False, False, False]


def test_the_hubs_own_reader_finds_the_head_and_the_body(card: str):
    read = DatasetCard(card)
    assert read.data.license == "apache-2.0"
    assert read.text.lstrip().startswith("# Sums&#58; &#34;easy&#34; &#35; ones --- license&#58; evil")
    infos = {info["config_name"]: info for info in read.data.to_dict()["dataset_info"]}
    (split,) = infos["default"]["splits"]
    assert (split["name"], split["num_examples"]) == ("train", 5)
    roles = {"name": "messages", "list": [{"name": name, "dtype": "string"} for name in ("role", "content")]}
    assert infos["default"]["features"][-1] == roles
    assert all(info["dataset_size"] == info["splits"][0]["num_bytes"] > 0 for info in infos.values())


def test_licence_other_has_the_name_that_the_hub_asks_for(piped_card: str):
    head = yaml.safe_load(piped_card.split("\n---\n")[0].removeprefix("---"))
    assert (head["license"], head["license_name"]) == ("other", "as-the-sources-state")


def test_bytes_of_a_frame_are_those_of_its_values():
    frame = pl.DataFrame(
        {"text": ["né", None], "number": [1, None], "share": [0.5, 1.5], "turns": [[{"role": "user"}], []]},
        schema_overrides={"turns": pl.List(pl.Struct({"role": pl.String}))},
    )
    assert num_bytes_of(frame) == 3 + 8 + 16 + 4
    assert num_bytes_of(frame.clear()) == 0


# -- what it tells -----------------------------------------------------------------------------------------------------


def test_numbers_of_the_run_stand_in_the_card(card: str, small_run: SmallRun):
    assert "| ingestion | 7 | 6 | 1 |" in card
    assert "| selection | 10 | 5 | 5 |" in card
    assert "| screening | too_short | 1 |" in card
    assert "| plain-set | apache-2.0 | Apache | with attribution | 3 | 3 |" in card
    assert "| AI-MO/NuminaMath_1.5 | not stated | – | not stated | 1 | 1 |" in card
    assert "| number_theory | 3 |" in card
    assert f"`{frame_digest(small_run.samples)}`" in card
    assert "benchmarks" not in card.split("### Why")[0].split("## From the pool")[1], "a side table is no step"


def test_hostile_source_adds_no_heading_link_cell_or_html(card: str):
    (row,) = [line for line in card.splitlines() if line.startswith("| evil")]
    assert row.count("|") == 7
    assert not re.search(r"[\[\]`<>*]|://|www\.|\u202e", row)
    assert "# Heading" not in card
    (benchmark,) = [line for line in card.splitlines() if line.startswith("| exam")]
    assert benchmark.count("|") == 8
    assert card.count("```") % 2 == 0


def test_every_table_of_the_card_has_as_many_cells_in_each_row(card: str, piped_card: str):
    for text in (card, piped_card):
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len(rows) > 50
        for row, above in zip(rows[1:], rows, strict=False):
            if f"{above}\n{row}\n" in text:
                assert row.count("|") == above.count("|"), row


def test_config_in_the_card_has_no_credentials_and_no_machines(card: str, small_run: SmallRun):
    config = json.loads(card.split("```json\n")[-1].split("```")[0])
    assert "secret" not in card
    assert config["ingestion"]["sources"][0]["path"] == "s3://bucket/pool.jsonl"
    assert "execution" not in config
    assert "engine" not in config
    assert f"`{small_run.record.name}`" in section(card, "Reproduce")
    assert "python -m flows.curate run.json" in section(card, "Reproduce")


def test_same_run_in_another_store_gives_the_same_card(card: str, tmp_path: Path):
    again = make_small_run(tmp_path / "store")
    assert card_of(again.store, again.record, tmp_path / "set") == card


def test_grader_is_told_with_its_versions_and_its_whole_policy(piped_card: str, piped_run: PipedRun):
    verified = piped_run.record.artifacts["verification"]
    manifest = piped_run.store.manifest("verification", verified.key)
    assert manifest is not None
    told = section(piped_card, "How answers were verified")
    assert f"`{manifest.source_digest[:16]}`" in told
    assert f"math-verify {manifest.libraries['math-verify']}" in told
    assert f"sympy {manifest.libraries['sympy']}" in told
    for name, value in piped_run.config.verification.policy.model_dump().items():
        assert f"| {POLICY_QUESTIONS[name]} | {value} |" in told
    assert piped_card.count("reasoning chain each") == piped_card.count("verified reasoning chain each") == 1


def test_pool_is_told_with_its_band_and_the_ends_that_its_problems_came_to(piped_card: str, piped_run: PipedRun):
    told = section(piped_card, "The pool")
    assert "- not solved by weak in 2 attempts" in told
    assert "- solved by strong in 1 to 3 of 8 attempts" in told
    artifacts = piped_run.record.artifacts
    assert f"| selection | selected | {artifacts['selection'].rows} |" in told
    ends = [int(row.split("|")[3]) for row in told.splitlines() if row.startswith("|") and row[-3].isdigit()]
    assert sum(ends) == artifacts["difficulty"].rows


def test_benchmarks_are_told_rule_by_rule_with_the_items_concerned(piped_card: str, piped_run: PipedRun):
    manifest = piped_run.store.manifest("decontamination", piped_run.record.artifacts["decontamination"].key)
    assert manifest is not None
    by_rule = [manifest.reasons.get(f"benchmark_{rule}", 0) for rule in ("exact", "ngram", "variant", "paraphrase")]
    assert sum(by_rule) > 1, "the exam's item and its variants"
    exact, ngram, variant, paraphrase = by_rule
    assert f"| exam | 1 | {exact} | {ngram} | {variant} | {paraphrase} | 1 |" in piped_card


def test_tokens_of_each_model_stand_in_the_card_and_hours_only_where_a_gpu_was_held(
    piped_run: PipedRun, tmp_path: Path, piped_card: str
):
    metrics = {
        stage: manifest.metrics
        for stage, artifact in piped_run.record.artifacts.items()
        if (manifest := piped_run.store.manifest(artifact.stage, artifact.key)) is not None
    }
    roles = [
        ("difficulty", "weak_1", "weak"),
        ("difficulty", "strong", "strong"),
        ("generation", "teacher_1", "strong"),
    ]
    for stage, role, model in roles:
        numbers = [
            f"{metrics[stage][f'{role}_{count}']:,.0f}"
            for count in ("num_attempts", "num_prompt_tokens", "num_completion_tokens")
        ]
        assert f"| {stage} | {role} | {model} | {' | '.join(numbers)} |" in piped_card
    assert "GPU-hours |" not in piped_card
    folder = tmp_path / "spending"
    account = SpendingRecord(piped_run.store, piped_run.record.name)
    account.save(Spending(gpu_seconds={"strong": 9_000.0, "weak": 0.0}))
    try:
        told = card_of(piped_run.store, piped_run.record, folder, config=PublishingConfig())
    finally:
        piped_run.store.remove(f"spending/{piped_run.record.name}")
    assert "| strong | 2.50 |" in told
    assert "| weak | 0.00 |" not in told


def test_card_of_a_run_without_any_model_says_that_none_was_asked(card: str):
    assert "No language model was asked" in section(card, "What it cost")


def test_lengths_are_the_students_where_there_is_one_and_named():
    samples = pl.DataFrame({"num_student_tokens": list(range(1, 102)), "num_tokens": [7] * 101})
    (row,) = chain_lengths(samples, student="limo_curation/demo/models/tiny-strong")
    assert row["counted_by"] == "the tokenizer of tiny-strong"
    assert row["numbers"] == [51, 6, 26, 51, 76, 96, 101]
    (row,) = chain_lengths(samples, student=None)
    assert (row["counted_by"], row["numbers"]) == ("the teachers' engines", [7] * 7)
    assert chain_lengths(samples.with_columns(num_tokens=pl.lit(None, pl.Int64)), student=None) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "not stated"),
        ("my own terms", "not known here: read it"),
        ("cc0-1.0", "yes"),
        ("mit", "with attribution"),
        ("cc-by-nc-sa-4.0", "with attribution, share alike, non-commercial"),
        ("all rights reserved", "forbidden; the publisher states the right"),
    ],
)
def test_terms_say_what_a_licence_asks(text: str | None, told: str):
    assert terms(LicensedRows("pool", text, known_license(text), 1, 1, ())) == told


def test_entry_for_llama_factory_uses_its_documented_keys_and_names_the_columns_that_are_there():
    # data/README.md of LLaMA-Factory, "OpenAI format"
    places, others = {"file_name", "hf_hub_url"}, {"formatting", "columns", "tags"}
    default = DataConfig("default", "data/train-00000-of-00001.parquet", RELEASED.schema, 1, 1, 1)
    for repo_id, place in ((None, default.path), ("owner/sums", "owner/sums")):
        (entry,) = llama_factory_entry("sums", PublishingConfig(repo_id=repo_id), default).values()
        assert entry.keys() - places == others
        assert [entry[key] for key in entry.keys() & places] == [place]
        assert entry["formatting"] == "sharegpt"
        assert RELEASED.schema[entry["columns"]["messages"]] == RELEASED.schema["messages"]
        turn = {entry["tags"]["role_tag"], entry["tags"]["content_tag"]}
        assert turn == {field.name for field in RELEASED.schema["messages"].inner.fields}  # pyright: ignore
        assert [entry["tags"][f"{role}_tag"] for role in ("user", "assistant", "system")] == [
            "user",
            "assistant",
            "system",
        ]


def test_card_of_a_set_without_samples_is_still_valid(small_run: SmallRun, tmp_path: Path):
    artifacts = {stage: one for stage, one in small_run.record.artifacts.items() if stage != "selection"}
    record = small_run.record.model_copy(update={"artifacts": artifacts})
    empty = card_of(small_run.store, record, tmp_path / "set")
    assert yaml.safe_load(empty.split("\n---\n")[0].removeprefix("---"))["language"] == ["en"]


def test_system_prompt_of_the_conversations_is_shown(piped_run: PipedRun, tmp_path: Path):
    teacher = Solver(model="strong", num_attempts=8, max_tokens=50, system_prompt="Think, then say ``` 4.")
    generation = piped_run.config.generation.model_copy(update={"teachers": (teacher,)})
    config = RunConfig.model_validate(piped_run.config.model_dump() | {"generation": generation.model_dump()})
    record = piped_run.record.model_copy(update={"config": config.model_dump(mode="json")})
    told = section(card_of(piped_run.store, record, tmp_path / "set"), "Use it")
    assert '"Think, then say \\u0060\\u0060\\u0060 4."' in told
    first = pl.read_parquet(tmp_path / "set/data/train-00000-of-00001.parquet")["messages"][0][0]
    assert first == {"role": "system", "content": "Think, then say ``` 4."}


@pytest.mark.parametrize(("rows", "name"), [(0, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (10**8, "n>10M")])
def test_size_category(rows: int, name: str):
    assert size_category(rows) == name
