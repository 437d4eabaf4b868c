r"""Find the answer in a last sentence that says it concludes.

    Therefore, Haley has **99** marbles.                  ->  99
    So the probability that Alice wins is 2/3.            ->  2/3
    因此，弗兰克一共有**858颗**糖果。                       ->  858
    Thus, the number of ways is:\n\[ 2^4 = 16 \]            ->  16
    So we have to try all 3 cases to see which            ->  None (cut off in mid-sentence)
    Therefore, at least 3 of the points lie on a line.    ->  None (a bound)

Only the last sentence counts, only where it is complete, and only where a word such as "therefore", "so" or 因此 says
that it concludes. For some twenty languages beside English and Chinese that word is known, and no more.
"""

from __future__ import annotations

import re
from typing import Final

from limo_curation.answers.statements import bare, right_side, stated_value

MAX_TAIL_CHARACTERS: Final = 2_000  # ours: white space and a closing remark included
MAX_CLOSING_CHARACTERS: Final = 220
MAX_SENTENCE_CHARACTERS: Final = 400  # ours: a longer one argues

MAX_DISPLAY_CHARACTERS: Final = 220

CUT_OFF: Final = "…"  # what follows is not where a sentence begins
CLOSING: Final = re.compile(
    r"(?:I hope (?:it|this)|Hope this|Let me know|Please let me know|Thank you|Feel free"
    r"|I think (?:that's|that is|this is|I'm)|I'm (?:confident|done)|Everything checks out|希望)[^\n]{0,200}$",
    re.IGNORECASE,
)
SENTENCE_START: Final = re.compile(
    r"(?:(?<=[.!?।])|(?<=[.!?][$\"])|(?<=[.!?]\$\$)|(?<=[.!?]\*\*)|(?<=[.!?]\\[)\]]))\s+(?=[A-Z\"*$\\\u0370-\uffff])"
    r"|(?<=[。！？])(?=[\s\S])|\n"
)
DISPLAY: Final = re.compile(r"(?:\\\[([^\[\]]{1,200}|[^\\]{1,200})\\\]|\$\$([^$]{1,200})\$\$)\.?$")
ROWS: Final = re.compile(r"\\\\|&|\\begin")
CLOSED_FORMULA: Final = (r"\)", "$", "*")
COMPLETE: Final = (".", "。", "!", "！", "।", "**", "$", r"\)", r"\]", '."')
ENGLISH: Final = (
    r"therefore|thus|hence|so|consequently|accordingly|in conclusion|conclusion|in total|altogether|finally"
    r"|(?:the )?(?:final )?solutions?(?= is| are)|we (?:find|get|obtain|conclude)(?: that)?"
    r"|i (?:think|believe)(?: that)?"
)
LATIN_AND_CYRILLIC: Final = (
    r"donc|ainsi|en conclusion|par conséquent|finalement|por lo tanto|por tanto|por ende|entonces|así que|en conclusión"
    r"|portanto|logo|em conclusão|quindi|pertanto|dunque|daher|somit|folglich|insgesamt|dus|daarom|zatem|więc|dlatego"
    r"|dolayısıyla|sonuç olarak|vậy|do đó|vì vậy|jadi|oleh karena itu|dengan demikian|kwa hivyo"
    r"|следовательно|таким образом|итак|значит|поэтому"
)
EAST_ASIAN: Final = r"∴|因此|所以|综上所述|综上|结论|答(?=[：:])|故|于是|从而|したがって|よって|ゆえに|따라서|그러므로"
OTHER_SCRIPTS: Final = r"لذا|لذلك|إذن|وبالتالي|بالتالي|इसलिए|अतः|ดังนั้น"
CONCLUDES: Final = re.compile(
    r"(?:^|[,;，；]\s{0,3})[*_#\s]{0,4}(?:[0-9]{1,2}\.\s{0,3})?[*_]{0,2}"
    rf"(?:{ENGLISH}|{LATIN_AND_CYRILLIC})\b[*_]{{0,2}}\s{{0,3}}[,:]?[*_]{{0,2}}"
    r"|(?-i:(?<=[\s$])(?:Therefore|Thus|Hence|So)\b,?)"
    rf"|(?:{EAST_ASIAN}|{OTHER_SCRIPTS})[*_]{{0,2}}\s{{0,3}}[,:，：،]?[*_]{{0,2}}",
    re.IGNORECASE,
)
"""English and the like conclude at the beginning of a sentence or clause, other scripts anywhere."""
OPTION: Final = re.compile(
    r"(?:\b(?:option|choice|answer|it's|it is) |选项?)\s{0,2}[(（]?(?-i:([A-H]))(?![A-Za-z0-9'])", re.IGNORECASE
)


def concluded(text: str) -> str | None:
    """Return the value or the option that the last sentence concludes, or None."""
    tail = text[-MAX_TAIL_CHARACTERS:].rstrip()
    closing = CLOSING.search(tail, max(0, len(tail) - MAX_CLOSING_CHARACTERS))
    tail = tail[: closing.start()].rstrip() if closing else tail
    display = DISPLAY.search(tail, max(0, len(tail) - MAX_DISPLAY_CHARACTERS))
    tail = tail[: display.start()].rstrip() if display else tail
    end = tail if len(tail) <= MAX_SENTENCE_CHARACTERS else CUT_OFF + tail[-MAX_SENTENCE_CHARACTERS:]
    sentence = SENTENCE_START.split(end)[-1]
    marks = list(CONCLUDES.finditer(sentence))
    if not marks:
        return None
    if display is not None:
        is_open = sentence[-1] in ":：," or sentence[-1].isalnum() or sentence.endswith(CLOSED_FORMULA)
        formula = bare(display[1] or display[2])
        return right_side(formula) or None if is_open and ROWS.search(formula) is None else None
    conclusion = sentence[marks[-1].end() :]
    options = set(OPTION.findall(conclusion))
    if options:
        return options.pop() if len(options) == 1 else None
    return stated_value(conclusion) if sentence.endswith(COMPLETE) else None
