r"""Compare the structure of two answers: lists, sets, tuples, intervals, matrices, equations, names.

By default (`policy.py`), a bare list and a set are unordered, and repeated elements leave it undecided; a tuple
is ordered. A tuple, a set and an interval with the same elements are undecided; an open and a closed end differ.
`x = 5` equals `5`, but not surely `y = 5`. Two equations are equal where one is a multiple of the other. A number in a
base equals only numbers in that base. No verdict depends on the order of the two, but for the policy on decimals.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from limo_curation.answers.leaves import (
    BASED,
    CHOICE,
    EQUATION,
    INTERVALS,
    LIST,
    OPAQUE,
    RATIO,
    SCALAR,
    SET,
    UNEQUAL,
    UNION,
    Reading,
)
from limo_curation.answers.point_sets import compare_point_sets
from limo_curation.answers.policy import DEFAULT_POLICY, AnswerPolicy
from limo_curation.answers.reading import names_of, read
from limo_curation.answers.relations import FUNCTION_NAME, VARIABLE
from limo_curation.answers.scalars import CompareLeaf, Rules, compare_bases, compare_decimal_comma, compare_scalars
from limo_curation.answers.verdicts import (
    Comparison,
    Reason,
    Verdict,
    all_equal,
    different,
    equal,
    undecided,
)

MAX_ITEMS: Final = 40
UNORDERED: Final = frozenset({LIST, SET})
SEVERAL: Final = UNORDERED | INTERVALS
RELATIONS: Final = frozenset({UNEQUAL, EQUATION, "<", r"\le"})
CONSTANT_LETTERS: Final = frozenset("ei")


def compare_readings(
    predicted: Reading, gold: Reading, leaf: CompareLeaf, policy: AnswerPolicy = DEFAULT_POLICY
) -> Comparison:
    """Compare two readings; `leaf` is asked about every pair of expressions that needs sympy."""
    return compare(predicted, gold, Rules(leaf, policy))


def compare(left: Reading, right: Reading, rules: Rules) -> Comparison:
    """Compare two readings or two of their elements."""
    if left.text == right.text:
        return equal(Reason.SAME_TEXT)
    if OPAQUE in (left.kind, right.kind):
        return compare_decimal_comma(left, right) or undecided(Reason.NOT_UNDERSTOOD)
    if left.name != right.name:
        if left.name is not None and right.name is not None:
            return compare_named(left, right, rules)
        if rules.policy.names == "required" or is_about_letters(left) or is_about_letters(right):
            return undecided(Reason.NAME)
    return compare_by_kind(left, right, rules)


def is_about_letters(reading: Reading) -> bool:
    """Return whether an answer says that two variables are equal: `m = n` is more than `n`."""
    is_letter = VARIABLE.fullmatch(reading.leaf) is not None and reading.leaf not in CONSTANT_LETTERS
    return is_letter and reading.name is not None and VARIABLE.fullmatch(reading.name) is not None


def compare_by_kind(left: Reading, right: Reading, rules: Rules) -> Comparison:
    """Compare two readings that are understood, whatever their names."""
    kinds = {left.kind, right.kind}
    if kinds == {SCALAR}:
        return compare_scalars(left, right, rules)
    if CHOICE in kinds:
        return compare_choices(left, right, rules)
    if BASED in kinds:
        return compare_bases(left, right)
    if RATIO in kinds:
        return compare_ratios(left, right, rules)
    as_sets = compare_point_sets(left, right)
    if as_sets is not None:
        return as_sets
    if kinds == {UNION}:  # (0,1)∪{1} is (0,1], so only equal pieces say something
        return only(Verdict.EQUAL, match_items(left.items, right.items, rules))
    if kinds == {UNEQUAL}:
        return compare(left.items[0], right.items[0], rules)
    if kinds <= SEVERAL:
        return compare_several(left, right, rules)
    if SCALAR in kinds and kinds & SEVERAL:
        scalar, several = (left, right) if left.kind == SCALAR else (right, left)
        return compare_with_several(scalar, several, rules)
    if left.kind.startswith("matrix") or right.kind.startswith("matrix"):
        return compare_matrices(left, right, rules)
    otherwise = Reason.RELATION if kinds & RELATIONS else Reason.OTHER_KIND
    return compare_equations(left, right, rules) or undecided(otherwise)


def compare_named(left: Reading, right: Reading, rules: Rules) -> Comparison:
    """Compare what stands for two names: `f(x) = x` says the same as `f(n) = n`, and `y = x + 1` as `x = y - 1`."""
    functions = [FUNCTION_NAME.fullmatch(side.name or "") for side in (left, right)]
    if functions[0] and functions[1] and functions[0][1] == functions[1][1]:
        letters = functions[0][2], functions[1][2]
        if re.search(rf"(?<![A-Za-z\\]){letters[0]}", right.text.partition("=")[2]) is None:
            renamed = re.sub(rf"(?<![A-Za-z\\]){letters[1]}(?![A-Za-z])", letters[0], right.text)
            return compare(left, read(renamed), rules)
    return compare_equations(left, right, rules) or undecided(Reason.NAME)


def only(wanted: Verdict, found: Comparison, otherwise: Reason = Reason.NOT_UNDERSTOOD) -> Comparison:
    """Return what was found where its verdict is the wanted one, else UNDECIDED."""
    return found if found.verdict is wanted else undecided(otherwise)


def compare_equations(left: Reading, right: Reading, rules: Rules) -> Comparison | None:
    """Ask whether two equations or inequalities are multiples of each other; None where one side is none."""
    return rules.ask(left.equation, right.equation) if left.equation and right.equation else None


BARE_CHOICE: Final = re.compile("[A-J]|(?i:yes|no)")


def compare_choices(left: Reading, right: Reading, rules: Rules) -> Comparison:
    """Compare an option's letter and text with a letter, with a text, or with another option."""
    if left.kind == right.kind:
        texts = compare(left.items[0], right.items[0], rules)
        if left.leaf == right.leaf:
            return only(Verdict.EQUAL, texts, Reason.CHOICE)
        return undecided(Reason.CHOICE) if texts.verdict is Verdict.EQUAL else different(Reason.CHOICE)
    choice, other = (left, right) if left.kind == CHOICE else (right, left)
    if other.kind == SCALAR and BARE_CHOICE.fullmatch(other.leaf):
        is_same = choice.leaf.casefold() == other.leaf.casefold()
        return equal(Reason.CHOICE) if is_same else different(Reason.CHOICE)
    pair = (choice.items[0], right) if choice is left else (left, choice.items[0])
    return compare(*pair, rules)


