"""The law of a plan: in nine of ten cases its interval holds the number."""

from collections import Counter
from pathlib import Path

import pytest

from limo_curation.forecast.forecast import Forecast
from limo_curation.forecast.gathering import gather_evidence
from limo_curation.forecast.gpus import gpu_named
from limo_curation.forecast.making import make_forecast
from limo_curation.forecast.outcome import outcomes
from limo_curation.store import Store
from tests.pilot_run import World, make_run, pilot_config

NUM_WORLDS = 60


def planned(store: Store, pilot_rows: int, rows: int, *, seed: int, world: World) -> Forecast:
    pilot = make_run(store, pilot_config("sample"), rows=pilot_rows, seed=seed, world=world)
    evidence = gather_evidence(pilot_config(), store, pilot=pilot, rows=rows)
    return make_forecast(pilot_config(), evidence, gpus=[(gpu_named("h100"), None)], pilot=pilot.name)


@pytest.mark.parametrize("pilot_rows", [1_000, 8_000], ids=["one part", "many parts"])
def test_intervals_of_a_pilot_hold_nine_of_ten_actual_numbers(tmp_path: Path, pilot_rows: int):
    held, number = Counter[str](), Counter[str]()
    for seed in range(NUM_WORLDS):
        store = Store(str(tmp_path / str(seed)))
        forecast = planned(store, pilot_rows, 40_000, seed=seed, world=World())
        actual = make_run(store, pilot_config(), rows=40_000, seed=1_000 + seed, world=World())
        for one in outcomes(forecast, store, actual):
            if one.planned.low < one.planned.high:  # the target and what follows from the rows alone are certain
                held[one.name] += one.verdict == "within"
                number[one.name] += 1
    assert {"difficulty: kept", "verification: kept", "strong: wrote", "teacher_1: wrote"} <= number.keys()
    shares = {name: held[name] / number[name] for name in number}
    assert min(shares.values()) >= 0.78, shares  # of 60 worlds, 3 standard errors below .9
    assert 0.86 <= held.total() / number.total() <= 0.99, shares


def test_larger_pilot_gives_narrower_intervals(tmp_path: Path):
    widths = [
        one.high / one.low
        for rows in (1_000, 32_000)
        for one in [planned(Store(str(tmp_path / str(rows))), rows, 10**6, seed=0, world=World()).solvers[1]]
        for one in [one.completion_tokens]
    ]
    assert widths[1] < widths[0] < 3


def test_problems_that_vary_more_give_wider_intervals(tmp_path: Path):
    calm, wild = (
        planned(Store(str(tmp_path / str(spread))), 4_000, 10**5, seed=0, world=World(spread=spread)).solvers[0]
        for spread in (0.2, 1.5)
    )
    ratio = [one.completion_tokens.high / one.completion_tokens.low for one in (calm, wild)]
    assert ratio[0] < ratio[1]
