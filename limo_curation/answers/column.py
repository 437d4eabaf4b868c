r"""Compare two whole columns of answers where they are plain numbers, by Polars expressions alone.

    predicted        gold              verdict
    `42`             `42`              equal        the same text
    `$\dfrac{1}{2}$` `0.5`             equal        1 * 10 = 5 * 2
    `2/3`            `0.5`             different
    `1/3`            `0.33`            null         it may be rounded: for the scalar tier and its policy
    `12,500`         `12501`           null         the comma may separate two numbers
    `1 1/2`          `11/2`            null         not plain
    null             `5`               null

Integers, decimals, thousands with commas and simple fractions, in dollars, `\boxed{}` or `\text{}`, before a period.
Everything else is null, "not told here", and `tiers.exact_tier` judges it. What is told here is what `exact_tier` says,
under any policy: property tests hold the two together. Products are exact: at most 15 digits a side, in 128 bits.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from limo_curation.answers.verdicts import Reason, Verdict

MAX_BYTES: Final = 64  # ours: no plain number with its wrappers is longer

# no \d, which would be any script's digits; at most 15 digits, so that products fit into 128 bits
NUMBER: Final = (
    r"^([+-]?)(?:([0-9]{1,15})|([1-9][0-9]{0,2}(?:,[0-9]{3}){1,4})|([0-9]{1,9})\.([0-9]{1,6})"
    r"|([0-9]{1,9})/([0-9]{1,9})|\\frac\{([+-]?[0-9]{1,9})\}\{([0-9]{1,9})\})$"
)
WHOLE, GROUPED, BEFORE_POINT, PLACES, ABOVE, BELOW, FRAC_ABOVE, FRAC_BELOW = range(2, 10)
MAX_BRACES: Final = 4  # of a box, a text and a fraction's two parts

VERDICTS: Final = {
    Reason.SAME_TEXT.value: Verdict.EQUAL.value,
    Reason.SAME_NUMBER.value: Verdict.EQUAL.value,
    Reason.OTHER_NUMBER.value: Verdict.DIFFERENT.value,
}


def compare_column(predicted: pl.Series, gold: pl.Series) -> pl.Series:
    """Return a verdict (`equal` or `different`) for each pair of texts; null where it takes more to tell.

    Args:
        predicted: the answers to be checked, as strings; null is no answer.
        gold: as many reference answers.

    Raises:
        ValueError: the two columns differ in length.
    """
    return explain_column(predicted, gold).replace_strict(VERDICTS, return_dtype=pl.String).alias("verdict")


def explain_column(predicted: pl.Series, gold: pl.Series) -> pl.Series:
    """Return `same_text`, `same_number` or `other_number` for each pair; arguments and null as `compare_column`."""
    if len(predicted) != len(gold):
        raise ValueError(f"{len(predicted)} predicted answers and {len(gold)} gold answers: give one for each")
    pairs = pl.DataFrame([predicted.alias("left").cast(pl.String), gold.alias("right").cast(pl.String)])
    pairs = pairs.with_columns(reason=pl.when(pl.col("left") == pl.col("right")).then(pl.lit(Reason.SAME_TEXT.value)))
    open_rows = pairs.with_row_index().filter(
        pl.col("reason").is_null()
        & (pl.max_horizontal(pl.col("left", "right").str.len_bytes()) <= MAX_BYTES)
        & pl.col("left").is_not_null()
        & pl.col("right").is_not_null()
    )
    integers = open_rows.with_columns(pl.col("left", "right").cast(pl.Int64, strict=False).name.suffix("_int"))
    are_integers = pl.col("left_int").is_not_null() & pl.col("right_int").is_not_null()
    is_same = pl.col("left_int") == pl.col("right_int")
    told = [
        integers.filter(are_integers).select("index", reason=number_reason(is_same)),
        compare_numbers(integers.filter(~are_integers).select("index", "left", "right")),
    ]
    found = pl.concat(told)
    return pairs["reason"].scatter(found["index"], found["reason"]).alias("reason")


def number_reason(is_same: pl.Expr) -> pl.Expr:
    """Return the reason for two numbers."""
    return pl.when(is_same).then(pl.lit(Reason.SAME_NUMBER.value)).otherwise(pl.lit(Reason.OTHER_NUMBER.value))


# -- numbers of all kinds ----------------------------------------------------------------------------------------------


def compare_numbers(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return index and reason of the rows in which both texts are plain numbers; columns index, left, right."""
    texts = pairs.with_columns(unwrapped(pl.col(side)).alias(side) for side in ("left", "right"))
    numbers = texts.with_columns(
        pl.col(side).str.extract_groups(NUMBER).struct.rename_fields(group_names(side)).struct.unnest()
        for side in ("left", "right")
    )
    numbers = numbers.filter(pl.col("left_1").is_not_null() & pl.col("right_1").is_not_null())
    numbers = numbers.select("index", "left", "right", *quotient("left"), *quotient("right")).filter(
        (pl.col("left_below") != 0) & (pl.col("right_below") != 0)
    )
    gap = (
        pl.col("left_above").cast(pl.Int128) * pl.col("right_below")
        - pl.col("right_above").cast(pl.Int128) * pl.col("left_below")
    ).abs()
    is_near = [  # within one step of a decimal's last place: the other may be rounded or cut to it
        pl.col(f"{decimal}_is_decimal") & (pl.col("gap") < pl.col(f"{other}_below"))
        for decimal, other in (("left", "right"), ("right", "left"))
    ]
    is_grouped = pl.any_horizontal(pl.col("left", "right").str.contains(",", literal=True))
    return numbers.with_columns(gap=gap).select(
        "index",
        reason=pl.when(pl.col("left") == pl.col("right"))
        .then(pl.lit(Reason.SAME_TEXT.value))
        .when((pl.col("gap") == 0) | ~(is_near[0] | is_near[1] | is_grouped))
        .then(number_reason(pl.col("gap") == 0)),
    )