def compare_ratios(left: Reading, right: Reading, rules: Rules) -> Comparison:
    """Compare two ratios, or a ratio with the number that it is where its name says that it is a ratio."""
    values = [[item.value for item in side.items] for side in (left, right)]
    if left.kind != right.kind:
        ratio, other = (left, right) if left.kind == RATIO else (right, left)
        above, below = [*(item.value for item in ratio.items), None][:2]
        is_named = ":" in f"{ratio.name}{other.name}" and len(ratio.items) == PAIR
        if not is_named or above is None or not below or other.value is None:
            return undecided(Reason.OTHER_KIND)
        return equal(Reason.SAME_NUMBER) if above / below == other.value else different(Reason.OTHER_NUMBER)
    if len(values[0]) != len(values[1]):
        return different(Reason.OTHER_LENGTH)
    in_order = compare_ordered(left.items, right.items, rules)
    known = [(a, b) for a, b in zip(*values, strict=True) if a is not None and b is not None]
    if in_order.verdict is Verdict.EQUAL or len(known) < len(left.items):
        return only(Verdict.EQUAL, in_order)
    if any(a * known[0][1] != b * known[0][0] for a, b in known):
        return different(Reason.OTHER_NUMBER)
    are_times = all(re.fullmatch("[0-9]{1,2}:[0-5][0-9]", side.text) for side in (left, right))
    return undecided(Reason.OTHER_KIND) if are_times else equal(Reason.SAME_NUMBER)


# -- several elements --------------------------------------------------------------------------------------------------

PAIR: Final = 2


def compare_several(left: Reading, right: Reading, rules: Rules) -> Comparison:
    """Compare lists, sets, tuples and intervals with each other."""
    kinds = {left.kind, right.kind}
    if kinds <= UNORDERED:
        return compare_unordered(left, right, rules)
    if kinds <= INTERVALS:
        return compare_intervals(left, right, rules)
    if LIST in kinds or rules.policy.brackets == "ignored":
        in_order = compare_ordered(left.items, right.items, rules)
        is_vector = is_in_name_order(left) or is_in_name_order(right) or rules.policy.brackets == "ignored"
        if in_order.verdict is Verdict.EQUAL and is_vector and "()" in kinds:
            return in_order
    return only(Verdict.DIFFERENT, match_items(left.items, right.items, rules), Reason.BRACKET)


def is_in_name_order(several: Reading) -> bool:
    """Return whether a list names its elements in alphabetical order, as `x = 1, y = 2` does for `(1, 2)`."""
    names = names_of(several)
    return bool(names) and names == sorted(names)


def compare_ordered(left: Sequence[Reading], right: Sequence[Reading], rules: Rules) -> Comparison:
    """Compare element by element."""
    if len(left) != len(right):
        return different(Reason.OTHER_LENGTH)
    return all_equal(compare(*pair, rules) for pair in zip(left, right, strict=True))


