"""The fine-tuned student's card: generated from the job and its result, so that no number in it can differ from them.

Names come from strangers' files; `markdown.py` says how they are kept from becoming markup.
"""

from __future__ import annotations

import re
from typing import Any, Final

from huggingface_hub import ModelCardData

from limo_curation.markdown import fenced_json, markdown_environment
from limo_curation.provenance import versions_of
from limo_curation.sft.job import Job, Result

HUB_NAME: Final = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
LIBRARIES: Final = ("accelerate", "peft", "tokenizers", "torch", "transformers", "trl")


def render_model_card(job: Job, result: Result, metrics: list[dict[str, Any]]) -> str:
    """Write the card of a fine-tuned student. It holds no time and no path of this machine.

    Args:
        job: what was to be done.
        result: what came of it.
        metrics: the lines of `metrics.jsonl`.

    Returns:
        README.md: a YAML head as the Hub expects it, and Markdown.
    """
    environment = markdown_environment("limo_curation.sft")
    return environment.get_template("model_card.md.jinja").render(
        job=job,
        result=result,
        training=job.config.training,
        head=yaml_head(job),
        looks=[entry for entry in metrics if "eval_loss" in entry],
        settings=fenced_json(job.config.key_fields()),
    )


def yaml_head(job: Job) -> str:
    """Return what the Hub reads: the student and the set, where they are on the Hub."""
    student, dataset = (name_on_hub(identity) for identity in (job.student, job.dataset))
    head: Any = ModelCardData(
        base_model=student,
        datasets=None if dataset is None else [dataset],
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["limo-curation", "sft"],
    )
    return head.to_yaml()


def name_on_hub(identity: str) -> str | None:
    """Return `owner/name` of `owner/name@commit`, None for what lies in a folder."""
    name, _, commit = identity.partition("@")
    return name if commit and HUB_NAME.fullmatch(name) else None


def training_versions() -> dict[str, str]:
    """Return the installed versions of the libraries that train."""
    return versions_of(LIBRARIES)
