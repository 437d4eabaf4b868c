"""Work on a stage's chunks beside other workers, on other machines, until none is left.

    <store>/<stage>/<key>/work/claims/            who is at which chunk (`claims.py`)
    <store>/<stage>/<key>/work/passes/1/<part>    chunks that are done in an earlier pass (`sampling_passes.py`)

All of it goes when the stage is committed, which whoever waits for the parts does. A chunk is the unit of work: its
part is written as a whole, and what a worker that died had sampled of it is in the request cache.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextvars import copy_context
from functools import partial
from typing import Any, Final

from limo_curation.claims import TAKEOVER_SECONDS, Claims
from limo_curation.parts import InputPart, find_part
from limo_curation.plan import RowStage, StagePlan
from limo_curation.progress import Progress
from limo_curation.runner import missing_parts, run_part, run_stage
from limo_curation.sampling_passes import earlier_passes, fill_cache, pass_name
from limo_curation.store import part_name
from limo_curation.threads import thread_pool

LOOKS_BEFORE_TAKEOVER: Final = 24  # at what others do, where all chunks left are theirs (ours: each 5 seconds)


def share_stage(
    plan: StagePlan,
    *,
    models_at_once: int | None,
    num_workers: int,
    takeover_seconds: float = TAKEOVER_SECONDS,
    **resources: Any,
) -> int:
    """Do chunks of a stage that no other worker does, until all are done; the stage is not committed.

    A stage that needs the whole table can't be shared: it is done, and committed.

    Args:
        plan: the stage.
        models_at_once: models that the engine serves at the same time; None: all.
        num_workers: chunks that are worked on here at the same time.
        takeover_seconds: how long a worker may show no sign of life before its chunks are taken over.
        resources: what the stage's function takes beside tables and config (a sampler).

    Returns:
        How many chunks were done here, those of earlier passes among them.
    """
    if plan.store.artifact(plan.stage.name, plan.key) is not None:
        return 0
    if not isinstance(plan.stage, RowStage):
        run_stage(plan, **resources)
        return 1
    parts = {part_name(part.start, part.stop): part for part in missing_parts(plan)}
    passes = earlier_passes(plan, models_at_once=models_at_once)
    place = f"{plan.stage.name}/{plan.key}"
    num_done = 0
    with Claims(plan.store, f"{place}/work/claims", takeover_seconds=takeover_seconds) as claims:
        crew = Crew(plan.stage.name, claims, num_workers)
        for number, earlier in enumerate(passes, start=1):
            folder = f"{place}/work/passes/{number}"
            num_done += crew.work_off(
                {f"pass-{number}-{name}": part for name, part in parts.items()},
                do=partial(do_in_pass, earlier, folder, resources),
                done=partial(done_in_pass, plan, folder),
                step=pass_name(number, passes),
            )
        num_done += crew.work_off(
            parts,
            do=lambda part: run_part(plan, part.start, part.stop, **resources),
            done=partial(done_for_good, plan),
        )
    return num_done


def do_in_pass(plan: StagePlan, folder: str, resources: dict[str, Any], part: InputPart) -> None:
    """Fill the cache for a part, and tell the other workers that this is done."""
    fill_cache(plan, part, **resources)
    plan.store.write_bytes(f"{folder}/{part_name(part.start, part.stop)}", b"")


def done_in_pass(plan: StagePlan, folder: str, parts: Collection[InputPart]) -> set[InputPart]:
    """Return the parts that need not be worked on in a pass; also those that are done for good."""
    told = set(plan.store.list(folder))
    return done_for_good(plan, parts) | {part for part in parts if part_name(part.start, part.stop) in told}


def done_for_good(plan: StagePlan, parts: Collection[InputPart]) -> set[InputPart]:
    """Return the parts that are written; a look into the folder tells which of them are worth opening."""
    written = set(plan.store.list(f"{plan.stage.name}/{plan.key}/parts"))
    return {
        part
        for part in parts
        if f"{part_name(part.start, part.stop)}.json" in written and find_part(plan, part.start, part.stop)
    }


class Crew:
    """Threads of one worker that take chunks as long as there are some."""

    def __init__(self, stage: str, claims: Claims, num_workers: int) -> None:
        self.claims = claims
        self.num_workers = num_workers
        self.seconds_between_looks = claims.takeover_seconds / LOOKS_BEFORE_TAKEOVER
        self._progress = Progress(stage)

    def work_off(
        self,
        parts: Mapping[str, InputPart],
        *,
        do: Callable[[InputPart], object],
        done: Callable[[Collection[InputPart]], set[InputPart]],
        step: str = "",
    ) -> int:
        """Do what nobody else does until everything is done, by whomever; return how many parts were done here.

        Args:
            parts: by the name of their claim.
            do: does one, and leaves it where others see that it is done.
            done: picks those that are done.
            step: the work's name in its progress.
        """
        self._progress.start(sum(part.rows for part in parts.values()), step=step)
        left = dict(random.sample(list(parts.items()), len(parts)))  # else all workers reach for the same chunk
        under_way: dict[Future[object], str] = {}
        num_done = 0
        with thread_pool(self.num_workers) as pool:
            while True:
                self._strike_out(left, done)
                for name in list(left):
                    if len(under_way) == self.num_workers:
                        break
                    if self.claims.take(name):
                        if self._strike_out({name: left[name]}, done):  # it was done before it was ours
                            self.claims.give_back(name)
                        else:
                            under_way[pool.submit(copy_context().run, partial(do, parts[name]))] = name
                        del left[name]
                if not left and not under_way:
                    return num_done
                for future in self._wait(under_way):
                    future.result()
                    name = under_way.pop(future)
                    self.claims.give_back(name)
                    self._progress.advance(parts[name].rows)
                    num_done += 1

    def _strike_out(self, left: dict[str, InputPart], done: Callable[[Collection[InputPart]], set[InputPart]]) -> bool:
        """Take those that are done out of what is left; return whether there were any."""
        finished = done(left.values())
        for name in [name for name, part in left.items() if part in finished]:
            self._progress.advance(left.pop(name).rows)
        return bool(finished)

    def _wait(self, under_way: Collection[Future[object]]) -> Collection[Future[object]]:
        if under_way:
            return wait(under_way, timeout=self.seconds_between_looks, return_when=FIRST_COMPLETED).done
        time.sleep(self.seconds_between_looks)
        return ()
