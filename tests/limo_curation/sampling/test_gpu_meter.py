from collections import Counter

import pytest

from limo_curation.sampling.gpu_meter import GpuMeter


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_gpus_cost_while_a_request_is_under_way_and_nothing_between():
    clock = Clock()
    meter = GpuMeter(4, clock=clock)
    clock.now = 10.0
    meter.begin("ada")
    clock.now = 12.0
    meter.begin("ada")  # a second one at the same time costs no more
    clock.now = 15.0
    meter.end(Counter(ada=2))
    clock.now = 99.0
    assert meter.seconds() == {"ada": pytest.approx(20.0)}


def test_models_that_are_asked_at_the_same_time_share_the_gpus():
    clock = Clock()
    meter = GpuMeter(2, clock=clock)
    meter.begin("ada")
    clock.now = 1.0
    meter.begin("bob")
    clock.now = 4.0
    meter.end(Counter(ada=1))
    clock.now = 5.0
    assert meter.seconds() == {"ada": pytest.approx(2.0 + 3.0), "bob": pytest.approx(3.0 + 2.0)}


def test_number_of_gpus_is_asked_for_as_the_time_passes():
    clock, held = Clock(), [1]
    meter = GpuMeter(lambda: held[0], clock=clock)
    meter.begin("ada")
    clock.now = 1.0
    assert meter.seconds() == {"ada": pytest.approx(1.0)}
    held[0] = 8
    clock.now = 2.0
    assert meter.seconds() == {"ada": pytest.approx(9.0)}


def test_engine_without_gpus_costs_no_gpu_seconds():
    clock = Clock()
    meter = GpuMeter(0, clock=clock)
    meter.begin("ada")
    clock.now = 5.0
    assert meter.seconds() == {}
