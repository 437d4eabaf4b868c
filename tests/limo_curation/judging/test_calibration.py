"""Calibration: a good judge is told from a biased one, the file says what it was, and the picture is the same again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from limo_curation.errors import ConfigError
from limo_curation.judge_config import JudgeConfig, JudgeModel
from limo_curation.judging.calibration import (
    calibrate,
    labelled_pairs,
    may_decide,
    read_calibration,
    why_untrusted,
    write_calibration,
)
from limo_curation.judging.calibration_picture import draw_calibration
from limo_curation.judging.hand_written import read_labelled
from limo_curation.sampling import SampleRequest
from limo_curation.sampling.cache import CachedSampler
from limo_curation.store import Store
from tests.limo_curation.judging.judges import Judge, grades, preference

ONE, OTHER = JudgeModel(model="one@main"), JudgeModel(model="other", num_seeds=2, temperature=0.6)
ALONE, PANEL = (JudgeConfig(models=models, min_problems=4) for models in ((ONE,), (ONE, OTHER)))
NUM_PROBLEMS = 20
NUM_CHAINS = 40


def labelled() -> pl.DataFrame:
    """Two chains of each problem; the level stands in the text, for judges to read, and in half of the shorter ones."""
    rows = [
        {
            "chain_id": f"c{problem:02d}{place}",
            "question": f"What is {problem} + {problem}?",
            "chain": f"TRUTH{level}. " + "Step. " * (10 + problem + 40 * place),
            "level": f"L{level}",
            "teacher": "one" if problem % 2 else "R1",
        }
        for problem in range(NUM_PROBLEMS)
        for place, level in enumerate((problem % 5 + 1, (problem + 2) % 5 + 1))
    ]
    return pl.DataFrame(rows)


def truth(chain: str) -> int:
    return int(chain.partition("TRUTH")[2][0])


def perfect(chain: str, request: SampleRequest) -> str:
    return grades(f"L{truth(chain)}")


def by_truth(first: str, second: str) -> str:
    return preference("first" if truth(first) > truth(second) else "second")


def calibrated(grade: Callable[[str, SampleRequest], str], config: JudgeConfig = ALONE, **changes: Any) -> Any:
    return calibrate(labelled(), config=config, sampler=Judge(grade, by_truth), **changes)[0]


def test_a_judge_that_gives_every_label_agrees_fully() -> None:
    found = calibrated(perfect)
    assert (found.panel.kappa, found.panel.kappa_low, found.panel.exact_fraction) == (1.0, 1.0, 1.0)
    assert (found.num_chains, found.num_problems, found.panel.num_unscored) == (NUM_CHAINS, NUM_PROBLEMS, 0)
    assert (found.pairs.right_fraction, found.pairs.order.first_place_fraction) == (1.0, 0.5)


def test_a_judge_that_gives_all_chains_one_level_agrees_as_by_chance() -> None:
    found = calibrated(lambda chain, request: grades("L3"))
    assert found.panel.kappa == pytest.approx(0.0)
    assert found.panel.within_one_fraction == pytest.approx(0.6)


def test_rules_are_measured_beside_the_judges() -> None:
    found = calibrated(perfect)
    assert found.rules.num_chains == NUM_CHAINS
    assert found.rules.num_unscored == 0
    assert found.rules != found.panel


def test_a_judge_that_prefers_its_own_chains_is_found_out() -> None:
    """It lifts a chain by a level where its problem's number is odd: those it wrote itself."""

    def partial(chain: str, request: SampleRequest) -> str:
        is_own = int(request.question.partition("What is ")[2].partition(" ")[0]) % 2
        return grades(f"L{min(truth(chain) + is_own, 5)}")

    [judge] = calibrated(partial).judges
    assert (judge.judge, judge.num_own_chains) == ("one@main", NUM_CHAINS // 2)
    assert judge.self_preference_levels > 0.5
    assert calibrated(perfect).judges[0].self_preference_levels == 0.0


def test_without_chains_of_its_own_nothing_is_said_of_self_preference() -> None:
    found = calibrated(perfect, JudgeConfig(models=(JudgeModel(model="stranger"),)))
    assert (found.judges[0].num_own_chains, found.judges[0].self_preference_levels) == (0, None)


def test_a_judge_that_rewards_length_is_found_out() -> None:
    found = calibrated(lambda chain, request: grades("L5" if len(chain) > 200 else "L1"))
    assert found.panel.length_bias > 0.4
    assert calibrated(perfect).panel.length_bias is None


def test_replies_that_were_not_read_are_counted_and_the_cost_is_told() -> None:
    def speechless(chain: str, request: SampleRequest) -> str:
        return "?" if request.model == "other" and truth(chain) == 5 else perfect(chain, request)

    one, other = calibrated(speechless, PANEL).judges
    assert (one.num_replies, one.num_unparsed) == (NUM_CHAINS, 0)
    assert (other.num_replies, other.num_unparsed, other.agreement.num_unscored) == (2 * NUM_CHAINS, 16, 8)
    assert (one.mean_prompt_tokens, one.mean_completion_tokens) == (900, 120)
    assert (other.mean_prompt_tokens, other.mean_completion_tokens) == (1_800, 240)
    assert other.revision == "other@1"


def test_an_order_bias_is_measured_on_the_pairs() -> None:
    judge = Judge(perfect, lambda first, second: preference("first"))
    found, _ = calibrate(labelled(), config=ALONE, sampler=judge)
    assert (found.pairs.right_fraction, found.pairs.wrong_fraction) == (0.0, 0.0)
    assert (found.pairs.order.inconsistent_fraction, found.pairs.order.first_place_fraction) == (1.0, 1.0)


def test_pairs_are_of_one_problem_with_the_higher_label_first_and_one_of_each_problem_before_a_second() -> None:
    chains = pl.concat(
        [
            labelled(),
            labelled().filter(pl.col("chain_id") == "c000").with_columns(chain_id=pl.lit("x"), level=pl.lit("L4")),
        ]
    )
    level = dict(chains.select("chain_id", "level").iter_rows())
    pairs = labelled_pairs(chains, max_pairs=200)
    assert pairs.height == NUM_PROBLEMS + 1
    assert all(level[first] > level[second] for first, second in pairs.select("first_id", "second_id").iter_rows())
    assert labelled_pairs(chains, max_pairs=NUM_PROBLEMS)["question"].n_unique() == NUM_PROBLEMS
    assert labelled_pairs(chains.head(1), max_pairs=9).height == 0


def test_a_calibration_resumes_from_the_request_cache(tmp_path: Path) -> None:
    first, second = Judge(perfect, by_truth), Judge(perfect, by_truth)
    store = Store(str(tmp_path))
    before, _ = calibrate(labelled(), config=PANEL, sampler=CachedSampler(first, store))
    after, _ = calibrate(labelled().reverse(), config=PANEL, sampler=CachedSampler(second, store))
    assert second.requests == []
    assert after == before


# -- the file ----------------------------------------------------------------------------------------------------------


def test_the_file_gives_back_what_was_measured_and_vouches_for_its_judges(tmp_path: Path) -> None:
    judge = Judge(perfect, by_truth)
    found, _ = calibrate(labelled(), config=PANEL, sampler=judge)
    write_calibration(found, tmp_path / "calibration.json")
    assert read_calibration(str(tmp_path / "calibration.json")) == found
    named = PANEL.model_copy(update={"calibration": str(tmp_path / "calibration.json")})
    assert why_untrusted(named, judge) is None
    assert may_decide(named, judge)


def test_other_judges_are_not_vouched_for(tmp_path: Path) -> None:
    judge = Judge(perfect, by_truth)
    found, _ = calibrate(labelled(), config=ALONE, sampler=judge)
    write_calibration(found, tmp_path / "calibration.json")
    named = PANEL.model_copy(update={"calibration": str(tmp_path / "calibration.json")})
    with pytest.raises(ConfigError, match=r"other judges or settings \(one@main@1\)"):
        may_decide(named, judge)
    relaxed = named.model_copy(update={"when_untrusted": "rules_decide"})
    assert not may_decide(relaxed, judge)


def test_a_judge_that_was_right_about_every_chain_of_a_few_problems_is_not_vouched_for(tmp_path: Path) -> None:
    """Resampling a few chains that all agree tells nothing: the interval has no width."""
    judge = Judge(perfect, by_truth)
    found, _ = calibrate(labelled().head(8), config=ALONE, sampler=judge)
    write_calibration(found, tmp_path / "calibration.json")
    named = ALONE.model_copy(update={"calibration": str(tmp_path / "calibration.json"), "min_problems": 5})
    assert (found.panel.kappa_low, found.panel.kappa_high) == (1.0, 1.0)
    assert "it rests on chains of 4 problems, below min_problems = 5" in str(why_untrusted(named, judge))


def test_a_small_set_does_not_vouch_for_a_judge_that_was_lucky(tmp_path: Path) -> None:
    """Its kappa is above the floor, the lower end of the interval is not."""
    judge = Judge(lambda chain, request: grades("L5" if truth(chain) > 3 else "L2"), by_truth)
    found, _ = calibrate(labelled().head(8), config=ALONE, sampler=judge)
    write_calibration(found, tmp_path / "calibration.json")
    named = ALONE.model_copy(update={"calibration": str(tmp_path / "calibration.json"), "min_kappa": 0.7})
    assert found.panel.kappa > 0.7
    assert "label more than 8 chains" in str(why_untrusted(named, judge))


def test_the_digest_of_the_labels_follows_their_content_and_not_their_order() -> None:
    judge = Judge(perfect, by_truth)
    found, turned, other = (
        calibrate(rows, config=ALONE, sampler=judge)[0].labels_digest
        for rows in (labelled(), labelled().reverse(), labelled().with_columns(level=pl.lit("L1")))
    )
    assert found == turned != other


# -- the picture -------------------------------------------------------------------------------------------------------


def test_the_same_grades_give_the_same_picture() -> None:
    found, graded = calibrate(labelled(), config=PANEL, sampler=Judge(perfect, by_truth))
    picture = draw_calibration(found, graded)
    assert picture == draw_calibration(found, graded)
    assert picture.startswith(b"<?xml")
    assert b"<svg" in picture


@pytest.mark.parametrize("rows", [0, 1, 40])
def test_a_set_of_any_size_with_or_without_grades_has_a_picture(rows: int) -> None:
    for reply in ("?", grades("L3")):
        found, graded = calibrate(
            labelled().head(rows), config=ALONE, sampler=Judge(lambda chain, request, reply=reply: reply)
        )
        assert b"<svg" in draw_calibration(found, graded)


def test_labels_from_a_file_are_calibrated_as_they_are(tmp_path: Path) -> None:
    labelled().write_csv(tmp_path / "labels.csv")
    labelled().write_ndjson(tmp_path / "labels.jsonl")
    judge = Judge(perfect, by_truth)
    digests = {
        calibrate(read_labelled(str(tmp_path / name)), config=ALONE, sampler=judge)[0].labels_digest
        for name in ("labels.csv", "labels.jsonl")
    }
    assert digests == {calibrate(labelled(), config=ALONE, sampler=judge)[0].labels_digest}