def unwrapped(text: pl.Expr) -> pl.Expr:
    r"""Return a text without the spaces, dollars and period around it and without a `\boxed{}` or `\text{}`."""
    is_price = text.str.count_matches("$", literal=True) == 1
    text = pl.when(is_price).then(text).otherwise(text.str.strip_chars(" $").str.strip_chars_end(" $."))
    for wrapper, num_braces in ((r"\boxed{", MAX_BRACES), (r"\text{", 1)):  # text is no mathematics: no fraction in it
        is_whole = text.str.ends_with("}") & (text.str.count_matches("{", literal=True) <= num_braces)
        inner = text.str.strip_prefix(wrapper).str.head(-1)
        text = pl.when(text.str.starts_with(wrapper) & is_whole).then(inner).otherwise(text)
    return text.str.replace("^([+-]?)\\\\[dt]frac", r"$1\frac")


def group_names(side: str) -> list[str]:
    """Return names for the groups of NUMBER."""
    return [f"{side}_{group}" for group in range(1, FRAC_BELOW + 1)]


def quotient(side: str) -> list[pl.Expr]:
    """Return a number's numerator and denominator, and whether it is written as a decimal."""
    groups = [pl.col(name) for name in ("index", *group_names(side))]
    digits = pl.coalesce(
        groups[WHOLE],
        groups[GROUPED].str.replace_all(",", "", literal=True),
        groups[BEFORE_POINT] + groups[PLACES],
        groups[ABOVE],
        groups[FRAC_ABOVE],
    ).cast(pl.Int64)
    below = pl.coalesce(groups[BELOW], groups[FRAC_BELOW]).cast(pl.Int64)
    is_decimal = groups[PLACES].is_not_null()
    scale = pl.lit(10, pl.Int64).pow(groups[PLACES].str.len_bytes())
    return [
        (digits * pl.when(groups[1] == "-").then(-1).otherwise(1)).alias(f"{side}_above"),
        pl.coalesce(below, scale, pl.lit(1, pl.Int64)).alias(f"{side}_below"),
        is_decimal.alias(f"{side}_is_decimal"),
    ]
