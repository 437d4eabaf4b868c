"""The released set: everything in it loads, says the same as the run, and is the same bytes for the same run."""

import json
from pathlib import Path

import polars as pl
import pytest

from limo_curation.config import GenerationConfig, prompt_text
from limo_curation.engine_config import Solver
from limo_curation.errors import ConfigError, TableError
from limo_curation.presets import load_config
from limo_curation.publishing import pool
from limo_curation.publishing.conversations import system_prompt_of, with_messages
from limo_curation.publishing.dataset import write_dataset
from limo_curation.publishing.folder import read_dataset_manifest
from limo_curation.publishing_config import PublishingConfig
from limo_curation.run_record import RunRecord, load_samples, run_name
from limo_curation.source_config import Source
from limo_curation.store import Store
from limo_curation.tables import POOL, RELEASED, SAMPLES
from tests.piped_run import PipedRun, make_piped_run
from tests.rows import put_in_store, rows_of
from tests.small_run import ALLOWING, SmallRun

FILES = [
    "README.md",
    "data/train-00000-of-00001.parquet",
    "funnel.png",
    "ledger.parquet",
    "pool/train-00000-of-00001.parquet",
    "provenance/train-00000-of-00001.parquet",
    "run.json",
]
ADA = Solver(model="ada", num_attempts=1, max_tokens=50)
TOLD = Source(path="told.jsonl", name="told", columns={"question": "q", "chain": "c"})


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_set_holds_its_files_and_a_manifest_of_them(published: Path):
    assert [file.path for file in read_dataset_manifest(published).files] == FILES
    assert sorted(bytes_below(published)) == sorted([*FILES, "manifest.json"])


def test_default_holds_what_limo_published_and_the_same_as_a_conversation(published: Path, small_run: SmallRun):
    rows = pl.read_parquet(published / FILES[1])
    assert rows.schema == RELEASED.schema
    assert rows["question"].to_list() == small_run.samples.sort("chain_id")["question"].to_list()
    for question, solution, answer, messages in rows.iter_rows():
        assert answer is not None
        assert messages == [{"role": "user", "content": question}, {"role": "assistant", "content": solution}]


def test_provenance_holds_all_that_is_known_of_the_same_rows(published: Path, small_run: SmallRun):
    provenance = pl.read_parquet(published / "provenance/train-00000-of-00001.parquet")
    assert provenance.equals(SAMPLES.check(small_run.samples).sort("chain_id"))
    told = {"source", "origin", "license", "strong_num_solved", "verdict", "judge_reasons", "teacher", "seed"}
    assert told <= set(provenance.columns)


def test_seeds_and_origins_of_a_real_run_reach_the_published_rows(piped_run: PipedRun, tmp_path: Path):
    write_dataset(piped_run.store, piped_run.record, tmp_path / "set", config=PublishingConfig())
    rows = pl.read_parquet(tmp_path / "set/provenance/train-00000-of-00001.parquet")
    assert rows["origin"].null_count() == 0
    written = rows.filter(pl.col("finish_reason") == "stop")
    assert written.height
    assert written["seed"].null_count() == 0


def test_same_run_in_another_store_and_other_portions_gives_the_same_bytes(piped_run: PipedRun, tmp_path: Path):
    sources = Path(piped_run.store.url).parent  # their paths stand in the run file
    again = make_piped_run(sources, part_rows=5, store=Store(str(tmp_path / "store")))
    assert len(list((tmp_path / "store/screening").glob("*/kept/*"))) > 1
    write_dataset(piped_run.store, piped_run.record, tmp_path / "a", config=PublishingConfig())
    write_dataset(again.store, again.record, tmp_path / "b", config=PublishingConfig())
    assert bytes_below(tmp_path / "a") == bytes_below(tmp_path / "b")


