"""What the reader of problems knows: the kind of each character, and what is done with some words.

The lists of words are text files in `data/`: glue words carry a sentence and no problem, silent commands change how
LaTeX prints and not what it says.
"""

from __future__ import annotations

import functools
import importlib.resources
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from limo_curation.number_words import HAN_DIGITS, HAN_POWERS, NUMBER_WORDS

Bytes = npt.NDArray[np.uint8]
Hashes = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint32]

# what a character is to the reader
OTHER: Final = 0
LETTER: Final = 1
DIGIT: Final = 2
HAN: Final = 3
SIGN: Final = 4
BACKSLASH: Final = 5
APOSTROPHE: Final = 6
NUMERAL: Final = 7  # a number in one character
BLANK: Final = 8
BRACKET: Final = 9
FULL_STOP: Final = 10

# what is done with a word of the table
GLUE: Final = 1
DROP: Final = 2
NUMBER: Final = 3
TENS: Final = 4
RENAME: Final = 5
SIGN_COMMAND: Final = 6

# signs, by the number that stands for them
PLUS, MINUS, TIMES, DOT, DIVIDED, LESS, LESS_EQUAL, MORE, MORE_EQUAL, UNEQUAL, PLUS_MINUS, EQUAL = range(1, 13)
SIGNS: Final[Mapping[str, int]] = {
    "+": PLUS, "-": MINUS, "−": MINUS, "–": MINUS, "×": TIMES, "*": DOT, "·": DOT, "⋅": DOT, "÷": DIVIDED, "<": LESS,
    ">": MORE, "≤": LESS_EQUAL, "≥": MORE_EQUAL, "⩽": LESS_EQUAL, "⩾": MORE_EQUAL, "≦": LESS_EQUAL, "≧": MORE_EQUAL,
    "≠": UNEQUAL, "±": PLUS_MINUS, "=": EQUAL,
}  # fmt: skip
SIGN_COMMANDS: Final[Mapping[str, int]] = {
    "times": TIMES, "cdot": DOT, "div": DIVIDED, "lt": LESS, "le": LESS_EQUAL, "leq": LESS_EQUAL,
    "leqslant": LESS_EQUAL, "gt": MORE, "ge": MORE_EQUAL, "geq": MORE_EQUAL, "geqslant": MORE_EQUAL, "ne": UNEQUAL,
    "neq": UNEQUAL, "pm": PLUS_MINUS,
}  # fmt: skip
SAME_COMMANDS: Final[Mapping[str, str]] = {"dfrac": "frac", "tfrac": "frac", "cfrac": "frac"}
GREEK: Final = range(0x3B1, 0x3CA)

BASE: Final = 0x9E3779B97F4A7C15  # odd, so that multiplying by it permutes 64-bit numbers (golden ratio)
SPREAD: Final = 0xD6E8FEB86659FD93  # odd, with bits in all places: a small code point fills the whole word
COMMAND_SALT: Final = 0xA5A5A5A5A5A5A5A5  # tells \text from "text" in the table of words
BITS: Final = 0xFFFFFFFFFFFFFFFF
SIZE_OF_PLANES: Final = 0x20000  # beyond the first two planes stand rare Han characters only
SURROGATES: Final = range(0xD800, 0xE000)  # no characters


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tables for the kernel: characters by code point, words by hash (open addressing)."""

    plain: Codes
    """Lower case; full-width forms, superscripts and the digits of all scripts plain."""
    kind: Bytes
    value: Codes
    """Of a sign its number, of a numeral what it is equal to."""
    keys: Hashes
    actions: Bytes
    values: Hashes
    powers: Hashes
    """Of a renamed word BASE to the power of the new one's length."""


