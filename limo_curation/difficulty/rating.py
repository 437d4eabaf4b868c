"""The stage: every problem is rated, and those in the band are kept."""

from __future__ import annotations

from typing import Final

import polars as pl

from limo_curation.config import DifficultyConfig
from limo_curation.difficulty.band import DROP_REASONS, band_rules, is_in_sample, sample_rules
from limo_curation.difficulty.cascade import try_strong, try_weak
from limo_curation.difficulty.tallies import add_counts, has_published_rate, tallies_of
from limo_curation.ledger import StageResult, apply_rules
from limo_curation.sampling import Sampler
from limo_curation.sampling.usage import Usage, usage_metrics
from limo_curation.stage import RowStage
from limo_curation.tables import CLASSIFIED, RATED


def rate_problems(problems: pl.DataFrame, *, config: DifficultyConfig, sampler: Sampler | None = None) -> StageResult:
    """Rate each problem and keep those in the band.

    Args:
        problems: CLASSIFIED rows, one for each problem_id.
        config: the solvers and the band.
        sampler: the engine; not needed where every rate is published.

    Returns:
        RATED rows. Drop reasons: `not_sampled` (outside of the random share that a pilot rates), `unrated` (no
        published rate, and no solver to sample), `solved_by_weak`, `solved_too_often` (above the band),
        `gold_disputed` (most strong attempts agree on one other answer, or the gold answer can't be read) and
        `never_solved` (below the band). A problem stays where attempts that could not be compared may have brought it
        into the band: `strong_num_undecided` says so. Metrics: what the attempts of each solver cost
        (`usage_metrics`), as `weak_1`, `weak_2`, ... in the config's order, and `strong`.

    Raises:
        TransientError, BudgetError: from the sampler.
    """
    tallies = tallies_of(problems)
    is_sampled = problems.select(is_in_sample(config) & ~has_published_rate(config)).to_series()
    sampled = [tally for tally, is_one in zip(tallies, is_sampled, strict=True) if is_one]
    usages: dict[str, Usage] = {}
    if sampler is not None:
        for place, solver in enumerate(config.weak, start=1):
            usages[f"weak_{place}"] = try_weak(sampled, solver, config=config, sampler=sampler)
        if config.strong is not None:
            usages["strong"] = try_strong(sampled, config.strong, config=config, sampler=sampler)
    rated = add_counts(problems, tallies, config=config)
    rules = [*sample_rules(config), *band_rules(config)]
    kept, dropped = apply_rules(rated, stage="difficulty", rules=rules)
    return StageResult(kept.select(list(RATED.columns)), dropped, usage_metrics(usages))


DIFFICULTY: Final = RowStage("difficulty", CLASSIFIED, RATED, DROP_REASONS, rate_problems)
