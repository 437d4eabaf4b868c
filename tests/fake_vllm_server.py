"""Takes vLLM's place as a real process: the arguments, the health, the chat completions, the processes of its own.

It stands behind an interpreter that ignores `-m vllm.entrypoints.openai.api_server` (`fake_engine`). What it is to do
wrong follows the real arguments, as `--fake-...`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

METRICS = """# HELP vllm:generation_tokens_total Number of generation tokens processed.
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{{engine="0",model_name="ada"}} {count}.0
vllm:e2e_request_latency_seconds_sum{{engine="0"}} 17.5
"""
IDLE = "import time; time.sleep(600)"


def fake_engine(folder: Path) -> str:
    """Write an interpreter that runs this file in the place of a module, and return its path."""
    interpreter = folder / "python"
    interpreter.write_text(f'#!/bin/sh\nshift 2\nexec "{sys.executable}" "{__file__}" "$@"\n')
    interpreter.chmod(0o755)
    return str(interpreter)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path
    delay: float
    num_tokens = 0

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: the real one is told not to log requests."""

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self.answer(200, METRICS.format(count=self.num_tokens).encode())
        else:
            self.answer(200, b"")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = os.environ.get("VLLM_API_KEY")
        if key and self.headers.get("Authorization") != f"Bearer {key}":
            self.answer(401, b'{"error": "Unauthorized"}')
            return
        time.sleep(self.delay)
        while (self.folder / "hangs").exists():
            time.sleep(0.02)
        if self.path == "/v1/completions":
            self.answer(200, b"{}")
            return
        type(self).num_tokens += 2
        text = body["messages"][-1]["content"].upper()
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        reply = {"id": "chatcmpl-1", "model": body["model"], "choices": [choice], "usage": usage}
        self.answer(200, json.dumps(reply).encode())

    def answer(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--port", type=int)
    parser.add_argument("--fake-folder", type=Path)
    parser.add_argument("--fake-delay", type=float, default=0.0)
    parser.add_argument("--fake-starts", type=int, default=1_000, help="later starts fail")
    parser.add_argument("--fake-never-answers", action="store_true")
    parser.add_argument("--fake-ignores-sigterm", action="store_true")
    arguments, _ = parser.parse_known_args()
    starts = arguments.fake_folder / f"starts-{arguments.port}"
    with starts.open("a") as file:
        file.write("started\n")
    if len(starts.read_text().splitlines()) > arguments.fake_starts:
        print(f"ValueError: no room for the KV cache, asked with key {os.environ.get('VLLM_API_KEY')}")
        sys.exit(1)
    if arguments.fake_ignores_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # an engine, and one that moved away from the group of its parent
    engines = [subprocess.Popen([sys.executable, "-c", IDLE], start_new_session=moves) for moves in (False, True)]
    with (arguments.fake_folder / "processes").open("a") as file:
        file.write("".join(f"{process}\n" for process in [os.getpid(), *(engine.pid for engine in engines)]))
    print("the server starts", flush=True)
    if arguments.fake_never_answers:
        threading.Event().wait()
    handler = type("Handler", (Handler,), {"folder": arguments.fake_folder, "delay": arguments.fake_delay})
    ThreadingHTTPServer(("127.0.0.1", arguments.port), handler).serve_forever()


if __name__ == "__main__":
    main()
