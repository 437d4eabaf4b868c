"""The reference set: percentiles that are fitted, stored and named."""

import os
import tomllib
from pathlib import Path

import polars as pl
import pytest

from limo_curation.errors import TableError
from limo_curation.judging.features import count_features
from limo_curation.judging.reference import Reference, fit_reference, read_reference
from limo_curation.judging.rules import score_features
from limo_curation.judging.sentences import WORD_AXES
from limo_curation.judging_config import JudgingConfig
from measurements.judging import fitted, read_chains


@pytest.mark.data
@pytest.mark.skipif("LIMO_DATA" not in os.environ, reason="LIMO_DATA is not set")
def test_the_stored_set_is_what_the_measurement_fits() -> None:
    assert fitted(read_chains(Path(os.environ["LIMO_DATA"]), quick=False)) == read_reference()


def counts(rows: int, **others: int) -> pl.DataFrame:
    """Rows of 1,000 words; row n has n words with substance and n words of each axis."""
    numbers = range(1, rows + 1)
    frame = pl.DataFrame({"num_words": [1_000] * rows, "num_substance_words": numbers})
    return frame.with_columns(
        pl.Series(f"num_{axis}", [others.get(axis, number) for number in numbers]) for axis in WORD_AXES
    )


def test_the_stored_set_names_itself_and_has_every_percentile_in_order() -> None:
    reference = read_reference()
    assert reference.num_chains >= 100
    assert reference.name
    assert "LIMO v2" in reference.description
    assert set(reference.percentiles) == {"elaboration", *WORD_AXES}
    for values in reference.percentiles.values():
        assert list(values) == ["10", "25", "50", "75", "90", "99"]
        assert list(values.values()) == sorted(values.values())


def test_percentiles_are_those_of_the_set() -> None:
    fitted = fit_reference("a set", "made up", counts(101))
    assert fitted.percentiles["elaboration"]["50"] == 51
    assert fitted.full_values() == {"elaboration": 76} | dict.fromkeys(WORD_AXES, 91)


def test_what_is_written_is_what_is_read() -> None:
    fitted = fit_reference("a set", "made up", counts(40))
    assert Reference(**tomllib.loads(fitted.to_toml())) == fitted


def test_a_set_that_is_too_small_is_refused() -> None:
    with pytest.raises(TableError, match="'few' has 19 chains; give at least 20"):
        fit_reference("few", "made up", counts(19))


def test_a_set_without_an_axis_is_refused() -> None:
    with pytest.raises(TableError, match="'dull' have no exploration"):
        fit_reference("dull", "made up", counts(40, exploration=0))


def test_a_set_with_twice_as_much_halves_the_score() -> None:
    features = count_features(pl.Series(["Let n = 3 be odd.\nThe answer is 3."]))
    low, high = (
        Reference("r", "made up", 20, {axis: {"75": value, "90": value} for axis in ("elaboration", *WORD_AXES)})
        for value in (1_000.0, 2_000.0)
    )
    once, twice = (
        score_features(features, config=JudgingConfig(), reference=reference)["rule_score"].item()
        for reference in (low, high)
    )
    assert twice > 0
    assert once == pytest.approx(2 * twice)
