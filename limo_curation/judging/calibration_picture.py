"""A calibration as a picture: labels against levels, of judges and of rules, and errors against the chain's length.

Drawn like the funnel: without pyplot and without time or random ids, so that the same grades give the same bytes.
"""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np
import polars as pl

from limo_curation.judging.agreement import Agreement, confusion
from limo_curation.judging.calibration import Calibration
from limo_curation.judging.judge import LEVELS
from limo_curation.report.funnel_picture import DROPPED_COLOUR, INK, KEPT_COLOUR, STYLE

GRADERS: Final = {"panel": "Judges", "rules": "Rules"}
COLOURS: Final = {"panel": KEPT_COLOUR, "rules": DROPPED_COLOUR}
MARKERS: Final = {"panel": "o", "rules": "x"}
SPREAD: Final = 0.12  # half of the height over which equal errors are spread, so that they are seen


def draw_calibration(calibration: Calibration, graded: pl.DataFrame) -> bytes:
    """Draw what `calibrate` returns.

    Returns:
        The SVG's bytes, text as outlines.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    library: Any = mpl  # its types are partial: strict checking ends here
    with library.rc_context(STYLE):
        figure: Any = Figure(figsize=(12, 4.2), layout="constrained")
        FigureCanvasAgg(figure)
        left, middle, right = figure.subplots(1, 3)
        draw_grades(left, graded, "panel", calibration.panel)
        draw_grades(middle, graded, "rules", calibration.rules)
        draw_errors(right, graded)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def draw_grades(axes: Any, graded: pl.DataFrame, grader: str, agreement: Agreement) -> None:
    """Draw how many chains of each label have which level; with the counts, so that no colour has to be read."""
    scored = graded.filter(pl.col(grader).is_not_null())
    counts = confusion(scored["label"].to_numpy(), scored[grader].to_numpy())
    axes.imshow(counts, cmap="Blues", vmin=0, vmax=max(counts.max(), 1) * 1.6)
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            axes.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", fontsize=10, color=INK)
    axes.set_xticks(range(len(LEVELS)), LEVELS)
    axes.set_yticks(range(len(LEVELS)), LEVELS)
    axes.set_xlabel("level given", color=INK)
    axes.set_ylabel("label", color=INK)
    axes.set_title(f"{GRADERS[grader]}: {kappa_line(agreement)}", fontsize=10, color=INK)


def kappa_line(agreement: Agreement) -> str:
    """Return kappa with its interval, and how many chains have no grade."""
    if agreement.kappa is None:
        line = "kappa not defined"
    else:
        interval = [f"{value:.2f}" for value in (agreement.kappa_low, agreement.kappa_high) if value is not None]
        line = f"kappa {agreement.kappa:.2f}" + (f" ({' to '.join(interval)})" if interval else "")
    return f"{line}, {agreement.num_unscored} of {agreement.num_chains} unscored"


def draw_errors(axes: Any, graded: pl.DataFrame) -> None:
    """Draw grade minus label of each chain against its length: a slope is a bias."""
    for grader, name in GRADERS.items():
        scored = graded.filter(pl.col(grader).is_not_null()).sort("chain_id")
        shift = np.linspace(-SPREAD, SPREAD, scored.height) if scored.height > 1 else np.zeros(scored.height)
        errors = (scored[grader] - scored["label"]).to_numpy() + shift
        lengths = scored["num_characters"].to_numpy()
        axes.scatter(lengths, errors, s=18, alpha=0.6, color=COLOURS[grader], marker=MARKERS[grader], label=name)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xscale("symlog", linthresh=100)
    axes.set_xlabel("characters of the chain", color=INK)
    axes.set_ylabel("level given minus label", color=INK)
    axes.set_title("Above the line: too lenient", fontsize=10, color=INK)
    axes.legend(loc="best", fontsize=9)