def compare_intervals(left: Reading, right: Reading, rules: Rules) -> Comparison:
    """Compare intervals, or pairs that may be intervals."""
    ends = compare_ordered(left.items, right.items, rules)
    if left.kind == right.kind:
        return ends
    if not (left.is_interval or right.is_interval):
        return only(Verdict.DIFFERENT, ends, Reason.BRACKET)
    if ends.verdict is Verdict.EQUAL:
        return different(Reason.BRACKET)
    values = [(a.value, b.value) for a, b in zip(left.items, right.items, strict=False)]
    may_be_whole = any(a is not None and b is not None and abs(a - b) == 1 for a, b in values)
    return undecided(Reason.BRACKET) if may_be_whole else only(Verdict.DIFFERENT, ends)  # x < 4 and x <= 3


def compare_unordered(left: Reading, right: Reading, rules: Rules) -> Comparison:
    """Compare lists and sets; where one side names its elements and the other does not, their order counts."""
    if rules.policy.lists == "ordered" and left.kind == right.kind == LIST:
        return compare_ordered(left.items, right.items, rules)
    names = [names_of(side) for side in (left, right)]
    if names[0] and sorted(names[0]) == sorted(names[1]):
        by_name = [sorted(side.items, key=lambda item: item.name or "") for side in (left, right)]
        return compare_ordered(by_name[0], by_name[1], rules)
    matched = match_items(left.items, right.items, rules)
    if bool(names[0]) != bool(names[1]) and max(map(len, names)) > 1:
        in_order = compare_ordered(left.items, right.items, rules)
        return in_order if in_order.verdict is Verdict.EQUAL else only(Verdict.DIFFERENT, matched, Reason.ORDER)
    return matched


def match_items(left: Sequence[Reading], right: Sequence[Reading], rules: Rules) -> Comparison:
    """Find a partner for every element; repeated elements (1,1,2 against 1,2) are for the policy to judge."""
    if max(len(left), len(right)) > MAX_ITEMS:
        return undecided(Reason.TOO_LONG)
    table = [[compare(a, b, rules) for b in right] for a in left]
    lines = [*table, *zip(*table, strict=True)]
    if not table or not table[0] or any(all(cell.verdict is Verdict.DIFFERENT for cell in line) for line in lines):
        return different(Reason.OTHER_ELEMENT)
    free = set(range(len(right)))
    for row in table:
        partner = next((index for index in sorted(free) if row[index].verdict is Verdict.EQUAL), None)
        if partner is not None:
            free.remove(partner)
        elif all(cell.verdict is not Verdict.EQUAL for cell in row):
            return undecided(next(cell.reason for cell in row if cell.verdict is Verdict.UNDECIDED))
    if len(left) == len(right) and not free:
        return equal(Reason.SAME_STRUCTURE)
    return repeated(lines, rules)


def repeated(lines: Sequence[Sequence[Comparison]], rules: Rules) -> Comparison:
    """Judge two lists of the same elements that are not repeated as often."""
    if not all(any(cell.verdict is Verdict.EQUAL for cell in line) for line in lines):
        return undecided(Reason.NOT_UNDERSTOOD)
    if rules.policy.repeats == "ignored":
        return equal(Reason.MULTIPLICITY)
    return undecided(Reason.MULTIPLICITY) if rules.policy.repeats == "undecided" else different(Reason.MULTIPLICITY)


def compare_matrices(left: Reading, right: Reading, rules: Rules) -> Comparison:
    """Compare two matrices, or a matrix with a tuple; a row and a column with the same elements are undecided."""
    if OPAQUE in (left.kind, right.kind) or not (left.items and right.items):
        return undecided(Reason.OTHER_KIND)
    in_order = compare_ordered(left.items, right.items, rules)
    if left.kind == right.kind or (rules.policy.brackets == "ignored" and {left.kind, right.kind} & INTERVALS):
        return in_order
    return only(Verdict.DIFFERENT, in_order, Reason.BRACKET)


def compare_with_several(scalar: Reading, several: Reading, rules: Rules) -> Comparison:
    """Compare one value with several: different where an element is, unless a comma may be a number's."""
    as_decimal = compare_decimal_comma(scalar, several)
    if as_decimal is not None:
        return as_decimal
    if re.fullmatch("[A-H]{2,6}", scalar.leaf):
        letters = sorted(item.leaf for item in several.items)
        return equal(Reason.CHOICE) if letters == sorted(scalar.leaf) else undecided(Reason.CHOICE)
    if "," in scalar.text:
        return undecided(Reason.GROUPING)
    if names_of(several):
        return undecided(Reason.NAME)
    found = [compare(scalar, item, rules).verdict for item in several.items]
    is_clear = Verdict.DIFFERENT in found and len(found) > 1
    return different(Reason.OTHER_LENGTH) if is_clear else undecided(Reason.OTHER_KIND)
