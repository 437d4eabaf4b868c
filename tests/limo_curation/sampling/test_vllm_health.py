"""Signs of life: what makes a server that is silent count as working, idle or hanging."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from limo_curation.sampling import vllm_health
from limo_curation.sampling.vllm_health import Pulse, is_healthy


class Engine:
    """What the server behind a port tells."""

    def __init__(self) -> None:
        self.is_dead = False
        self.hangs = threading.Event()
        self.metrics = b"vllm:prompt_tokens_total 1.0\nvllm:generation_tokens_total 2.0\n"
        self.asked: list[tuple[str | None, dict[str, Any]]] = []
        handler = type("Handler", (Handler,), {"engine": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.pulse = Pulse(self.server.server_port, model="ada", key="k")


class Handler(BaseHTTPRequestHandler):
    engine: Engine

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""

    def do_GET(self) -> None:
        self.send_response(503 if self.engine.is_dead else 200)
        self.end_headers()
        self.wfile.write(self.engine.metrics if self.path == "/metrics" else b"")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.engine.asked.append((self.headers.get("Authorization"), body))
        if self.engine.hangs.is_set():
            threading.Event().wait(0.5)
            return
        self.send_response(200)
        self.end_headers()


@pytest.fixture
def engine() -> Iterator[Engine]:
    one = Engine()
    thread = threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield one
    one.server.shutdown()
    thread.join()
    one.server.server_close()


def test_server_that_counts_tokens_is_not_asked_for_any(engine: Engine) -> None:
    engine.hangs.set()
    for number in range(3):
        engine.metrics = b"vllm:generation_tokens_total %d.0\n" % number
        assert engine.pulse.beats()
    assert engine.asked == []


def test_idle_server_is_asked_for_one_token_with_its_key(engine: Engine) -> None:
    assert engine.pulse.beats()
    assert engine.pulse.beats()
    assert engine.asked == [("Bearer k", {"model": "ada", "prompt": "1", "max_tokens": 1, "temperature": 0})]


def test_engine_that_hangs_shows_no_sign_of_life_though_its_server_is_healthy(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine.pulse.beats()
    engine.hangs.set()
    engine.metrics += b"vllm:request_success_total 9.0\npython_gc_collections_total 9.0\n"  # no work of the engine
    assert is_healthy(engine.server.server_port)
    monkeypatch.setattr(vllm_health, "REPLY_SECONDS", 0.3)
    assert not engine.pulse.beats()


def test_server_that_does_not_count_is_not_judged(engine: Engine) -> None:
    engine.hangs.set()
    engine.metrics = b"another:tokens_total 1.0\n"
    assert engine.pulse.beats()
    assert engine.pulse.beats()


def test_dead_engine_and_missing_server_are_not_healthy(engine: Engine) -> None:
    engine.is_dead = True
    assert not is_healthy(engine.server.server_port)
    engine.hangs.set()
    assert not engine.pulse.beats()
    assert not is_healthy(1)  # nobody listens there
