r"""Decide whether two answers are equal, in two tiers.

The exact tier compares structure (tuples, sets, lists, intervals, matrices, names, units) and plain numbers without
sympy; it settles nearly all answers. What it leaves open are pairs of leaves such as `\sqrt{8}` and `2\sqrt{2}`, and
only these go to the symbolic tier, in killable worker processes.

Policies. A bare list and a set are unordered, and repeated elements leave it undecided; a tuple is ordered. A tuple, a
set and an interval with the same elements are undecided, an open and a closed end differ. `x = 5` equals `5`, but not
surely `y = 5`. A unit on one side only is ignored, but percent on one side only is undecided. A rounded decimal against
a fraction is undecided. A number in a base equals only numbers in a base. No verdict depends on the order of the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Final

from limo_curation.answers.normalisation import normalise
from limo_curation.answers.reading import (
    BASED,
    DECIMAL,
    LIST,
    OPAQUE,
    SCALAR,
    SET,
    THOUSANDS,
    UNION,
    Reading,
    rational,
    read,
)
from limo_curation.answers.verdicts import Verdict
from limo_curation.answers.workers import compare_leaves

MAX_CHARACTERS: Final = 2_000  # ours: longer texts are compared as strings only
MAX_ITEMS: Final = 40
MAX_LEAF_PAIRS: Final = 16
DEFAULT_TIMEOUT_SECONDS: Final = 5.0

SMALL_INTEGER: Final = re.compile("-?[0-9]{1,15}")

LeafPair = tuple[str, str]
CompareLeaf = Callable[[str, str], Verdict]


def compare_answers(predicted: str | None, gold: str | None) -> Verdict:
    """Return whether two answers are equal; the order of the two does not matter.

    Args:
        predicted: the answer to be checked; None (no answer) is undecided.
        gold: the reference answer.
    """
    return compare_many([predicted], [gold], num_workers=1)[0]


def compare_many(
    predicted: Sequence[str | None],
    gold: Sequence[str | None],
    *,
    num_workers: int = 2,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
) -> list[Verdict]:
    """Compare answers pair by pair.

    Args:
        predicted: the answers to be checked; None is undecided.
        gold: as many reference answers.
        num_workers: processes for the pairs that need sympy.
        timeout_seconds: wall time after which one such pair is given up as undecided.

    Returns:
        One verdict for each pair, in order.
    """
    verdicts: list[Verdict] = []
    settled: dict[tuple[str | None, str | None], Verdict] = {}
    open_pairs: dict[tuple[Reading, Reading], list[LeafPair]] = {}
    open_at: dict[int, tuple[Reading, Reading]] = {}
    for index, pair in enumerate(zip(predicted, gold, strict=True)):
        if pair not in settled:
            readings, leaves = exact_tier(*pair)
            if isinstance(readings, Verdict):
                settled[pair] = readings
            else:
                open_pairs[readings] = leaves
                open_at[index] = readings
        verdicts.append(settled.get(pair, Verdict.UNDECIDED))
    answers = compare_leaves(list(open_pairs.values()), num_workers=num_workers, timeout_seconds=timeout_seconds)
    symbolic = {
        readings: compare_readings(*readings, look_up(dict(zip(leaves, found, strict=True))))
        for (readings, leaves), found in zip(open_pairs.items(), answers, strict=True)
    }
    for index, readings in open_at.items():
        verdicts[index] = symbolic[readings]
    return verdicts


def look_up(known: Mapping[LeafPair, Verdict]) -> CompareLeaf:
    """Return a comparison of leaves that only knows the given verdicts."""
    return lambda left, right: known.get((left, right), Verdict.UNDECIDED)


def exact_tier(predicted: str | None, gold: str | None) -> tuple[Verdict | tuple[Reading, Reading], list[LeafPair]]:
    """Return the verdict where no sympy is needed; else both readings and the pairs of leaves to ask about."""
    if predicted is None or gold is None:
        return Verdict.UNDECIDED, []
    if predicted == gold:
        return Verdict.EQUAL, []
    if SMALL_INTEGER.fullmatch(predicted) and SMALL_INTEGER.fullmatch(gold):  # most pairs, and they need no more
        return (Verdict.EQUAL if int(predicted) == int(gold) else Verdict.DIFFERENT), []
    if max(len(predicted), len(gold)) > MAX_CHARACTERS:
        return (Verdict.EQUAL if predicted.strip() == gold.strip() else Verdict.UNDECIDED), []
    texts = sorted((normalise(predicted), normalise(gold)))
    if texts[0] == texts[1]:
        return Verdict.EQUAL, []
    left, right = read(texts[0]), read(texts[1])
    leaves: dict[LeafPair, None] = {}

    def ask_later(left_leaf: str, right_leaf: str) -> Verdict:
        leaves[left_leaf, right_leaf] = None
        return Verdict.UNDECIDED

    verdict = compare_readings(left, right, ask_later)
    if verdict is not Verdict.UNDECIDED or not 0 < len(leaves) <= MAX_LEAF_PAIRS:
        return verdict, []
    return (left, right), list(leaves)


# -- structure ---------------------------------------------------------------------------------------------------------

BRACKETS: Final = frozenset({"()", "[]", "(]", "[)"})
UNORDERED: Final = frozenset({LIST, SET})
UPWARD, DOWNWARD = frozenset({">", r"\ge"}), frozenset({"<", r"\le"})


def compare_readings(left: Reading, right: Reading, leaf: CompareLeaf) -> Verdict:
    """Compare two readings; `leaf` is asked about every pair of leaves that needs sympy."""
    if left.text == right.text:
        return Verdict.EQUAL
    if OPAQUE in (left.kind, right.kind):
        return Verdict.UNDECIDED
    verdict = compare_by_kind(left, right, leaf)
    if left.name is not None and right.name is not None and left.name != right.name:
        return Verdict.UNDECIDED
    return verdict


def compare_by_kind(left: Reading, right: Reading, leaf: CompareLeaf) -> Verdict:
    """Compare two readings that are understood, whatever their names."""
    kinds = {left.kind, right.kind}
    if kinds == {SCALAR}:
        return compare_scalars(left, right, leaf)
    if kinds == {BASED}:
        return Verdict.EQUAL if left.value == right.value else Verdict.DIFFERENT
    if kinds <= UNORDERED:
        return compare_unordered(left.items, right.items, leaf)
    if kinds == {UNION}:  # (0,1)∪{1} is (0,1], so only equal pieces say something
        return only(Verdict.EQUAL, match_items(left.items, right.items, leaf))
    if len(kinds) == 1:
        return compare_ordered(left.items, right.items, leaf)
    if kinds <= BRACKETS:
        ends = compare_ordered(left.items, right.items, leaf)
        return Verdict.DIFFERENT if kinds & {"(]", "[)"} else only(Verdict.DIFFERENT, ends)
    if kinds <= UPWARD | DOWNWARD:
        return Verdict.DIFFERENT if kinds & UPWARD and kinds & DOWNWARD else Verdict.UNDECIDED
    if kinds <= UNORDERED | {"()"}:
        return only(Verdict.DIFFERENT, match_items(left.items, right.items, leaf))
    if SCALAR in kinds and kinds & UNORDERED:
        scalar, several = (left, right) if left.kind == SCALAR else (right, left)
        return compare_with_several(scalar, several, leaf)
    return Verdict.UNDECIDED


def only(wanted: Verdict, verdict: Verdict) -> Verdict:
    """Return the verdict where it is the wanted one, else UNDECIDED."""
    return verdict if verdict is wanted else Verdict.UNDECIDED


def compare_ordered(left: Sequence[Reading], right: Sequence[Reading], leaf: CompareLeaf) -> Verdict:
    """Compare element by element."""
    if len(left) != len(right):
        return Verdict.DIFFERENT
    found = {compare_readings(*pair, leaf) for pair in zip(left, right, strict=True)}
    if Verdict.DIFFERENT in found:
        return Verdict.DIFFERENT
    return Verdict.UNDECIDED if Verdict.UNDECIDED in found else Verdict.EQUAL


def compare_unordered(left: Sequence[Reading], right: Sequence[Reading], leaf: CompareLeaf) -> Verdict:
    """Compare lists and sets; where one side names its elements and the other does not, their order counts."""
    matched = match_items(left, right, leaf)
    names = [{item.name for item in items if item.name is not None} for items in (left, right)]
    if min(map(len, names)) == 0 and max(map(len, names)) > 1:
        in_order = compare_ordered(left, right, leaf) if len(left) == len(right) else Verdict.UNDECIDED
        return in_order if in_order is Verdict.EQUAL else only(Verdict.DIFFERENT, matched)
    return matched


def match_items(left: Sequence[Reading], right: Sequence[Reading], leaf: CompareLeaf) -> Verdict:
    """Find a partner for every element; repeated elements (1,1,2 against 1,2) leave it undecided."""
    if max(len(left), len(right)) > MAX_ITEMS:
        return Verdict.UNDECIDED
    table = [[compare_readings(a, b, leaf) for b in right] for a in left]
    for row in [*table, *zip(*table, strict=True)]:
        if all(verdict is Verdict.DIFFERENT for verdict in row):
            return Verdict.DIFFERENT
    free = set(range(len(right)))
    for row in table:
        partner = next((index for index in sorted(free) if row[index] is Verdict.EQUAL), None)
        if partner is None:
            return Verdict.UNDECIDED
        free.remove(partner)
    return Verdict.UNDECIDED if free else Verdict.EQUAL


def compare_with_several(scalar: Reading, several: Reading, leaf: CompareLeaf) -> Verdict:
    """Compare one value with a list or set: different where an element is, unless a comma may be a number's."""
    verdicts = {compare_readings(scalar, item, leaf) for item in several.items}
    is_decimal = DECIMAL_COMMA.fullmatch(several.text) and rational(several.text.replace(",", ".")) == scalar.value
    may_be_number = is_decimal or THOUSANDS.fullmatch(scalar.text)
    are_named = len({item.name for item in several.items}) > 1
    is_clear = Verdict.DIFFERENT in verdicts and not may_be_number and not are_named
    return Verdict.DIFFERENT if is_clear else Verdict.UNDECIDED


