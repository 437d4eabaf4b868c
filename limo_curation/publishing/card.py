"""The data set's card: generated from the run, so that no number in it can differ from what was done.

Names of sources, licences, teachers and benchmarks come from strangers' files: `markdown.py` says how they are kept
from becoming markup; the YAML head is written by the Hub's own client.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from limo_curation.config import RunConfig
from limo_curation.digests import frame_digest
from limo_curation.markdown import escape_markdown, markdown_environment
from limo_curation.publishing.benchmarks import benchmark_leaks
from limo_curation.publishing.conversations import system_prompt_of
from limo_curation.publishing.cost import gpu_hours, token_costs
from limo_curation.publishing.front_matter import DataConfig, front_matter
from limo_curation.publishing.licenses import LicensedRows, obligations
from limo_curation.publishing_config import PublishingConfig
from limo_curation.run_record import RunRecord, config_of, drop_reasons, funnel, manifests, shareable_config
from limo_curation.sampling.protocol import model_name
from limo_curation.store import Store
from limo_curation.tables import POOL, SAMPLES

PICTURE: Final = "funnel.png"
RUN_FILE: Final = "run.json"
MAX_ROWS: Final = 50  # ours: of a table of foreign names
MAX_DIGEST_CHARACTERS: Final = 40  # ours: a commit's, enough of a SHA-256 to tell files apart
GRADERS: Final = ("math-verify", "sympy")  # libraries that may change a verdict
POLICY_QUESTIONS: Final = {
    "percent": "a percent sign on one side only",
    "units": "a unit on one side only",
    "lists": "bare lists in another order",
    "repeats": "an element that one list repeats",
    "brackets": "the same elements as list, tuple or set",
    "decimals": "a decimal that may be the other side rounded",
    "names": "a name on one side only, as in y = 1",
}
"""What each field of `AnswerPolicy` decides, in the words of a reader who has not read it."""
LENGTH_SHARES: Final = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def render_card(
    store: Store,
    record: RunRecord,
    samples: pl.DataFrame,
    *,
    config: PublishingConfig,
    data: Sequence[DataConfig],
    pool_outcomes: pl.DataFrame,
    licenses: Sequence[LicensedRows],
    chain_licenses: Sequence[LicensedRows],
) -> str:
    """Write the card of a run's data set. It holds no time, so the same run gives the same text.

    Args:
        store: where the run's entries are.
        record: the run.
        samples: its SAMPLES table.
        config: its publishing section.
        data: the set's configs: default, provenance, pool and ledger.
        pool_outcomes: how many problems of the pool came to which end: `outcome_stage`, `outcome`, `problems`.
        licenses: rows of the set by source and licence.
        chain_licenses: the sources of recorded chains, with their licences.

    Returns:
        README.md: a YAML head as the Hub expects it, and Markdown.

    Raises:
        TableError: an entry that the run used is gone.
    """
    run = config_of(record)
    return (
        environment()
        .get_template("card.md.jinja")
        .render(
            head=front_matter(config, data, languages=samples["language"].unique().to_list()),
            config=config,
            **{one.name: one for one in data},
            system_prompt=system_prompt_of(run.generation),
            place=config.repo_id or "path/of/this/folder",
            llama_factory=llama_factory_entry(record.profile, config, data[0]),
            picture=PICTURE,
            funnel=funnel(store, record).to_dicts(),
            reasons=drop_reasons(store, record).to_dicts(),
            pool_outcomes=pool_outcomes.to_dicts(),
            difficulty=run.difficulty,
            stages_off=[name for name, section in run if getattr(section, "enabled", True) is False],
            **license_facts(licenses, chain_licenses),
            max_rows=MAX_ROWS,
            domains=counts(samples, "domain"),
            teachers=counts(samples, "teacher"),
            num_recorded=int((samples["finish_reason"] == "recorded").sum()),
            lengths=chain_lengths(samples, student=run.generation.student),
            verification=run.verification,
            num_undecided=int((samples["verdict"] == "undecided").sum()),
            grader=grader_facts(store, record, run),
            decontamination=run.decontamination,
            benchmarks=benchmark_leaks(store, record),
            limits=known_limits(run, licenses),
            costs=token_costs(store, record, run),
            gpu_hours=gpu_hours(store, record),
            run_file=RUN_FILE,
            run_name=record.name,
            run_config=shareable_config(record),
            digest=frame_digest(samples),
            inputs=pinned_inputs(store, record),
            columns=column_meanings(),
        )
    )


def environment() -> Any:
    """Return the template's environment, with filters for foreign texts and for numbers."""
    made = markdown_environment("limo_curation.publishing")
    made.filters["count"] = shown_count
    made.filters["model"] = shown_model
    made.filters["terms"] = terms
    return made


# -- what the card tells -----------------------------------------------------------------------------------------------


def llama_factory_entry(profile: str, config: PublishingConfig, default: DataConfig) -> dict[str, Any]:
    """Return how LLaMA-Factory's `dataset_info.json` names the set (data/README.md of that project)."""
    place = {"file_name": default.path} if config.repo_id is None else {"hf_hub_url": config.repo_id}
    roles = {f"{role}_tag": role for role in ("user", "assistant", "system")}
    tags = {"role_tag": "role", "content_tag": "content"} | roles
    return {profile: {**place, "formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": tags}}


