r"""Read the words around a claim: whether it is asserted at all, taken back, or made under an assumption.

"then 2 + 2 = 5, a contradiction"      no assertion            "3 * 4 = 14. Wait, that's wrong"   taken back
"if x = 3", "Case 2: x = 3", 假设 x = 3   an assumption        "3 + 4 = 2 (mod 5)"                other arithmetic
"""

from __future__ import annotations

import re
from typing import Final

from limo_curation.verification.values import Value

SENTENCE_CHARACTERS: Final = 200  # ours: how far around a claim its sentence is looked at
CORRECTION_CHARACTERS: Final = 250  # ours: how far behind a claim a correction of it may begin
NEAR_CHARACTERS: Final = 200  # ours: how far around a claim "modulo" concerns it

SENTENCE_END: Final = re.compile(r"[.!?](?=\s|$)|[。！？；\n]")
NOT_ASSERTED_BEFORE: Final = re.compile(
    r"(?:\b(?:if|suppose|supposing|assume|assuming|whether|unless|not|cannot|can't|never)"
    r"(?: that| to have| have)?|假设|假定|如果|若|是否|不是|并非|要使)[\s$\\(\[:*]{0,6}$",
    re.IGNORECASE,
)
NOT_ASSERTED_BEHIND: Final = re.compile(
    r"contradict|impossib|absurd|\bfalse\b|\bnot\b|n't\b|≠|\\neq?\b|\bwrong\b|incorrect|invalid|\bfails?\b"
    r"|\bno solution|矛盾|不成立|不可能|不等|不符|不满足|不正确",
    re.IGNORECASE,
)
TRIAL_CHARACTERS: Final = 300  # ours: how far around a claim a trial and its outcome are looked for
TRIAL: Final = re.compile(
    r"(?:plug|substitut|check|verif|test|try|trying|confirm)|代入|检验|验证|尝试|试", re.IGNORECASE
)
REJECTED: Final = re.compile(
    r"not|n't|extraneous|false|invalid|contradict|reject|discard|≠|\neq?|no|too (?:large|small|big|high|low)"
    r"|不|增根|舍去|矛盾|错",
    re.IGNORECASE,
)
CORRECTION: Final = re.compile(
    r"\b(?:wait|oops|hold on|let me (?:re|double|correct|fix|check)|that(?:'s| is|’s)? (?:not right|wrong|incorrect)"
    r"|(?:was|is|were) (?:wrong|incorrect|a mistake|an error|mistaken)|made (?:a|an) (?:\w+ )?(?:mistake|error)|i made"
    r"|should (?:actually )?be|correct(?:ion|ing)|recalculat\w*|recomput\w*|re-?check\w*|re-?evaluat\w*|not quite"
    r"|mistake)\b|不对|错了|有误|重新|等等|更正|算错",
    re.IGNORECASE,
)
ASSUMPTION: Final = re.compile(
    r"\b(?:if|suppose|assum\w*|let|try|test\w*|say|guess|for|when|consider|choose|take|set|setting|example|instance|would"
    r"|at)\b|假设|假定|设|若|如果|令|取|当|例如|假如",
    re.IGNORECASE,
)
SUBSTITUTION: Final = re.compile(
    # "substituting back gives" concludes something, "substituting x = 3 gives" may be a trial
    r"(?:\b(?:plug|substitut)\w*\b|代入)(?![^=]{0,60}?(?:\b(?:gives?|gave|yields?|get|have|find|obtain)\b|[得知有]))",
    re.IGNORECASE,
)
CASES: Final = re.compile(
    r"\bcases?\b|intercept|\baxis\b|\baxes\b|\bplanes?\b|\bgraph|\bregion|asymptot|\bscenario|\boption\b|\beither\b|情况|情形|分类讨论|或者",
    re.IGNORECASE,
)
SCALES: Final = (10**2, 10**3, 10**4, 10**6, 10**8, 10**9)
SCALE_WORDS: Final = re.compile(r"thousand|million|billion|hundred|percent|\bcents?\b|[万千亿百]|%", re.IGNORECASE)
MODULO: Final = re.compile(
    r"mod\b|modul|≡|\\equiv|congruen|o'clock|\bclock|同余|模|余|(?:units?|ones|last|final|tens) digits?|个位|末位",
    re.IGNORECASE,
)
BASES: Final = re.compile(
    r"\bbase[-\s$\\(]{1,4}(?:[0-9]|two|three|four|five|six|seven|eight|nine|ten|[a-z][\s$)\\.,])|\bbinary|octal|hexadecimal"
    r"|[0-9)}]_\{?[0-9a-z]|进制",
    re.IGNORECASE,
)


def sentence(chain: str, start: int, end: int) -> tuple[str, str]:
    """Return what stands in the sentence before and behind a claim."""
    before = chain[max(0, start - SENTENCE_CHARACTERS) : start]
    ends = [match.end() for match in SENTENCE_END.finditer(before)]
    behind = chain[end : end + SENTENCE_CHARACTERS]
    stop = SENTENCE_END.search(behind)
    return before[ends[-1] if ends else 0 :], behind[: stop.start()] if stop else behind


def is_asserted(chain: str, start: int, end: int) -> bool:
    """Return whether a chain says that a claim is true, in ordinary arithmetic."""
    before, behind = sentence(chain, start, end)
    if NOT_ASSERTED_BEFORE.search(before[-60:]) or NOT_ASSERTED_BEHIND.search(behind):
        return False
    if chain[end + len(behind) : end + len(behind) + 1] in ("?", "？"):
        return False
    if TRIAL.search(chain, max(0, start - TRIAL_CHARACTERS), start) and REJECTED.search(
        chain, end, end + TRIAL_CHARACTERS
    ):
        return False
    return MODULO.search(chain[max(0, start - NEAR_CHARACTERS) : end + NEAR_CHARACTERS]) is None


def is_scaled(chain: str, start: int, end: int, left: Value, right: Value) -> bool:
    """Return whether one side is in thousands or millions, which a word of the sentence says: 5 * 3 = $15,000."""
    low, high = sorted((abs(left), abs(right)))
    if not low or not any(high == low * scale for scale in SCALES):
        return False
    before, behind = sentence(chain, start, end)
    return SCALE_WORDS.search(before) is not None or SCALE_WORDS.search(behind) is not None


def is_taken_back(chain: str, end: int) -> bool:
    """Return whether a chain corrects itself soon behind a claim."""
    return CORRECTION.search(chain, end, end + CORRECTION_CHARACTERS) is not None


def is_assumed(chain: str, start: int, end: int) -> bool:
    """Return whether a value is only assumed, tried or substituted in the sentence that gives it."""
    before, _ = sentence(chain, start, end)
    return ASSUMPTION.search(before) is not None or SUBSTITUTION.search(before) is not None
