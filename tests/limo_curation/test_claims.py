"""Claims of several workers on one store: one has a chunk, and who dies loses it."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.claims import Claims
from limo_curation.store import Store
from tests.processes import wait_until

STEPS = ("take", "give back", "renew", "wait")
FOLDER = "difficulty/0123/work/claims"


class Clock:
    """A machine's own clock, which only the test moves."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def worker(store: Store, clock: Clock | None = None, *, takeover_seconds: float = 60) -> Claims:
    """Return a worker whose claims are renewed when the test says so: it is not entered."""
    return Claims(store, FOLDER, takeover_seconds=takeover_seconds, clock=clock or Clock())


def test_chunk_that_one_has_is_nobody_elses_until_it_is_given_back(store: Store) -> None:
    ada, bob = worker(store), worker(store)
    assert ada.take("one")
    assert not bob.take("one")
    assert bob.take("two")
    ada.give_back("one")
    assert bob.take("one")
    assert len(store.list(FOLDER)) == 2


def test_claim_that_does_not_change_is_taken_over_after_the_time_by_ones_own_clock(store: Store) -> None:
    clock = Clock(now=1_000_000)
    ada, bob = worker(store, Clock(now=5)), worker(store, clock)
    assert ada.take("one")
    assert not bob.take("one")
    clock.now += 59
    assert not bob.take("one")
    clock.now += 1
    assert bob.take("one")


def test_claim_that_is_renewed_is_never_taken_over(store: Store) -> None:
    clock = Clock()
    ada, bob = worker(store), worker(store, clock)
    assert ada.take("one")
    for _ in range(10):
        assert not bob.take("one")
        clock.now += 59
        ada.renew()
    assert not bob.take("one")


def test_worker_that_comes_back_does_not_disturb_who_took_its_chunk_over(store: Store) -> None:
    clock = Clock()
    ada, bob, eve = worker(store), worker(store, clock), worker(store, clock)
    assert ada.take("one")
    assert not bob.take("one")
    clock.now += 60
    assert bob.take("one")
    ada.renew()
    ada.give_back("one")
    assert not eve.take("one")
    clock.now += 59
    bob.renew()
    clock.now += 59
    assert not eve.take("one")


def test_claims_are_renewed_in_the_background_and_given_back_at_the_end(store: Store) -> None:
    with worker(store, takeover_seconds=0.3) as ada:
        assert ada.take("one")
        first = store.read_bytes(f"{FOLDER}/one.json")
        wait_until(lambda: store.read_bytes(f"{FOLDER}/one.json") != first)
    assert store.list(FOLDER) == []


def test_error_in_the_block_gives_claims_back(store: Store) -> None:
    with suppress(KeyboardInterrupt), worker(store) as ada:
        assert ada.take("one")
        raise KeyboardInterrupt
    assert store.list(FOLDER) == []


def test_store_that_fails_for_a_moment_does_not_end_the_renewals(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Store):
        fails = False

        def write_bytes(self, path: str, data: bytes) -> None:
            if self.fails:
                raise OSError("the store does not answer")
            super().write_bytes(path, data)

    store = Failing(str(tmp_path))
    with worker(store, takeover_seconds=0.3) as ada:
        assert ada.take("one")
        store.fails = True
        wait_until(lambda: "claims are not renewed: the store does not answer" in caplog.text)
        store.fails = False
        before = store.read_bytes(f"{FOLDER}/one.json")
        wait_until(lambda: store.read_bytes(f"{FOLDER}/one.json") != before)


def test_claims_that_went_away_with_the_stages_work_are_no_error(store: Store) -> None:
    with worker(store) as ada:
        assert ada.take("one")
        store.remove(FOLDER)
    assert store.list(FOLDER) == []


def test_file_that_is_no_claim_is_taken_over_like_a_dead_workers(store: Store) -> None:
    clock = Clock()
    store.write_bytes(f"{FOLDER}/one.json", b"\xff{broken")
    bob = worker(store, clock)
    assert not bob.take("one")
    clock.now += 60
    assert bob.take("one")


def test_no_chunk_is_left_where_workers_take_them_at_the_same_moment(store: Store) -> None:
    begin, taken = threading.Barrier(4), [list[str]() for _ in range(4)]

    def take_all(mine: list[str]) -> None:
        claims = worker(store)
        begin.wait(20)
        mine += [chunk for chunk in map(str, range(50)) if claims.take(chunk)]

    threads = [threading.Thread(target=take_all, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {chunk for mine in taken for chunk in mine} == set(map(str, range(50)))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("claims")


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["take", "give back", "renew", "wait"])), max_size=25)
)
def test_workers_that_live_never_have_the_same_chunk(folders: Path, steps: list[tuple[int, str]]) -> None:
    """Three workers act in any order on one chunk; all renew before time can run out for any."""
    store, clock = Store(str(folders / str(len(list(folders.iterdir()))))), Clock()
    workers, holds = [worker(store, clock) for _ in range(3)], [False] * 3
    for number, step in steps:
        if step == "take" and not holds[number]:
            holds[number] = workers[number].take("one")
        elif step == "give back" and holds[number]:
            workers[number].give_back("one")
            holds[number] = False
        elif step == "renew":
            workers[number].renew()
        elif step == "wait":
            clock.now += 50
            for one in workers:
                one.renew()
        assert sum(holds) <= 1
