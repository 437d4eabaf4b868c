"""A script that runs a command, and leaves nothing of it behind when the process that asked for it is gone.

    python -I process_guard.py PARENT STOP_SECONDS COMMAND [ARGUMENT ...]

An engine's server starts processes of its own, and they outlive it: after `kill -9` of vLLM's server its engine went on
and held its memory (seen with 0.32, which on a GPU means the GPU). So the command ends, with all that it started,

- when it ends itself, or is killed;
- when the guard is told to stop (SIGTERM): the command gets SIGTERM, then STOP_SECONDS of time;
- when the process PARENT is gone, however it went: then in the same way.

The guard is the "subreaper" of what it starts: a process that loses its parent becomes the guard's child, whatever
group or session it moved to. So when the guard has no child left, nothing is left. Linux only.

Exit status: the command's, 128 and the signal's number where one killed it, 127 where it could not be started. The
script needs the standard library alone, so that it starts in an instant.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

SECONDS_BETWEEN_LOOKS: Final = 0.25  # at the parent; the end of a child is noticed at once
KILL_SECONDS: Final = 10.0  # a process that waits for a device can't be killed before the device answers
NOT_STARTED: Final = 127
PR_SET_PDEATHSIG: Final = 1  # numbers of linux/prctl.h
PR_SET_CHILD_SUBREAPER: Final = 36
WATCHED: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})


def main(parent: int, stop_seconds: float, command: list[str]) -> int:
    """Run the command and return the guard's exit status."""
    set_process_option(PR_SET_CHILD_SUBREAPER, 1)
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    guard = os.getpid()

    def die_with_guard() -> None:
        set_process_option(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
        if os.getppid() != guard:  # it died before the line above
            os._exit(NOT_STARTED)

    try:
        child = subprocess.Popen(command, preexec_fn=die_with_guard).pid  # noqa: S603 (our own command line)
    except OSError as error:
        sys.stderr.write(f"{command[0]} can't be started: {error.strerror}\n")
        return NOT_STARTED
    status = wait_for_end(child, parent, stop_seconds)
    kill_descendants()
    return status


def wait_for_end(child: int, parent: int, stop_seconds: float) -> int:
    """Wait until the child has ended, tell it to when it is time, and return its exit status."""
    kill_at: float | None = None
    while True:
        received = signal.sigtimedwait(WATCHED, SECONDS_BETWEEN_LOOKS)
        status = reap(child)
        if status is not None:
            return status
        is_told = received is not None and received.si_signo != signal.SIGCHLD
        if kill_at is None and (is_told or os.getppid() != parent):
            os.kill(child, signal.SIGTERM)
            kill_at = time.monotonic() + stop_seconds
        if kill_at is not None and time.monotonic() >= kill_at:
            os.kill(child, signal.SIGKILL)


def reap(child: int) -> int | None:
    """Take note of all children that have ended; return the exit status of one of them, if it has."""
    status = None
    with contextlib.suppress(ChildProcessError):  # there is no child any more
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                code = os.waitstatus_to_exitcode(ended[1])
                status = code if code >= 0 else 128 - code
    return status


def kill_descendants() -> None:
    """Kill what is left of all that was started."""
    give_up_at = time.monotonic() + KILL_SECONDS
    while time.monotonic() < give_up_at:
        for process in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.02)
    sys.stderr.write(f"processes that can't be killed: {descendants(os.getpid())}\n")


def descendants(ancestor: int) -> list[int]:
    """Return the processes that come from one, its children first."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended since
            # "PID (NAME) STATE PARENT ...", and a name may hold blanks and brackets
            fields = status.read_text(errors="replace").rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found = [ancestor]
    for process in found:
        found += children.get(process, [])
    return found[1:]


def set_process_option(option: int, value: int) -> None:
    """Call prctl."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
