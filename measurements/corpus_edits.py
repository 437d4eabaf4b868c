"""Light edits of a generated problem: what people and converters do to a text without making it another problem.

No edit touches a number or an operator: letters change between letters only, and only words of two letters or more
come and go. Numba compiles the kernels that call these only when their own file changes: after a change here, touch
`corpus_kernel.py`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from limo_curation.compiled import compiled
from limo_curation.number_words import NUMBER_WORDS

Bytes = npt.NDArray[np.uint8]

EDIT_SHARES: Final = np.array([0.6, 0.9, 1.0])  # cumulative shares of one, two and three changes (ours)
NUM_CHANGES: Final = 12
DROP_LETTER: Final = 0
SWAP_LETTERS: Final = 1
REPEAT_LETTER: Final = 2
OTHER_LETTER: Final = 3
DROP_WORD: Final = 4
ADD_WORD: Final = 5
DROP_COMMA: Final = 6
ADD_COMMA: Final = 7
LOWER_CASE: Final = 8
END_SIGN: Final = 9
BLANKS: Final = 10
LATEX: Final = 11

ADDED_WORDS: Final = np.frombuffer(b"exactlyalsonowthenreallypleaseonlythere", np.uint8)
ADDED_STARTS: Final = np.array([0, 7, 11, 14, 18, 24, 30, 34, 39])
FRAC: Final = np.frombuffer(b"\\frac", np.uint8)

BYTE: Final = np.uint64(8)
SEVEN_BYTES: Final = np.uint64(56)
# words of up to eight letters as numbers, a longer one with its first letters mixed in; typos make no longer ones
NUMBER_WORD_KEYS: Final = np.array(
    [int.from_bytes(word.encode()) for word in NUMBER_WORDS if len(word) <= 8], np.uint64
)

GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)  # splitmix64's increment and factors
MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
MIX_2: Final = np.uint64(0x94D049BB133111EB)
S27: Final = np.uint64(27)
S30: Final = np.uint64(30)
S31: Final = np.uint64(31)
S32: Final = np.uint64(32)


@compiled
def edit(buffers: npt.NDArray[np.uint8], length: int, seed: Any) -> int:
    """Change the text in buffers[0] in one to three places and return its length; buffers[1] is room to work in."""
    state = np.empty(1, np.uint64)
    state[0] = seed ^ MIX_2
    share = pick(state, 1000) / 1000.0
    num_changes = 1
    while share >= EDIT_SHARES[num_changes - 1]:
        num_changes += 1
    for _ in range(num_changes):
        new_length = change(buffers[0], length, buffers[1], pick(state, NUM_CHANGES), state)
        if new_length == length and starts_equal(buffers[0], buffers[1], length):  # no LaTeX or no comma to change
            new_length = change(buffers[0], length, buffers[1], DROP_LETTER, state)
        if not has_number_word(buffers[1], new_length):
            length = new_length
            buffers[0, :length] = buffers[1, :length]
    return length


@compiled
def has_number_word(text: Bytes, length: int) -> bool:
    """Return whether a number word stands in the text: "then" becomes "ten" by a typo, and asks something else."""
    word = np.uint64(0)
    for place in range(length + 1):
        letter = np.uint64(text[place] | 32) if place < length else np.uint64(0)
        if 97 <= letter <= 122:
            word = (word << BYTE) ^ (word >> SEVEN_BYTES) ^ letter
        elif word != 0:
            for number in NUMBER_WORD_KEYS:
                if word == number:
                    return True
            word = np.uint64(0)
    return False


@compiled
def starts_equal(left: Bytes, right: Bytes, length: int) -> bool:
    """Return whether the first `length` bytes are the same."""
    num_equal = 0
    while num_equal < length and left[num_equal] == right[num_equal]:
        num_equal += 1
    return num_equal == length


@compiled
def pick(state: npt.NDArray[np.uint64], size: int) -> int:
    """Return the next random number in [0, size)."""
    state[0] += GOLDEN
    value = state[0]
    value = (value ^ (value >> S30)) * MIX_1
    value = (value ^ (value >> S27)) * MIX_2
    value = value ^ (value >> S31)
    return int(((value >> S32) * np.uint64(size)) >> S32)


@compiled
def change(text: Bytes, length: int, out: Bytes, kind: int, state: npt.NDArray[np.uint64]) -> int:
    """Write the text with one change of a kind; as it is, where it has no place for the change."""
    if kind == LATEX:
        return respell_latex(text, length, out)
    if kind == LOWER_CASE:
        for place in range(length):
            out[place] = text[place] + 32 if 65 <= text[place] <= 90 else text[place]
        return length
    place = find_place(text, length, kind, pick(state, length))
    if place < 0:
        out[:length] = text[:length]
        return length
    o = place
    out[:place] = text[:place]
    rest = place + 1
    if kind == SWAP_LETTERS:
        out[o], out[o + 1] = text[place + 1], text[place]
        o, rest = o + 2, place + 2
    elif kind == REPEAT_LETTER:
        out[o] = out[o + 1] = text[place]
        o += 2
    elif kind == OTHER_LETTER:
        out[o] = 97 + pick(state, 26)
        o += 1
    elif kind == DROP_WORD:
        rest = place + 1
        while text[rest] != 32:
            rest += 1
    elif kind == ADD_WORD:
        word = pick(state, len(ADDED_STARTS) - 1)
        out[o] = 32
        o += 1
        for letter in range(ADDED_STARTS[word], ADDED_STARTS[word + 1]):
            out[o] = ADDED_WORDS[letter]
            o += 1
        rest = place
    elif kind == ADD_COMMA:
        out[o] = 44
        o, rest = o + 1, place
    elif kind == BLANKS:
        out[o] = 32
        out[o + 1] = 10 if pick(state, 2) else 32
        o += 2
    elif kind == END_SIGN and pick(state, 2):
        out[o] = 33 if text[place] == 46 else 46
        o += 1
    # what is left of a dropped letter or comma is the rest behind it
    out[o : o + length - rest] = text[rest:length]
    return o + length - rest


@compiled
def find_place(text: Bytes, length: int, kind: int, start: int) -> int:
    """Return the first place from `start` on, around the end, where a change of the kind can be made, or -1."""
    if kind == END_SIGN:
        return length - 1 if text[length - 1] in (33, 46, 63) else -1
    for step in range(length):
        place = (start + step) % length
        if 1 <= place < length - 2 and allows(text, place, length, kind):
            return place
    return -1


@compiled
def allows(text: Bytes, place: int, length: int, kind: int) -> bool:
    """Return whether a change of the kind can be made here."""
    if kind <= OTHER_LETTER:  # within a word, so that no symbol and no number changes
        return is_small(text[place - 1]) and is_small(text[place]) and is_small(text[place + 1])
    if kind == DROP_COMMA:
        return text[place] == 44 and is_small(text[place - 1]) and text[place + 1] == 32
    if text[place] != 32:
        return False
    if kind == BLANKS:
        return True
    if kind == DROP_WORD:
        end = place + 1
        while end < length and is_small(text[end]):
            end += 1
        return end - place > 2 and end < length and text[end] == 32
    # behind a word of one letter there is no change: what stands before the text is not the text's
    return place >= 2 and is_small(text[place - 1]) and is_small(text[place - 2]) and is_small(text[place + 1])


@compiled
def is_small(byte: int) -> bool:
    """Return whether a byte is a small letter."""
    return 97 <= byte <= 122


@compiled
def respell_latex(text: Bytes, length: int, out: Bytes) -> int:
    r"""Write `\(x\)` for `$x$` and `\dfrac` for `\frac`."""
    o = place = 0
    is_open = False
    while place < length:
        if text[place] == 36:
            out[o] = 92
            out[o + 1] = 41 if is_open else 40
            is_open = not is_open
            o += 2
        elif is_frac(text, place, length):
            out[o] = 92
            out[o + 1] = 100
            o += 2
        else:
            out[o] = text[place]
            o += 1
        place += 1
    return o


@compiled
def is_frac(text: Bytes, place: int, length: int) -> bool:
    r"""Return whether `\frac` stands here."""
    return place + len(FRAC) <= length and starts_equal(text[place:], FRAC, len(FRAC))
