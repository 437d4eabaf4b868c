"""Domains: which of the six a problem belongs to, by its text alone (English and Chinese), and how sure that is.

    {"question": "Find the remainder when 7^100 is divided by 13."}
    ->   {"domain": "number_theory", "domain_by": "network", "domain_confidence": 0.97}

A label that a person gave the problem comes first. Otherwise a small network decides, whose weights `training.py` made
from problems that people have labelled; `data/training_report.json` says how often it is right. Where it is not sure, a
language model may be asked (off by default: it needs an engine).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from limo_curation.domains.asking import ask_domains
from limo_curation.domains.network import classify_texts
from limo_curation.errors import ConfigError
from limo_curation.folding import texts_of
from limo_curation.ledger import StageResult
from limo_curation.problem_config import DomainClassifier, DomainsConfig
from limo_curation.sampling.protocol import Sampler
from limo_curation.sampling.usage import usage_metrics
from limo_curation.stage import RowStage
from limo_curation.tables import CLASSIFIED, DOMAINS, DROPPED, TEMPLATED


def classify_problems(problems: pl.DataFrame, *, config: DomainsConfig, sampler: Sampler | None = None) -> StageResult:
    """Give each problem its domain; nothing is dropped.

    A source's label counts where its kind is trusted and `labels` maps it. Otherwise the network decides, and where its
    confidence is below `config.classifier.min_confidence`, the language model's reply, if it can be read.

    Raises:
        ConfigError: `config.classifier` names a model, but there is no sampler.
        TransientError, BudgetError: from the sampler.
    """
    label = pl.col("domain_label").str.to_lowercase().str.strip_chars()
    trusted = pl.col("domain_label_kind").is_in(config.trusted_label_kinds)
    labelled = pl.when(trusted).then(label.replace_strict(dict(config.labels), default=None, return_dtype=pl.String))
    found = predict(problems["question"])
    kept = problems.with_columns(
        domain=pl.coalesce(labelled, found["domain"]),
        domain_by=pl.when(labelled.is_not_null()).then(pl.lit("source")).otherwise(pl.lit("network")),
        domain_confidence=pl.when(labelled.is_null()).then(found["confidence"]),
    )
    if config.classifier is None:
        return StageResult(kept, DROPPED.empty())
    kept, metrics = ask_about_doubtful(kept, classifier=config.classifier, sampler=sampler)
    return StageResult(kept, DROPPED.empty(), metrics)


def classify_domains(texts: Sequence[str]) -> list[str]:
    """Return the domain of each text, one of `tables.DOMAINS`."""
    return predict(pl.Series(texts, dtype=pl.String))["domain"].to_list()


def predict(questions: pl.Series) -> pl.DataFrame:
    """Return the `domain` of each question by the network, and its `confidence`: the chance that it is right."""
    places, confidences = classify_texts(texts_of(questions))
    return pl.DataFrame({"domain": pl.Series(DOMAINS, dtype=pl.String).gather(places), "confidence": confidences})


def ask_about_doubtful(
    problems: pl.DataFrame, *, classifier: DomainClassifier, sampler: Sampler | None
) -> tuple[pl.DataFrame, dict[str, float]]:
    """Let the language model decide where the network is not sure.

    Its confidence is not known, so it is null where the model has decided.

    Returns:
        The problems, and how the asking went.
    """
    if sampler is None:
        raise ConfigError(f"domains.classifier asks {classifier.model}, but no engine was given")
    doubtful = problems.select((pl.col("domain_confidence") < classifier.min_confidence).fill_null(False))
    rows = doubtful.to_series().arg_true()
    questions = problems["question"].gather(rows).fill_null("").to_list()
    replies, usage = ask_domains(questions, classifier=classifier, sampler=sampler)
    asked = pl.Series([None] * problems.height, dtype=pl.String).scatter(rows, pl.Series(replies, dtype=pl.String))
    answered = asked.is_not_null()
    kept = problems.with_columns(
        domain=pl.coalesce(asked, "domain"),
        domain_by=pl.when(answered).then(pl.lit(classifier.model)).otherwise("domain_by"),
        domain_confidence=pl.when(~answered).then("domain_confidence"),
    )
    metrics = {
        "num_replies_unreadable": float(replies.count(None)),
        "num_domains_changed": float((kept["domain"] != problems["domain"]).sum()),
    }
    return kept, metrics | usage_metrics({"classifier": usage})


DOMAIN_STAGE: Final = RowStage("domains", TEMPLATED, CLASSIFIED, (), classify_problems)
