"""Train the network: cross-validate it, say in a report how good it is, and write its weights.

    python -m limo_curation.domains.training --data FOLDER

writes `data/weights.npz` and `data/training_report.json` beside this module, the same bytes each time on one machine.
The figures of the report are those of networks that have not seen the row, nor one like it, through the same kernel as
at run time. People's labels do not tell counting from chance, so for them both are one class.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from limo_curation.domains.fitting import fit, join
from limo_curation.domains.labels import NUM_FOLDS, POOL_FILE, read_labelled
from limo_curation.domains.network import (
    DOMAIN_OF_TOPIC,
    TOPICS,
    WEIGHTS,
    Floats,
    Network,
    domain_chances,
    topic_scores,
)
from limo_curation.domains.reading import read_texts
from limo_curation.folding import texts_of
from limo_curation.tables import DOMAINS
from limo_curation.threads import run_all

Integers = npt.NDArray[np.int64]

REPORT: Final = WEIGHTS.with_name("training_report.json")
NUM_NETWORKS: Final = 4  # that are averaged (ours: one is .005 of macro-F1 below)
BALANCE: Final = 0.25  # power of the inverse share by which rows of rare classes count more (ours: macro-F1)
CLASSES: Final = (
    "algebra",
    "geometry",
    "number_theory",
    "combinatorics or probability_and_statistics",
    "calculus_and_analysis",
)
"""What people's labels tell apart."""
CLASS_OF_DOMAIN: Final = np.array([0, 1, 2, 3, 3, 4])
TEMPERATURES: Final = np.arange(0.5, 3.0, 0.02)
NUM_BINS: Final = 10  # of equally many rows, for the calibration error


def main() -> None:
    """Train, report, and write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help=f"folder that holds {POOL_FILE}")
    folder: Path = parser.parse_args().data
    rows = read_labelled(folder)
    scores = cross_validate(rows)
    held_out = is_judged(rows).to_numpy()
    temperature = best_temperature(scores[held_out], classes_of(rows)[held_out])
    network = train(rows, is_taught(rows), temperature=temperature)
    WEIGHTS.parent.mkdir(exist_ok=True)
    np.savez_compressed(WEIGHTS, allow_pickle=False, **network._asdict())
    report = {
        "data": {"file": POOL_FILE, "sha256": sha256(folder / POOL_FILE)},
        "rows_trained_on": counts_of(rows),
        "cross_validation": report_of(rows, scores, temperature),
        "temperature": temperature,
        "weights_sha256": sha256(WEIGHTS),
        "versions": {name: importlib.metadata.version(name) for name in ("numba", "numpy", "polars")},
    }
    REPORT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report["cross_validation"], indent=1))  # noqa: T201  a script


# -- networks ----------------------------------------------------------------------------------------------------------


def train(
    rows: pl.DataFrame, taught: pl.Series, *, temperature: float = 1.0, num_networks: int = NUM_NETWORKS
) -> Network:
    """Return the network that is trained on the rows that `taught` marks."""
    buckets, ends = read_texts(texts_of(rows["question"]))
    chosen = taught.arg_true().cast(pl.Int64).to_numpy()
    topics = rows["topic"].fill_null(0).to_numpy()
    shares = np.bincount(CLASS_OF_DOMAIN[DOMAIN_OF_TOPIC[topics[chosen]]], minlength=len(CLASSES))
    balance = (shares.mean() / np.maximum(shares, 1)) ** BALANCE
    weights = (rows["weight"].to_numpy() * balance[CLASS_OF_DOMAIN[DOMAIN_OF_TOPIC[topics]]]).astype(np.float32)
    networks = run_all(lambda seed: fit(buckets, ends, topics, weights, chosen, seed=seed), range(num_networks))
    return join(networks, temperature=temperature)


def cross_validate(
    rows: pl.DataFrame, *, folds: Iterable[int] = range(NUM_FOLDS), num_networks: int = NUM_NETWORKS
) -> Floats:
    """Return the topics' scores of each row by a network that has not seen its fold; NaN for folds left out."""
    scores = np.full((rows.height, len(TOPICS)), np.nan)
    for fold in folds:
        network = train(rows, is_taught(rows) & (rows["fold"] != fold), num_networks=num_networks)
        held_out = (rows["fold"] == fold).to_numpy()
        scores[held_out] = topic_scores(texts_of(rows["question"].filter(rows["fold"] == fold)), network)
    return scores


def is_taught(rows: pl.DataFrame) -> pl.Series:
    """Return which rows have a label that teaches something."""
    return rows["topic"].is_not_null()


def is_judged(rows: pl.DataFrame) -> pl.Series:
    """Return which rows have such a label from people: by these alone a network is judged."""
    return rows["is_human"] & is_taught(rows)


def classes_of(rows: pl.DataFrame) -> Integers:
    """Return the place in `CLASSES` of each row's label (0 where it has none of them)."""
    return CLASS_OF_DOMAIN[DOMAIN_OF_TOPIC[rows["topic"].fill_null(0).to_numpy()]]


