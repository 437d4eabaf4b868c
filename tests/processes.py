"""The machine's processes, as the tests of engines look at them. Linux only."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_SECONDS = 20.0  # the machine may be busy


def command_of(process: int) -> str:
    """Its command line; empty where it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def command_lines() -> list[str]:
    """Of all processes of the machine."""
    return [command_of(int(folder.name)) for folder in Path("/proc").glob("[0-9]*")]


def is_running(process: int) -> bool:
    """Whether it has not ended, though nobody may have asked how it ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for what another process is to do."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        time.sleep(0.02)