# -- leaves ------------------------------------------------------------------------------------------------------------

DECIMAL_COMMA: Final = re.compile(r"[+-]?[0-9]+,[0-9]+")
CHOICE: Final = re.compile("[A-J]")
WORD: Final = re.compile("[A-Za-z]{2,}")
INFINITIES: Final = {r"\infty": 1, r"+\infty": 1, r"-\infty": -1}


def compare_scalars(left: Reading, right: Reading, leaf: CompareLeaf) -> Verdict:
    """Compare two values with or without units."""
    units = {(reading.unit or "").rstrip("?") for reading in (left, right)}
    verdict = compare_values(left, right, leaf)
    if len(units) == 1:
        return verdict
    if "%" in units:  # 50% may stand for 50 or for 0.5
        are_apart = left.value is not None and right.value is not None and not is_percent_of(left.value, right.value)
        return only(Verdict.DIFFERENT, verdict) if are_apart else Verdict.UNDECIDED
    if "" not in units:  # 5 cm is not 5 m, but 100 cm may be 1 m
        return Verdict.DIFFERENT if verdict is Verdict.EQUAL and left.value else Verdict.UNDECIDED
    is_doubtful = "?" in f"{left.unit}{right.unit}" and verdict is Verdict.EQUAL
    are_numbers = left.value is not None and right.value is not None
    return verdict if not is_doubtful and (are_numbers or verdict is Verdict.EQUAL) else Verdict.UNDECIDED