def best_temperature(scores: Floats, classes: Integers) -> float:
    """Return the temperature at which the true classes are likeliest."""
    losses = [log_loss(scores, classes, temperature) for temperature in TEMPERATURES.tolist()]
    return round(float(TEMPERATURES[int(np.argmin(losses))]), 2)


def log_loss(scores: Floats, classes: Integers, temperature: float) -> float:
    """Return the mean negative logarithm of the true class's chance."""
    chances = class_chances(scores, temperature)[np.arange(len(classes)), classes]
    return float(-np.log(np.maximum(chances, 1e-12)).mean())


def class_chances(scores: Floats, temperature: float) -> Floats:
    """Return the chance of each class: that of its domains together."""
    chances = np.zeros((len(scores), len(CLASSES)))
    by_domain = domain_chances(scores, temperature=temperature)
    for domain, place in enumerate(CLASS_OF_DOMAIN.tolist()):
        chances[:, place] += by_domain[:, domain]
    return chances


# -- the report --------------------------------------------------------------------------------------------------------


def report_of(rows: pl.DataFrame, scores: Floats, temperature: float) -> dict[str, Any]:
    """Return how good the predictions of rows that were held out are; rows without scores are left out."""
    was_scored = pl.Series(~np.isnan(scores[:, 0]))
    judged = is_judged(rows) & was_scored
    chances = domain_chances(scores, temperature=temperature)
    domains = chances.argmax(axis=1)
    found, classes = CLASS_OF_DOMAIN[domains], classes_of(rows)
    picked = judged.to_numpy()
    by_source = {
        source: {"rows": int(one.sum()), **figures_of(classes[one.to_numpy()], found[one.to_numpy()])}
        for (source,) in rows.filter(judged).select("source").unique().sort("source").rows()
        if (one := judged & (rows["source"] == source)).sum() >= 100
    }
    spanning = rows.with_columns(domain=pl.Series([DOMAINS[place] for place in domains])).filter(
        was_scored & (rows["coarse"] == "precalculus") & rows["is_human"]
    )
    return {
        "rows": int(picked.sum()),
        **figures_of(classes[picked], found[picked]),
        "classes": class_figures(classes[picked], found[picked]),
        "confusion": confusion(classes[picked], found[picked]).tolist(),
        "calibration_error": calibration_error(chances[picked].max(axis=1), found[picked] == classes[picked]),
        "languages": {
            name: figures_of(classes[one], found[one])
            for name in ("en", "zh")
            if (one := (judged & (rows["lang"] == name)).to_numpy()).any()
        },
        "sources": by_source,
        "precalculus_is_called": dict(spanning["domain"].value_counts(sort=True).iter_rows()),
    }


def confusion(classes: Integers, found: Integers) -> Integers:
    """Return how many rows of each class (down) were called each class (across)."""
    counts = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    np.add.at(counts, (classes, found), 1)
    return counts


def figures_of(classes: Integers, found: Integers) -> dict[str, float]:
    """Return the accuracy, and the mean F1 of the classes that occur."""
    counts = confusion(classes, found)
    scores = f1_scores(counts)
    return {
        "accuracy": round(float((classes == found).mean()), 4),
        "macro_f1": round(float(scores[counts.sum(axis=1) > 0].mean()), 4),
    }


def class_figures(classes: Integers, found: Integers) -> dict[str, dict[str, float]]:
    """Return precision, recall and F1 of each class."""
    counts = confusion(classes, found)
    hits = counts.diagonal()
    columns = hits / np.maximum(counts.sum(axis=0), 1), hits / np.maximum(counts.sum(axis=1), 1), f1_scores(counts)
    return {
        name: {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(score, 4)}
        for name, precision, recall, score in zip(CLASSES, *(column.tolist() for column in columns), strict=True)
    }


def f1_scores(counts: Integers) -> Floats:
    """Return the F1 of each class from a confusion matrix."""
    return 2 * counts.diagonal() / np.maximum(counts.sum(axis=0) + counts.sum(axis=1), 1)


def calibration_error(confidences: Floats, is_right: npt.NDArray[np.bool_]) -> float:
    """Return the mean distance between confidence and share of right answers, over bins of equally many rows."""
    order = np.argsort(confidences, kind="stable")
    bins = np.array_split(order, NUM_BINS)
    gaps = [abs(confidences[one].mean() - is_right[one].mean()) * len(one) for one in bins if len(one)]
    return round(float(sum(gaps) / len(order)), 4)


def counts_of(rows: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Return how many rows of each topic people have labelled, and others."""
    taught = rows.filter(is_taught(rows))
    return {
        kind: {
            topic: taught.filter((pl.col("topic") == place) & (pl.col("is_human") == is_human)).height
            for place, topic in enumerate(TOPICS)
        }
        for kind, is_human in (("human", True), ("other", False))
    }


def sha256(file: Path) -> str:
    """Return the digest of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


if __name__ == "__main__":
    main()
