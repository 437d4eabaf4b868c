"""Sources at an HTTP address, as some benchmarks are: what changed is read again, and a refusal is no dropped file."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import polars as pl
import pytest

from limo_curation.errors import CurationError, TableError, TransientError
from limo_curation.source_config import Source
from limo_curation.sources import file_digests, read_source


class FileServer(ThreadingHTTPServer):
    """Serves one file at every address, or refuses."""

    data = b'{"q": "How many?"}\n{"q": "Why?"}'  # no line's end behind the last
    etag = '"1"'
    head_status = get_status = 200

    def source(self) -> Source:
        path = f"http://127.0.0.1:{self.server_port}/exam/test.jsonl"
        return Source(path=path, name="exam", columns={"question": "q"})


class Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_HEAD(self) -> None:
        self.answer(self.server.head_status)

    def do_GET(self) -> None:
        self.answer(self.server.get_status)
        self.wfile.write(self.server.data)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(self.server.data)))
        self.send_header("ETag", self.server.etag)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def questions(source: Source) -> list[str]:
    batches = list(read_source(source, {"q": pl.String()}, batch_rows=10))
    assert [batch.bad for batch in batches] == [[] for _ in batches]
    return pl.concat([batch.frame for batch in batches])["q"].to_list()


def test_file_at_an_address_is_read_to_its_last_line(server: FileServer) -> None:
    assert questions(server.source()) == ["How many?", "Why?"]


def test_digest_follows_the_version_that_the_server_tells(server: FileServer) -> None:
    first = file_digests(server.source())
    assert file_digests(server.source()) == first
    server.etag = '"2"'
    assert file_digests(server.source()) != first


@pytest.mark.parametrize(("status", "error"), [(503, TransientError), (403, TableError), (404, TableError)])
@pytest.mark.parametrize("which", ["both", "get"])
def test_refusal_of_a_server_is_an_error(
    server: FileServer, status: int, error: type[CurationError], which: str
) -> None:
    server.get_status = status
    server.head_status = status if which == "both" else 200
    with pytest.raises(error, match=r"source 'exam': .*test\.jsonl"):
        questions(server.source())


def test_server_that_is_gone_is_transient() -> None:
    source = Source(path="http://127.0.0.1:9/test.jsonl", name="exam", columns={"question": "q"})
    with pytest.raises(TransientError, match="source 'exam'"):
        file_digests(source)
