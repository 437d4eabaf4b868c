"""Ways to stuff a chain so that a rule score might rise, for judging.py and the tests: each is a function of a text.

Words without substance, over and over or in ever new wordings, before, behind or between the sentences, in English and
in Chinese; numbered, so that no two are equal; filler; the chain's own text again; boxes. Words that are strewn between
the chain's own, and checks of numbers that are not the chain's. And some that no rule over words can tell from
reasoning: words in front of the chain's own sentences, in their grammar, and equations with the chain's own numbers.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

NUM_STUFFED: Final = 200
SENTENCE: Final = re.compile(r"(?<=[.!?。！？])\s+|\n+")

ENGLISH: Final = (
    "Wait, let me check.",
    "Let me verify that carefully.",
    "Hmm, maybe I should double-check everything.",
    "Perhaps there is another way to see it.",
    "Alternatively, we might try a different approach.",
    "Therefore, it follows at once.",
    "Since this is so, the claim holds.",
    "I want to make sure that nothing went wrong.",
    "That is wrong, let me redo it.",
    "On second thought, perhaps it is fine because it is so.",
)
CHINESE: Final = (
    "等等，让我检查一下。",
    "我们来验证这个结果。",
    "也许可以用另一种方法。",
    "因此，结论成立。",
    "由于上面的原因，所以这样。",
    "不对，我算错了，重新验算。",
    "或许换个思路试试。",
    "再确认一遍，以免出错。",
)
OPENINGS: Final = (
    "Wait,",
    "Hmm,",
    "So,",
    "Now,",
    "Okay,",
    "Well,",
    "Again,",
    "Here,",
    "Still,",
    "Then,",
    "Indeed,",
    "Yes,",
)
VERBS: Final = (
    "let me check",
    "let me verify",
    "I should confirm",
    "perhaps I might recheck",
    "maybe we could try",
    "I wonder about",
)
OBJECTS: Final = (
    "this step",
    "the whole argument",
    "what was said",
    "the last claim",
    "all of it",
    "the reasoning",
    "the idea",
)
ENDINGS: Final = (
    "once more",
    "with great care",
    "from the start",
    "since it matters",
    "because errors hide",
    "to be safe",
)
WORDS: Final = (
    "thought",
    "reason",
    "garden",
    "river",
    "paper",
    "simple",
    "common",
    "story",
    "light",
    "shape",
    "meaning",
)


STREWN: Final = ("wait", "check", "verify", "perhaps", "maybe", "therefore", "since", "because", "hmm")
PREFIXES: Final = ("Perhaps", "Therefore", "I verify that")


def appended(text: str, sentences: Sequence[str]) -> str:
    """Put sentences behind a text."""
    return f"{text}\n{' '.join(sentences)}"


def prepended(text: str, sentences: Sequence[str]) -> str:
    """Put sentences before a text."""
    return f"{' '.join(sentences)}\n{text}"


def interleaved(text: str, sentences: Sequence[str]) -> str:
    """Put a sentence behind each of a text's sentences, from the front again where they run out."""
    parts = SENTENCE.split(text)
    return "\n".join(part for pair in zip(parts, itertools.cycle(sentences), strict=False) for part in pair)


def paraphrases() -> Iterator[str]:
    """Yield sentences that all say "let me check" in other words, without a figure or a formula."""
    for opening, verb, thing, ending in itertools.product(OPENINGS, VERBS, OBJECTS, ENDINGS):
        yield f"{opening} {verb} {thing} {ending}."


def filler(count: int) -> list[str]:
    """Return sentences of random words, none of which belongs to an axis."""
    source = random.Random(0)  # noqa: S311 (a sample, not a secret)
    return [" ".join(source.choices(WORDS, k=12)).capitalize() + "." for _ in range(count)]


def every_tenth(text: str, words: Sequence[str], *, adapted: bool = False) -> str:
    """Put words in front of every tenth of a text's sentences, which then begin with a small letter where adapted."""
    turn = itertools.cycle(words)
    parts = SENTENCE.split(text)
    for at in range(0, len(parts), 10):
        behind = parts[at][:1].lower() + parts[at][1:] if adapted else parts[at]
        parts[at] = f"{next(turn)} {behind}"
    return "\n".join(parts)


def own_equations(text: str) -> list[str]:
    """Return a text's sentences with an equals sign; one of its own where it has none."""
    return [part for part in SENTENCE.split(text) if "=" in part] or ["1 + 1 = 2."]


