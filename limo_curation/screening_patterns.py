"""What screening looks for, in English and Chinese texts.

A `Pattern` stands beside words one of which every match holds, in lower case: looking for fixed words is ten times
faster than the expression, which so runs on few rows. Word borders are those of ASCII, since Unicode's make the engine
fall back to its slow half on texts with Han characters or signs.
"""

from __future__ import annotations

from typing import Final

Pattern = tuple[tuple[str, ...], str]

B: Final = r"(?-u:\b)"

# -- languages ---------------------------------------------------------------------------------------------------------

LETTER: Final = r"\p{L}"
HAN: Final = r"\p{Han}"
FOREIGN: Final = (
    r"[\p{Cyrillic}\p{Hangul}\p{Hiragana}\p{Katakana}\p{Arabic}\p{Hebrew}\p{Thai}\p{Devanagari}\p{Bengali}\p{Tamil}]"
)
ENGLISH_WORDS: Final = (
    " the ",
    " of ",
    " is ",
    " are ",
    " and ",
    " a ",
    " to ",
    "find",
    "what",
    "how ",
    "let ",
    "solve",
)
OTHER_WORDS: Final = (  # function words of Spanish, Portuguese, French, Italian and German that English has not
    rf"(?i){B}(?:que|los|las|una|para|cuántos|uma|são|quantos|les|des|est|une|dans|combien|il|della|sono|quanti|der|die"
    rf"|und|das|ist|wie|eine|einer){B}"
)

# -- the question ------------------------------------------------------------------------------------------------------

PICTURE: Final = r"(?:figure|diagram|picture|graph|image|illustration)s?"
FIGURE: Final[Pattern] = (
    (
        *("figure", "diagram", "picture", "graph", "image", "illustration", "[asy]", "![", "<img", "{asy}"),
        *("如图", "如右图", "如下图", "下图", "右图", "左图", "上图", "附图", "图中", "图所示", "图形如下", "示意图如"),
    ),
    (
        r"(?i)\[asy\]|!\[[^\]]*\]\(|<img |\\includegraphics|\\begin\{asy\}|tikzpicture"
        rf"|{B}(?:shown|drawn|pictured|depicted|illustrated|seen|marked|labeled|given) (?:in|by|on) "
        rf"(?:the|this|these|each)(?: [a-z]+)? {PICTURE}{B}"
        rf"|{B}{PICTURE} (?:is |are |at )?(?:shown|below|above){B}"
        rf"|{B}(?:figure|diagram|picture)s? (?:is |are |at |on |to )*the (?:right|left){B}"
        rf"|{B}{PICTURE} (?:shows|represents) (?:the|a|an|that|how){B}"
        rf"|{B}(?:in|from|see|to) the (?:(?:accompanying|adjoining|adjacent|following|attached|given) )?"
        rf"(?:figure|diagram){B}"
        rf"|(?-i:In the picture){B}"  # "who is in the picture?" asks about a photograph
        r"|如[下右左上]?图|[下右左上附]图|图中|图所示|图形如下"
    ),
)

ASKS: Final = (
    rf"(?:{B}(?:find|determine|what|how|compute|calculate|evaluate|show|prove|explain|give|sketch|write|which|solve|count"
    rf"|is it|does|estimate|simplify|express|work out|integrate|differentiate|factor|list|describe|verify){B}"
    r"|[?？]|求|证明|写出|判断|计算|讨论|是否|多少|说明|指出|试|估计|化简)"
)
NOT_AN_ARGUMENT: Final = r"(?:^|[^\p{Latin}\p{Greek}\d)}\]'_^])"  # f(1) and f(a) are values, not parts


def parts(first: str, second: str) -> str:
    """Return a pattern for two marked parts that both ask; conditions of one question are marked too, but don't ask."""
    return rf"{NOT_AN_ARGUMENT}{first}.*?{ASKS}.*?{NOT_AN_ARGUMENT}{second}.*?{ASKS}"


