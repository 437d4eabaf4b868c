from pathlib import Path

import pytest

from limo_curation.config import DemandConfig, DifficultyConfig, GenerationConfig
from limo_curation.errors import ConfigError
from limo_curation.forecast.gathering import NO_PILOT, gather_evidence, solvers_of
from limo_curation.judge_config import JudgeConfig, JudgeModel
from limo_curation.judging_config import JudgingConfig
from limo_curation.problem_config import ScreeningConfig
from limo_curation.run_record import STAGES
from limo_curation.store import Store
from tests.pilot_run import STRONG, TEACHER, WEAK, make_run, pilot_config


def test_solvers_are_named_as_in_the_metrics_and_in_the_order_of_the_work():
    config = pilot_config()
    two = config.model_copy(update={"difficulty": DifficultyConfig(weak=(WEAK, WEAK), strong=STRONG)})
    assert [(name, stage) for name, stage, _ in solvers_of(two)] == [
        ("weak_1", "difficulty"),
        ("weak_2", "difficulty"),
        ("strong", "difficulty"),
        ("teacher_1", "generation"),
    ]
    unrated = config.model_copy(update={"difficulty": DifficultyConfig(enabled=False)})
    assert [name for name, _, _ in solvers_of(unrated)] == ["teacher_1"]


def test_stages_that_this_store_did_with_the_same_settings_are_counted(tmp_path: Path):
    store, config = Store(str(tmp_path)), pilot_config()
    make_run(store, config, rows=3_000, until="novelty")
    evidence = gather_evidence(config, store, pilot=None, rows=None)
    assert list(evidence.counted) == list(STAGES[:5])
    assert (evidence.rows, evidence.rows_from) == (3_000, "a run of this store")
    stricter = config.model_copy(update={"screening": ScreeningConfig(min_characters=30)})
    assert list(gather_evidence(stricter, store, pilot=None, rows=None).counted) == ["ingestion"]


def test_rows_that_are_given_count_instead_of_what_the_store_did(tmp_path: Path):
    store, config = Store(str(tmp_path)), pilot_config()
    make_run(store, config, rows=3_000)
    evidence = gather_evidence(config, store, pilot=None, rows=10**6)
    assert (evidence.rows, evidence.rows_from, evidence.counted) == (10**6, "--rows", {})


def test_without_a_pilot_everything_is_a_guess_and_says_so(tmp_path: Path):
    evidence = gather_evidence(pilot_config(), Store(str(tmp_path / "absent")), pilot=None, rows=100)
    assert NO_PILOT in evidence.notes
    assert {share.basis for share in evidence.kept.values()} == {"guess"}
    assert all(one.is_guess for one in evidence.solvers)
    assert not (tmp_path / "absent").exists(), "looking makes no store"


def test_pilot_tells_shares_and_tokens(tmp_path: Path):
    store = Store(str(tmp_path))
    pilot = make_run(store, pilot_config("sample"), rows=5_000)
    evidence = gather_evidence(pilot_config(), store, pilot=pilot, rows=10**6)
    assert all(evidence.kept[stage].basis == "pilot" for stage in STAGES if stage not in ("generation", "selection"))
    weak, strong, teacher = evidence.solvers
    assert not any(one.is_guess for one in evidence.solvers)
    assert strong.completion_tokens.mean == pytest.approx(80_000, rel=0.1)
    assert weak.completion_tokens.spread == pytest.approx(0.95, rel=0.5)  # of a lognormal with .8: sqrt(e^.64 - 1)
    assert teacher.attempts == 4
    assert strong.asked.alpha / (strong.asked.alpha + strong.asked.beta) == pytest.approx(0.4, abs=0.05)
    assert evidence.notes == (
        "the pilot had 5,000 rows; of a larger pool deduplication and novelty keep a smaller share",
    )


@pytest.mark.parametrize("change", [{"model": "tiny/other-7B"}, {"num_attempts": 8}, {"max_tokens": 512}])
def test_solver_that_the_pilot_did_not_ask_is_guessed_and_so_is_its_band(tmp_path: Path, change: dict[str, object]):
    store = Store(str(tmp_path))
    pilot = make_run(store, pilot_config("sample"), rows=5_000)
    other = DifficultyConfig(weak=(WEAK.model_copy(update=change),), strong=STRONG)
    evidence = gather_evidence(pilot_config().model_copy(update={"difficulty": other}), store, pilot=pilot, rows=9)
    assert [one.is_guess for one in evidence.solvers] == [True, False, False]
    assert evidence.kept["difficulty"].basis == "guess"
    assert any(note.startswith("weak_1: the pilot did not ask") for note in evidence.notes)


