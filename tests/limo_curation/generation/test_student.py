"""The student's tokenizer: counts what the student will read, and says what to mend where it is not there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from limo_curation.errors import ConfigError
from limo_curation.generation.student import TEXTS_AT_A_TIME, count_tokens, student_revision, tokenizer_file

TINY = "limo_curation/demo/models/tiny-strong"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A student of one's own, with nothing but its tokenizer."""
    shutil.copy(tokenizer_file(TINY), tmp_path / "tokenizer.json")
    return tmp_path


def test_every_text_is_counted_in_order_however_many_there_are() -> None:
    texts = ["7" * (1 + index % 5) for index in range(2 * TEXTS_AT_A_TIME + 3)]
    assert count_tokens(texts, student=TINY) == [len(text) for text in texts]  # it keeps every digit alone
    assert count_tokens(["", "答"], student=TINY) == [0, 3]  # unknown text becomes bytes
    assert count_tokens([], student=TINY) == []


def test_cut_off_in_the_tokenizers_own_file_hides_no_token(folder: Path) -> None:
    file = folder / "tokenizer.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    settings["truncation"] = {"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    settings["padding"] = {
        "strategy": {"Fixed": 8},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "<|pad|>",
    }
    file.write_text(json.dumps(settings), encoding="utf-8")
    assert count_tokens(["123456789", "1"], student=str(folder)) == [9, 1]


def test_revision_follows_the_file_wherever_it_stands(folder: Path) -> None:
    before = student_revision(str(folder))
    assert before == student_revision(TINY)
    file = folder / "tokenizer.json"
    file.write_bytes(file.read_bytes() + b"\n")
    assert student_revision(str(folder)) != before


@pytest.mark.parametrize("content", ["{}", "no JSON", ""])
def test_file_that_is_no_tokenizer_is_named(folder: Path, content: str) -> None:
    (folder / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"generation\.student: .*tokenizer\.json is no tokenizer"):
        count_tokens(["so"], student=str(folder))


def test_student_that_is_neither_a_folder_nor_a_hub_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"neither a folder with tokenizer\.json nor a Hub id"):
        count_tokens(["so"], student=str(tmp_path / "none"))


# -- from the Hub ------------------------------------------------------------------------------------------------------

COUNT = """
import sys
from limo_curation.errors import CurationError
from limo_curation.generation.student import count_tokens, student_revision
try:
    print(count_tokens(["12345"], student=sys.argv[1]), student_revision(sys.argv[1]))
except CurationError as error:
    print(type(error).__name__, error)
"""


class ModelsHandler(BaseHTTPRequestHandler):
    """A Hub with one model that has a tokenizer, one that has none, and one that is not to be had at the moment."""

    tokenizer = b""

    def log_message(self, *_: object) -> None:
        """Nothing: the tests look at what is printed."""

    def do_GET(self) -> None:
        known: dict[str, tuple[int, dict[str, str], bytes]] = {
            "/owner/whole/resolve/v2/tokenizer.json": (
                200,
                {"ETag": '"a1"', "X-Repo-Commit": "c" * 40},
                self.tokenizer,
            ),
            "/owner/bare/resolve/main/tokenizer.json": (404, {"X-Error-Code": "EntryNotFound"}, b""),
            "/owner/gated/resolve/main/tokenizer.json": (403, {"X-Error-Code": "GatedRepo"}, b""),
        }
        status, headers, body = known.get(self.path, (404, {"X-Error-Code": "RepoNotFound"}, b""))
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    ModelsHandler.tokenizer = tokenizer_file(TINY).read_bytes()
    with ThreadingHTTPServer(("127.0.0.1", 0), ModelsHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def counted(student: str, folder: Path, **environment: str) -> str:
    """What a process says that has the Hub's address and an empty cache; the client reads both when it is imported."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT, student],
        env={**os.environ, "HF_HOME": str(folder), "HF_HUB_DISABLE_PROGRESS_BARS": "1", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.hub
def test_tokenizer_of_the_hub_is_read_at_its_revision_and_then_from_the_cache(tmp_path: Path, endpoint: str) -> None:
    expected = f"[5] {student_revision(TINY)}"
    assert counted("owner/whole@v2", tmp_path, HF_ENDPOINT=endpoint) == expected
    assert counted("owner/whole@v2", tmp_path, HF_HUB_OFFLINE="1") == expected


@pytest.mark.hub
@pytest.mark.parametrize(
    ("student", "says"),
    [
        ("owner/bare", "the Hub holds no tokenizer.json there"),
        ("owner/gated", "the Hub answered 403; mend the name or the access token"),
        ("owner/none", "the Hub answered 404; mend the name or the access token"),
    ],
)
def test_model_that_the_hub_does_not_give_is_an_error_of_the_run_file(
    tmp_path: Path, endpoint: str, student: str, says: str
) -> None:
    said = counted(student, tmp_path, HF_ENDPOINT=endpoint)
    assert said.startswith(f"ConfigError generation.student = {student!r}: {says}")


@pytest.mark.hub
def test_hub_that_is_not_there_is_worth_another_try(tmp_path: Path) -> None:
    assert counted("owner/whole", tmp_path, HF_HUB_OFFLINE="1").startswith("TransientError generation.student")
