"""Presets: the numbers that each promises, and messages that say which key of which file to mend."""

import json
from pathlib import Path

import pytest

from limo_curation.config import RunConfig
from limo_curation.errors import ConfigError
from limo_curation.presets import PRESETS_FOLDER, load_config, pilot_of
from limo_curation.problem_config import ScreeningConfig
from limo_curation.run_record import run_name, without_effectless
from limo_curation.selection_config import SelectionConfig
from limo_curation.tables import DOMAINS

PRESETS = sorted(path.stem for path in PRESETS_FOLDER.glob("*.toml"))
SMALLEST = """
[[ingestion.sources]]
path = "pool.jsonl"
name = "pool"
columns = { question = "q" }
[decontamination]
enabled = false
[difficulty]
enabled = false
[[generation.recorded]]
path = "chains.jsonl"
name = "chains"
columns = { question = "q", chain = "c" }
"""


def write(folder: Path, text: str, name: str = "mine.toml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_valid_and_named_like_its_file(name: str) -> None:
    assert load_config(name).profile == name


@pytest.mark.parametrize(("name", "target"), [("limo-v1", 817), ("limo-v2", 800), ("full", 817)])
def test_paper_presets_hold_the_papers_numbers(name: str, target: int) -> None:
    config = load_config(name)
    difficulty = config.difficulty
    assert difficulty.strong is not None
    assert config.selection.target_size == target
    assert config.selection.when_short == "fail"
    assert (difficulty.min_solved, difficulty.max_solved, difficulty.strong.num_attempts) == (1, 3, 32)
    assert {weak.num_attempts for weak in difficulty.weak} == {4}
    assert difficulty.weak[-1].model == "Qwen/Qwen2.5-Math-7B-Instruct"
    assert list(config.judging.weights.model_dump().values()) == [0.30, 0.20, 0.25, 0.25]
    assert {"aime24", "math500"} <= {benchmark.name for benchmark in config.decontamination.benchmarks}
    assert all(getattr(config, stage).enabled for stage in ("screening", "deduplication", "verification"))


def test_only_the_full_preset_rates_less_than_everything_and_puts_a_smaller_solver_in_front() -> None:
    full, *recipes = (load_config(name).difficulty for name in ("full", "limo-v1", "limo-v2"))
    assert full.demand is not None
    assert [weak.model.rpartition("-Math-")[2] for weak in full.weak] == ["1.5B-Instruct", "7B-Instruct"]
    assert [(recipe.demand, len(recipe.weak)) for recipe in recipes] == [(None, 1), (None, 1)]


def test_pilot_rates_a_share_of_what_the_preset_rates() -> None:
    whole = load_config("full")
    pilot = pilot_of(whole, 0.01)
    assert (pilot.is_pilot, whole.is_pilot) == (True, False)
    assert (pilot.difficulty.sample_share, pilot.difficulty.demand) == (0.01, None)
    assert pilot.difficulty.weak == whole.difficulty.weak


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
def test_pilot_of_nothing_or_of_everything_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="above 0 and below 1"):
        pilot_of(load_config("full"), share)


def test_full_preset_samples_six_domains_evenly() -> None:
    quotas = load_config("full").selection.quotas
    assert list(quotas) == list(DOMAINS)
    assert sum(quotas.values()) == 817
    assert max(quotas.values()) - min(quotas.values()) == 1


def test_unknown_preset_is_told_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="the presets are") as caught:
        load_config("limo-v3")
    assert {"full", "limo-v1", "limo-v2"} <= set(str(caught.value).split("the presets are ")[1].split(", "))


def test_path_of_a_toml_file_is_read_and_gives_the_profile_its_name(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, SMALLEST))
    assert (config.profile, config.selection.target_size) == ("mine", 817)


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ("[screening]\nmin_charaters = 3", "screening.min_charaters: unknown key; remove it or mend its spelling"),
        ("[sceening]", "sceening: unknown key"),
        ("[selection]\ntarget_size = 0", "selection.target_size: Input should be greater than or equal to 1"),
        ("[selection]\ntarget_size = 9\nquotas = { algebra = 8 }", "selection: quotas add up to 8, target_size is 9"),
        ("[judging.weights]\nexploration = 0.5", "judging.weights: the four weights add up to 1.25, not to 1"),
        ("[engine]\nkind = 'endpoint'", "engine: urls is empty"),
        ("[selection\n", "is no TOML"),
        ("[screening]\n[screening]", "is no TOML"),
    ],
)
def test_message_begins_with_the_file_and_names_the_key(tmp_path: Path, addition: str, message: str) -> None:
    path = write(tmp_path, f"{SMALLEST}\n{addition}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)[len(path) :].strip()


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, f"{SMALLEST}\n[screening]\nmin_characters = 0\n[novelty]\nmax = 3\n")
    with pytest.raises(ConfigError, match=r"screening\.min_characters: .*; novelty\.max: unknown key"):
        load_config(path)


def test_file_that_is_no_text_is_a_config_error(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is no TOML"):
        load_config(str(path))


@pytest.mark.parametrize("name", PRESETS)
def test_config_as_a_published_set_carries_it_is_a_run_file_of_the_same_run(tmp_path: Path, name: str) -> None:
    config = load_config(name)
    carried = write(tmp_path, json.dumps(without_effectless(config.model_dump(mode="json"))), "run.json")
    assert run_name(load_config(carried)) == run_name(config)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"selection": {"target_size": NaN}}', "[]", "3", '{"a": 1}'])
def test_json_that_is_no_run_file_is_a_config_error_that_names_it(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text, "run.json")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(path)


def test_whole_sections_replace_the_presets_and_none_keeps_it() -> None:
    changed = load_config("limo-v1", selection=SelectionConfig(target_size=5), screening=None)
    kept = load_config("limo-v1")
    assert changed == kept.model_copy(update={"selection": SelectionConfig(target_size=5)})


def test_replaced_section_is_checked_together_with_the_others() -> None:
    off = RunConfig.model_fields["domains"].annotation
    assert off is not None
    with pytest.raises(ConfigError, match=r"quotas are per domain, but domains\.enabled is false"):
        load_config("full", domains=off(enabled=False))


def test_replacement_of_an_unknown_stage_is_refused() -> None:
    with pytest.raises(ConfigError, match="sceening: unknown key"):
        load_config("limo-v1", sceening=ScreeningConfig())
