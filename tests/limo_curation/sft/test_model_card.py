"""The student's card: its numbers are the job's, and no name of a stranger becomes markup."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from limo_curation.sft.config import TrainingConfig
from limo_curation.sft.job import Job, Result
from limo_curation.sft.model_card import render_model_card
from limo_curation.sft.presets import load_sft_config

LOOKS: list[dict[str, Any]] = [
    {"step": 0, "eval_loss": 0.5},
    {"step": 3, "loss": 0.2},
    {"step": 3, "eval_loss": 0.4},
    {"step": 6, "eval_loss": 0.45},
]


def job_of(*, dataset: str = "a set", student: str = "tiny@01", **training: Any) -> Job:
    config = load_sft_config("limo-7b", training=TrainingConfig.model_validate(training))
    return Job(
        key="k",
        config=config,
        dataset=dataset,
        dataset_digest="feed",
        student=student,
        student_folder="/secret/place",
        num_samples=800,
        num_dropped=3,
    )


def result_of(**values: Any) -> Result:
    fields: dict[str, Any] = {
        "key": "k",
        "num_steps": 6,
        "num_tokens": 1_234_567,
        "train_loss": 0.25,
        "held_out_loss": 0.4,
        "held_out_loss_before": 0.5,
        "chosen_step": 3,
        "versions": {"trl": "1.16.0"},
    }
    return Result.model_validate(fields | values)


def head_of(card: str) -> dict[str, Any]:
    return yaml.safe_load(card.split("---")[1])


def test_card_tells_the_numbers_of_the_job_and_no_place_of_the_machine() -> None:
    card = render_model_card(job_of(), result_of(), LOOKS)
    for told in (
        "fine-tuned on 797 samples",
        "800 rows, of which 3 could not",
        "1,234,567 tokens",
        "`feed`",
        "trl 1.16",
    ):
        assert told in card
    assert "| 0 (the student as it was) | 0.5000 |\n| 3 (chosen) | 0.4000 |\n| 6 | 0.4500 |\n" in card
    assert "worse than the student as it was" not in card
    assert "/secret/place" not in card
    assert "put your final answer within" in card


def test_student_that_got_worse_is_said_to_be() -> None:
    card = render_model_card(job_of(), result_of(held_out_loss=0.6, held_out_loss_before=0.5), LOOKS)
    assert "**This is worse than the student as it was.**" in card


def test_last_checkpoint_is_said_to_be_the_last() -> None:
    nothing = result_of(held_out_loss=None, held_out_loss_before=None)
    card = render_model_card(job_of(held_out_share=0.0), nothing, [])
    assert "The last one: nothing was held out." in card
    assert "No benchmark had a part" not in card


@pytest.mark.parametrize(
    ("student", "dataset", "base_model", "datasets"),
    [
        ("Qwen/Qwen2.5-7B-Instruct@0123", "me/set@4567", "Qwen/Qwen2.5-7B-Instruct", ["me/set"]),
        ("folder@0123", "a set", None, None),
        ("folder@0123", "mail me@home / now", None, None),
    ],
)
def test_head_names_what_is_on_the_hub_and_nothing_else(
    student: str, dataset: str, base_model: str | None, datasets: list[str] | None
) -> None:
    head = head_of(render_model_card(job_of(student=student, dataset=dataset), result_of(), LOOKS))
    assert (head.get("base_model"), head.get("datasets")) == (base_model, datasets)
    assert head["library_name"] == "transformers"


def test_names_of_strangers_stay_text() -> None:
    card = render_model_card(job_of(dataset="<script>x</script> [a](http://b)\n# c"), result_of(), LOOKS)
    assert "<script>" not in card
    assert "](http" not in card
    assert "\n# c" not in card
