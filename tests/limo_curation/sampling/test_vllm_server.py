"""vLLM's servers with a fake in vLLM's place, which is a real process that is really killed.

The real one: `test_vllm.py`.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from limo_curation.errors import ConfigError, TransientError
from limo_curation.sampling import vllm_health, vllm_server
from limo_curation.sampling.endpoint import EndpointSampler
from limo_curation.sampling.guarded_process import session_members
from limo_curation.sampling.process_guard import descendants
from limo_curation.sampling.vllm_health import is_healthy
from limo_curation.sampling.vllm_server import VllmServers, choose_ports
from limo_curation.vllm_config import VllmConfig
from tests.counting_engine import request
from tests.fake_vllm_server import fake_engine
from tests.processes import command_lines, is_running, wait_until

SECRET = "key-that-nobody-may-read"

if not sys.platform.startswith("linux"):
    pytest.skip("engines are started on Linux only", allow_module_level=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_server, "SECONDS_BETWEEN_LOOKS", 0.05)
    monkeypatch.setattr(vllm_server, "FIRST_BACK_OFF_SECONDS", 0.1)
    monkeypatch.delenv("LIMO_ENGINE_API_KEY", raising=False)


def config_of(folder: Path, *wrong: str, **changes: Any) -> VllmConfig:
    settings: dict[str, Any] = {"model": "ada", "device": "cpu", "start_timeout_seconds": 20, "stop_timeout_seconds": 5}
    settings |= {"python": fake_engine(folder), "extra_arguments": (f"--fake-folder={folder}", *wrong)}
    return VllmConfig(**settings | changes)


def servers_of(folder: Path, *wrong: str, **changes: Any) -> VllmServers:
    return VllmServers(config_of(folder, *wrong, **changes), log_folder=folder / "logs")


def processes(folder: Path) -> list[int]:
    """The numbers of all processes that fakes started: the server, its engine and an engine in a session of its own."""
    file = folder / "processes"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def running(folder: Path) -> list[int]:
    return [process for process in processes(folder) if is_running(process)]


def sampler_of(servers: VllmServers) -> EndpointSampler:
    return EndpointSampler({"ada": servers.urls}, max_concurrency=4, timeout_seconds=20)


# -- from start to end -------------------------------------------------------------------------------------------------


def test_servers_are_healthy_inside_of_the_block_and_gone_after_it(tmp_path: Path) -> None:
    with servers_of(tmp_path, replicas=2) as servers:
        ports = [int(url.removeprefix("http://127.0.0.1:").removesuffix("/v1")) for url in servers.urls]
        assert all(is_healthy(port) for port in ports)
        assert [done.text for done in sampler_of(servers).sample([request("why?")])] == ["WHY?"]
        assert len(running(tmp_path)) == 6
    assert not running(tmp_path)
    assert not any(is_healthy(port) for port in ports)
    assert servers.num_restarts == (0, 0)


def test_each_replica_writes_to_a_log_of_its_own(tmp_path: Path) -> None:
    with servers_of(tmp_path, replicas=2):
        pass
    for name in ("replica-0.log", "replica-1.log"):
        log = (tmp_path / "logs" / name).read_text()
        assert "the server starts" in log
        assert "--served-model-name=ada" in log  # the command, for whoever wants to try it by hand


def test_server_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    with servers_of(tmp_path, "--fake-ignores-sigterm", stop_timeout_seconds=0.3):
        assert len(running(tmp_path)) == 3
    assert not running(tmp_path)


def test_error_inside_of_the_block_leaves_no_process(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), servers_of(tmp_path):
        raise KeyboardInterrupt
    assert processes(tmp_path)
    assert not running(tmp_path)


# -- starts that fail --------------------------------------------------------------------------------------------------


def test_server_that_fails_at_its_start_is_quoted_and_the_others_end_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)ended with exit status 1 before it was healthy.*no room for the KV"):
        servers_of(tmp_path, "--fake-starts=0", replicas=2).__enter__()
    assert not running(tmp_path)


def test_server_that_never_answers_is_given_up_at_the_deadline(tmp_path: Path) -> None:
    servers = servers_of(tmp_path, "--fake-never-answers", start_timeout_seconds=1)
    with pytest.raises(ConfigError, match=r"(?s)replica 0 of ada was not healthy within 1 s.*--fake-never-answers"):
        servers.__enter__()
    assert not running(tmp_path)


def test_missing_engine_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no interpreter .*absent; run `make engine`"):
        servers_of(tmp_path, python=str(tmp_path / "absent")).__enter__()


def test_log_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "logs" / "replica-0.log").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"replica 0 of ada can't be started: .*replica-0\.log"):
        servers_of(tmp_path).__enter__()


def test_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"port {port} can't be used"):
            servers_of(tmp_path, port=port).__enter__()
    assert not processes(tmp_path)


def test_free_ports_differ_and_given_ones_follow_each_other() -> None:
    assert len(set(choose_ports(0, 20))) == 20
    [free] = choose_ports(0, 1)
    assert choose_ports(free, 1) == [free]
    with pytest.raises(ConfigError, match="port 65536 can't be used"):
        choose_ports(65_535, 2)


# -- replicas that die -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("victim", ["server", "guard", "all"])
def test_killed_replica_comes_back_at_its_url_and_leaves_nothing_behind(tmp_path: Path, victim: str) -> None:
    with servers_of(tmp_path) as servers:
        urls, before = servers.urls, processes(tmp_path)
        [guard] = [one for one in descendants(os.getpid()) if before[0] in descendants(one)]
        assert before[0] in session_members(guard)
        for process in {"server": before[:1], "guard": [guard], "all": [guard, *before]}[victim]:
            os.kill(process, signal.SIGKILL)
        wait_until(lambda: servers.num_restarts == (1,))
        # an engine in a session of its own is the guard's to find: without the guard it stays
        gone = before[:2] if victim == "guard" else before
        assert not any(is_running(process) for process in gone)
        wait_until(lambda: is_healthy(int(urls[0].split(":")[2].removesuffix("/v1"))))
        assert servers.urls == urls
        assert [done.text for done in sampler_of(servers).sample([request("why?")])] == ["WHY?"]
    left = running(tmp_path)
    assert left == (before[2:] if victim == "guard" else [])
    for process in left:
        os.kill(process, signal.SIGKILL)


def test_nothing_is_lost_when_a_replica_is_killed_in_the_middle_of_a_batch(tmp_path: Path) -> None:
    with servers_of(tmp_path, "--fake-delay=0.05") as servers:
        questions = [f"question {number}" for number in range(40)]
        done = sampler_of(servers).sample([request(question) for question in questions])
        texts = [next(done).text]
        os.kill(processes(tmp_path)[0], signal.SIGKILL)
        texts += [one.text for one in done]
        assert texts == [question.upper() for question in questions]
        assert servers.num_restarts == (1,)
        servers.check()
    assert not running(tmp_path)


def test_replica_that_hangs_is_started_again_though_it_calls_itself_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_server, "SECONDS_BETWEEN_PULSES", 0.05)
    monkeypatch.setattr(vllm_server, "MAX_LIFELESS_SECONDS", 0.5)
    with servers_of(tmp_path) as servers:
        monkeypatch.setattr(vllm_health, "REPLY_SECONDS", 0.5)
        (tmp_path / "hangs").touch()
        assert is_healthy(int(servers.urls[0].split(":")[2].removesuffix("/v1")))
        wait_until(lambda: servers.num_restarts == (1,))
        (tmp_path / "hangs").unlink()
        wait_until(lambda: len(running(tmp_path)) == 3)
    assert not running(tmp_path)


def test_replica_that_dies_again_and_again_is_given_up_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with servers_of(tmp_path, "--fake-starts=1", max_restarts=2) as servers:
        servers.check()
        os.kill(processes(tmp_path)[0], signal.SIGKILL)
        wait_until(lambda: "after 2 restarts" in caplog.text)
        with pytest.raises(
            TransientError, match=r"(?s)ended with exit status 1 .*, after 2 restarts.*no room for the KV"
        ):
            servers.check()
    assert "ended with exit status 137; it is started again in 0.1 s" in caplog.text
    assert not running(tmp_path)


def test_nothing_is_left_when_our_own_process_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from tests.limo_curation.sampling.test_vllm_server import servers_of\n"
        "with servers_of(Path(sys.argv[1]), replicas=2): print('healthy', flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "healthy\n"
        assert len(running(tmp_path)) == 6
        parent.kill()
        parent.wait()
        wait_until(lambda: not running(tmp_path))
        # the log is a file: whoever reads our output is not kept waiting for the engine's end
        assert parent.stdout.read() == ""


# -- the key -----------------------------------------------------------------------------------------------------------


def test_key_reaches_the_server_and_stands_in_no_command_line_log_or_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LIMO_ENGINE_API_KEY", SECRET)
    caplog.set_level(logging.DEBUG)
    with servers_of(tmp_path) as servers:
        assert [done.text for done in sampler_of(servers).sample([request("why?")])] == ["WHY?"]
        assert not [command for command in command_lines() if SECRET in command]
        monkeypatch.delenv("LIMO_ENGINE_API_KEY")
        with pytest.raises(ConfigError, match="401"):
            list(sampler_of(servers).sample([request("why?")]))
    assert SECRET not in (tmp_path / "logs" / "replica-0.log").read_text()
    monkeypatch.setenv("LIMO_ENGINE_API_KEY", SECRET)
    with pytest.raises(ConfigError, match=r"asked with key \*\*\*") as caught:  # a server that tells its key
        servers_of(tmp_path, "--fake-starts=0").__enter__()
    assert SECRET not in str(caught.value) + repr(caught.value) + caplog.text
