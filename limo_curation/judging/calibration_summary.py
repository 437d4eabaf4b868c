"""A calibration for its reader: the files that are written, and what is said of them in a terminal."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from limo_curation.files import Files
from limo_curation.judge_config import JudgeConfig
from limo_curation.judging.agreement import Agreement
from limo_curation.judging.calibration import Calibration, JudgeReport, below_floor, write_calibration
from limo_curation.judging.calibration_picture import draw_calibration


def write_all(calibration: Calibration, graded: pl.DataFrame, path: Path) -> Path:
    """Write the calibration, and beside it its picture (`.svg`) and every chain's grades (`.csv`).

    Returns:
        The picture's path.
    """
    write_calibration(calibration, path)
    beside = Files(str(path.parent))
    picture = path.with_suffix(".svg")
    beside.write_bytes(picture.name, draw_calibration(calibration, graded))
    grades = graded.drop("question").write_csv()
    beside.write_bytes(path.with_suffix(".csv").name, grades.encode())
    return picture


def describe(calibration: Calibration, config: JudgeConfig) -> list[str]:
    """Say in some lines what was found, and whether the judges may decide by it."""
    pairs = calibration.pairs
    lines = [
        f"{calibration.num_chains} labelled chains of {calibration.num_problems} problems",
        f"rules: {agreement_line(calibration.rules)}",
        f"judges together: {agreement_line(calibration.panel)}",
        *(judge_line(judge) for judge in calibration.judges),
    ]
    if pairs.num_pairs:
        order = pairs.order
        lines.append(
            f"{pairs.num_pairs} pairs in both orders: the higher label wins {share(pairs.right_fraction)}, loses "
            f"{share(pairs.wrong_fraction)}; the same place wins both times {share(order.inconsistent_fraction)}, of "
            f"all choices the first place {share(order.first_place_fraction)}; {order.num_unread} unread"
        )
    why = below_floor(calibration, config)
    lines.append("the judges may decide" if why is None else f"the judges may not decide: {why}")
    return lines


def judge_line(judge: JudgeReport) -> str:
    """Say what was found of one judge."""
    tokens = f"{number(judge.mean_prompt_tokens, 0)} + {number(judge.mean_completion_tokens, 0)} tokens"
    cost = f"a chain takes {tokens} (prompt + reply, over all its seeds)"
    own = (
        "no chains of its own"
        if judge.self_preference_levels is None
        else f"self-preference {judge.self_preference_levels:+.2f} levels on {judge.num_own_chains} chains"
    )
    unread = f"{judge.num_unparsed} of {judge.num_replies} replies unread"
    return f"{judge.judge} ({judge.revision}): {agreement_line(judge.agreement)}; {unread}; {own}; {cost}"


def agreement_line(agreement: Agreement) -> str:
    """Say how well one grader agrees with the labels."""
    return (
        f"kappa {number(agreement.kappa)} ({number(agreement.kappa_low)} to {number(agreement.kappa_high)}), exact "
        f"{share(agreement.exact_fraction)}, within one level {share(agreement.within_one_fraction)}, mean error "
        f"{number(agreement.mean_error_levels)} levels, length bias {number(agreement.length_bias)}"
    )


def number(value: float | None, digits: int = 2) -> str:
    """Return a number as text; what could not be told is a question mark."""
    return "?" if value is None else f"{value:.{digits}f}"


def share(value: float | None) -> str:
    """Return a fraction as a percentage; what could not be told is a question mark."""
    return "?" if value is None else f"{100 * value:.0f} %"
