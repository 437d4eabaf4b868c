"""Each policy decides the pairs that it is for, and no others."""

import pydantic
import pytest

from limo_curation.answers import AnswerPolicy, Reason, Verdict, explain_answers

EQUAL, DIFFERENT, UNDECIDED = Verdict.EQUAL, Verdict.DIFFERENT, Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("policy", "predicted", "gold", "default", "verdict"),
    [
        (AnswerPolicy(percent="sign"), r"50\%", "50", UNDECIDED, EQUAL),
        (AnswerPolicy(percent="sign"), r"50\%", "0.5", UNDECIDED, DIFFERENT),
        (AnswerPolicy(percent="hundredth"), r"50\%", "0.5", UNDECIDED, EQUAL),
        (AnswerPolicy(percent="hundredth"), "50", r"50\%", UNDECIDED, DIFFERENT),
        (AnswerPolicy(units="required"), "5", "5 cm", EQUAL, UNDECIDED),
        (AnswerPolicy(units="required"), "5 cm", "5cm", EQUAL, EQUAL),
        (AnswerPolicy(lists="ordered"), "1, 2", "2, 1", EQUAL, DIFFERENT),
        (AnswerPolicy(lists="ordered"), "1, 2", r"1 \text{ and } 2", EQUAL, EQUAL),
        (AnswerPolicy(repeats="ignored"), "1, 1, 2", "1, 2", UNDECIDED, EQUAL),
        (AnswerPolicy(repeats="ignored"), "1, 1, 3", "1, 2", DIFFERENT, DIFFERENT),
        (AnswerPolicy(repeats="counted"), "1, 1, 2", "1, 2", UNDECIDED, DIFFERENT),
        (AnswerPolicy(brackets="ignored"), "(1, 2)", "1, 2", UNDECIDED, EQUAL),
        (AnswerPolicy(brackets="ignored"), "(1, 2)", "2, 1", UNDECIDED, UNDECIDED),
        (AnswerPolicy(brackets="ignored"), "(1, 2)", r"\begin{pmatrix}1\\2\end{pmatrix}", UNDECIDED, EQUAL),
        (AnswerPolicy(brackets="ignored"), "(0, 1]", "[0, 1]", DIFFERENT, DIFFERENT),
        (AnswerPolicy(decimals="gold_places"), "1/3", "0.333", UNDECIDED, EQUAL),
        (AnswerPolicy(decimals="gold_places"), r"\sqrt{2}", "1.414", UNDECIDED, EQUAL),
        (AnswerPolicy(decimals="gold_places"), "0.333", "1/3", UNDECIDED, UNDECIDED),
        (AnswerPolicy(decimals="gold_places"), "0.34", "0.333", DIFFERENT, DIFFERENT),
        (AnswerPolicy(decimals="gold_places"), "11", r"x \approx 11", UNDECIDED, EQUAL),
        (AnswerPolicy(names="required"), "y = 1", "1", EQUAL, UNDECIDED),
        (AnswerPolicy(names="required"), "y = 1", "y=1.0", EQUAL, EQUAL),
    ],
)
def test_policy_decides_what_the_default_leaves_open(
    policy: AnswerPolicy, predicted: str, gold: str, default: Verdict, verdict: Verdict
) -> None:
    assert explain_answers(predicted, gold).verdict is default
    assert explain_answers(predicted, gold, policy=policy).verdict is verdict


def test_reason_names_the_policy_that_would_decide() -> None:
    assert explain_answers("50%", "0.5").reason is Reason.PERCENT
    assert explain_answers("(1,2)", "1,2").reason is Reason.BRACKET


def test_unknown_policies_are_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match="percents"):
        AnswerPolicy.model_validate({"percents": "sign"})