def is_percent_of(left: Fraction, right: Fraction) -> bool:
    """Return whether one number is the other or a hundredth of it."""
    return left in (right, right / 100, right * 100)


def compare_values(left: Reading, right: Reading, leaf: CompareLeaf) -> Verdict:
    """Compare two values without their units."""
    if left.leaf == right.leaf:
        return Verdict.EQUAL
    if left.value is not None and right.value is not None:
        return compare_numbers(left, right)
    if left.leaf in INFINITIES or right.leaf in INFINITIES:
        signs = [INFINITIES.get(side.leaf) for side in (left, right)]
        are_known = all(
            sign is not None or side.value is not None for sign, side in zip(signs, (left, right), strict=True)
        )
        if are_known:
            return Verdict.EQUAL if signs[0] == signs[1] else Verdict.DIFFERENT
        return Verdict.UNDECIDED
    choices = [CHOICE.fullmatch(side.leaf) is not None for side in (left, right)]
    if any(choices):  # C may be the third option, whatever that says
        return Verdict.DIFFERENT if all(choices) else Verdict.UNDECIDED
    if WORD.fullmatch(left.leaf) and left.leaf.casefold() == right.leaf.casefold():
        return Verdict.EQUAL
    if all(side.value is not None or side.is_symbolic for side in (left, right)):
        return leaf(left.leaf, right.leaf)
    return Verdict.UNDECIDED


def compare_numbers(left: Reading, right: Reading) -> Verdict:
    """Compare two exact numbers; a rounded decimal against the fraction that it rounds is undecided."""
    if left.value is None or right.value is None:
        return Verdict.UNDECIDED
    if left.value == right.value:
        return Verdict.EQUAL
    if all(THOUSANDS.fullmatch(side.leaf) and "," in side.leaf for side in (left, right)):
        is_permutation = sorted(left.leaf.split(",")) == sorted(right.leaf.split(","))
        return Verdict.UNDECIDED if is_permutation else Verdict.DIFFERENT  # 100,200 may be two numbers
    if is_rounded(left, right.value, right.leaf) or is_rounded(right, left.value, left.leaf):
        return Verdict.UNDECIDED
    return Verdict.DIFFERENT


def is_rounded(decimal: Reading, value: Fraction, leaf: str) -> bool:
    """Return whether a decimal is what a fraction rounds to."""
    places = len(decimal.leaf.partition(".")[2])
    if decimal.value is None or not places or not DECIMAL.fullmatch(decimal.leaf.lstrip("+-")) or "." in leaf:
        return False
    return abs(value - decimal.value) * 10**places <= Fraction(1, 2)
