"""What may happen to the cache's folder: other processes in it at the same time, and a disk that is full."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from limo_curation.sampling import Completion
from limo_curation.sampling.cache import CachedSampler
from limo_curation.sampling.protocol import Requests
from limo_curation.store import Store
from tests.counting_engine import CountingEngine, request

ROOT = Path(__file__).parents[3]

# -- several runs, one cache -------------------------------------------------------------------------------------------

RUN = """
import random, sys
from dataclasses import replace
from limo_curation.sampling import chunk_index
from limo_curation.sampling.cache import CachedSampler
from limo_curation.store import Store
from tests.counting_engine import CountingEngine, request

# chunks are joined, and indices written and merged, all the time
chunk_index.MAX_SMALL_CHUNKS, chunk_index.SMALL_BYTES, chunk_index.MAX_OWN_RUNS = 4, 4_000, 3

requests = [request(f"question {n}", seed=n) for n in range(600)]
requests += [replace(one, keeps="answer") for one in requests[:200]]
random.Random(int(sys.argv[2])).shuffle(requests)
engine = CountingEngine()
print("ready", flush=True)
sys.stdin.readline()
for start in range(0, len(requests), 25):
    call = requests[start : start + 25]
    done = list(CachedSampler(engine, Store(sys.argv[1]), chunk_size=6).sample(call))
    assert [one.request for one in done] == call
    short = r"\\boxed{é}"
    assert all(one.text == (short if one.request.keeps == "answer" else engine.text_for(one.request)) for one in done)
    print(start, flush=True)
"""


def test_runs_that_share_a_cache_lose_nothing_also_where_one_is_killed(tmp_path: Path) -> None:
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", RUN, str(tmp_path), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for number in range(3)
    ]
    pipes = [(run.stdin, run.stdout) for run in runs]
    for _, told in pipes:
        assert told is not None
        assert told.readline() == "ready\n"
    for go, _ in pipes:  # all at once
        assert go is not None
        go.write("\n")
        go.flush()
    first, *others = runs
    assert first.stdout is not None
    while first.stdout.readline() != "200\n":
        pass
    first.kill()
    first.communicate()
    assert [run.communicate(timeout=120)[0].splitlines()[-1] for run in others] == ["775", "775"]
    assert [run.returncode for run in others] == [0, 0]

    engine = CountingEngine()
    requests = [request(f"question {number}", seed=number) for number in range(600)]
    done = list(CachedSampler(engine, Store(str(tmp_path))).sample(requests))
    assert engine.asked == []
    assert [one.text for one in done] == [engine.text_for(one) for one in requests]
    assert list(tmp_path.rglob("*.index"))


# -- a full disk -------------------------------------------------------------------------------------------------------


class GrowingEngine(CountingEngine):
    """Writes little at first and, from question 20 on, 100 kB that no compression makes smaller."""

    def sample(self, requests: Requests) -> Iterator[Completion]:
        for asked in requests:
            assert asked is not None  # it has handed out all that it was asked
            self.asked.append(asked)
            text = Random(asked.seed).randbytes(100_000).decode("latin-1") if asked.seed >= 20 else "short"
            yield Completion(asked, text, "stop", 10, 5)


FULL = """
import resource, sys
from limo_curation.errors import ConfigError
from limo_curation.sampling import chunk_index
from limo_curation.sampling.cache import CachedSampler
from limo_curation.store import Store
from tests.limo_curation.sampling.test_cache_weather import GROWING, GrowingEngine

resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))  # the kernel takes no byte more in a file
folder, chunk_size, chunk_index.MAX_SMALL_CHUNKS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
try:
    for done in CachedSampler(GrowingEngine(), Store(folder), chunk_size=chunk_size).sample(GROWING):
        print(done.request.seed)
except ConfigError as error:
    print(error)
"""
GROWING = [request(f"question {number}", seed=number) for number in range(30)]


@pytest.mark.parametrize(
    ("chunk_size", "max_small_chunks", "num_recorded"),
    [
        (5, 99, 20),  # the fifth chunk, of 500 kB, does not fit
        (2, 12, 24),  # the last two of twelve, of 200 kB each, do, but not when all are put together
    ],
)
def test_kernel_that_takes_no_more_bytes_is_told_and_a_run_with_room_goes_on(
    tmp_path: Path, chunk_size: int, max_small_chunks: int, num_recorded: int
) -> None:
    command = [sys.executable, "-c", FULL, str(tmp_path), str(chunk_size), str(max_small_chunks)]
    *handed_out, told = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout.splitlines()
    assert told.startswith(f"the store at {tmp_path} is full: ")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.suffix for path in before} == {".parquet"}  # no half of a file
    engine = GrowingEngine()
    assert len(list(CachedSampler(engine, Store(str(tmp_path))).sample(GROWING))) == 30
    assert engine.asked == GROWING[num_recorded:]
    assert len(handed_out) <= num_recorded + chunk_size
    assert all(path.read_bytes() == data for path, data in before.items())
