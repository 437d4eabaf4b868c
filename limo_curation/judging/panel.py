"""The stage with judges: rules and judges grade every chain, and quality follows from both and from people.

    rules, part by part; judges, all parts in one stream
      ->  quality  ->  the two best chains of a problem compared, in both orders
      ->  both halves, part by part; a person's decisions come before everything else

What was asked is left in the store when it is done, and each reply in the request cache before: a stage that was killed
goes on where it stood. Chains that no judge could grade are kept, counted, and ranked by rules.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import polars as pl

from limo_curation.digests import frame_digest
from limo_curation.errors import ConfigError
from limo_curation.judge_config import JudgeConfig
from limo_curation.judging.calibration import may_decide
from limo_curation.judging.comparison import (
    PREFERENCES,
    ask_preferences,
    best_pairs,
    order_bias,
    put_winners_first,
    settle,
)
from limo_curation.judging.hand_written import content_of, read_decisions
from limo_curation.judging.judge import aggregate, ask_judges, usages
from limo_curation.judging.quality import add_quality, human_drop
from limo_curation.judging.rules import judge_chains
from limo_curation.judging_config import JudgingConfig
from limo_curation.ledger import apply_rules
from limo_curation.sampling.protocol import Sampler
from limo_curation.sampling.usage import usage_metrics
from limo_curation.stage import InputPart, StageMetrics, StageWriter, TableStage
from limo_curation.store import Artifact, Store
from limo_curation.tables import JUDGED_CHAINS, VERIFIED_CHAINS

logger = logging.getLogger(__name__)

ADDED: Final = tuple(name for name in JUDGED_CHAINS.columns if name not in VERIFIED_CHAINS.columns)
BY_RULES: Final = (
    "elaboration",
    "self_verification",
    "exploration",
    "adaptive_granularity",
    "rule_score",
    "rule_level",
)


def judge_by_panel(
    chains: Artifact, *, config: JudgingConfig, store: Store, out: StageWriter, sampler: Sampler | None = None
) -> StageMetrics:
    """Grade every chain by rules and judges, and rank them by both.

    Args:
        chains: a VERIFIED_CHAINS table; read through `out`, part by part. Of all chains together only what is said of
            them is in memory.
        config: weights of the axes, and the panel (`judge`).
        store: where the table is; read through `out`.
        out: the stage's reader and writer.
        sampler: the engine that serves the judges.

    Returns:
        JUDGED_CHAINS rows. Drop reason: `dropped_by_human` (a person's decision; the evidence says who and why).
        Metrics: what each judge's replies cost (`judge_1_`, `comparison_1_` and so on, see `sampling.usage`), replies
        that could not be read, unscored and contested chains, decisions of people that were honoured and that met no
        chain, pairs compared and how often the order decided, and `is_panel_trusted`: 1 where the judges had a say.

    Raises:
        ConfigError: no judge or no engine, a file that can't be read, or judges that shall decide and that no
            calibration vouches for.
        TableError: the decisions are not as they should be.
        TransientError, BudgetError: from the sampler; what was asked is not asked again.
    """
    del chains, store
    judge = config.judge
    if judge is None or sampler is None:
        raise ConfigError(f"judging.judge is {'not set' if judge is None else 'set, but no engine was given'}")
    is_trusted = may_decide(judge, sampler)
    decisions = read_decisions(judge.decisions)
    parts = out.input_parts()
    graded, judgements = grade_all(parts, config=config, judge=judge, out=out, sampler=sampler)
    graded = add_quality(graded, decisions, weight=judge.weight if is_trusted else 0.0)
    preferences = PREFERENCES.to_frame()
    if judge.compares_best and is_trusted:
        preferences = compare_best(graded, parts, judge=judge, out=out, sampler=sampler)
        graded = put_winners_first(graded, settle(preferences))
    write_parts(parts, graded, out=out)
    costs = usage_metrics(
        usages(judgements, config=judge, role="judge", about=["chain_id"])
        | usages(preferences, config=judge, role="comparison", about=["first_id", "second_id"], replies_in_row=2)
    )
    return costs | outcome_metrics(graded, judgements, preferences, decisions) | {"is_panel_trusted": float(is_trusted)}


def panel_inputs(judge: JudgeConfig, sampler: Sampler) -> dict[str, str]:
    """Return digests of what the stage's result depends on beside its table and config, for its key.

    Raises:
        ConfigError, TableError: a file that the config names can't be read.
    """
    files = {"calibration": judge.calibration, "decisions": judge.decisions}
    return {one.model: sampler.revision(one.model) for one in judge.models} | {
        name: content_of(path) for name, path in files.items() if path is not None
    }


# -- asking ------------------------------------------------------------------------------------------------------------


def grade_all(
    parts: Sequence[InputPart], *, config: JudgingConfig, judge: JudgeConfig, out: StageWriter, sampler: Sampler
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return one row for each chain with what rules and judges say of it, and all judgements."""

    def score() -> pl.DataFrame:
        out.progress.start(sum(part.rows for part in parts), step="rules")
        found: list[pl.DataFrame] = []
        for part in parts:
            kept = judge_chains(out.scan_part(part).collect(), config=config).kept
            found.append(kept.select("chain_id", "problem_id", *BY_RULES))
            out.progress.advance(part.rows)
        return pl.concat(found)

    def ask() -> pl.DataFrame:
        num_replies = sum(part.rows for part in parts) * sum(one.num_seeds for one in judge.models)
        out.progress.start(num_replies, "replies", step="judges")
        texts = [out.scan_part(part) for part in parts]
        return ask_judges(texts, config=judge, sampler=sampler, progress=out.progress)

    scores = out.checkpoint("scores", score).unique("chain_id", keep="first", maintain_order=True)
    judgements = out.checkpoint("judgements", ask)
    opinions = aggregate(judgements, weights=config.weights)
    return scores.join(opinions, on="chain_id", how="left", maintain_order="left"), judgements


def compare_best(
    graded: pl.DataFrame, parts: Sequence[InputPart], *, judge: JudgeConfig, out: StageWriter, sampler: Sampler
) -> pl.DataFrame:
    """Let the judges compare the two best chains of each problem among those that no person has decided on."""

    def ask() -> pl.DataFrame:
        pairs = best_pairs(graded.filter(pl.col("human_decision").is_null()))
        wanted = pl.concat([pairs["first_id"], pairs["second_id"].alias("first_id")]).implode()
        texts = [
            out.scan_part(part)
            .filter(pl.col("chain_id").is_in(wanted))
            .select("chain_id", "question", "chain")
            .collect()
            for part in parts
        ]
        text = pl.concat(texts).unique("chain_id", keep="first")
        both = pairs.join(text, left_on="first_id", right_on="chain_id", maintain_order="left").join(
            text.drop("question"), left_on="second_id", right_on="chain_id", suffix="_second", maintain_order="left"
        )
        return ask_preferences(both.rename({"chain": "first", "chain_second": "second"}), config=judge, sampler=sampler)

    return out.checkpoint("preferences", ask)


# -- what follows ------------------------------------------------------------------------------------------------------


def write_parts(parts: Sequence[InputPart], graded: pl.DataFrame, *, out: StageWriter) -> None:
    """Write the kept and the dropped chains of every part of the input."""
    added = graded.with_columns(
        pl.lit(None, dtype).alias(name)
        for name, dtype in JUDGED_CHAINS.schema.items()
        if name in {*ADDED} - {*graded.columns}
    ).select("chain_id", *ADDED)
    out.progress.start(sum(part.rows for part in parts), step="writing")
    for part in parts:
        rows = out.scan_part(part).collect()
        own = added.filter(pl.col("chain_id").is_in(rows["chain_id"].implode()))
        depends_on = frame_digest(own)
        if out.find_part(part.start, part.stop, depends_on=depends_on) is None:
            judged = rows.join(own, on="chain_id", how="left", maintain_order="left")
            kept, dropped = apply_rules(judged, stage="judging", rules=[human_drop()])
            out.write_part(part.start, part.stop, JUDGED_CHAINS.check(kept), dropped, depends_on=depends_on)
        out.progress.advance(part.rows)


def outcome_metrics(
    graded: pl.DataFrame, judgements: pl.DataFrame, preferences: pl.DataFrame, decisions: pl.DataFrame
) -> dict[str, float]:
    """Return what came of the asking, beside its cost."""
    bias = order_bias(preferences)
    num_honoured = graded["human_decision"].count()
    counts = {
        "num_replies_unparsed": judgements["level"].null_count(),
        "num_chains_unscored": graded["judge_level"].null_count(),
        "num_chains_contested": int(graded["is_contested"].sum()),
        "num_chains_excerpted": graded.filter(pl.col("judge_shown_fraction") < 1).height,
        "num_decisions_honoured": num_honoured,
        "num_decisions_without_chain": decisions.height - num_honoured,
        "num_pairs_read": bias.num_read,
        "num_pairs_unread": bias.num_unread,
    }
    fractions = {
        "mean_rule_score_fraction": graded["rule_score"].mean(),
        "inconsistent_pairs_fraction": bias.inconsistent_fraction,
        "first_place_fraction": bias.first_place_fraction,
    }
    told = {name: value for name, value in fractions.items() if isinstance(value, float)}
    return {name: float(count) for name, count in counts.items()} | told


JUDGING_BY_PANEL: Final = TableStage("judging", VERIFIED_CHAINS, JUDGED_CHAINS, ("dropped_by_human",), judge_by_panel)
"""The stage where `judging.judge` is set; without it, `rules.JUDGING`."""