@functools.cache
def vocabulary() -> Vocabulary:
    """Return the tables; they are built once per process, in a quarter of a second."""
    plain = np.arange(SIZE_OF_PLANES, dtype=np.uint32)
    kind = np.zeros(SIZE_OF_PLANES, np.uint8)
    value = np.zeros(SIZE_OF_PLANES, np.uint32)
    for code in range(SIZE_OF_PLANES):
        if code in SURROGATES:
            continue
        plain[code] = ord(plain_form(chr(code)))
        kind[code], value[code] = kind_of(chr(int(plain[code])))
    words = known_words()
    size = 1 << (4 * len(words)).bit_length()
    keys, actions = np.zeros(size, np.uint64), np.zeros(size, np.uint8)
    values, powers = np.zeros(size, np.uint64), np.zeros(size, np.uint64)
    for key, (action, meaning, power) in words.items():
        slot = (key >> 32) & (size - 1)
        while keys[slot]:
            slot = (slot + 1) & (size - 1)
        keys[slot], actions[slot], values[slot], powers[slot] = key, action, meaning, power
    return Vocabulary(plain, kind, value, keys, actions, values, powers)


def plain_form(character: str) -> str:
    """Return a character in lower case and without its typography, where that is one character."""
    if unicodedata.category(character) == "Nd":
        return str(unicodedata.digit(character))
    small = unicodedata.normalize("NFKC", character).lower()
    return small if len(small) == 1 else character


def kind_of(character: str) -> tuple[int, int]:
    """Return what a plain character is to the reader, and its value."""
    if character in SIGNS:
        return SIGN, SIGNS[character]
    if character in HAN_DIGITS and character != "一":  # one stands in too many words that count nothing
        return NUMERAL, ord(str(HAN_DIGITS[character]))
    if character in HAN_POWERS:
        return NUMERAL, HAN_POWERS[character]
    for kind, members in ((BACKSLASH, "\\"), (APOSTROPHE, "'’"), (BRACKET, "(){}[]$"), (FULL_STOP, ".?!:;。？！：；")):
        if character in members:
            return kind, 0
    if character.isspace():
        return BLANK, 0
    if "0" <= character <= "9":
        return DIGIT, 0
    if unicodedata.category(character) in ("Nl", "No"):
        return NUMERAL, ord(character)
    if "\u3040" <= character <= "\u30ff" or "\u3400" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff":
        return HAN, 0
    return (LETTER, 0) if character.isalpha() else (OTHER, 0)


def known_words() -> dict[int, tuple[int, int, int]]:
    """Return what is done with a word or a LaTeX command, by its hash: action, value, power."""
    known: dict[int, tuple[int, int, int]] = {}
    for word in word_list("glue_words"):
        for salt in (0, COMMAND_SALT):
            known[word_hash(word) ^ salt] = (GLUE, 0, 0)
    for word, number in NUMBER_WORDS.items():
        is_tens = len(number) == 2 and number.isdigit() and number[1] == "0" and number != "10"
        known[word_hash(word)] = (TENS if is_tens else NUMBER, word_hash(number), 0)
    for command in word_list("silent_commands"):
        known[word_hash(command) ^ COMMAND_SALT] = (DROP, 0, 0)
    for command, sign in SIGN_COMMANDS.items():
        known[word_hash(command) ^ COMMAND_SALT] = (SIGN_COMMAND, sign, 0)
    for command, other in SAME_COMMANDS.items():
        known[word_hash(command) ^ COMMAND_SALT] = renamed(other)
    for code in GREEK:
        known[word_hash(chr(code))] = renamed(unicodedata.name(chr(code)).split()[-1].lower())
    return known


def word_list(name: str) -> list[str]:
    """Return the words of a list in `data/`."""
    folder = importlib.resources.files("limo_curation.decontamination") / "data"
    return (folder / f"{name}.txt").read_text(encoding="utf-8").split()


def renamed(word: str) -> tuple[int, int, int]:
    """Return the entry of a word that is read as another one."""
    return RENAME, word_hash(word), pow(BASE, len(word), BITS + 1)


def word_hash(word: str) -> int:
    """Return the hash of a word, as the kernel computes it: a polynomial in BASE, so that hashes can be joined."""
    value = 0
    for character in word:
        value = (value * BASE + (ord(character) + 1) * SPREAD) & BITS
    return value
