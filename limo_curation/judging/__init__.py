"""Judging: how well a chain reasons, by rules (LIMO's score over four axes)."""

from limo_curation.judging.rules import JUDGING, judge_chains, score_rules

__all__ = ["JUDGING", "judge_chains", "score_rules"]
