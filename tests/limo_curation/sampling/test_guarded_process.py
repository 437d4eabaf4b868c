"""What a guarded process leaves behind, and what it tells about its end. Whole servers: `test_vllm_server.py`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from limo_curation.sampling import process_guard
from limo_curation.sampling.guarded_process import GuardedProcess, session_members
from limo_curation.sampling.process_guard import descendants
from tests.processes import command_lines, wait_until

if not sys.platform.startswith("linux"):
    pytest.skip("engines are started on Linux only", allow_module_level=True)

IDLE = "import time; time.sleep(600)"


def guarded(folder: Path, *command: str, stop_seconds: float = 5) -> GuardedProcess:
    return GuardedProcess(command, environment=os.environ, log=folder / "log", stop_seconds=stop_seconds)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("pass", 0),
        ("raise SystemExit(7)", 7),
        ("raise SystemExit(70)", 70),
        ("import os; os.kill(os.getpid(), 9)", 128 + 9),
        ("import os; os.kill(os.getpid(), 15)", 128 + 15),
    ],
)
def test_end_of_the_command_is_told_as_a_shell_tells_it(tmp_path: Path, code: str, status: int) -> None:
    process = guarded(tmp_path, sys.executable, "-S", "-c", code)
    wait_until(lambda: not process.is_alive)
    assert process.stop() == status
    assert process.stop() == status  # as often as one likes


def test_command_that_does_not_exist_is_named_in_the_log(tmp_path: Path) -> None:
    process = guarded(tmp_path, str(tmp_path / "absent"))
    wait_until(lambda: not process.is_alive)
    assert process.stop() == 127
    assert (tmp_path / "log").read_text() == f"{tmp_path}/absent can't be started: No such file or directory\n"


def test_signals_reach_a_command_as_if_nobody_stood_between(tmp_path: Path) -> None:
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(3)))\n"
        "print(signal.pthread_sigmask(signal.SIG_BLOCK, []), flush=True); signal.pause()\n"
    )
    with guarded(tmp_path, sys.executable, "-c", code) as process:
        wait_until(lambda: "set()" in (tmp_path / "log").read_text())  # none is blocked
        assert process.stop() == 3
    assert (tmp_path / "log").read_text() == "set()\nsaved\n"


def test_command_that_ends_takes_with_it_what_it_started(tmp_path: Path) -> None:
    idle = f"# {tmp_path}\n{IDLE}"
    code = (
        "import subprocess, sys\n"
        f"for moves in (False, True): subprocess.Popen([sys.executable, '-c', {idle!r}], start_new_session=moves)\n"
        "sys.stdin.read(); print('started', flush=True)\n"
    )
    process = guarded(tmp_path, sys.executable, "-c", code)
    wait_until(lambda: not process.is_alive)
    assert process.stop() == 0
    assert (tmp_path / "log").read_text() == "started\n"
    assert not [command for command in command_lines() if idle in command]


def test_guard_ends_though_its_parent_was_gone_before_it_looked(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-S", "-c", "pass"])
    ended.wait()
    arguments = ["-I", process_guard.__file__, str(ended.pid), "5", sys.executable, "-c", IDLE]
    assert subprocess.run([sys.executable, *arguments], timeout=20, check=False).returncode == 128 + signal.SIGTERM


def test_names_of_processes_can_not_mislead(tmp_path: Path) -> None:
    odd = tmp_path / "a) R 1 1 (b c"
    odd.symlink_to(sys.executable)
    with subprocess.Popen([odd, "-S", "-c", IDLE], start_new_session=True) as process:
        wait_until(lambda: odd.name[:10] in Path(f"/proc/{process.pid}/comm").read_text())
        assert process.pid in descendants(os.getpid())
        assert session_members(process.pid) == [process.pid]
        process.kill()
