"""Answers are judged alike in a Prefect task, which runs in a thread, and outside of one."""

from __future__ import annotations

import pytest

pytest.importorskip("prefect", reason="Prefect is not installed (extra `flows`)")

from prefect import flow, task

from limo_curation.answers import Verdict, compare_many

pytestmark = pytest.mark.prefect

PREDICTED = [r"\sqrt{8}", r"\sqrt{8}", "(x+1)^2", "2a", "7.0", "x^{1000000}", "9^{9^{9^{9}}}"]
GOLD = [r"2\sqrt{2}", r"3\sqrt{2}", "x^2+2x+1", "2b", "7", "x^{999999}x", "9"]


@task(retries=0)
def verdicts_of(predicted: list[str], gold: list[str]) -> list[str]:
    return [verdict.value for verdict in compare_many(predicted, gold)]


@flow(name="answers-alone", retries=0)
def judged_three_times() -> list[list[str]]:
    submitted = [verdicts_of.submit(PREDICTED, GOLD) for _ in range(2)]
    backwards = verdicts_of.submit(PREDICTED[::-1], GOLD[::-1])
    return [*(future.result() for future in submitted), backwards.result()[::-1]]


def test_submitted_tasks_judge_answers_as_the_main_thread_does(prefect_server: None) -> None:
    expected = compare_many(PREDICTED, GOLD)
    assert expected[:3] == [Verdict.EQUAL, Verdict.DIFFERENT, Verdict.EQUAL]
    assert judged_three_times() == [[verdict.value for verdict in expected]] * 3
