r"""Find an answer behind a phrase that announces one: `#### 7`, "the answer is", "Final answer:", 答案是, 故选.

    The final answer is \"$12$ and $13$\". I hope it is correct.    ->  12, 13
    **Answer:** $10,455 for both.                                    ->  $10,455
    Final answer: The largest $n$ is 34.                             ->  34
    The answer is for sure D, it can't be A.                         ->  D
    The answer is hard to find since nothing is given               ->  None

Only the last phrase counts that has an answer behind it; one that is denied ("the answer is not 5") ends the search.
English and Chinese are looked at closely; for ten more languages the word for "answer" is known, no more.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from limo_curation.answers.statements import (
    CURRENCY,
    FILLER,
    NUMBER,
    bare,
    formulas_at_start,
    right_side,
    stated_value,
    value_at_start,
)

MAX_TAIL_CHARACTERS: Final = 20_000  # ours: a phrase further from the end is in the middle of something
MAX_PHRASE_CHARACTERS: Final = 200  # ours: a sentence longer than this behind "the answer is" is an explanation
MAX_BEHIND_CHARACTERS: Final = 100  # ours: what has more behind it is the heading of a section
MAX_PHRASES: Final = 5  # ours: phrases that are looked at, from the last one backwards
MAX_PLACES: Final = 20  # ours: places where each word is looked for

MARKED_LINE: Final = re.compile(r"####[ \t]*([^\n]*)")
LAST_LINE: Final = re.compile(r"A:[ \t]*(\S.*)")
HEADING: Final = re.compile(r"(?:step|case|part|method|claim|note|example)\b|[0-9]+[.)] |.*:$", re.IGNORECASE)

PHRASE_WORDS: Final = (
    *("answer", "Answer", "ANSWER", "final result", "Final result", "final value", "Final value"),
    *(f"{right} {option}" for right in ("correct", "Correct", "right") for option in ("option", "choice", "statement")),
    *("答案", "最终结果", "最后结果", "正确选项", "选", "答え", "정답", "답", "الإجابة", "الجواب", "उत्तर"),
    *("réponse", "Réponse", "respuesta", "Respuesta", "resposta", "Resposta", "risposta", "Risposta", "Antwort"),
    *("antwoord", "Antwoord", "ответ", "Ответ", "odpowiedź", "Odpowiedź", "cevap", "Cevap", "đáp án", "Đáp án"),
)
"""Where a phrase can begin: searching a text for plain strings is thirty times as fast as searching it for PHRASE."""
PHRASE: Final = re.compile(
    r"\banswers?\b[*_\s]{0,4}(?:(?:(?:to|of|for)\b[^.:\n]{0,60}?\s)?(?:is|are|was|(?:must|should|would|will)\s{1,3}be)(?=\W)"
    r"|[:：]|=(?=\s{0,2}[-$\\0-9])|(?=\$|\\[(\[])|(?<=\n)(?=[0-9A-H]))"
    r"|\b(?:final (?:result|value)|(?:correct|right) (?:option|choice|statement))\s{1,3}is(?=\W)"
    r"|(?:答案|最终结果|最后结果|正确选项)\s{0,3}[*]{0,2}\s{0,3}(?:应该是|应当是|应为|应是|应选|就是|是|为|选|：|:|=)"
    r"|(?<=[故应该案以此题])选\s{0,3}(?:择|项|：|:)?\s{0,3}(?=[$\\A-H(（])"
    r"|\b(?:réponse|respuesta|resposta|risposta|antwort|ответ|antwoord|odpowiedź|cevap|đáp án)\b[*_\s]{0,4}"
    r"(?:(?:correcta?|correcte|corretta|finale?)\s{1,3})?(?:est|es|é|è|ist|jest|là|—|:)(?=\W)"
    r"|(?:答え|정답|답)\s{0,3}(?:は|은|는|:)|(?:الإجابة|الجواب)\s{0,3}(?:هي|هو|:)|उत्तर\s{0,3}(?:है|:)",
    re.IGNORECASE,
)
FINAL_PHRASE: Final = re.compile(r"\bfinal\s{1,3}answer\b", re.IGNORECASE)
ANSWER_HEADING: Final = re.compile(r"\n[#*_ ]{0,6}(?:Final |FINAL )?(?:Answer|ANSWER)[*_:： ]{0,4}\n\s{0,4}(?=[A-Z])")
ANSWER_TAG: Final = re.compile(r"<answer>([^<]{1,200})</answer>", re.IGNORECASE)
ANSWER_FIRST: Final = re.compile(
    r"(\$[^$\n]{1,150}\$|\\\([^\n]{1,150}?\\\)|-?[0-9][0-9,./]{0,30})\s{1,3}is\s{1,3}(?:the|our)\s{1,3}"
    r"(?:final\s{1,3}|correct\s{1,3})?(?:answer|solution)\b",
    re.IGNORECASE,
)
ANSWER_LAST: Final = (" is the ", " is our ")
DENIED: Final = re.compile(r"\s{0,3}(?:not|wrong|incorrect|unknown|unclear|不|错|未)(?![A-Za-z])", re.IGNORECASE)
SENTENCE_END: Final = re.compile(r"(?:[.?]|(?<![0-9A-Za-z)}])!)(?=\s|\*|$|\")|[。！？；\n]")


def marked_line(text: str) -> str | None:
    """Return what stands behind the last `####` or in a last line `A: ...` (how GSM8K's texts mark their answers)."""
    marked = text.rfind("####")
    if marked >= 0 and (line := MARKED_LINE.match(text, marked)) is not None:
        answer = line[1].strip()
        num_behind = len(text[line.end() :].strip())
        is_last = num_behind == 0
        is_short = 0 < len(answer) <= MAX_PHRASE_CHARACTERS
        if (
            is_short
            and num_behind <= MAX_BEHIND_CHARACTERS
            and not HEADING.match(answer)
            and (is_last or re.search(r"[0-9\\]", answer))
        ):
            return answer
    last = LAST_LINE.fullmatch(text[-MAX_PHRASE_CHARACTERS:].rstrip().rpartition("\n")[2])
    return last[1].strip() if last is not None else None


def tagged(text: str) -> str | None:
    """Return what stands in the last short `<answer>...</answer>`."""
    tail = text[-MAX_TAIL_CHARACTERS:]
    answers = ANSWER_TAG.findall(tail) if "answer>" in tail else []
    return announced(answers[-1]) or answers[-1].strip() or None if answers else None


def final_answer(text: str) -> str | None:
    """Return what the last "final answer" announces, or None."""
    return stated(text) if len(text) > len("final answer") and FINAL_PHRASE.search(text) else None


def stated(text: str) -> str | None:
    """Return what the last phrase announces that has an answer behind it."""
    tail = text[-MAX_TAIL_CHARACTERS:]
    phrases = (phrase for start in last_places(tail) if (phrase := PHRASE.match(tail, start)) is not None)
    for phrase in islice(phrases, MAX_PHRASES):
        end = phrase.end()
        if DENIED.match(tail, end):
            return None
        answer = announced(tail[end : end + MAX_PHRASE_CHARACTERS + 1])
        if answer is not None:
            return answer
    headings = [heading.end() for heading in ANSWER_HEADING.finditer(tail)]
    if headings:
        return announced(tail[headings[-1] : headings[-1] + MAX_PHRASE_CHARACTERS + 1])
    reversed_order = list(ANSWER_FIRST.finditer(tail)) if any(words in tail for words in ANSWER_LAST) else []
    return bare(reversed_order[-1][1]) if reversed_order else labelled(text)


def last_places(text: str) -> list[int]:
    """Return the last places where a phrase may begin, from the end backwards."""
    places: list[int] = []
    for word in PHRASE_WORDS:
        place = text.rfind(word)
        for _ in range(MAX_PLACES):
            if place < 0:
                break
            places.append(place)
            place = text.rfind(word, 0, place)
    return sorted(places, reverse=True)


def labelled(text: str) -> str | None:
    """Return the formula of a text that is nothing but a label and that: `The matrix: $...$`."""
    label = LABEL.match(text) if len(text) <= MAX_PHRASE_CHARACTERS else None
    formulas = formulas_at_start(text[label.end() :]) if label is not None else None
    is_all = formulas is not None and label is not None and label.end() + formulas.end == len(text.rstrip(" .\n"))
    return formulas.text or None if formulas is not None and is_all else None


# -- what stands behind a phrase ---------------------------------------------------------------------------------------

OPENING: Final = " \t\n*_:：=\"'`“「「，,"
LABEL: Final = re.compile(r"[^\W\d][^\W\d ]{0,30}(?: [^\W\d]{1,30}){0,8} ?[:：]\s?")
CONTINUED: Final = re.compile(r"[ \t]{0,3}(?:[+*/=×^]|-(?! ?[A-Za-z]{3})|\\(?:cdot|times))")
CHOICE: Final = re.compile(
    r"(?:[(（](?=[A-H][)）]))?([A-H])[)）]?(?=\s*(?:$|[,;，；.。:：*]|(?:because|since|as|not|non|nicht|no|and|but|which|for)\b|因为|而))"
)
LETTER: Final = re.compile(r"[(（]([A-H])[)）]")
YES_OR_NO: Final = re.compile(r"(yes|no|true|false|是的|否|正确|错误)(?=\s*[,.，。;:]|\s*$)", re.IGNORECASE)
STATEMENT: Final = re.compile(r"\b(?:is|are|was|were|equals|be)\s|是|为")
MAX_WORDS: Final = 3  # ours: what holds no digit and no formula is an answer of a few words, or none
NO_ANSWER: Final = re.compile(
    r"(?:as|in|on|at|by|to|for|from|that|this|here|above|below|boxed|given|shown|found|obtained|based|provided|correct"
    r"|right|the (?:same|following|one|above)|因为|由于|正确的?$)\b|.*(?:\\boxed|\banswer)",
    re.IGNORECASE | re.DOTALL,
)
WORDS_BEHIND: Final = re.compile(
    r"[^A-Za-z]{1,30} (?!(?:and|or|to|less|mod|base|choose|plus|minus|over|factorial|squared|cubed)\b)[^0-9]{1,200}"
)
FIRST_PART, SECOND_PART = re.compile(r"[(（]1[)）]|①"), re.compile(r"[(（]2[)）]|②")
LIST_MARK: Final = re.compile(r"(?:[0-9]{1,2}[.)]|\([0-9a-z]\)|[-•*+])\s")


def announced(rest: str) -> str | None:
    """Return the answer at the beginning of a text that follows a phrase; None where none stands there."""
    rest = rest.replace(r"\"", '"')
    opened = rest.lstrip(OPENING)
    if "\n" in rest[: len(rest) - len(opened)] and LIST_MARK.match(opened):
        return None  # several parts, of which none is the answer
    if FIRST_PART.match(opened) and SECOND_PART.search(opened):
        return None
    filler = FILLER.match(opened)
    rest = opened[filler.end() :].lstrip(OPENING) if filler else opened
    currency = CURRENCY.match(rest)
    if currency is not None:
        return currency[1]
    formulas = formulas_at_start(rest)
    if formulas is not None:
        return formulas.text if formulas.text and not CONTINUED.match(rest, formulas.end) else None
    choice = CHOICE.match(rest) or YES_OR_NO.match(rest)
    if choice is not None:
        return choice[1]
    end = SENTENCE_END.search(rest)
    if end is None and len(rest) > MAX_PHRASE_CHARACTERS:
        return None
    written = rest[: end.start()] if end else rest
    sentence = written.strip(" \t*_$\"'`”」")
    if NO_ANSWER.match(sentence) or DENIED.match(sentence) or not re.search(r"\w", sentence):
        return None
    is_short = len(sentence.split()) <= MAX_WORDS
    letter = None if is_short else LETTER.match(sentence)
    if letter is not None:
        return letter[1]
    if STATEMENT.search(sentence) and not sentence.startswith("\\"):
        return stated_value(written)
    if NUMBER.match(sentence) and WORDS_BEHIND.fullmatch(sentence):
        return value_at_start(sentence)  # "27 miles from the city"
    return right_side(sentence) if re.search(r"[0-9\\]", sentence) or is_short else None