def test_pool_is_written_in_files_of_bounded_size(small_run: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pool, "PART_ROWS", 2)
    write_dataset(small_run.store, small_run.record, tmp_path / "set", config=ALLOWING)
    files = sorted((tmp_path / "set/pool").iterdir())
    assert [file.name for file in files] == [f"train-0000{place}-of-00003.parquet" for place in range(3)]
    assert pl.read_parquet(files).schema == POOL.schema
    assert [pl.read_parquet(file).height for file in files] == [2, 2, 1]
    assert "path: pool/train-*.parquet" in (tmp_path / "set/README.md").read_text()
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(str(tmp_path / "set"), "pool", split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.to_list() == pl.read_parquet(files).to_dicts()


def test_run_file_of_a_set_leads_to_the_same_run(published: Path, small_run: SmallRun):
    text = (published / "run.json").read_text(encoding="utf-8")
    assert "secret" not in text
    assert not {"engine", "execution"} & json.loads(text).keys()
    assert run_name(load_config(str(published / "run.json"))) == small_run.record.name


def test_forbidden_licence_stops_the_publication_before_anything_is_written(small_run: SmallRun, tmp_path: Path):
    with pytest.raises(ConfigError, match="forbid to redistribute 1 rows"):
        write_dataset(small_run.store, small_run.record, tmp_path / "set", config=PublishingConfig())
    assert list(tmp_path.iterdir()) == []


def test_chain_selected_twice_is_refused(small_run: SmallRun, tmp_path: Path):
    store = Store(str(tmp_path / "store"))
    twice = put_in_store(pl.concat([small_run.samples, small_run.samples.head(1)]), SAMPLES, store)
    record = small_run.record.model_copy(update={"artifacts": {"selection": twice}})
    with pytest.raises(TableError, match="more than once"):
        write_dataset(store, record, tmp_path / "set", config=ALLOWING)
    assert not (tmp_path / "set").exists()


def test_record_of_another_version_is_told_apart(small_run: SmallRun, tmp_path: Path):
    config = small_run.record.config | {"alchemy": {"enabled": True}}
    record = RunRecord.model_validate(small_run.record.model_dump() | {"config": config})
    with pytest.raises(TableError, match=r"not one of this version \(1 settings differ\)"):
        write_dataset(small_run.store, record, tmp_path / "set", config=ALLOWING)


# -- conversations -----------------------------------------------------------------------------------------------------


def test_conversation_begins_with_the_runs_system_prompt_where_it_has_one():
    sample = rows_of(SAMPLES, {"question": "2+2?", "solution": "It is 4.", "answer": "4"})
    rows = with_messages(sample, system_prompt="Be brief.")
    assert rows.schema == RELEASED.schema
    assert [(turn["role"], turn["content"]) for turn in rows["messages"].item()] == [
        ("system", "Be brief."),
        ("user", "2+2?"),
        ("assistant", "It is 4."),
    ]
    assert with_messages(SAMPLES.empty(), system_prompt=None).equals(RELEASED.empty())


def test_system_prompt_is_the_named_one_or_the_one_that_all_teachers_share():
    brief = ADA.model_copy(update={"system_prompt": "Be brief."})
    long = ADA.model_copy(update={"model": "bob", "system_prompt": "Take your time."})
    named = GenerationConfig(prompt="step_by_step", teachers=(ADA, brief))
    assert system_prompt_of(named) == prompt_text("step_by_step")
    assert system_prompt_of(GenerationConfig(prompt="step_by_step", recorded=(TOLD,))) == prompt_text("step_by_step")
    assert system_prompt_of(GenerationConfig(teachers=(brief, brief))) == "Be brief."
    for teachers in ((ADA,), (brief, long), (ADA, brief)):
        assert system_prompt_of(GenerationConfig(teachers=teachers)) is None
    assert system_prompt_of(GenerationConfig(recorded=(TOLD,))) is None


# -- with the libraries that read it -----------------------------------------------------------------------------------


def test_every_config_loads_with_the_types_that_the_card_declares(published: Path, tmp_path: Path):
    datasets = pytest.importorskip("datasets")
    for name, path in zip(("default", "provenance", "pool", "ledger"), (1, 5, 4, 3), strict=True):
        loaded = datasets.load_dataset(str(published), name, split="train", cache_dir=str(tmp_path / "cache"))
        rows = pl.read_parquet(published / FILES[path])
        assert loaded.column_names == rows.columns
        assert loaded.to_list() == rows.to_dicts()
        declared = loaded.info.splits["train"]
        assert (declared.num_examples, loaded.info.download_size) == (
            rows.height,
            (published / FILES[path]).stat().st_size,
        )


@pytest.mark.models
@pytest.mark.slow
def test_trainer_takes_the_default_config_as_it_is(piped_run: PipedRun, tmp_path: Path):
    datasets, trl = pytest.importorskip("datasets"), pytest.importorskip("trl")
    write_dataset(piped_run.store, piped_run.record, tmp_path / "set", config=PublishingConfig())
    rows = datasets.load_dataset(str(tmp_path / "set"), split="train", cache_dir=str(tmp_path / "cache"))
    config = trl.SFTConfig(
        output_dir=str(tmp_path / "student"),
        use_cpu=True,
        bf16=False,
        activation_checkpointing=False,
        assistant_only_loss=True,
        max_length=256,
        max_steps=1,
        per_device_train_batch_size=2,
        eos_token="<|im_end|>",
        report_to="none",
        model_init_kwargs={"dtype": "float32"},
    )
    trainer = trl.SFTTrainer("limo_curation/demo/models/tiny-strong", args=config, train_dataset=rows)
    assert trainer.train().training_loss > 0
    labelled = trainer.data_collator([trainer.train_dataset[0]])["labels"][0]
    learnt = trainer.processing_class.decode(labelled[labelled != -100])
    assert learnt.removesuffix("<|im_end|>\n").removesuffix("<|im_end|>").strip() == rows[0]["solution"]
    assert load_samples(piped_run.store, piped_run.record).height == len(rows)