def license_facts(licenses: Sequence[LicensedRows], chain_licenses: Sequence[LicensedRows]) -> dict[str, Any]:
    """Return what the card says of licences."""
    unknown = [one for one in licenses if one.license is not None and one.known is None]
    return {
        "licenses": licenses,
        "chain_licenses": chain_licenses,
        "obligations": obligations([*licenses, *chain_licenses]),
        "num_unknown": sum(one.num_pool for one in unknown),
        "num_unstated": sum(one.num_pool for one in licenses if one.license is None),
    }


def terms(rows: LicensedRows) -> str:
    """Say in a few words what a licence allows."""
    if rows.license is None:
        return "not stated"
    if rows.known is None:
        return "not known here: read it"
    if rows.known.forbids:
        return "forbidden; the publisher states the right"
    conditions = {"share alike": rows.known.share_alike, "non-commercial": rows.known.non_commercial}
    first = "yes" if rows.known.redistribution == "yes" else "with attribution"
    return ", ".join([first, *(name for name, holds in conditions.items() if holds)])


def chain_lengths(samples: pl.DataFrame, *, student: str | None) -> list[dict[str, Any]]:
    """Return mean and percentiles of tokens: by the student's tokenizer, else as the teachers' engines counted."""
    if student is not None:
        column, counted_by = "num_student_tokens", f"the tokenizer of {model_name(student)}"
    else:
        column, counted_by = "num_tokens", "the teachers' engines"
    tokens = samples[column].drop_nulls()
    if tokens.is_empty():
        return []
    numbers = [tokens.mean(), *(tokens.quantile(share, interpolation="linear") for share in LENGTH_SHARES)]
    return [{"counted_by": counted_by, "num_chains": tokens.len(), "numbers": numbers}]


def grader_facts(store: Store, record: RunRecord, config: RunConfig) -> dict[str, Any]:
    """Return which grader gave the verdicts, and by which policy; nothing where the run has none on record."""
    manifest = manifests(store, record).get("verification")
    libraries = {} if manifest is None else manifest.libraries
    return {
        "source_digest": "not on record" if manifest is None else manifest.source_digest[:16],
        "libraries": [(name, libraries[name]) for name in GRADERS if name in libraries],
        "policy": [(POLICY_QUESTIONS[name], value) for name, value in config.verification.policy.model_dump().items()],
    }


def known_limits(config: RunConfig, licenses: Sequence[LicensedRows]) -> list[str]:
    """Return what a reader must not expect of this run's set."""
    limits = ["Gold answers are those of the sources, and some of them are wrong."]
    if config.verification.enabled:
        limits.append("Final answers were checked; the steps that lead to them were not read by a person.")
    if config.difficulty.enabled:
        limits.append(
            "Problems that a strong solver seldom solves are rich in wrong gold answers and in lucky guesses; a pass "
            "rate is an estimate from the attempts that stand beside it."
        )
    limits.append("The pool's problems that were not selected have a gold answer that no chain of this set confirms.")
    if config.decontamination.enabled:
        limits.append("N-gram overlap finds copied and lightly edited items; a paraphrase or a translation can pass.")
    if config.judging.enabled:
        limits.append("Rule scores come from word counts. They measure how a chain is written, not whether it is good.")
    if config.judging.enabled and config.judging.judge is not None:
        limits.append("Judges are language models; their reasons are in `judge_reasons`, nobody has checked each one.")
    if any(one.known is None for one in licenses):
        limits.append("Some rows have no licence that is known here; the table of sources tells which.")
    return limits


def pinned_inputs(store: Store, record: RunRecord) -> list[dict[str, str]]:
    """Return the revisions and digests of files, data sets, models and tokenizers that the run has read."""
    found = [store.manifest(artifact.stage, artifact.key) for artifact in record.artifacts.values()]
    return [
        {"stage": manifest.stage, "name": model_name(name), "value": value[:MAX_DIGEST_CHARACTERS]}
        for manifest in found
        if manifest is not None
        for name, value in sorted(manifest.extra_inputs.items())
    ]


def column_meanings() -> list[dict[str, Any]]:
    """Return the columns of both configs with what they mean, as `tables.py` declares them."""
    columns = {**SAMPLES.columns, **POOL.columns}
    return [
        {
            "name": name,
            "meaning": column.meaning,
            "in_provenance": name in SAMPLES.columns,
            "in_pool": name in POOL.columns,
        }
        for name, column in columns.items()
    ]


def counts(samples: pl.DataFrame, column: str) -> list[dict[str, Any]]:
    """Count the samples by the values of a column, the commonest first."""
    return (
        samples.group_by(column).agg(pl.len().alias("rows")).sort("rows", column, descending=[True, False]).to_dicts()
    )


# -- how it is written -------------------------------------------------------------------------------------------------


def shown_count(number: float | None) -> str:
    """Return a count, or a dash where nobody has counted."""
    return "–" if number is None else f"{number:,.0f}"


def shown_model(model: str) -> str:
    """Return the name of a model as it may stand in a line of Markdown."""
    return escape_markdown(model_name(model))
