"""Plans and outcomes as text for a terminal: aligned columns, medians with the interval of 90 % behind them."""

from __future__ import annotations

from collections.abc import Sequence

from limo_curation.forecast.forecast import Forecast, Interval
from limo_curation.forecast.outcome import Outcome, in_words


def plan_text(forecast: Forecast) -> str:
    """Return a plan as text."""
    blocks = [
        f"plan of {forecast.run}: {forecast.rows:,} rows ({forecast.rows_from}); pilot: {forecast.pilot or 'none'}",
        "Each number is the median, and in brackets the interval that holds it in 90 % of cases.",
        table(
            ["stage", "rows in", "kept", "from"],
            [[one.stage, interval(one.rows_in), interval(one.rows_kept), one.basis] for one in forecast.stages],
        ),
    ]
    if forecast.solvers:
        blocks.append(solver_table(forecast))
        blocks += [gpu_table(forecast), *replica_lines(forecast)]
    blocks.append(f"disk: {interval(forecast.disk_bytes, unit='B')}")
    blocks += [f"note: {note}" for note in forecast.notes]
    return "\n\n".join(blocks)


def solver_table(forecast: Forecast) -> str:
    """Return what each solver is asked, reads and writes."""
    return table(
        ["solver", "model", "problems", "prompt tokens", "completion tokens", "from"],
        [
            [
                one.name,
                one.model,
                interval(one.problems),
                interval(one.prompt_tokens),
                interval(one.completion_tokens),
                one.basis,
            ]
            for one in forecast.solvers
        ],
    )


def gpu_table(forecast: Forecast) -> str:
    """Return GPU-hours and money: a column for each kind of GPU."""
    rows = [[one.name, *(interval(gpu.hours[one.name]) for gpu in forecast.gpus)] for one in forecast.solvers]
    rows.append(["all", *(interval(gpu.total_hours) for gpu in forecast.gpus)])
    if any(gpu.money is not None for gpu in forecast.gpus):
        prices = [
            "" if gpu.money is None else f"{interval(gpu.money)} at {gpu.price_per_hour:g} an hour"
            for gpu in forecast.gpus
        ]
        rows.append(["money", *prices])
    return table(["GPU-hours", *(gpu.gpu for gpu in forecast.gpus)], rows)


def replica_lines(forecast: Forecast) -> list[str]:
    """Say which models need more than one GPU, and which solver costs nothing."""
    lines = [
        f"{model} needs {count} GPUs {gpu.gpu} for each replica"
        for gpu in forecast.gpus
        for model, count in gpu.gpus_per_replica.items()
        if count > 1
    ]
    lines += [
        f"{one.name} costs no GPU time: its completions are there already" for one in forecast.solvers if one.is_free
    ]
    return ["\n".join(lines)] if lines else []


def outcome_text(forecast: Forecast, compared: Sequence[Outcome]) -> str:
    """Return a plan against its run as text."""
    rows = [
        [one.name, one.unit, interval(one.planned), "" if one.actual is None else short(one.actual), one.verdict]
        for one in compared
    ]
    return "\n\n".join(
        [
            f"plan of {forecast.run} against the run; planned with pilot: {forecast.pilot or 'none'}",
            table(["what", "unit", "planned", "actual", "verdict"], rows),
            in_words(compared),
        ]
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows as text with aligned columns."""
    widths = [max(len(row[place]) for row in [header, *rows]) for place in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    )


def interval(value: Interval, *, unit: str = "") -> str:
    """Return `median (low .. high)`, or the number alone where it is known."""
    if value.low == value.high:
        return short(value.middle, unit)
    return f"{short(value.middle, unit)} ({short(value.low, unit)} .. {short(value.high, unit)})"


def short(value: float, unit: str = "") -> str:
    """Return a number with three digits: 12, 1,234, 5.45M, 28.1G, 0.0021; below a thousandth it says only so."""
    if 0 < value < 0.001:
        return f"<0.001 {unit}".rstrip()
    # what rounds up to the next letter takes it: 999,999 is 1.00M; below 10,000 every digit is shown
    for shown_from, factor, letter in ((999.5e9, 1e12, "T"), (999.5e6, 1e9, "G"), (999.5e3, 1e6, "M"), (1e4, 1e3, "k")):
        if value >= shown_from:
            return f"{value / factor:#.3g}".rstrip(".") + f"{' ' if unit else ''}{letter}{unit}"
    text = f"{value:,.0f}" if value == round(value) or abs(value) >= 100 else f"{value:.3g}"
    return f"{text} {unit}".rstrip()
