r"""Check the equations of a chain one by one, exactly, without sympy and without running anything.

    check_steps("Then 3 * 4 = 12, and 12 + 5 = 18.")
        ->  StepCheck("Then 3 * 4 = 12, and 12 + 5 = 18.", claim="3 * 4 = 12", status="holds"),
            StepCheck("Then 3 * 4 = 12, and 12 + 5 = 18.", claim="12 + 5 = 18", status="fails",
                      evidence="17 is not 18")

A claim fails only where no usual reading of it is true. What can't be decided on its own is unchecked: an equation to
solve, a definition, arithmetic in another base or modulo a number, a claim under an assumption or one that the chain
refutes on purpose. Names whose one value the chain gives are put in (`propagation.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from limo_curation.verification.arithmetic import WORDS
from limo_curation.verification.claims import RELATIONS, Claim, Run, Status, find_claims
from limo_curation.verification.context import BASES, is_asserted, is_scaled, is_taken_back
from limo_curation.verification.equality import compare, rounds
from limo_curation.verification.propagation import Contradiction, contradictions, has_defined_operation
from limo_curation.verification.sides import Side, Sides, evaluate
from limo_curation.verification.tokens import MAX_CHARACTERS, Token, tokenize
from limo_curation.verification.units import compare_times
from limo_curation.verification.values import UnclearError, Value, number_value

MAX_NOTES: Final = 10_000  # ours: annotations of one chain
MAX_TEXT_CHARACTERS: Final = 300
MAX_CLAIM_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class StepCheck:
    """One claim of a chain and what became of it."""

    text: str
    """The line that the claim stands in, cut to 300 characters."""
    claim: str
    """The claim as it is written."""
    status: Status
    corrected: bool = False
    """Whether the chain takes a failing claim back itself, or states it again with the right value."""
    evidence: str = ""
    """For a failing claim: both values, and the values that were put in."""
    start: int = 0
    """Where the claim begins in the chain."""


def check_steps(chain: str) -> list[StepCheck]:
    """Check every equation of a chain.

    Args:
        chain: a reasoning text in English or Chinese, with or without LaTeX; of a longer one the first 300,000
            characters are read.

    Returns:
        One StepCheck for each claim, in order. Never raises.
    """
    checks = list[StepCheck]()
    chain = chain[:MAX_CHARACTERS]
    if not any(sign in chain for sign in ("=", "＝", "≈", "≒", r"\approx", r"\simeq")):
        return checks
    tokens = tokenize(chain)
    notes = [token for token in tokens if token.kind == "annotation"]
    tokens = [token for token in tokens if token.kind != "annotation"]
    checker = Checker(chain, tokens)
    checks = checker.run(find_claims(tokens))
    if notes:
        checks += [check for note in notes[:MAX_NOTES] for check in annotation_checks(chain, note)]
        checks.sort(key=lambda check: check.start)
    return checks


def annotation_checks(chain: str, note: Token) -> list[StepCheck]:
    """Check a calculator's annotation, `<<48/2=24>>`."""
    held = note.text[2:-2]
    tokens = tokenize(held)
    checks = Checker(held, tokens).run(find_claims(tokens))
    line = line_of(chain, note.start)
    return [replace(check, text=line, start=note.start + 2 + check.start) for check in checks]


