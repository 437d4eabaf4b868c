"""Foreign texts in Markdown stay text."""

import pytest

from limo_curation.markdown import escape_markdown, fenced_json
from tests.small_run import HOSTILE_SOURCE


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("too_short", "too_short"),
        ("_emphasis_", "&#95;emphasis&#95;"),
        ("a|b\nc", "a&#124;b c"),
        ("me@x.org", "me&#64;x.org"),
        ("见 AI-MO/Numina-1.5 (v2)", "见 AI-MO/Numina-1.5 (v2)"),
        (None, "not stated"),
        ("x" * 500, "x" * 119 + "…"),
    ],
)
def test_markdown_is_escaped_and_plain_names_stay_readable(text: str | None, shown: str):
    assert escape_markdown(text) == shown
    assert len(escape_markdown(HOSTILE_SOURCE * 99)) < 1_000


def test_value_cannot_end_the_fence_it_stands_in():
    assert "`" not in fenced_json({"name": "```\n# Heading"})
