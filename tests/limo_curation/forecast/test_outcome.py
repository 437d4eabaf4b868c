from pathlib import Path

import pytest

from limo_curation.forecast.forecast import Forecast, Interval
from limo_curation.forecast.gathering import gather_evidence
from limo_curation.forecast.gpus import gpu_named
from limo_curation.forecast.making import make_forecast
from limo_curation.forecast.outcome import Outcome, in_words, outcomes
from limo_curation.forecast.tables import interval, outcome_text, plan_text, short
from limo_curation.sampling.spending import Spending, SpendingRecord
from limo_curation.store import Store
from tests.pilot_run import make_run, pilot_config


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


@pytest.fixture
def forecast(store: Store) -> Forecast:
    pilot = make_run(store, pilot_config("sample"), rows=2_000)
    evidence = gather_evidence(pilot_config(), store, pilot=pilot, rows=20_000)
    return make_forecast(pilot_config(), evidence, gpus=[(gpu_named("h100"), 2.0)], pilot=pilot.name)


def outcome(actual: float | None, name: str = "x") -> Outcome:
    return Outcome(name=name, unit="rows", planned=Interval(low=10, middle=20, high=30), actual=actual)


def test_verdict_says_on_which_side_of_the_interval_a_number_is():
    found = {actual: outcome(actual).verdict for actual in (None, 9.9, 10.0, 30.0, 30.1)}
    assert found == {None: "open", 9.9: "below", 10.0: "within", 30.0: "within", 30.1: "above"}


def test_words_name_what_is_outside():
    assert in_words([outcome(None)]) == "Nothing of the plan can be compared yet."
    assert in_words([outcome(None), outcome(12)]).startswith("All 1 numbers that are known are within")
    outside = in_words([outcome(1, "a"), outcome(20, "b"), outcome(99, "c"), outcome(None, "d")])
    assert outside == "2 of 3 numbers are outside of their intervals of 90 %: a (below), c (above)."


def test_unfinished_run_leaves_open_what_it_has_not_done(store: Store, forecast: Forecast):
    record = make_run(store, pilot_config(), rows=20_000, seed=5, until="difficulty")
    SpendingRecord(store, record.name).save(Spending(gpu_seconds={"m": 3_600}))
    compared = {one.name: one for one in outcomes(forecast, store, record)}
    assert compared["difficulty: kept"].actual == record.artifacts["difficulty"].rows
    assert compared["verification: kept"].verdict == "open"
    assert compared["strong: wrote"].actual is not None
    assert compared["teacher_1: wrote"].verdict == "open"
    assert compared["h100: all models"].verdict == "open", "more is to come"


def test_finished_run_is_compared_in_hours_and_money_that_were_paid(store: Store, forecast: Forecast):
    record = make_run(store, pilot_config(), rows=20_000, seed=5)
    assert not any(one.unit == "GPU-hours" for one in outcomes(forecast, store, record)), "it held no GPU"
    for model, seconds in (("tiny/weak-7B", 3_600.0), ("tiny/strong-32B", 900.0), ("tiny/strong-32B", 900.0)):
        SpendingRecord(store, record.name).save(Spending(gpu_seconds={model: seconds}))  # three processes
    compared = {one.name: one.actual for one in outcomes(forecast, store, record)}
    assert compared["h100: tiny/weak-7B"] == pytest.approx(1.0)
    assert compared["h100: tiny/strong-32B"] == pytest.approx(0.5)
    assert compared["h100: tiny/teacher-32B"] == 0
    assert compared["h100: all models"] == pytest.approx(1.5)
    assert compared["h100: price"] == pytest.approx(3.0)
    assert compared["selection: kept"] == 817


def test_texts_align_and_hold_every_number(store: Store, forecast: Forecast):
    text = plan_text(forecast)
    for word in (
        "pilot: sample-",
        "difficulty",
        "weak_1",
        "tiny/strong-32B",
        "money",
        "at 2 an hour",
        "disk: ",
        "note: ",
    ):
        assert word in text
    record = make_run(store, pilot_config(), rows=20_000, seed=5)
    compared = outcomes(forecast, store, record)
    lines = outcome_text(forecast, compared).splitlines()
    place = lines[2].index("verdict")
    rows = lines[3 : 3 + len(compared)]
    assert [line[place:] for line in rows] == [one.verdict for one in compared]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.00012, "<0.001"),
        (0.25, "0.25"),
        (17, "17"),
        (1234, "1,234"),
        (9_999, "9,999"),
        (10_000, "10.0k"),
        (999_499, "999k"),
        (902_345, "902k"),
        (999_999, "1.00M"),
        (28.1e9, "28.1G"),
    ],
)
def test_numbers_have_three_digits(value: float, text: str):
    assert short(value) == text


def test_number_that_is_known_has_no_interval():
    assert interval(Interval(low=5, middle=5, high=5)) == "5"
    assert interval(Interval(low=1e6, middle=2e6, high=3e6), unit="B") == "2.00 MB (1.00 MB .. 3.00 MB)"
