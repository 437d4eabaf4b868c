"""Measure the rule score and the levels on chains that others labelled: what they separate, what stuffing gains, speed.

    python measurements/judging.py [--quick] [--fit] [--json]

- Good against short: the chains that LIMO released (v2) against right solutions of GSM8K and other short right chains;
  the area under the ROC curve (AUC), one half being chance.
- Right against wrong among chains of more than 8,000 characters, without the gold answer. "box and compression" is the
  baseline: an answer in a box near the end, and then the compression ratio. "steps" adds `check_steps`, as the stage of
  verification does. "ceiling" ranks the complete chains by their label: no rule that reads completeness can do better,
  since chains exist that a grader called right though they break off.
- Stuffing: how many ranks among a set of chains rise under each attack (`judging_attacks.py`).
- Levels by source, and the time of `score_rules`.

The only fitted numbers are the percentiles of the reference set. For both AUCs they are fitted anew on other problems
than those that are scored (five folds by problem). `--fit` writes the stored ones. Needs LIMO_DATA, the folder of the
shared data sets. Labels of long chains are of rule graders, not of people.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
import zlib
from pathlib import Path
from typing import Any, Final

import polars as pl

from limo_curation.judging.features import count_features
from limo_curation.judging.levels import LEVELS, grade_level
from limo_curation.judging.reference import Reference, fit_reference
from limo_curation.judging.rules import score_features, score_rules
from limo_curation.judging_config import JudgingConfig
from limo_curation.verification import Status, check_steps
from measurements.answer_pairs import read_rows
from measurements.deduplication import processor
from measurements.judging_attacks import INDISTINGUISHABLE, STUFFING, UNCONNECTED

REFERENCE_FILE: Final = Path(__file__).parents[1] / "limo_curation" / "judging" / "data" / "reference.toml"
REFERENCE_NAME: Final = "long right chains"
REFERENCE_DESCRIPTION: Final = (
    "chains of more than 8,000 characters: those of LIMO v2 in Hoder-zyf/batch_infer, and those of"
    " NovaSky-AI/SkyThought whose answer its graders call right"
)
GOOD: Final = "limo_v2_sample"
LONG_CHARACTERS: Final = 8_000
SHORT_CHARACTERS: Final = 3_000
NUM_FOLDS: Final = 5
QUICK_FOLDS: Final = 4  # with --quick, the problems of one in so many
NUM_ATTACKED: Final = 60  # at most, of each kind
QUICK_ATTACKED: Final = 10
CHARACTERS_A_TOKEN: Final = 3.2  # LIMO v2: 36,000 characters where its authors count 11,450 tokens
TOKENS: Final = 7_000
SPEED_MEGABYTES: Final = 120
is_good: Final = pl.col("source") == GOOD
is_long: Final = pl.col("num_characters") > LONG_CHARACTERS
is_short: Final = pl.col("num_characters") < SHORT_CHARACTERS


def read_chains(folder: Path, *, quick: bool) -> pl.DataFrame:
    """Return chain_id, source, fold, is_right (LIMO's are right), num_characters, chain and the features."""
    rows = [
        {
            "chain_id": row["id"],
            "source": row["source"],
            "fold": fold_of(row["problem"]),
            "is_right": True if row["source"] == GOOD else row["final_correct"],
            "chain": row["chain"] or "\n\n".join(row["steps"] or []),
        }
        for row in read_rows(folder, "chains")
    ]
    chains = pl.DataFrame(rows, infer_schema_length=None).with_columns(num_characters=pl.col("chain").str.len_chars())
    if quick:
        chains = chains.filter(is_good | (pl.col("fold") % QUICK_FOLDS == 0))
    return chains.hstack(count_features(chains["chain"]))


def fold_of(problem: str) -> int:
    """Return a number of 0 to 59 for a problem: the same for all its chains."""
    return int(hashlib.sha256(problem.encode()).hexdigest()[:8], 16) % 60


def fitted(chains: pl.DataFrame) -> Reference:
    """Fit the reference set on the long right chains among some."""
    return fit_reference(REFERENCE_NAME, REFERENCE_DESCRIPTION, chains.filter(is_long & pl.col("is_right")))


def held_out(chains: pl.DataFrame) -> pl.DataFrame:
    """Score every chain by percentiles of other problems."""
    fold = pl.col("fold") % NUM_FOLDS
    return pl.concat(
        score_features(chains.filter(fold == at), config=JudgingConfig(), reference=fitted(chains.filter(fold != at)))
        for at in range(NUM_FOLDS)
    )


def area(scored: pl.DataFrame, score: str, right: pl.Expr, wrong: pl.Expr) -> float:
    """Return how often a right chain has the higher score than a wrong one; equal scores count one half."""
    both = scored.filter(right | wrong).select(right.alias("is_one"), pl.col(score).rank("average").alias("rank"))
    num_right = int(both["is_one"].sum())
    num_wrong = both.height - num_right
    ranks = float(both.filter("is_one")["rank"].sum())
    return (ranks - num_right * (num_right + 1) / 2) / (num_right * num_wrong)


# -- the four tables ---------------------------------------------------------------------------------------------------


def measure_good(scored: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Compare LIMO's chains with right ones that are short."""
    others = {
        "gsm8k": pl.col("source").str.contains("gsm8k"),
        "under 3,000 characters": is_short,
        "up to 8,000 characters": ~is_long,
    }
    found = dict[str, dict[str, float]]()
    for name, among in others.items():
        other = among & pl.col("is_right") & ~is_good
        found[name] = {
            "good": scored.filter(is_good).height,
            "others": scored.filter(other).height,
            "auc": area(scored, "rule_score", is_good, other),
        }
    return found


def measure_long(scored: pl.DataFrame) -> dict[str, float]:
    """Compare right with wrong long chains; LIMO's are left out, since no wrong ones are from there."""
    long = scored.filter(is_long & ~is_good & pl.col("is_right").is_not_null())
    texts = long["chain"].to_list()
    ends = long["chain"].str.tail(400).str.contains(r"\\boxed\s*\{\s*[^}\s]")
    ratios = [len(text.encode()) / len(zlib.compress(text.encode(), 1)) for text in texts]
    is_complete = pl.col("completeness") > 0
    long = long.with_columns(baseline=ends.cast(pl.Float64) - pl.Series(ratios).log(), steps=step_factor(texts))
    long = long.with_columns(
        with_steps=pl.col("soundness") * pl.col("steps"),
        ceiling=is_complete.cast(pl.Int8) + (is_complete & pl.col("is_right")).cast(pl.Int8),
    )
    right, wrong = pl.col("is_right"), ~pl.col("is_right")
    names = {
        "box and compression": "baseline",
        "rule_score": "rule_score",
        "soundness": "soundness",
        "soundness and steps": "with_steps",
        "ceiling": "ceiling",
    }
    counts = {"right": long.filter(right).height, "wrong": long.filter(wrong).height}
    return counts | {f"auc of {name}": area(long, column, right, wrong) for name, column in names.items()}


def step_factor(texts: list[str]) -> pl.Series:
    """Return a factor for each chain: more for equations that hold, less for those that fail."""
    counts = list[dict[str, int]]()
    for text in texts:
        checks = check_steps(text)
        failed = sum(check.status is Status.FAILS and not check.corrected for check in checks)
        counts.append({"held": sum(check.status is Status.HOLDS for check in checks), "failed": failed})
    held, failed = (pl.col(name).log1p() for name in ("held", "failed"))
    return pl.DataFrame(counts).select(factor=1 + 0.1 * (held - failed)).to_series()


def measure_stuffing(
    scored: pl.DataFrame, reference: Reference, *, limit: int = NUM_ATTACKED
) -> dict[str, dict[str, float]]:
    """Stuff some chains, each alone among the others, and count the ranks that rise."""
    right = scored.filter(pl.col("is_right") & ~is_good)
    parts = [scored.filter(is_good).head(limit)]
    for kind in (is_long, ~is_long & ~pl.col("source").str.contains("gsm8k"), pl.col("source").str.contains("gsm8k")):
        among = right.filter(kind)
        parts.append(among.sample(min(limit, among.height), seed=0))
    chains = pl.concat(parts)
    before = rule_scores(chains["chain"].to_list(), reference)
    found = dict[str, dict[str, float]]()
    for name, attack in {**STUFFING, **UNCONNECTED, **INDISTINGUISHABLE}.items():
        after = rule_scores([attack(text) for text in chains["chain"]], reference)
        raised = sum(
            rank(new, before[:at] + before[at + 1 :]) < rank(old, before[:at] + before[at + 1 :])
            for at, (old, new) in enumerate(zip(before, after, strict=True))
        )
        changes = [new - old for old, new in zip(before, after, strict=True)]
        found[name] = {
            "chains": len(before),
            "ranks_raised": raised,
            "mean_change": sum(changes) / len(changes),
            "max_change": max(changes),
        }
    return found


def rule_scores(texts: list[str], reference: Reference) -> list[float]:
    """Score texts."""
    features = count_features(pl.Series("chain", texts))
    return score_features(features, config=JudgingConfig(), reference=reference)["rule_score"].to_list()


def rank(score: float, others: list[float]) -> int:
    """Return how many have a higher score."""
    return sum(other > score for other in others)


def measure_levels(scored: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Count the levels of each source's right chains."""
    found = dict[str, dict[str, int]]()
    for (source,), chains in scored.filter(pl.col("is_right")).group_by("source", maintain_order=True):
        levels = grade_level(chains)
        found[str(source)] = {level: int((levels == level).sum()) for level in LEVELS}
    return found


def measure_speed(chains: pl.DataFrame, megabytes: int) -> dict[str, float]:
    """Score LIMO's chains over and over."""
    good = chains.filter(is_good).select("chain_id", "chain")
    size = int(good["chain"].str.len_bytes().sum())
    many = pl.concat([good] * (megabytes * 10**6 // size + 1))
    wall, cpu = time.perf_counter(), time.process_time()
    score_rules(many)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    characters = int(many["chain"].str.len_chars().sum())
    chains_of_7k = characters / (TOKENS * CHARACTERS_A_TOKEN)
    return {
        "megabytes": megabytes,
        "megabytes_a_second": megabytes / wall,
        "megabytes_a_cpu_second": megabytes / cpu,
        "chains_of_7k_tokens_a_minute": 60 * chains_of_7k / wall,
        "chains_of_7k_tokens_a_cpu_minute": 60 * chains_of_7k / cpu,
    }


# -- the script --------------------------------------------------------------------------------------------------------


def main() -> None:
    """Print the tables, and with --json one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a quarter of the problems: under a minute")
    parser.add_argument("--fit", action="store_true", help="fit the reference set on all problems and store it")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    arguments = parser.parse_args()
    if "LIMO_DATA" not in os.environ:
        sys.exit("LIMO_DATA is not set: it names the folder with the shared data sets")
    chains = read_chains(Path(os.environ["LIMO_DATA"]), quick=arguments.quick and not arguments.fit)
    reference = fitted(chains)
    if arguments.fit:
        REFERENCE_FILE.write_text(reference.to_toml(), encoding="utf-8")
        print(f"stored the percentiles of {reference.num_chains} chains in {REFERENCE_FILE.name}; run again to measure")
        return
    scored = held_out(chains)
    ours: dict[str, Any] = {}
    ours["good_against_short"] = measure_good(scored)
    print_table("LIMO v2 against", ours["good_against_short"])
    ours["right_against_wrong"] = measure_long(scored)
    for name, figure in ours["right_against_wrong"].items():
        print(f"long chains: {name:28} {figure:8.4g}")
    ours["stuffing"] = measure_stuffing(scored, reference, limit=QUICK_ATTACKED if arguments.quick else NUM_ATTACKED)
    print_table("stuffing", ours["stuffing"])
    ours["levels"] = measure_levels(scored)
    print_table("levels of right chains", ours["levels"])
    ours["speed"] = measure_speed(chains, SPEED_MEGABYTES // (4 if arguments.quick else 1))
    for name, figure in ours["speed"].items():
        print(f"speed: {name:34} {figure:10.4g}")
    if arguments.json:
        print(json.dumps({"machine": {"processor": processor(), "cores": os.cpu_count()}, "ours": ours}))


def print_table(title: str, rows: dict[str, dict[str, Any]]) -> None:
    """Print rows of figures under their names."""
    print(f"{title:36}" + "".join(f"{name:>14}" for name in next(iter(rows.values()))))
    for name, figures in rows.items():
        print(f"{name:36}" + "".join(f"{figure:14.4g}" for figure in figures.values()), flush=True)


if __name__ == "__main__":
    main()
