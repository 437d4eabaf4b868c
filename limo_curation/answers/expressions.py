r"""Parse a mathematical expression that can be read in one way only, and fold what is an exact rational number.

    `5+5+1`           ->  the number 11                `n(n+1)`     ->  a product
    `\frac{\sqrt8}2`  ->  a quotient with a root       `\log_2 8`   ->  a logarithm with its base

Where writers differ, nothing is parsed, so that no verdict rests on a guess: `1/2x` (a half of x, or one over 2x),
`2\frac13x` (a mixed number or a product), `f(x)` (a value or a product), `x2`, `\sin x/2`, `2^3^4`, `n!!`.
The parser takes linear time. Numbers are bounded, so a tower of powers costs nothing here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from limo_curation.answers.arithmetic import MAX_BITS, UnclearError, fold

MAX_CHARACTERS: Final = 600  # ours: a longer expression is compared as text only
MAX_DEPTH: Final = 40  # ours
MAX_DIGITS: Final = 1_000  # ours: of a written number
MAX_SIGNS: Final = 2

TOKEN: Final = re.compile(r" ?([0-9]+(?:\.[0-9]+)?|\.[0-9]+|\\[A-Za-z]+|[A-Za-z]+'?|[-+*/^_(){}\[\]!|°√])")
LETTERS: Final = frozenset(
    {r"\alpha", r"\beta", r"\gamma", r"\delta", r"\epsilon", r"\varepsilon", r"\theta", r"\lambda", r"\mu"}
    | {r"\rho", r"\sigma", r"\tau", r"\phi", r"\varphi", r"\psi", r"\omega", r"\Delta", r"\Omega", r"\pi"}
)
FUNCTIONS: Final = frozenset(
    {"sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "arccot", "sinh", "cosh", "tanh"}
    | {"ln", "lg", "log", "exp", "floor", "ceil"}
)
WORDS: Final = frozenset(
    {"am", "an", "as", "at", "be", "by", "do", "go", "he", "if", "in", "is", "it", "me", "my", "no", "of", "on", "or"}
    | {"so", "to", "up", "us", "we"}
)
UNKNOWN_FUNCTIONS: Final = frozenset("fghFGHP")
STARTING: Final = frozenset({"(", "{", "[", "√", r"\sqrt", r"\frac", r"\binom", r"\lfloor", r"\lceil"})
TIMES: Final = frozenset({"*", r"\cdot", r"\times"})
OVER: Final = frozenset({"/", r"\div"})
CLOSING: Final = {"(": ")", "[": "]", "{": "}", "|": "|", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}
WRAPPING: Final = {"|": "abs", r"\lfloor": "floor", r"\lceil": "ceil"}
END: Final = ("",) * 4  # as many as are looked at ahead, so that no look needs a bound


@dataclass(frozen=True, slots=True)
class Expression:
    """A node: a number, a letter, or an operation on parts."""

    operation: str
    """`number`, `letter`, `+`, `*`, `/`, `^`, `root` (of parts[0], index parts[1]), `!`, `binom`, `abs`, `log` (of
    parts[0], to the base parts[1]), or the name of a function of one part."""
    parts: tuple[Expression, ...] = ()
    letter: str = ""
    value: Fraction | None = None
    """The exact value, where the whole is a rational number."""


def parse_expression(text: str) -> Expression | None:
    """Return the one reading of a normalised text; None where there is none or more than one."""
    if len(text) > MAX_CHARACTERS:
        return None
    lexemes, done = list[str](), 0
    while done < len(text):
        lexeme = TOKEN.match(text, done)
        if lexeme is None or len(lexeme[1]) > MAX_DIGITS:
            return None
        is_apart = text[done] == " " or text[lexeme.end() : lexeme.end() + 1] == " "
        if lexeme[1] in WORDS and is_apart:
            return None
        lexemes.append(lexeme[1])
        done = lexeme.end()
    try:
        return Parser(lexemes).whole()
    except UnclearError:
        return None


class Parser:
    """Reads one list of lexemes from left to right."""

    def __init__(self, lexemes: list[str]) -> None:
        self._lexemes = [*split_words(lexemes), *END]
        self._at = 0
        self._depth = 0
        self._bars = 0

    def whole(self) -> Expression:
        """Return the expression that all lexemes make."""
        found = self._sum()
        if self._peek():
            raise UnclearError(self._peek())
        return found

    def _peek(self, ahead: int = 0) -> str:
        return self._lexemes[self._at + ahead]

    def _take(self, wanted: str = "") -> str:
        lexeme = self._peek()
        if not lexeme or (wanted and lexeme != wanted):
            raise UnclearError(lexeme)
        self._at += 1
        return lexeme

    def _sum(self) -> Expression:
        self._go_deeper()
        terms = [self._signed()]
        while self._peek() in ("+", "-"):
            terms.append(self._signed())
        self._depth -= 1
        return terms[0] if len(terms) == 1 else folded("+", *terms)

    def _go_deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise UnclearError("depth")

    def _signed(self) -> Expression:
        """Return a term with its sign, and with its own where brackets were forgotten: `x+-2`."""
        signs = [self._take() for _ in range(MAX_SIGNS) if self._peek() in ("+", "-")]
        term = self._product()
        return folded("*", number(Fraction(-1)), term) if signs.count("-") % 2 else term

    def _product(self) -> Expression:
        first = self._peek()
        product, is_quotient = self._power(), False
        while True:
            lexeme = self._peek()
            if lexeme in TIMES:
                self._take()
                factor, is_quotient = self._signed_factor(), False
            elif lexeme in OVER:
                if is_quotient:  # a date, or a/b/c
                    raise UnclearError("//")
                self._take()
                product, is_quotient = folded("/", product, self._power()), True
                continue
            elif not self._starts_factor(lexeme):
                return product
            elif is_quotient or is_number(lexeme):  # 1/2x, or x2
                raise UnclearError(lexeme)
            else:
                factor = self._after_number() if is_number(first) and self._peek(-1) == first else self._power()
            product, first = folded("*", product, factor), lexeme

    def _after_number(self) -> Expression:
        r"""Return a factor that stands right behind a number; `2\frac{1}{3}` and `2(1/3)` may be mixed numbers."""
        start = self._at
        factor = self._power()
        if self._peek() == "/" and factor.value is not None:  # 88(2)/(3)
            raise UnclearError("mixed number")
        others = {lexeme for lexeme in self._lexemes[start : self._at] if not is_number(lexeme)}
        if others & {r"\frac", "/"} and others <= {r"\frac", "/", *"(){}[]"}:
            raise UnclearError("mixed number")
        return factor

    def _signed_factor(self) -> Expression:
        if self._peek() == "-":
            self._take()
            return folded("*", number(Fraction(-1)), self._power())
        return self._power()

    def _starts_factor(self, lexeme: str) -> bool:
        if lexeme == "|":
            return not self._bars
        return lexeme in STARTING or is_number(lexeme) or is_name(lexeme)

    def _power(self) -> Expression:
        base = self._primary()
        if self._peek() == "!":
            self._take()
            base = folded("!", base)
            if self._peek() == "!":
                raise UnclearError("!!")
        if self._peek() == "°":
            self._take()
            half_turn = folded("/", Expression("letter", letter=r"\pi"), number(Fraction(180)))
            base = folded("*", base, half_turn)
        elif self._peek() == "^":
            self._take()
            base = folded("^", base, self._exponent())
        if self._peek() in ("^", "!"):
            raise UnclearError(self._peek())
        return base

    def _exponent(self) -> Expression:
        return self._group() if self._peek() == "{" else self._single()

    def _single(self) -> Expression:
        lexeme = self._peek()
        if is_number(lexeme) or (is_name(lexeme) and lexeme.lstrip("\\") not in FUNCTIONS):
            return self._primary()
        raise UnclearError(lexeme)

    def _group(self) -> Expression:
        """Return what stands in brackets of any kind, or between bars."""
        opening = self._take()
        is_bar = opening == "|"
        if opening not in CLOSING or (is_bar and self._bars):
            raise UnclearError(opening)
        before, self._bars = self._bars, int(is_bar)
        inner = self._sum()
        self._bars = before
        self._take(CLOSING[opening])
        return folded(WRAPPING[opening], inner) if opening in WRAPPING else inner

    def _primary(self) -> Expression:
        lexeme = self._peek()
        if is_number(lexeme):
            return number(Fraction(self._take()))
        if lexeme in CLOSING:
            return self._group()
        if lexeme in (r"\frac", r"\binom"):
            self._take()
            return folded({r"\frac": "/", r"\binom": "binom"}[lexeme], self._group(), self._group())
        if lexeme in (r"\sqrt", "√", "sqrt"):
            return self._root()
        if lexeme.lstrip("\\") in FUNCTIONS:
            return self._function()
        if is_name(lexeme):
            return self._letter()
        raise UnclearError(lexeme)

    def _root(self) -> Expression:
        self._take()
        index = self._group() if self._peek() == "[" else number(Fraction(2))
        radicand = self._group() if self._peek() in ("{", "(") else self._single()
        return folded("root", radicand, index)

    def _letter(self) -> Expression:
        letter = self._take()
        is_argument = is_name(self._peek(1)) or is_number(self._peek(1))
        if self._peek() == "(" and (letter in UNKNOWN_FUNCTIONS or (is_argument and self._peek(2) in (")", ","))):
            raise UnclearError(letter)  # f(x), I(0)
        return Expression("letter", letter=letter + self._subscript())

    def _subscript(self) -> str:
        if self._peek() != "_":
            return ""
        self._take()
        if self._peek() != "{":
            return f"_{self._take()}"
        lexemes = list[str]()
        while self._take() != "}":
            lexemes.append(self._peek())
        return "_" + "".join(lexemes[:-1])

    def _function(self) -> Expression:
        name = self._take().lstrip("\\")
        base = None
        if name == "log" and self._peek() == "_":
            self._take()
            base = self._group() if self._peek() == "{" else self._single()
        power = None
        if self._peek() == "^":
            self._take()
            power = self._exponent()
            if power.value is None or power.value <= 0:  # sin^{-1} is the inverse for some, the reciprocal for others
                raise UnclearError(name)
        self._go_deeper()
        argument = self._argument()
        self._depth -= 1
        if self._peek() in ("^", "!", "/") or (self._starts_factor(self._peek()) and not self._starts_function()):
            raise UnclearError(name)
        value = folded(name, argument) if base is None else folded("log", argument, base)
        return value if power is None else folded("^", value, power)

    def _starts_function(self) -> bool:
        return self._peek().lstrip("\\") in FUNCTIONS

    def _argument(self) -> Expression:
        """Return what a function applies to: a group, or a number, a letter, or the two as in `2x`."""
        if self._peek() in CLOSING:
            return self._group()
        first = self._power()
        is_letter = is_name(self._peek()) and not self._starts_function()
        return folded("*", first, self._power()) if first.operation == "number" and is_letter else first


def split_words(lexemes: list[str]) -> list[str]:
    """Split a run of letters into single ones; known functions stay whole."""
    found = list[str]()
    for lexeme in lexemes:
        name = lexeme.rstrip("'")
        if not name.isalpha() or len(name) == 1 or lexeme in FUNCTIONS or lexeme == "sqrt":
            found.append(lexeme)
        elif lexeme == "pi":
            found.append(r"\pi")
        elif name == lexeme and not lexeme.isupper() and (len(lexeme) == 2 or set(lexeme) <= {*"abcxyz"}):
            found.extend(lexeme)
        else:
            raise UnclearError(lexeme)
    return found


def is_number(lexeme: str) -> bool:
    """Return whether a lexeme is a number."""
    return lexeme[:1].isdigit() or lexeme[:1] == "."


def is_name(lexeme: str) -> bool:
    """Return whether a lexeme is a letter or a function."""
    return lexeme[:1].isalpha() or lexeme in LETTERS or (lexeme[:1] == "\\" and lexeme[1:] in FUNCTIONS)


# -- folding -----------------------------------------------------------------------------------------------------------


def number(value: Fraction) -> Expression:
    """Return a number as an expression."""
    return Expression("number", value=value)


def folded(operation: str, *parts: Expression) -> Expression:
    """Return an operation on parts; a number where it is a rational one.

    Raises:
        UnclearError: it divides by zero, or the number is too large to be written out.
    """
    values = [part.value for part in parts]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return Expression(operation, parts)
    value = fold(operation, known)
    if value is None:
        return Expression(operation, parts)
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise UnclearError("too large")
    return number(value)
