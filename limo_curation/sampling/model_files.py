"""What identifies a model's files, whatever engine loads them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

SUFFIXES: Final = frozenset({".safetensors", ".json", ".jinja", ".txt"})
WITHOUT_EFFECT: Final = "training_report.json"
BLOCK_BYTES: Final = 2**24  # a file of weights may be larger than the memory


def folder_revision(folder: Path) -> str:
    """Return `<folder's name>@<digest>` of a local model: its weights, settings, tokenizer and template.

    Every engine that loads the folder says the same, so what one of them sampled answers for the others: it was drawn
    from the same distribution, and no run has to be paid for twice because it moved to another machine.
    """
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.suffix in SUFFIXES and file.name != WITHOUT_EFFECT:
            with file.open("rb") as content:
                digest.update(file.name.encode() + b"\0")
                while block := content.read(BLOCK_BYTES):
                    digest.update(block)
    return f"{folder.name}@{digest.hexdigest()[:16]}"
