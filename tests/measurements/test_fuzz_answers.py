"""The fuzzer writes the same texts for the same seed, finds planted mistakes, and nothing where there is nothing."""

import random
from collections.abc import Callable, Iterator
from fractions import Fraction

import pytest

from limo_curation.answers import reading, tiers
from limo_curation.answers.numbers import rational
from measurements.fuzz_answers import Grammar, Report, check_pair, pairs_of, signed_square


@pytest.fixture(autouse=True)
def no_remembered_readings() -> Iterator[None]:
    """Forget what was read before a mistake was planted, and what was read with it."""
    tiers.understood.cache_clear()
    yield
    tiers.understood.cache_clear()


def findings() -> list[str]:
    report = Report()
    for seed in range(6):
        for pair in pairs_of(random.Random(seed)):
            check_pair(pair, report)
    return report.findings


def test_same_seed_writes_the_same_pairs() -> None:
    assert list(pairs_of(random.Random(5))) == list(pairs_of(random.Random(5)))
    assert list(pairs_of(random.Random(5))) != list(pairs_of(random.Random(6)))


def test_spellings_keep_their_value() -> None:
    grammar = Grammar(random.Random(0))
    for value in (Fraction(3, 4), Fraction(-7, 2), Fraction(12_500), Fraction(0)):
        texts = {grammar.spelled(signed_square(value)) for _ in range(40)}
        assert len(texts) > 3
        assert {rational(text.translate({0xFF10 + digit: str(digit) for digit in range(10)})) for text in texts} == {
            value
        }


def test_nothing_is_found_in_the_code_as_it_is() -> None:
    assert findings() == []


def without_spaces(text: str) -> Fraction | None:
    return rational(text.replace(" ", ""))


def to_three_places(text: str) -> Fraction | None:
    value = rational(text)
    return None if value is None else round(value, 3)


@pytest.mark.parametrize("mistake", [without_spaces, to_three_places])
def test_planted_mistakes_are_found(mistake: Callable[[str], Fraction | None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "rational", mistake)
    assert any("contradicts the values" in finding for finding in findings())
