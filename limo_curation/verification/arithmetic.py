r"""Read one side of an equation from left to right: a recursive descent over its tokens.

    3 * 4 apples  ->  12        2\frac{1}{2}  ->  5/2        \sqrt{2}  ->  1.4142...        x + 1  ->  UnclearError

Nothing is executed: depth, tokens and the size of numbers are bounded, so that a tower of powers is refused and not
computed. What has no reading, or a name without a value, is refused too; what has two is marked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from limo_curation.verification.tokens import FRACTIONS, Token, listed
from limo_curation.verification.values import UnclearError, Value, bounded, divided, number_value, power, root

MAX_SIDE_TOKENS: Final = 200  # ours
MAX_DEPTH: Final = 30  # ours
MAX_FACTORIAL: Final = 300  # ours

GREEK: Final = listed(
    r"\alpha \beta \gamma \delta \epsilon \varepsilon \zeta \eta \theta \lambda \mu \nu \rho \sigma \tau \phi"
    r" \varphi \psi \omega \ell \Delta \Omega"
)
WORDS: Final = frozenset(("word", "han", "text"))
CLOSING: Final = {"(": ")", "[": "]", "{": "}", "|": "|", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}
ROUNDING: Final = {r"\lfloor": math.floor, r"\lceil": math.ceil}
TRIGONOMETRY: Final = {r"\sin": math.sin, r"\cos": math.cos, r"\tan": math.tan}
PARTS: Final = frozenset(("of", "of the", "的"))


@dataclass(slots=True)
class Reader:
    """Reads one side from left to right; what it met on the way stands in its fields."""

    tokens: Sequence[Token]
    names: Mapping[str, Value]
    nudged: int
    percent_is_sign: bool
    at: int = 0
    depth: int = 0
    bars: int = 0
    num_numbers: int = 0
    num_operations: int = 0
    places: int = 0
    percents: int = 0
    degrees: int = 0
    circles: int = 0  # how often pi occurred
    is_ambiguous: bool = False
    units: list[str] = field(default_factory=list[str])
    decimals: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    def peek(self, ahead: int = 0) -> str:
        """Return the text of a token ahead, "" behind the last one."""
        at = self.at + ahead
        return self.tokens[at].text if at < len(self.tokens) else ""

    def kind(self, ahead: int = 0) -> str:
        """Return the kind of a token ahead."""
        at = self.at + ahead
        return self.tokens[at].kind if at < len(self.tokens) else ""

    def take(self, wanted: str) -> None:
        """Pass over a token that has to stand here."""
        if self.peek() != wanted:
            raise UnclearError(wanted)
        self.at += 1

    # -- sums and products -----------------------------------------------------------------------------------------

    def total(self) -> Value:
        """Read a sum."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise UnclearError("depth")
        sign = 1
        if self.peek() in ("-", "+"):
            sign = -1 if self.peek() == "-" else 1
            self.at += 1
            self.is_ambiguous |= sign < 0 and self.peek(1) == "^"
        value = self.product() * sign
        while self.peek() in ("+", "-"):
            is_sum = self.peek() == "+"
            self.at += 1
            self.num_operations += 1
            percents = self.percents
            term = self.signed(self.product)
            self.is_ambiguous |= self.percents > percents and not percents  # 50 + 20%: of one, or of the 50
            value = value + term if is_sum else value - term
        self.depth -= 1
        return bounded(value)

    def signed(self, read: Callable[[], Value]) -> Value:
        """Read with signs before it, as in 3 - -2."""
        sign = 1
        while self.peek() in ("-", "+"):
            sign = -sign if self.peek() == "-" else sign
            self.at += 1
        return read() * sign

    def product(self) -> Value:
        """Read factors; what stands side by side is multiplied, unless that could be read in two ways."""
        value = self.powered()
        is_quotient = False
        while True:
            operator = self.peek()
            if operator == "*" or (operator in ("x", "X") and not self.tokens[self.at].is_math and self.is_cross()):
                self.is_ambiguous |= operator != "*" and self.is_glued()
                self.at += 1
                value = bounded(value * self.signed(self.powered))
            elif operator == "/":
                self.at += 1
                if self.peek() == "/":  # Python's whole quotient
                    self.at += 1
                    below = self.signed(self.powered)
                    value = math.floor(divided(value, below))
                else:
                    self.is_ambiguous |= is_quotient  # 25 / 1/3
                    value, is_quotient = divided(value, self.signed(self.powered)), True
            elif operator.lower() in PARTS and self.starts_factor(1) and (self.percents or not isinstance(value, int)):
                self.at += 1
                value = bounded(value * self.powered())
            elif self.starts_factor() and self.kind() != "number":
                self.is_ambiguous |= is_quotient
                value = bounded(value * self.powered())
            else:
                return value
            self.num_operations += 1

    def is_cross(self) -> bool:
        """Whether a letter x stands between two numbers, as a sign of multiplication."""
        before = self.tokens[self.at - 1]
        return before.kind != "letter" and (self.kind(1) == "number" or self.peek(1) == "(")

    def is_glued(self) -> bool:
        """Whether a letter x touches a number, as a name would: 2x1x2."""
        token = self.tokens[self.at]
        return self.tokens[self.at - 1].end == token.start or self.tokens[self.at + 1].start == token.end

    def starts_factor(self, ahead: int = 0) -> bool:
        """Whether a factor begins here."""
        kind, text = self.kind(ahead), self.peek(ahead)
        if kind in ("number", "letter"):
            return True
        if kind == "command":
            return text in (r"\frac", r"\sqrt", r"\binom", r"\pi", r"\lfloor", r"\lceil", r"\boxed") or (
                text in GREEK or text in TRIGONOMETRY
            )
        return text in ("(", "[", "{", r"\sqrt", r"\pi") or text in FRACTIONS or (text == "|" and not self.bars)

    # -- factors ---------------------------------------------------------------------------------------------------

    def powered(self) -> Value:
        """Read a factor with what stands behind it: power, factorial, percent, degrees, unit."""
        value = self.primary()
        text = self.peek()
        if text == "!":
            self.at += 1
            self.num_operations += 1
            if not isinstance(value, int) or not 0 <= value <= MAX_FACTORIAL or self.peek() == "!":
                raise UnclearError("factorial")
            value = math.factorial(value)
            text = self.peek()
        if text == "^" and self.is_degree():
            self.at += 4 if self.peek(1) == "{" else 2
            self.degrees += 1
        elif text == "^" or (text == "*" and self.peek(1) == "*"):
            self.at += 1 if text == "^" else 2
            self.num_operations += 1
            value = power(value, self.exponent())
            if self.peek() == "^":
                raise UnclearError("tower")
        if self.peek() == "°":
            self.at += 1
            self.degrees += 1
        if self.peek() == "%":
            self.at += 1
            self.percents += 1
            value = value if self.percent_is_sign else divided(value, 100)
        self.unit()
        return value

    def is_degree(self) -> bool:
        """Whether the sign of a power only raises the sign of degrees."""
        return self.peek(1) == "°" or (self.peek(1) == "{" and self.peek(2) == "°" and self.peek(3) == "}")

    def exponent(self) -> Value:
        """Read what stands behind the sign of a power."""
        return self.signed(self.primary)

    def unit(self) -> None:
        r"""Pass over a unit: `3 apples`, `5 \text{ cm}^2`, `60 miles/hour`."""
        while self.kind() in WORDS:
            text = self.peek()
            if text.lower() in PARTS and self.starts_factor(1):
                return
            if self.peek(1) == "(" and (
                self.kind() == "text" or self.tokens[self.at + 1].start == self.tokens[self.at].end
            ):
                raise UnclearError(text)  # a function: sqrt(5)
            self.units.append(text)
            self.at += 1
            if self.peek() == "^" and self.kind(1) == "number":
                self.at += 2
            elif self.peek() == "^" and self.peek(1) == "{" and self.kind(2) == "number" and self.peek(3) == "}":
                self.at += 4
            if self.peek() == "/" and self.kind(1) in WORDS:
                self.at += 1
            elif self.peek() == "/" and self.peek(1) in ("h", "s") and not self.tokens[self.at].is_math:
                self.at += 2  # km/h
        if self.peek() == "/" and self.kind(1) in WORDS:  # 5/hour
            self.at += 1
            self.unit()

    def primary(self) -> Value:
        """Read a number, a name, or something in brackets or behind a command."""
        kind, text = self.kind(), self.peek()
        if kind == "number":
            return self.number()
        self.at += 1
        if kind == "letter" or text in GREEK:
            return self.name(text)
        if text in CLOSING and (text != "|" or not self.bars):
            return self.group(text)
        if text in FRACTIONS:
            self.num_numbers += 2
            return Fraction(*FRACTIONS[text])
        self.num_operations += 1
        if text == r"\frac":
            return self.fraction()
        if text == r"\sqrt":
            return self.root()
        if text == r"\binom":
            above, below = self.argument(), self.argument()
            if isinstance(above, int) and isinstance(below, int) and 0 <= above <= MAX_FACTORIAL and below >= 0:
                return math.comb(above, below)
        if text == r"\pi" and self.peek() != "(":
            self.circles += 1
            return math.pi
        if text == r"\boxed" and self.peek() == "{":
            self.num_operations -= 1
            self.is_ambiguous |= self.at > 1 and self.kind(-2) == "number"  # 355\boxed{680}
            return self.argument()
        if text in TRIGONOMETRY:
            return self.trigonometric(text)
        raise UnclearError(text)

    def number(self) -> Value:
        """Read a written number, with the fraction of a mixed one."""
        text = self.peek()
        value, places = number_value(text)
        self.at += 1
        if places:
            self.decimals.append((text, self.num_numbers))
            if self.nudged == self.num_numbers:
                value += Fraction(1, 2 * 10**places)
        self.num_numbers += 1
        self.places = places
        if self.peek() == "_":
            raise UnclearError("base")
        if self.peek() in FRACTIONS:
            value += Fraction(*FRACTIONS[self.peek()])
            self.at += 1
            self.num_numbers += 1
        elif isinstance(value, int) and not places and (mixed := self.mixed()):
            value += mixed
            self.num_numbers += 2
            self.is_ambiguous |= self.starts_factor()
        return value

    def mixed(self) -> Fraction | None:
        r"""Read the fraction of a mixed number, `\frac{1}{2}` or `1/2` behind a number."""
        if self.peek() != r"\frac" and self.kind() != "number":
            return None
        ahead = [self.peek(ahead) for ahead in range(7)]
        if ahead[0] == r"\frac" and ahead[1] == "{" and ahead[3:5] == ["}", "{"] and ahead[6] == "}":
            above, below, size = ahead[2], ahead[5], 7
        elif ahead[0] == r"\frac" and len(ahead[1]) == 2 and ahead[1].isdigit():
            above, below, size = ahead[1][0], ahead[1][1], 2
        elif self.kind() == "number" and ahead[1] == "/" and self.kind(2) == "number":
            above, below, size = ahead[0], ahead[2], 3
        else:
            return None
        if not (
            above.isdigit() and below.isdigit() and len(above) < 5 and len(below) < 5 and 0 < int(above) < int(below)
        ):
            return None
        self.at += size
        return Fraction(int(above), int(below))

    def name(self, text: str) -> Value:
        """Read a name with its subscript, and return its value."""
        size = subscript(self.tokens, self.at)
        name = text + "".join(token.text for token in self.tokens[self.at : self.at + size])
        self.at += size
        if self.peek() == "(":
            self.is_ambiguous = True  # a function's value, or a product
        if name not in self.names:
            raise UnclearError(name)
        self.num_operations += 1
        return self.names[name]

    def group(self, opening: str) -> Value:
        """Read what stands in brackets."""
        self.bars += opening == "|"
        self.num_operations += opening == "|" or opening in ROUNDING
        value = self.total()
        self.take(CLOSING[opening])
        if opening == "|":
            self.bars -= 1
            return abs(value)
        return ROUNDING[opening](value) if opening in ROUNDING else value

    def argument(self) -> Value:
        """Read what a command is applied to: a group, or one digit of a number."""
        if self.peek() == "{":
            self.at += 1
            return self.group("{")
        if self.kind() == "number" and len(self.peek()) == 1:
            return self.number()
        raise UnclearError("argument")

    def fraction(self) -> Value:
        r"""Read both parts of a fraction; `\frac12` is a half."""
        text = self.peek()
        if len(text) == 2 and text.isdigit() and self.peek(1) != "{":
            self.at += 1
            self.num_numbers += 2
            return divided(int(text[0]), int(text[1]))
        return divided(self.argument(), self.argument())

    def root(self) -> Value:
        """Read what stands behind a root's sign."""
        index = 2
        if self.peek() == "[" and self.kind(1) == "number" and self.peek(2) == "]" and len(self.peek(1)) < 3:
            index = int(self.peek(1))
            self.at += 3
        value = self.argument() if self.peek() == "{" or self.kind() != "number" else self.number()
        return root(value, index)

    def trigonometric(self, function: str) -> Value:
        """Read a function of an angle, which has to say that it is in degrees, or to hold pi."""
        exponent: Value = 1
        if self.peek() == "^":
            self.at += 1
            exponent = self.primary()
        degrees, circles = self.degrees, self.circles
        angle = self.powered()
        if self.degrees > degrees:
            angle = math.radians(angle)
        elif self.circles == circles:
            raise UnclearError("angle")
        value = TRIGONOMETRY[function](float(angle))
        if abs(value) > 1e9:
            raise UnclearError("pole")
        return power(value, exponent)


def subscript(tokens: Sequence[Token], at: int) -> int:
    """Return how many tokens behind a letter belong to its name: a subscript, primes, or a digit right behind it."""
    size = 0
    if at < len(tokens) and tokens[at].text == "_":
        if at + 1 < len(tokens) and tokens[at + 1].text == "{":
            size = next(
                (ahead + 1 for ahead in range(2, 8) if at + ahead < len(tokens) and tokens[at + ahead].text == "}"), 0
            )
        elif at + 1 < len(tokens):
            size = 2
        if not size:
            raise UnclearError("subscript")
    elif at < len(tokens) and tokens[at].kind == "number" and tokens[at].start == tokens[at - 1].end:
        size = 1
    while at + size < len(tokens) and tokens[at + size].text in ("'", "′"):
        size += 1
    return size
