"""Markdown of foreign texts: names of sources, licences, models and benchmarks come from strangers' files.

They are written as character references, which no reader of Markdown takes for structure.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

MAX_NAME_CHARACTERS: Final = 120  # ours: a name in a table cell, not a text
UNSAFE_IN_MARKDOWN: Final = re.compile(r"[^\w\s./,()…-]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=www)\.", re.IGNORECASE)


def markdown_environment(package: str) -> Any:
    """Return the environment of a package's templates, with the filters `md` and `fenced` for foreign texts."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package, "."),
        autoescape=False,  # noqa: S701  Markdown, not HTML: every foreign text passes the filter `md`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = escape_markdown
    environment.filters["fenced"] = fenced_json
    return environment


def escape_markdown(text: str | None) -> str:
    """Return one line of text that no Markdown reader takes for markup, a link, a table's edge or HTML."""
    if text is None:
        return "not stated"
    line = one_line(text)
    shown = line if len(line) <= MAX_NAME_CHARACTERS else line[: MAX_NAME_CHARACTERS - 1] + "…"
    return UNSAFE_IN_MARKDOWN.sub(lambda match: f"&#{ord(match.group())};", shown)


def fenced_json(value: Any) -> str:
    """Return a JSON text that cannot end the code fence it stands in."""
    return json.dumps(value, indent=2, ensure_ascii=False).replace("`", "\\u0060")


def one_line(text: str) -> str:
    """Return text without line breaks and what else can't be seen."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
