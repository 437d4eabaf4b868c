"""Claims on the chunks of a stage, by which several workers share them: on any store, without a lock.

    <store>/<stage>/<key>/work/claims/<chunk>.json       which worker is at it, and how often it has said so

A worker writes its claim, reads it back, and goes on if it is still its own. While it works it says so again and again.
Who has seen another's claim unchanged for long enough, by its own clock, takes the chunk over: that worker was killed,
or is cut off. No two machines' clocks are compared.

A claim saves work; nothing rests on it. Two workers at the same chunk share the completions that are in the request
cache, and write the same part. Where they sampled something at the same moment on GPUs, whose texts no seed fixes, the
part of the last one stands; one that both wrote over is noticed by its checksum, and done again.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Callable
from typing import Final, Self

from limo_curation.store import Record, Store

TAKEOVER_SECONDS: Final = 120.0
"""After which a claim that does not change counts as left behind (ours: a store on a network may be slow for long)."""
RENEWALS_BEFORE_TAKEOVER: Final = 6

logger = logging.getLogger(__name__)


class Claim(Record):
    """What stands in the file of a chunk."""

    worker: str
    """Of one `Claims` object, drawn at random."""
    renewal: int
    """How often the worker has said that it is still at it."""


class Claims:
    """One worker's claims, renewed in the background inside of a `with` block, and given back at its end."""

    def __init__(
        self,
        store: Store,
        folder: str,
        *,
        takeover_seconds: float = TAKEOVER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin without a claim.

        Args:
            store: where the claims are.
            folder: their place in it, the same for all workers that share the chunks.
            takeover_seconds: how long another's claim may stay unchanged; the same for all workers.
            clock: tells the time, in seconds.
        """
        self.store = store
        self.folder = folder
        self.takeover_seconds = takeover_seconds
        self._clock = clock
        self._worker = uuid.uuid4().hex
        self._held: dict[str, int] = {}
        """How often each claim of ours was renewed."""
        self._seen: dict[str, tuple[bytes, float]] = {}
        """Another's claim, and when it was first seen like that."""
        self._lock = threading.Lock()  # a claim is not renewed while it is given back
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_renewing, name="claims", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for chunk in list(self._held):
            self.give_back(chunk)

    def take(self, chunk: str) -> bool:
        """Return whether a chunk is ours now: nobody else is at it, or whoever was shows no sign of life."""
        there = self.store.read_bytes(self._path(chunk))
        if there is not None and not self._is_left_behind(chunk, there):
            return False
        if there is not None:
            logger.warning("%s is taken over: its worker has shown no life for %g s", chunk, self.takeover_seconds)
        with self._lock:
            self._write(chunk, 0)
            if self.store.read_bytes(self._path(chunk)) != self._text(0):  # another one came at the same moment
                return False
            self._held[chunk] = 0
        self._seen.pop(chunk, None)
        return True

    def give_back(self, chunk: str) -> None:
        """Let others have a chunk, or note that it is done."""
        with self._lock:
            renewal = self._held.pop(chunk)
            if self.store.read_bytes(self._path(chunk)) == self._text(renewal):
                self._remove(chunk)

    def renew(self) -> None:
        """Say of each chunk that we are still at it; one that another worker took over is no longer ours to say."""
        for chunk in list(self._held):
            with self._lock:
                renewal = self._held.get(chunk)
                if renewal is not None and self.store.read_bytes(self._path(chunk)) == self._text(renewal):
                    self._write(chunk, renewal + 1)
                    self._held[chunk] = renewal + 1

    def _is_left_behind(self, chunk: str, there: bytes) -> bool:
        now = self._clock()
        seen, since = self._seen.get(chunk, (None, now))
        if seen != there:
            self._seen[chunk] = (there, now)
            return False
        return now - since >= self.takeover_seconds

    def _keep_renewing(self) -> None:
        while not self._ended.wait(self.takeover_seconds / RENEWALS_BEFORE_TAKEOVER):
            try:
                self.renew()
            except OSError as error:  # a store that does not answer for a moment; the next time may do
                logger.warning("claims are not renewed: %s", error)

    def _text(self, renewal: int) -> bytes:
        return Claim(worker=self._worker, renewal=renewal).model_dump_json().encode()

    def _write(self, chunk: str, renewal: int) -> None:
        self.store.write_bytes(self._path(chunk), self._text(renewal))

    def _remove(self, chunk: str) -> None:
        with contextlib.suppress(FileNotFoundError):  # the stage was committed, and its work folder is gone
            self.store.remove(self._path(chunk))

    def _path(self, chunk: str) -> str:
        return f"{self.folder}/{chunk}.json"
