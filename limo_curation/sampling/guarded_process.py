"""A process that is gone, with all that it started, when it is stopped, when it dies or when this process dies.

    with GuardedProcess(["python", "server.py"], environment=os.environ, log=log, stop_seconds=20) as server:
        ...             # the server writes to its log
    ...                 # nothing of it is left

`process_guard.py` stands between the two and does most of it. Here is what it can't do: clean up after itself, where
somebody kills the guard. Linux only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from limo_curation.errors import TransientError
from limo_curation.sampling import process_guard

MARGIN_SECONDS: Final = 10.0  # for the guard's own work on a busy machine
SECONDS_BETWEEN_LOOKS: Final = 0.05


class GuardedProcess:
    """A running command and its guard, in a session and process group of their own."""

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], log: Path, stop_seconds: float
    ) -> None:
        """Start it.

        Args:
            command: program and arguments. Everybody on the machine can read them: no secret belongs there.
            environment: all of the program's environment.
            log: file that its output is appended to. An output that is inherited instead keeps whoever reads it
                waiting for as long as the program runs.
            stop_seconds: between asking the program to end and killing it.
        """
        self._stop_seconds = stop_seconds
        arguments = ["-I", process_guard.__file__, str(os.getpid()), str(stop_seconds), *command]
        with log.open("ab") as output:
            self._guard = subprocess.Popen(  # noqa: S603 (our own script)
                [sys.executable, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in a terminal is for us to act on
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_alive(self) -> bool:
        """Whether the command still runs."""
        # the guard is not waited for here: until `stop` has looked for leftovers, its number must not be given away
        return self._guard.returncode is None and self._exit() is None

    def stop(self) -> int:
        """End it if it still runs, and return its exit status once nothing is left of it; see `process_guard`.

        Raises:
            TransientError: a process can't be killed, most often because a device driver hangs.
        """
        if self._guard.returncode is None:
            if self.is_alive:
                self._guard.send_signal(signal.SIGTERM)
            self._await_guard()
            left = kill_session(self._guard.pid)
            status = self._guard.wait()
            if left:
                raise TransientError(
                    f"processes {left} can't be killed and hold the engine's memory: does a driver hang?"
                )
            return status
        return self._guard.returncode

    def _await_guard(self) -> None:
        give_up_at = time.monotonic() + self._stop_seconds + process_guard.KILL_SECONDS + MARGIN_SECONDS
        while self._exit() is None and time.monotonic() < give_up_at:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        if self._exit() is None:
            self._guard.kill()

    def _exit(self) -> os.waitid_result | None:
        return os.waitid(os.P_PID, self._guard.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)


def kill_session(session: int) -> list[int]:
    """Kill every process of a session; return those that are left.

    Args:
        session: the session's number. Its leader was not waited for yet, or the number may be another one's by now.
    """
    give_up_at = time.monotonic() + process_guard.KILL_SECONDS
    while (left := session_members(session)) and time.monotonic() < give_up_at:
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return left


def session_members(session: int) -> list[int]:
    """Return the processes of a session that have not ended."""
    found: list[int] = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended since
            state, _, _, of_session = status.read_text(errors="replace").rpartition(")")[2].split()[:4]
            if int(of_session) == session and state not in "ZX":
                found.append(int(status.parent.name))
    return found
