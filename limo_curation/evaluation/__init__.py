"""Evaluation: models on benchmarks in one harness, each figure with its recipe, sample count and interval."""

from limo_curation.evaluation.estimators import pass_at_k

__all__ = ["pass_at_k"]