def strewn(text: str, words: Sequence[str], share: float) -> str:
    """Put words at random between the words of a text, a share of as many as the text has."""
    source = random.Random(0)  # noqa: S311 (a sample, not a secret)
    parts = text.split(" ")
    for _ in range(1 + int(share * len(parts))):
        parts.insert(source.randrange(len(parts) + 1), source.choice(words))
    return " ".join(parts)


def last_box(text: str) -> str:
    """Return a text's last box, or one of its own where it has none."""
    boxes = re.findall(r"\\boxed\{[^{}]*\}", text)
    return str(boxes[-1]) if boxes else r"\boxed{1}"


def sham_derivations(text: str) -> list[str]:
    """Return two sentences whose equations come to what stands in a text's last box."""
    answer = last_box(text).removeprefix(r"\boxed{").removesuffix("}")
    return [f"Nothing is added: 0 + {answer} = {answer}.", f"Nothing is taken away: {answer} - 0 = {answer}."]


SPREAD: Final = tuple(itertools.islice(paraphrases(), 0, None, 12))[:NUM_STUFFED]
NUMBERED: Final = tuple(f"Wait, let me check {number}!" for number in range(NUM_STUFFED))
SHAM: Final = tuple(f"Let me check: {number} + {number + 1} = {2 * number + 1}." for number in range(NUM_STUFFED))
SHAM_PARAPHRASED: Final = tuple(f"{phrase[:-1]}: {at} + {at} = {2 * at}." for at, phrase in enumerate(SPREAD))

STUFFING: Final[dict[str, Callable[[str], str]]] = {
    "one phrase, behind": lambda text: appended(text, ENGLISH[:1] * NUM_STUFFED),
    "one phrase, before": lambda text: prepended(text, ENGLISH[:1] * NUM_STUFFED),
    "one phrase, between": lambda text: interleaved(text, ENGLISH[:1]),
    "one phrase once, before": lambda text: prepended(text, ENGLISH[:1]),
    "numbered, before": lambda text: prepended(text, NUMBERED),
    "numbered, between": lambda text: interleaved(text, NUMBERED),
    "ten phrases, behind": lambda text: appended(text, ENGLISH * (NUM_STUFFED // 10)),
    "ten phrases, between": lambda text: interleaved(text, ENGLISH),
    "paraphrased, behind": lambda text: appended(text, SPREAD),
    "paraphrased, before": lambda text: prepended(text, SPREAD),
    "paraphrased, between": lambda text: interleaved(text, SPREAD),
    "Chinese, behind": lambda text: appended(text, CHINESE * (NUM_STUFFED // 8)),
    "Chinese, before": lambda text: prepended(text, CHINESE * (NUM_STUFFED // 8)),
    "Chinese, between": lambda text: interleaved(text, CHINESE),
    "filler, before": lambda text: prepended(text, filler(NUM_STUFFED)),
    "filler, between": lambda text: interleaved(text, filler(NUM_STUFFED)),
    "own text again": lambda text: f"{text}\n{text}",
    "own text five times": lambda text: "\n".join([text] * 5),
    "boxes": lambda text: appended(text, [last_box(text)] * NUM_STUFFED),
}
"""Attacks that must never raise a rank."""

UNCONNECTED: Final[dict[str, Callable[[str], str]]] = {
    "words strewn, one in five": lambda text: strewn(text, STREWN, 0.2),
    "one sham check, before": lambda text: prepended(text, SHAM[1:2]),
    "sham checks, one phrase": lambda text: prepended(text, SHAM),
    "sham checks, paraphrased": lambda text: prepended(text, SHAM_PARAPHRASED),
}
"""Attacks that bring formulas or take the chain's own without a connection; they must not raise a rank either."""

INDISTINGUISHABLE: Final[dict[str, Callable[[str], str]]] = {
    "words strewn, one in fifty": lambda text: strewn(text, STREWN, 0.02),
    "words before every sentence": lambda text: "\n".join(
        f"{word} {part}" for word, part in zip(itertools.cycle(PREFIXES), SENTENCE.split(text), strict=False)
    ),
    "words before every tenth sentence": lambda text: every_tenth(text, PREFIXES),
    "the same, in their grammar": lambda text: every_tenth(text, PREFIXES, adapted=True),
    "one sham check, behind": lambda text: appended(text, SHAM[1:2]),
    "an equation of its own, checked": lambda text: appended(text, [f"Let me check again: {own_equations(text)[-1]}"]),
    "equations of its own, checked": lambda text: prepended(
        text, [f"{phrase[:-1]}: {part}" for phrase, part in zip(SPREAD, own_equations(text), strict=False)]
    ),
    "two sham derivations": lambda text: prepended(text, sham_derivations(text)),
}
"""Attacks that look like reasoning; what they gain is reported."""
