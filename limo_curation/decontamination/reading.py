r"""Read a problem's text as words and as content: the words say what it is like, the content what it is.

    "Find $\dfrac{1}{2}$ of the 30 nuts that Ann doesn't eat."
    words     find frac # of the # nuts that ann doesn eat       (numbers masked, LaTeX in one spelling)
    content   frac 1 2 30 nuts ann doesn eat                     (no glue words; numbers, signs and letters as they are)

Two texts with the same content are one problem; two with much the same words and other content follow one pattern.
Each Han character is a word. Everything is read from UTF-8 bytes in one pass; a word is the hash of its letters.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from limo_curation.compiled import compiled
from limo_curation.decontamination.scanning import (
    BASE,
    BEGINS,
    IS_EXACT,
    MARKS,
    ONE,
    SPREAD,
    character,
    exact_word,
    find_word,
    is_ascii_letter,
    is_capital_next,
    is_followed_by_word,
    is_unit,
    markup_end,
    opens_drawing,
    read_drawing,
    read_number,
    read_sign,
    read_word,
    sign_word,
    spread,
)
from limo_curation.decontamination.vocabulary import (
    APOSTROPHE,
    BACKSLASH,
    BLANK,
    BRACKET,
    DIGIT,
    DROP,
    FULL_STOP,
    GLUE,
    HAN,
    LETTER,
    NUMBER,
    NUMERAL,
    OTHER,
    RENAME,
    SIGN,
    SIGN_COMMAND,
    SIZE_OF_PLANES,
    TENS,
    Bytes,
    Codes,
    Hashes,
    word_hash,
)
from limo_curation.decontamination.vocabulary import COMMAND_SALT as SALT

COMMAND_SALT: Final = np.uint64(SALT)
ZERO: Final = np.uint64(word_hash("0"))
MASKED: Final = np.uint64(word_hash("#"))  # a number
ARTICLE: Final = np.uint64(word_hash("a"))
FRAC: Final = np.uint64(word_hash("frac"))


@compiled
def read_text(
    data: Bytes, start: int, end: int, plain: Codes, kinds: Bytes, values: Codes,
    keys: Hashes, actions: Bytes, meanings: Hashes, powers: Hashes, words: Hashes, content: Hashes, out: Hashes,
) -> tuple[int, int]:  # fmt: skip
    """Write a text's words, content and keys, and return how many words of each there are.

    The keys are those of all letters and digits, of the numbers and signs, and of a drawing's code; the fourth number
    says how many Han characters there are.
    """
    letters = drawing = tens_value = np.uint64(0)
    num_words = num_content = num_han = 0
    tens_end = tens_place = -1  # where a word such as "twenty" ends, and its place in the content
    num_bare = 0  # behind \frac, 12 is 1 and 2
    before = OTHER  # kind of the last thing that is no blank and no bracket
    word_end = -1  # where the last word of two letters or more ends
    begins = BEGINS
    i = start
    while i < end:
        code, width = character(data, i, end)
        kind = HAN
        if code < SIZE_OF_PLANES:
            code = np.int64(plain[code])
            kind = np.int64(kinds[code])
        if code == 91 or code == 60:
            after_markup = markup_end(data, i, end)
            if after_markup > i:
                begins = BEGINS
                i = after_markup
                continue
        if kind == BLANK:
            if code == 10:
                begins = BEGINS
            i += width
            continue
        if kind == BRACKET:
            if code == 91 and opens_drawing(data, i, end):
                i, letters, drawing = read_drawing(data, i, end, letters, drawing)
                begins = BEGINS
                continue
            if (code == 41 or code == 93) and is_capital_next(data, i + width, end):
                begins = BEGINS
            num_bare = 0
            i += width
            continue
        is_command = False
        if kind == BACKSLASH:
            after, _ = character(data, i + 1, end)
            if not is_ascii_letter(after):
                i += 2 if after == 92 else 1
                before = OTHER
                continue
            is_command = True
            i += width
        if kind == LETTER or is_command:
            begin = i
            i, word, power, length = read_word(data, i, end, plain, kinds, is_command)
            slot = find_word(keys, word ^ COMMAND_SALT if is_command else word)
            action = actions[slot]
            value = meanings[slot]
            if action == DROP:
                continue
            if action == SIGN_COMMAND:
                words[num_words] = content[num_content] = sign_word(np.int64(value), before)
                content[num_content] |= begins
                num_words += 1
                num_content += 1
                begins = np.uint64(0)
                before = SIGN
                continue
            if action == RENAME:
                word, power = value, powers[slot]
            letters = letters * power + word
            num_bare = 2 if is_command and word == FRAC else 0
            word_end = i if length > 1 else -1
            if action in (NUMBER, TENS):
                if action == NUMBER and tens_place >= 0 and begin <= tens_end + 1 and is_unit(value):
                    value = tens_value + value - ZERO  # twenty-one
                    content[tens_place] = (content[tens_place] & BEGINS) | exact_word(value)
                else:
                    content[num_content] = exact_word(value) | begins
                    num_content += 1
                begins = np.uint64(0)
                tens_place = num_content - 1 if action == TENS else -1
                tens_end, tens_value = i, value
                words[num_words] = MASKED
                num_words += 1
                before = DIGIT
                continue
            words[num_words] = spread(word)
            num_words += 1
            if action == GLUE and word == ARTICLE:  # "a point", but not "find $a$" or "a + b"
                action = GLUE if is_followed_by_word(data, i, end) else OTHER
            if action != GLUE and not (length == 1 and before == APOSTROPHE):
                content[num_content] = (spread(word) & ~MARKS) | begins
                num_content += 1
                begins = np.uint64(0)
            before = LETTER
        elif kind == DIGIT:
            i, letters, value = read_number(data, i, end, plain, kinds, letters, num_bare > 0)
            num_bare = max(num_bare - 1, 0)
            content[num_content] = exact_word(value) | begins
            num_content += 1
            begins = np.uint64(0)
            words[num_words] = MASKED
            num_words += 1
            before = DIGIT
        elif kind == HAN:
            word = (np.uint64(code) + ONE) * SPREAD
            letters = letters * BASE + word
            num_han += 1
            words[num_words] = spread(word)
            num_words += 1
            if actions[find_word(keys, word)] != GLUE:
                content[num_content] = (spread(word) & ~MARKS) | begins
                num_content += 1
                begins = np.uint64(0)
            before = HAN
            i += width
        elif kind == NUMERAL:
            letters = letters * BASE + (np.uint64(code) + ONE) * SPREAD
            content[num_content] = exact_word((np.uint64(values[code]) + ONE) * SPREAD) | begins
            num_content += 1
            begins = np.uint64(0)
            words[num_words] = MASKED
            num_words += 1
            before = DIGIT
            i += width
        elif kind == SIGN:
            sign, i = read_sign(data, i, end, plain, kinds, np.int64(values[code]), width, word_end == i)
            if sign:
                words[num_words] = content[num_content] = sign_word(sign, before)
                content[num_content] |= begins
                num_words += 1
                num_content += 1
                begins = np.uint64(0)
            before = SIGN
        else:
            if kind == FULL_STOP:
                begins = BEGINS
            before = kind
            i += width
    out[0], out[1], out[2], out[3] = letters, key_of_numbers(content, num_content), drawing, num_han
    return num_words, num_content


@compiled
def key_of_numbers(content: Hashes, num_content: int) -> Any:
    """Return one hash of the numbers and signs, in their order."""
    key = np.uint64(0)
    for place in range(num_content):
        if content[place] & IS_EXACT:
            key = spread(key * BASE + (content[place] & ~BEGINS))
    return key
