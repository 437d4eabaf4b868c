"""A server of chat completions that costs as little as it can: it echoes the question, after a while if told so.

    python -m measurements.echo_server        prints its port, and serves until it is killed

A question that begins with `wait 0.020 ` is answered after 20 ms. The server must not be what bounds a client's speed:
this one is a bare protocol on asyncio.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any


class Echo(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  what asyncio gives to a stream's protocol
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a request when it is whole."""
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        self._buffer = body[length:]
        question: str = json.loads(body[:length])["messages"][-1]["content"]
        if question.startswith("wait "):
            asyncio.get_running_loop().call_later(float(question.split()[1]), self._answer, question)
        else:
            self._answer(question)

    def _answer(self, question: str) -> None:
        reply: dict[str, Any] = {
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": question}, "finish_reason": "stop"},
            ],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7},
        }
        data = json.dumps(reply).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        self._transport.write(head.encode() + data)


async def serve() -> None:
    """Serve on a free port of the loopback."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
