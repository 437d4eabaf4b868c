"""Words that stand for numbers, in English and Chinese, with the number each stands for as text.

A comparison of two problems asks only whether the same numbers stand in the same order, so a word needs a value that
is the same wherever it means the same: "three", "3" and "三" share one. An ordinal keeps a value of its own, since
"the third day" is not "3 days".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CARDINALS: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]
TENS: Final = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
ORDINALS: Final = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
]

NUMBER_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{word: str(value) for value, word in enumerate(CARDINALS)},
        **{word: str(value) for value, word in zip(range(20, 100, 10), TENS, strict=True)},
        **{word: f"{value}th" for value, word in enumerate(ORDINALS, start=1)},
        "hundred": "100",
        "thousand": "1000",
        "million": "1000000",
        "billion": "1000000000",
        "dozen": "12",
        "half": "1/2",
        "halves": "1/2",
        "thirds": "1/3",
        "quarter": "1/4",
        "quarters": "1/4",
        "once": "1",
        "twice": "2",
        "thrice": "3",
        "double": "2",
        "triple": "3",
    }
)
"""English words in lower case. Compounds ("twenty-one", "three hundred") are put together by who reads them."""

HAN_DIGITS: Final[Mapping[str, int]] = MappingProxyType(
    {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
)
HAN_POWERS: Final[Mapping[str, int]] = MappingProxyType(
    {"十": 10, "百": 100, "千": 1_000, "万": 10_000, "亿": 100_000_000}
)
HAN_HALF: Final = "半"
