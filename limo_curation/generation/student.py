"""Measure chains by the tokenizer of the student, who reads no further than its own cut-off.

A teacher's engine counts in the teacher's tokens, and of a recorded chain nobody has counted any.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

import huggingface_hub

from limo_curation.errors import ConfigError
from limo_curation.hub_errors import hub_errors

TOKENIZER_FILE: Final = "tokenizer.json"
TEXTS_AT_A_TIME: Final = 64  # ours: of 16,384 tokens each, their encodings take some 130 MB


def count_tokens(texts: Sequence[str], *, student: str) -> list[int]:
    """Return the number of the student's tokens in each text, without any that a template would add.

    Args:
        texts: chains.
        student: Hub id (pinned as `owner/name@revision`) of a model, or a folder that holds its `tokenizer.json`.

    Raises:
        ConfigError: there is no such tokenizer, or it can't be read. Retrying does not help.
        TransientError: the Hub can't be reached. Retrying may help.
    """
    tokenizer = load_tokenizer(student)
    counts: list[int] = []
    for start in range(0, len(texts), TEXTS_AT_A_TIME):
        batch = list(texts[start : start + TEXTS_AT_A_TIME])
        counts += [len(encoding) for encoding in tokenizer.encode_batch_fast(batch, add_special_tokens=False)]
    return counts


def student_revision(student: str) -> str:
    """Return a digest of the student's tokenizer, 16 hex digits: the same file counts the same tokens.

    Raises:
        ConfigError, TransientError: as `count_tokens`.
    """
    return hashlib.sha256(tokenizer_file(student).read_bytes()).hexdigest()[:16]


@functools.cache
def load_tokenizer(student: str) -> Any:
    """Load a tokenizer, once in a process.

    Raises:
        ConfigError, TransientError: as `count_tokens`.
    """
    from tokenizers import Tokenizer

    file = tokenizer_file(student)
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        raise ConfigError(f"generation.student: {file} is no tokenizer ({error}); name another model") from None
    tokenizer.no_truncation()  # some files say where training cut off, which would hide every longer chain
    tokenizer.no_padding()
    return tokenizer


def tokenizer_file(student: str) -> Path:
    """Return the student's `tokenizer.json`: of a folder, as written or beside this package, else from the Hub.

    Raises:
        ConfigError, TransientError: as `count_tokens`.
    """
    folders = (Path(student), Path(__file__).resolve().parents[2] / student)
    found = next((folder / TOKENIZER_FILE for folder in folders if (folder / TOKENIZER_FILE).is_file()), None)
    return download(student) if found is None else found


@functools.cache
def download(student: str) -> Path:
    """Return a Hub model's `tokenizer.json`, from the Hub's own cache where it is there.

    Raises:
        ConfigError, TransientError: as `count_tokens`.
    """
    repo, _, revision = student.partition("@")
    hub = cast("Any", huggingface_hub)  # its types are partly unknown
    with hub_errors(f"generation.student = {student!r}", wanted=TOKENIZER_FILE):
        return Path(hub.hf_hub_download(repo, TOKENIZER_FILE, revision=revision or None))
