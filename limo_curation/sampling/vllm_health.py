"""Whether a vLLM server on this machine works.

`/health` tells when the engine behind the server has died. Of one that hangs it says that all is well (seen with vLLM
0.32 and a stopped engine), and requests to it wait for ever. So a server that runs is judged by its work: as long as it
counts more tokens it works; where it does not, it may have nothing to do, and is asked for one token.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Final

from limo_curation.sampling.vllm_command import HOST

REPLY_SECONDS: Final = 10.0  # ours: a busy server answers these questions within a second or two
COUNTERS: Final = (b"vllm:prompt_tokens_total", b"vllm:generation_tokens_total")


def is_healthy(port: int) -> bool:
    """Return whether the server says that it and its engine are up."""
    return ask(port, "GET", "/health") is not None


class Pulse:
    """Tells a server that works, or has nothing to do, from one that hangs.

    A server that is so busy that it does not come to the one token works, and shows it by its count. So between two
    looks that find no sign of life, ask again for some minutes.
    """

    def __init__(self, port: int, *, model: str, key: str) -> None:
        """Begin.

        Args:
            port: where the server listens.
            model: the name that it serves.
            key: its API key; empty where it asks for none.
        """
        self._port, self._model, self._key = port, model, key
        self._counted: list[bytes] | None = None

    def beats(self) -> bool:
        """Return whether there is a sign of life since the last look."""
        metrics = ask(self._port, "GET", "/metrics")
        if metrics is not None:
            counted = [line for line in metrics.splitlines() if line.startswith(COUNTERS)]
            if counted != self._counted or not counted:  # none: a server that does not count can't be judged
                self._counted = counted
                return True
        wanted = {"model": self._model, "prompt": "1", "max_tokens": 1, "temperature": 0}
        return ask(self._port, "POST", "/v1/completions", body=wanted, key=self._key) is not None


def ask(port: int, method: str, path: str, *, body: Mapping[str, object] | None = None, key: str = "") -> bytes | None:
    """Return the body of a good reply; None for another one, or none in time."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    connection = http.client.HTTPConnection(HOST, port, timeout=REPLY_SECONDS)  # no proxy between
    try:
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
        reply = connection.getresponse()
        return reply.read() if reply.status == http.client.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