PARTS: Final[Pattern] = (
    ("(b)", "b)", "(ii)", "(2)", "（2）", "(2）", "（2)", "(ⅱ)", "（ⅱ）", "（Ⅱ）", "(Ⅱ)"),
    "(?si)"
    + "|".join(
        (
            parts(r"\(a\)", r"\(b\)"),
            parts(r"a\)", r"b\)"),
            parts(r"\(i\)", r"\(ii\)"),
            parts(r"[（(]1[）)]", r"[（(]2[）)]"),
            parts(r"[（(]Ⅰ[）)]", r"[（(]Ⅱ[）)]"),
        )
    ),
)
PROOF: Final[Pattern] = (
    ("prove", "show that", "demonstrate that", "verify that", "证明", "求证"),
    (
        rf"(?i){B}(?:prove|demonstrate|verify) that{B}|{B}prove (?:the|or disprove){B}"
        rf"|(?-i:Show) that{B}|(?:^|[.,;:$)]|and|or|then|also|to|we) show that{B}"  # "the census will show that"
        r"|(?:^|[^求以必需用能被])证明[^书]|(?:^|[^要需])求证"  # "结论不要求证明", "可以证明"
    ),
)
ASKS_FOR_CHOICE: Final[Pattern] = (
    ("which of the following", "which one of the following", "下列", "以下", "下面"),
    (
        rf"(?i){B}which (?:one )?of the following{B}"
        r"|[下以][列下面][^。？?]{0,25}(?:中|里)[^。？?条]{0,40}(?:是|为|有|不)"
        r"|[下以][列下面][^。？?]{0,30}(?:正确|错误|成立|真命题|假命题)"
    ),
)
BEFORE_MARK: Final = r"(?:^|[\s$&{}\\:：;；,，.。?？)）])"  # P(A) is a probability


def options(*letters: str) -> str:
    """Return a pattern for options that are marked with these letters, one after the other."""
    marks = (
        r"[（(]\s*{0}\s*[）)]",  # (A)
        r"\\(?:text|textbf|mathrm|mathbf)\s*\{{\s*\(?{0}[.:)]",  # \textbf{{(A)}}
        r"{0}\s?[.．、:：)）][ \t]*[^\sA-F]",  # A. 3; but "A、B、C三点" names points, and "project A." ends a sentence
    )
    return "|".join(".*?".join(BEFORE_MARK + mark.format(letter) for letter in letters) for mark in marks)


OPTIONS: Final[Pattern] = (
    ("(b", "（b", "b.", "b．", "b、", "b:", "b：", "b)", "b）", "ｂ", "Ｂ"),
    f"(?s){options('[AＡ]', '[BＢ]')}",
)
LINK: Final = rf"https?://|{B}www\.[a-z]"
TAG: Final = r"</?(?:p|br|div|span|table|td|tr|th|sup|sub|strong|em|font|ul|ol|li|center|h[1-6])(?:[\s/][^<>\n]*)?>"
DEBRIS: Final[Pattern] = (
    (
        *(
            "http",
            "www.",
            "<",
            "&",
            "](",
            "[/",
            "[hide",
            "[img",
            "[url",
            "[problem",
            "[question",
            "[exercise",
            "[example",
        ),
        *("[例", "【", "# ", "click here", "版权", "学科网", "菁优网", "zxxk"),
    ),
    (
        rf"(?i){LINK}|{TAG}|&(?:nbsp|lt|gt|amp|quot|times|#\d{{2,5}});"
        r"|\]\((?:/|\./|#|images?/)[^)\s]*\)|\[/?(?:hide|img|url|center|quote|spoiler|latex|size|color)(?:=[^\]]*)?\]"
        r"|^\W*[\[【](?:problem|question|exercise|example|task|例|例题|题|问题|练习|典例)\s*\d*[^\]】\n]{0,20}[\]】]"
        r"|^#{1,6} |click here|版权所有|学科网|菁优网|zxxk|【(?:来源|答案|解析|分析|点评|考点)"
    ),
)

# -- the gold answer ---------------------------------------------------------------------------------------------------

OPTION_LETTERS: Final = (  # C, (C), \text{(C)}, \textbf{C}, AC, A, C, Ｃ．
    r"^[\s$]*(?:\\\(|\\\[)?\s*(?:\\(?:text|textbf|mathrm|mathbf)\s*\{)?[\s（(]*"
    r"[A-HＡ-Ｈ](?:[\s,，、;]*[A-HＡ-Ｈ]){0,4}[\s）).．、:]*\}?[\s）)]*(?:\\\)|\\\])?[\s$.。,，]*$"
)
CIRCLED_STATEMENTS: Final = r"^[\s$（(]*[①-⑩](?:[\s,，、;和]*[①-⑩])*[\s$）).。]*$"
YES_OR_NO: Final = (
    r"(?i)^\W*(?:\\text\{|\\textbf\{|\\mathrm\{)?\s*(?:yes|no|true|false|是|否|对|错|正确|错误|是的|不是|能|不能|可以|不可以|可能"
    r"|不可能|存在|不存在|成立|不成立|会|不会|有|没有|√|×|✓|✗)\s*\}?\W*$"
)
NO_ANSWER: Final = (
    rf"(?i)^[\s.,;:!?…。，、；：！？$\\_—\-]*$|{B}(?:see|refer to) (?:the )?(?:solution|proof|above|below|figure|graph)"
    r"|^\W*(?:n/?a|none|unknown|null|nan|proof|not ?found|no answer|omitted|略|无|暂无"
    r"|答案略|证明略|证明题|见解析|证明见解析|解析略)\W*$"
)
PROSE_WORD: Final = r"(?:^|[^\\\p{L}])\p{Latin}{3,}"
