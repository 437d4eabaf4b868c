"""What a calibration leaves behind: its file, its picture, its grades, and some lines."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from limo_curation.judge_config import JudgeConfig, JudgeModel
from limo_curation.judging.calibration import calibrate, read_calibration, why_untrusted
from limo_curation.judging.calibration_summary import describe, write_all
from limo_curation.sampling import SampleRequest
from tests.limo_curation.judging.judges import Judge, grades

CONFIG = JudgeConfig(models=(JudgeModel(model="one"),), min_problems=10)


def labelled() -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "chain_id": f"c{place}",
                "question": f"What is {place // 2} + 1?",
                "chain": f"Level {place % 5 + 1}, {'so ' * place}.",
                "level": f"L{place % 5 + 1}",
                "teacher": "one" if place % 2 else None,
            }
            for place in range(20)
        ]
    )


def perfect(chain: str, request: SampleRequest) -> str:
    return grades(f"L{chain[6]}")


def test_three_files_are_written_and_are_the_same_again(tmp_path: Path) -> None:
    judge = Judge(perfect)
    for folder in ("one", "other"):
        found, graded = calibrate(labelled(), config=CONFIG, sampler=judge)
        assert write_all(found, graded, tmp_path / folder / "judge.json") == tmp_path / folder / "judge.svg"
    for name in ("judge.json", "judge.svg", "judge.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    assert read_calibration(str(tmp_path / "one" / "judge.json")).num_chains == 20
    table = pl.read_csv(tmp_path / "one" / "judge.csv")
    assert table["one"].equals(table["label"])


def test_the_lines_say_what_was_found_of_rules_and_each_judge() -> None:
    found, _ = calibrate(labelled(), config=CONFIG, sampler=Judge(perfect))
    lines = describe(found, CONFIG)
    assert lines[0] == "20 labelled chains of 10 problems"
    assert lines[1].startswith("rules: kappa ")
    assert lines[2].startswith("judges together: kappa 1.00 (1.00 to 1.00), exact 100 %")
    assert "one (one@1): kappa 1.00" in lines[3]
    assert "0 of 20 replies unread; self-preference +0.00 levels on 10 chains" in lines[3]
    assert lines[3].endswith("; a chain takes 900 + 120 tokens (prompt + reply, over all its seeds)")
    assert lines[-1] == "the judges may decide"


def test_the_last_line_and_the_stage_agree_on_who_may_decide(tmp_path: Path) -> None:
    for reply in ("?", grades("L3")):
        judge = Judge(lambda chain, request, reply=reply: reply)
        found, graded = calibrate(labelled(), config=CONFIG, sampler=judge)
        write_all(found, graded, tmp_path / "judge.json")
        named = CONFIG.model_copy(update={"calibration": str(tmp_path / "judge.json")})
        assert describe(found, CONFIG)[-1] == f"the judges may not decide: {why_untrusted(named, judge)}"


def test_what_could_not_be_told_is_a_question_mark() -> None:
    found, _ = calibrate(labelled().head(1), config=CONFIG, sampler=Judge(lambda chain, request: "?"))
    assert "kappa ? (? to ?), exact ?" in describe(found, CONFIG)[2]