@pytest.mark.parametrize("prompt_of_pilot", [None, "step_by_step"])
@pytest.mark.parametrize("prompt", [None, "step_by_step"])
def test_teacher_that_the_pilot_asked_with_another_prompt_is_guessed(
    tmp_path: Path, prompt_of_pilot: str | None, prompt: str | None
):
    asked, planned = (
        pilot_config().model_copy(update={"generation": GenerationConfig(prompt=name, teachers=(TEACHER,))})
        for name in (prompt_of_pilot, prompt)
    )
    store = Store(str(tmp_path))
    pilot = make_run(store, asked, rows=5_000)
    [teacher] = [
        one for one in gather_evidence(planned, store, pilot=pilot, rows=9).solvers if one.stage == "generation"
    ]
    assert teacher.is_guess == (prompt != prompt_of_pilot)


def test_judges_are_left_out_and_the_plan_says_so(tmp_path: Path):
    judging = JudgingConfig(judge=JudgeConfig(models=(JudgeModel(model="tiny/judge-32B"),)))
    config = pilot_config().model_copy(update={"judging": judging})
    for one, is_told in ((config, True), (pilot_config(), False)):
        notes = gather_evidence(one, Store(str(tmp_path)), pilot=None, rows=9).notes
        assert any("judging.judge asks" in note for note in notes) == is_told


def test_more_teachers_than_the_pilot_had_make_its_chains_a_guess(tmp_path: Path):
    store, config = Store(str(tmp_path)), pilot_config()
    pilot = make_run(store, pilot_config("sample"), rows=5_000)
    more = config.generation.model_copy(update={"teachers": (TEACHER, TEACHER)})
    evidence = gather_evidence(config.model_copy(update={"generation": more}), store, pilot=pilot, rows=9)
    assert evidence.chains.basis == "guess"
    assert evidence.chains.mean == 8


def test_run_without_rows_is_no_pilot(tmp_path: Path):
    store = Store(str(tmp_path))
    pilot = make_run(store, pilot_config("sample"), rows=0)
    with pytest.raises(ConfigError, match="has no rows, so it is no pilot"):
        gather_evidence(pilot_config(), store, pilot=pilot, rows=9)


def test_pilot_that_rated_on_demand_tells_nothing_of_rating_all(tmp_path: Path):
    demanding = pilot_config().difficulty.model_copy(update={"demand": DemandConfig(problems_per_domain=50)})
    on_demand = pilot_config("sample").model_copy(update={"difficulty": demanding})
    store = Store(str(tmp_path))
    pilot = make_run(store, on_demand, rows=5_000)
    alike = pilot_config().model_copy(update={"difficulty": demanding})
    for config, basis in ((alike, "pilot"), (pilot_config(), "guess")):
        evidence = gather_evidence(config, store, pilot=pilot, rows=100)
        assert evidence.kept["difficulty"].basis == evidence.solvers[1].completion_tokens.basis == basis
        assert evidence.rated_on_demand == (basis == "pilot")
        assert evidence.kept["screening"].basis == "pilot"


def test_pilot_that_rated_a_share_tells_what_came_before_as_it_is(tmp_path: Path):
    store, config = Store(str(tmp_path)), pilot_config()
    share = config.difficulty.model_copy(update={"sample_share": 0.1})
    pilot = make_run(store, config.model_copy(update={"difficulty": share}), rows=5_000, until="generation")
    evidence = gather_evidence(config, store, pilot=pilot, rows=None)
    assert list(evidence.counted) == list(STAGES[:6])
    assert not any(one.is_guess for one in evidence.solvers)
    assert [one.asked.beta for one in evidence.solvers if one.name == "weak_1"] == [0.0], "the run asks it everything"


def test_plan_of_a_pilot_asks_a_share_only(tmp_path: Path):
    share = pilot_config().difficulty.model_copy(update={"sample_share": 0.25})
    config = pilot_config().model_copy(update={"difficulty": share})
    first = gather_evidence(config, Store(str(tmp_path)), pilot=None, rows=10**6).solvers[0].asked
    assert first.alpha / (first.alpha + first.beta) == 0.25
