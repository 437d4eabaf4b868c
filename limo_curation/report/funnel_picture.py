"""The funnel as a picture: for each stage a bar of the rows it kept, with the rows it dropped behind.

Drawn without pyplot and without time or random ids, so that the same counts give the same bytes.
"""

from __future__ import annotations

import io
from typing import Any, Final, Literal

import polars as pl

KEPT_COLOUR: Final = "#0072B2"  # blue and orange of Okabe and Ito, told apart with any colour vision
DROPPED_COLOUR: Final = "#E69F00"
INK: Final = "#1f2933"
LOG_SCALE_FROM: Final = 50  # ours: a bar of under 2 % of the longest one can't be read on a linear scale
STYLE: Final[dict[str, Any]] = {
    "svg.hashsalt": "limo-curation",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same on every machine
    "hatch.color": "white",
    "hatch.linewidth": 1.2,
}


def draw_funnel(funnel: pl.DataFrame, *, file_format: Literal["svg", "png"] = "svg") -> bytes:
    """Draw the table that `run_record.funnel` returns.

    Args:
        funnel: stage, rows_kept, rows_dropped; one row per stage, the first on top.
        file_format: svg (text as outlines) or png (150 dots per inch).

    Returns:
        The file's bytes.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    library: Any = mpl  # its types are partial: strict checking ends here
    with library.rc_context(STYLE):
        figure: Any = Figure(figsize=(9, 0.9 + 0.5 * max(funnel.height, 1)), layout="constrained")
        FigureCanvasAgg(figure)
        draw_bars(figure.subplots(), funnel)
        buffer = io.BytesIO()
        metadata: dict[str, Any] = {"Date": None} if file_format == "svg" else {"Software": None}
        figure.savefig(buffer, format=file_format, dpi=150, metadata=metadata)
    return buffer.getvalue()


def draw_bars(axes: Any, funnel: pl.DataFrame) -> None:
    """Draw one bar per stage, with its numbers at the bar's end."""
    kept: list[int] = funnel["rows_kept"].to_list()
    dropped: list[int] = funnel["rows_dropped"].to_list()
    totals = [left + right for left, right in zip(kept, dropped, strict=True)]
    longest = max([*totals, 1])
    is_log = longest > LOG_SCALE_FROM * max(1, min([count for count in kept if count] or [1]))
    places = range(funnel.height)
    axes.barh(places, kept, color=KEPT_COLOUR, label="kept", height=0.62)
    axes.barh(places, dropped, left=kept, color=DROPPED_COLOUR, hatch="///", label="dropped", height=0.62)
    if is_log:
        axes.set_xscale("symlog", linthresh=1)
    for place, total, num_kept, num_dropped in zip(places, totals, kept, dropped, strict=True):
        label = f"{num_kept:,} kept" + (f" · {num_dropped:,} dropped" if num_dropped else "")
        axes.annotate(
            label, (total, place), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9, color=INK
        )
    # room for the numbers: on a log axis a third more is a power
    axes.set_xlim(0, longest**1.6 if is_log else longest * 1.45)
    axes.set_xticks([tick for tick in axes.get_xticks() if tick <= longest])
    axes.set_yticks(list(places), funnel["stage"].to_list(), fontsize=10, color=INK)
    axes.invert_yaxis()
    axes.set_xlabel("rows (logarithmic)" if is_log else "rows", fontsize=9, color=INK)
    axes.tick_params(axis="x", labelsize=8, colors=INK)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    if funnel.height:
        axes.legend(loc="lower right", frameon=False, fontsize=9, ncols=2, bbox_to_anchor=(1, 1))
