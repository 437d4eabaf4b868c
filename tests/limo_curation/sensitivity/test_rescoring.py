"""Rescoring where judges have a say: blends, people's levels and comparisons are those of the stage."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest

from limo_curation.config import RunConfig
from limo_curation.judge_config import JudgeConfig, JudgeModel
from limo_curation.judging.features import count_features
from limo_curation.judging.rules import score_rules
from limo_curation.judging_config import JudgingConfig
from limo_curation.presets import load_config
from limo_curation.sensitivity.rescoring import with_other_scores
from limo_curation.sensitivity.stored_run import COLUMNS, StoredRun
from limo_curation.tables import JUDGED_CHAINS
from tests.rows import rows_of

TEXTS = [f"Let me check that {number} + 2 = {number + 2}. " * number + "So 1 + 1 = 2." for number in range(1, 5)]


@dataclass(frozen=True)
class JudgedRun:
    """What rescoring reads of a run."""

    chains: pl.DataFrame
    is_panel_trusted: float = 1.0

    def manifest(self, stage: str) -> SimpleNamespace:
        assert stage == "judging"
        return SimpleNamespace(metrics={"is_panel_trusted": self.is_panel_trusted})


def judged(*rows: dict[str, Any]) -> JudgedRun:
    scores = score_rules(pl.DataFrame({"chain_id": ["a", "b", "c", "d"], "chain": TEXTS}))["rule_score"]
    known = [
        {"chain_id": name, "problem_id": "p", "rule_level": "L3", "judge_level": "L3", "rule_score": score} | row
        for name, score, row in zip("abcd", scores, rows, strict=False)
    ]
    return JudgedRun(rows_of(JUDGED_CHAINS, *known).select(COLUMNS))


def config_of(weight: float, *, compares_best: bool = False) -> RunConfig:
    judge = JudgeConfig(models=(JudgeModel(model="judge"),), weight=weight, compares_best=compares_best)
    return load_config("demo").model_copy(update={"judging": JudgingConfig(judge=judge)})


def rescored(run: JudgedRun, config: RunConfig) -> tuple[dict[str, float], int]:
    features = count_features(pl.Series(TEXTS[: run.chains.height]))
    effect = with_other_scores(cast("StoredRun", run), config, features)
    assert effect.chains.columns == run.chains.columns
    return dict(effect.chains.select("chain_id", "quality").iter_rows()), effect.num_unsampled


def test_quality_is_the_blend_at_the_new_share_and_the_rules_score_without_a_grade() -> None:
    run = judged({"judge_score": 0.9}, {"judge_score": None})
    quality, _ = rescored(run, config_of(0.25))
    scores = run.chains["rule_score"]
    assert quality["a"] == pytest.approx(0.75 * scores[0] + 0.25 * 0.9)
    assert quality["b"] == pytest.approx(scores[1])


def test_level_that_a_person_has_given_stays_whatever_the_share() -> None:
    run = judged({"judge_score": 0.1, "human_decision": "L5", "human_note": "Ada"})
    quality, _ = rescored(run, config_of(0.9))
    assert quality["a"] == pytest.approx((4 + run.chains["rule_score"][0]) / 5)


def test_judges_that_were_not_trusted_have_no_say_at_any_share() -> None:
    run = judged({"judge_score": 0.9}, {"judge_score": 0.9})
    quality, _ = rescored(JudgedRun(run.chains, is_panel_trusted=0.0), config_of(0.9))
    assert list(quality.values()) == pytest.approx(run.chains["rule_score"].to_list())


def test_outcome_of_a_comparison_stays_while_the_two_are_the_best_and_else_is_open() -> None:
    compared = [{"judge_score": 0.8, "comparison": "lost"}, {"judge_score": 0.7, "comparison": "won"}]
    run = judged(*compared, {"judge_score": 0.1})
    quality, num_open = rescored(run, config_of(1.0, compares_best=True))
    assert (quality, num_open) == ({"a": 0.7, "b": 0.8, "c": 0.1}, 0)
    overtaken = judged(*compared, {"judge_score": 0.95})
    quality, num_open = rescored(overtaken, config_of(1.0, compares_best=True))
    assert (quality, num_open) == ({"a": 0.8, "b": 0.7, "c": 0.95}, 1)
