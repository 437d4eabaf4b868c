r"""Which values are put into which equations: the walk of AIME 2024 I, problem 1, and what must not raise an alarm.

A walk of 9 km takes 4 hours at s km/h and 2.4 hours at s + 2 km/h, each with t minutes of rest: s = 2.5 and t = 24, so
that s + 1/2 km/h takes 3 hours and 24 minutes, 204 minutes. A published chain says t = 192 and 372.
"""

import pytest

from limo_curation.verification import StepCheck, check_steps

IN_HOURS = r"""Let $s$ be her speed and let $t$ be the time in the café, in hours. Then
\[ \frac{9}{s} + t = 4, \qquad \frac{9}{s+2} + t = 2.4. \]
Subtracting, \(\frac{9}{s} - \frac{9}{s+2} = 1.6\), so that $s^2 + 2s = 11.25$ and $s = 2.5$.
"""
IN_MINUTES = r"""The café takes t minutes, so 9/s + t/60 = 4 and 9/(s + 2) + t/60 = 2.4.
Eliminating t gives the speed: s = 2.5 km/h.
"""
ALIGNED = r"""We need both walks:
\begin{align*}
\frac{9}{s} + \frac{t}{60} &= 4 \\
\frac{9}{s + 2} + \frac{t}{60} &= 2 + \frac{24}{60}
\end{align*}
Hence \boxed{s = \frac{5}{2}}.
"""
IN_CHINESE = "她的速度是 s 千米每小时，在咖啡店停留 t 分钟。9/s + t/60 = 4，9/(s+2) + t/60 = 2.4。解得 s = 2.5。\n"


def failing(chain: str) -> list[StepCheck]:
    return [check for check in check_steps(chain) if check.status == "fails" and not check.corrected]


@pytest.mark.parametrize("walk", [IN_HOURS, IN_MINUTES, ALIGNED, IN_CHINESE])
@pytest.mark.parametrize(
    "ending", ["So t = 192 minutes, verified. The answer is 372.", "所以 t = 192 分钟，共 372 分钟。"]
)
def test_wrong_rest_fails_and_is_named(walk: str, ending: str) -> None:
    found = failing(walk + ending)
    assert [check.claim for check in found] == ["t = 192"]
    assert "s = 5/2, t = 192" in found[0].evidence
    assert "9" in found[0].evidence


@pytest.mark.parametrize(
    ("conclusion", "is_found"),
    [("代入得 t = 192 分钟。", True), ("Substituting back gives t = 192.", True), ("代入 t = 192 试一试。", False)],
)
def test_what_a_substitution_gives_is_asserted_and_what_is_put_in_on_trial_is_not(
    conclusion: str, is_found: bool
) -> None:
    assert bool(failing(f"{IN_CHINESE} {conclusion}")) == is_found


@pytest.mark.parametrize("walk", [IN_HOURS, IN_MINUTES, ALIGNED, IN_CHINESE])
@pytest.mark.parametrize(
    "ending",
    [
        "So t = 24 minutes. At 3 km/h she walks 9/3 = 3 hours, that is 180 minutes, and 180 + 24 = 204.",
        r"So $t = 0.4$ hours, i.e. $t = 24$ minutes, and $3 \cdot 60 + 24 = \boxed{204}$.",
        "所以 t = 24 分钟，9/3 = 3，3×60 + 24 = 204 分钟。",
    ],
)
def test_right_rest_passes(walk: str, ending: str) -> None:
    chain = walk + ending
    assert failing(chain) == []
    assert sum(check.status == "holds" for check in check_steps(chain)) >= 2, check_steps(chain)


def test_wrong_rest_in_numbers_alone_fails() -> None:
    assert failing("With s = 2.5 we get 3.6 + t = 4, so t = 192 minutes.")[0].claim == "t = 192"


def test_values_reach_equations_before_and_behind_them() -> None:
    assert failing("We have 2x + y = 10 and x - y = 2. So x = 4 and y = 3.")
    assert failing("So x = 4 and y = 3, and indeed 2x + y = 10.")
    assert not failing("We have 2x + y = 10 and x - y = 2. So x = 4 and y = 2.")


@pytest.mark.parametrize(
    "chain",
    [
        "x^2 = 9. So x = 3 or x = -3, and x + 1 = 4.",
        "x^2 - 5x + 6 = 0, x = 2 or 3.",
        r"$x^2 = 4$ gives $x = \pm 2$.",
        "Case 1: n = 4, then 4f = 1 and f = 1/4. Case 2: n = 5, then 25 + 5f = 17.",
        "If n = 4, then 16 + 4f = 17 and f = 1/4.\nIf n = 5, then 25 + 5f = 17.",
        "Suppose x = 3. Then 2x + 1 = 9.",
        "假设 x = 3，则 2x + 1 = 9。",
        "2x + 1 = 9. Try x = 3. No. x = 4.",
        "a_6 = 5/16 in the first sequence. In the second, a_6 = 10 + 5d and d = 2.",
        "x^2 + 8 = 0 has the roots r and q. Now let x = a + b. So x = 6.",
        "2x + y = 10, x > 3, x = 4",
        "3x = 10, so x = 3.33.",
        "The intercepts of y = 3 - x are x = 3 and y = 3.",
        "a = 8 and b = 5 are the digits of the number ab = 85.",
        "v = 20 m and s = 3. The track is 20 m = 5 s.",
        "f(x) = 2x, x = 3, and f = 7",
        "x + 1 = 2 or x + 1 = -2. Since x > 0, x = 1.",
        "x = 2 is one root. So x^2 = -4 has none.",
        "The total is 300 miles = x. x = 3",
        r"\sum_{k=1}^{5} k = 15 and k + 3 = 9, k = 6",
        "0 * b = 5 is what remains. b = 3",
        "2x = 8, so x = 5. Wait, that's wrong: x = 4.",
    ],
)
def test_what_gives_a_name_no_one_value_raises_no_alarm(chain: str) -> None:
    assert failing(chain) == []


def test_value_that_is_taken_back_is_no_reason_to_drop() -> None:
    checks = check_steps("2x = 8, so x = 5. That was a mistake.")
    assert [check.corrected for check in checks if check.status == "fails"] == [True]