def line_of(chain: str, start: int) -> str:
    """Return the line that a position is in, at most 300 characters of it."""
    low = chain.rfind("\n", max(0, start - MAX_TEXT_CHARACTERS // 2), start) + 1
    low = low or max(0, start - MAX_TEXT_CHARACTERS // 2)
    high = chain.find("\n", start, low + MAX_TEXT_CHARACTERS)
    return chain[low : high if high >= 0 else low + MAX_TEXT_CHARACTERS].strip()


class Checker:
    """The claims of one chain, with what the chain rounded so far."""

    def __init__(self, chain: str, tokens: Sequence[Token]) -> None:
        self.chain = chain
        self.tokens = tokens
        self.rounded = set[str]()
        self._sides = dict[Run, Side | None]()
        self._has_bases: bool | None = None

    def run(self, claims: Sequence[Claim]) -> list[StepCheck]:
        """Check all claims, then again with the values of names put in."""
        checks = self.without_refutations(claims, [self.check(claim) for claim in claims])
        if any(check.status is Status.UNCHECKED for check in checks):
            held, failed = contradictions(self.chain, self.tokens, claims, self.rounded)
            positions = {claim.relation: index for index, claim in enumerate(claims)}
            for index in held:
                checks[index] = replace(checks[index], status=Status.HOLDS)
            for contradiction in failed:
                index, equation = positions[contradiction.blamed], checks[positions[contradiction.claim.relation]]
                if checks[index].status is not Status.FAILS:
                    told = f"{equation.claim}: {put_in(contradiction)}"
                    checks[index] = replace(checks[index], status=Status.FAILS, evidence=told)
        if any(check.status is Status.FAILS for check in checks):
            checks = self.with_corrections(claims, checks)
        return checks

    def without_refutations(self, claims: Sequence[Claim], checks: list[StepCheck]) -> list[StepCheck]:
        """Leave alone what the chain itself carries to a false equation of numbers, 1 = 3 + 4 and then 1 = 7."""
        false = set[tuple[Value, Value]]()
        for claim, check in zip(claims, checks, strict=True):
            left, right = self.side(claim.left), self.side(claim.right)
            if check.status is Status.UNCHECKED and left and right and left.is_literal and right.is_literal:
                false.add((left.value, right.value))
        if not false:
            return checks
        values = [tuple(side.value if side else None for side in map(self.side, claim[:2])) for claim in claims]
        return [
            replace(check, status=Status.UNCHECKED, evidence="")
            if check.status is Status.FAILS and pair in false
            else check
            for check, pair in zip(checks, values, strict=True)
        ]

    def check(self, claim: Claim) -> StepCheck:
        """Check one claim on its own."""
        tokens = self.tokens
        start, end = tokens[claim.left.low].start, tokens[claim.right.high - 1].end
        status, evidence = self.status(claim)
        if status is Status.FAILS and not self.is_meant(claim, start, end):
            status, evidence = Status.UNCHECKED, ""
        written = self.chain[start : min(end, start + MAX_CLAIM_CHARACTERS)]
        return StepCheck(line_of(self.chain, start), written, status, evidence=evidence, start=start)

    def status(self, claim: Claim) -> tuple[Status, str]:
        """Return whether a claim holds as it stands, with the values where it fails."""
        left, right = self.side(claim.left), self.side(claim.right)
        time = compare_times(self.tokens, claim.left, claim.right)
        if time is not None:
            return time, "the times differ" if time is Status.FAILS else ""
        if left is None or right is None or not (claim.left.is_clear and claim.right.is_clear):
            return Status.UNCHECKED, ""
        units = self.currency(claim.left), self.unit_behind(claim)
        is_open = claim.is_approximate, self.is_carried_on(claim)
        sides = Sides(self.written(claim.left), self.written(claim.right), *units, *is_open)
        status = compare(sides, left, right, self.rounded)
        if (
            (rounds(left.value, right) and (left.value != right.value or claim.is_approximate))
            or claim.is_approximate
            or status is Status.UNCHECKED
        ):
            self.rounded.update(text for text, _ in right.decimals)
        is_defined = not right.is_literal and has_defined_operation(self.chain, self.tokens, claim)
        if status is Status.FAILS and (is_defined or self.is_running_total(claim, left)):
            return Status.UNCHECKED, ""
        if status is Status.FAILS and left.is_literal and not claim.is_continued and self.is_label(claim, left, right):
            return Status.UNCHECKED, ""
        return status, f"{shown(left.value)} is not {shown(right.value)}" if status is Status.FAILS else ""

    def is_meant(self, claim: Claim, start: int, end: int) -> bool:
        """Return whether a failing claim is one: asserted, in base ten, and not in thousands on one side only."""
        if self.has_bases() or not is_asserted(self.chain, start, end):
            return False
        left, right = self.side(claim.left), self.side(claim.right)
        return left is None or right is None or not is_scaled(self.chain, start, end, left.value, right.value)

    def is_label(self, claim: Claim, left: Side, right: Side) -> bool:
        """Return whether a bare number before a relation may be a label: `Step 2 = 15`, `123 = 1 + 2 + 3 = 6`."""
        return right.is_literal or bool(left.units) or self.is_carried_on(claim)

    def is_carried_on(self, claim: Claim) -> bool:
        """Return whether the right side is the left side of a further relation."""
        high = claim.right.high
        return high < len(self.tokens) and self.tokens[high].kind in RELATIONS

    def is_running_total(self, claim: Claim, left: Side) -> bool:
        """Return whether a side is carried on and not stated: 4 + 9 + 15 = 4 + 9 = 13, or 3 + 4 = 7 + 5 = 12."""
        before, behind = ([token.text for token in self.written(run)] for run in (claim.left, claim.right))
        is_quotient = len(behind) == 3 and behind[1] == "/"  # 2 * 10 + 1 = 21/10, of a mixed number
        if behind[0].isdigit() and len(behind) > 1 and number_value(behind[0])[0] == left.value and behind[1] in "+-*/":
            return is_quotient or self.is_carried_on(claim)
        terms, summed = set(before[1::2]) | set(behind[1::2]), set(before[::2])
        is_part = len(behind) > 1 and terms == {"+"} and summed.issuperset(behind[::2]) and len(behind) < len(before)
        return is_part and self.is_carried_on(claim)

    def side(self, run: Run) -> Side | None:
        """Return a side's value without any names put in; None where it has none."""
        if run not in self._sides:
            try:
                self._sides[run] = evaluate(self.written(run), {})
            except UnclearError:
                self._sides[run] = None
        return self._sides[run]

    def written(self, run: Run) -> Sequence[Token]:
        """Return the tokens of a side."""
        return self.tokens[run.low : run.high]

    def unit_behind(self, claim: Claim) -> str:
        """Return the words behind a claim, which begin with its unit where there is one."""
        high = claim.right.high
        behind = self.tokens[high] if high < len(self.tokens) else None
        unit = behind.text if behind is not None and behind.kind in WORDS else ""
        return self.currency(claim.right) or unit

    def currency(self, run: Run) -> str:
        """Return "dollar" where a dollar sign stands in a side or right before it."""
        low = self.tokens[run.low - 1].end if run.low else 0
        return "dollar" if "$" in self.chain[low : self.tokens[run.high - 1].end] else ""

    def has_bases(self) -> bool:
        """Return whether numbers in another base occur in the chain."""
        if self._has_bases is None:
            self._has_bases = BASES.search(self.chain) is not None
        return self._has_bases

    def with_corrections(self, claims: Sequence[Claim], checks: Sequence[StepCheck]) -> list[StepCheck]:
        """Mark the failing claims that the chain takes back, or states again with the right value."""
        held = {
            self.text_of(claim.left): check.start
            for claim, check in zip(claims, checks, strict=True)
            if check.status is Status.HOLDS
        }
        marked = list[StepCheck]()
        for claim, check in zip(claims, checks, strict=True):
            if check.status is Status.FAILS:
                is_restated = held.get(self.text_of(claim.left), -1) > check.start
                end = self.tokens[claim.right.high - 1].end
                check = replace(check, corrected=is_restated or is_taken_back(self.chain, end))
            marked.append(check)
        return marked

    def text_of(self, run: Run) -> str:
        """Return a side without its white space."""
        return " ".join(token.text for token in self.written(run))


def shown(value: Value) -> str:
    """Return a value for the evidence."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)[:60]


def put_in(contradiction: Contradiction) -> str:
    """Return what was put in and what came of it."""
    values = ", ".join(f"{name} = {shown(value)}" for name, value in contradiction.values.items())
    return f"with {values}: {shown(contradiction.left)} is not {shown(contradiction.right)}"
