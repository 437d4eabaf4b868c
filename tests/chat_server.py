"""A server of chat completions on the loopback, which echoes questions and can be told to misbehave.

`python -m tests.chat_server [PORT]` serves in a process of its own, which can be killed, and prints its port.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What is said instead of an echo. Status 0 cuts the connection without a word."""

    status: int
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class Listener(ThreadingHTTPServer):
    request_queue_size = 128  # the standard library's 5 would refuse connections that come together
    daemon_threads = True


class ChatServer:
    """Speaks chat completions, echoing the question; `replies` are given first."""

    def __init__(self, *replies: Reply, port: int = 0, delay_seconds: float = 0.0) -> None:
        self.replies = list(replies)
        self.delay_seconds = delay_seconds
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self.num_under_way = self.most_under_way = 0
        self.barrier: threading.Barrier | None = None
        self.last_request: tuple[int, threading.Event] | None = None  # the event is set when so many have come
        self.hold = threading.Event()  # no reply before it is set
        self.hold.set()
        self.lock = threading.Lock()
        self._server = Listener(("127.0.0.1", port), type("Handler", (ChatHandler,), {"chat": self}))
        self.port: int = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> ChatServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def reply_to(self, body: dict[str, Any]) -> Reply:
        with self.lock:
            self.bodies.append(body)
            if self.last_request is not None and len(self.bodies) == self.last_request[0]:
                self.last_request[1].set()
            if self.replies:
                return self.replies.pop(0)
        return Reply(200, chat(body["messages"][-1]["content"].upper()))


class ChatHandler(BaseHTTPRequestHandler):
    chat: ChatServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing: the tests look at what is logged."""

    def do_POST(self) -> None:
        chat = self.chat
        with chat.lock:
            chat.paths.append(self.path)
            chat.keys.append(self.headers.get("Authorization"))
            chat.num_under_way += 1
            chat.most_under_way = max(chat.most_under_way, chat.num_under_way)
        reply = chat.reply_to(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        time.sleep(chat.delay_seconds)
        chat.hold.wait(timeout=10)
        if chat.barrier is not None:
            chat.barrier.wait(timeout=10)
        with chat.lock:
            chat.num_under_way -= 1
        if reply.status == 0:
            self.close_connection = True
            return
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        try:
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(data)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except ConnectionError:  # the client has gone
            self.close_connection = True


def chat(text: str | None, *, finish_reason: str | None = "stop", num_tokens: int = 7, **choice: Any) -> dict[str, Any]:
    """A reply as vLLM 0.32 writes it, without the fields that nobody reads; each has the same id."""
    message = {"role": "assistant", "content": text, "reasoning": None, "tool_calls": []}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason, "stop_reason": None, **choice}],
        "usage": {"prompt_tokens": 11, "total_tokens": 11 + num_tokens, "completion_tokens": num_tokens},
    }


if __name__ == "__main__":
    with ChatServer(port=int(sys.argv[1]) if sys.argv[1:] else 0, delay_seconds=0.02) as alone:
        print(alone.port, flush=True)
        threading.Event().wait()
