"""Ask a language model to choose one of a few words about texts that are quoted to it, and read its reply strictly.

What stands in a quoted text can't take the place of a reply: it is quoted between marks that no text can foresee, and a
reply with more than the one JSON object in it is not read.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import json
import re
from collections.abc import Sequence
from typing import Any, Final, cast

from limo_curation.sampling.protocol import Completion

MAX_REPLY_CHARACTERS: Final = 1_000  # ours: the object has some 25 to 50, deep nesting would break the parser
END_OF_THOUGHT: Final = "</think>"  # reasoning models write their thoughts in front of the reply
PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
FENCE: Final = re.compile(r"\A```(?:json)?\s*\n(.*)\n```\Z", re.DOTALL)


def choice_schema(field: str, choices: Sequence[str]) -> str:
    """Return the JSON schema of a reply: an object whose one field is one of the choices."""
    return json.dumps(
        {
            "type": "object",
            "properties": {field: {"type": "string", "enum": list(choices)}},
            "required": [field],
            "additionalProperties": False,
        }
    )


@functools.cache
def read_prompt(package: str, name: str) -> str:
    """Return a text of a package's folder `prompts`; it is read once, not for every request."""
    return (importlib.resources.files(package) / "prompts" / name).read_text(encoding="utf-8")


def quote_texts(template: str, texts: dict[str, str]) -> str:
    """Return a prompt in which `{name}` is a text and `{mark}` a word that stands in none of them.

    Braces in the texts are left alone, and so are all others of the template.
    """
    mark = hashlib.sha256(json.dumps(list(texts.values())).encode()).hexdigest()[:16]
    values = {"mark": mark, **texts}
    # in one pass, so that a text that holds a placeholder stays as it is
    return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)


def read_choice(completion: Completion, field: str, choices: Sequence[str]) -> str | None:
    """Return what a reply chooses; None for one that was cut off or is no JSON object with just the choice."""
    if completion.is_truncated:
        return None
    text = completion.text.rpartition(END_OF_THOUGHT)[2].strip()
    if len(text) > MAX_REPLY_CHARACTERS:
        return None
    fenced = FENCE.match(text)
    try:
        reply: Any = json.loads(fenced[1] if fenced else text)
    except ValueError:
        return None
    if not isinstance(reply, dict):
        return None
    fields = cast("dict[str, Any]", reply)
    choice = fields.get(field)
    return choice if list(fields) == [field] and choice in choices else None
